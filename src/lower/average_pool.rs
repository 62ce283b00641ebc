//! The mean over windows.

use super::pool::Pool;
use super::reals;
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::tensor::Shape;

/// The mean of every window of a tensor of shape [N, C, …]: of the elements in it, or, where
/// `count_pads`, of the zeros among the pads as well.
///
/// Appended as a mean where every window counts equally many taps, else as a sum divided by
/// constant counts. What hangs over the pads of an axis with `ceil` never counts.
pub fn average_pool(
    graph: &mut Graph,
    x: ValueId,
    how: &Pool,
    count_pads: bool,
) -> Result<ValueId> {
    let pooled = how.windows(graph, x)?;
    let counts = pooled.inside(count_pads.then_some(&how.axes));
    if counts.contains(&0) {
        return Err(Error::new("a window of a pool holds no element")
            .remedy("use pads that are smaller than the kernel"));
    }
    let taps: usize = how.kernel.iter().product();
    if counts.iter().all(|&n| n == taps) {
        return graph.mean(pooled.windows, &pooled.over, false);
    }
    let sums = graph.sum(pooled.windows, &pooled.over, false)?;
    let counts: Vec<f64> = counts.iter().map(|&n| n as f64).collect();
    let dtype = graph.ty(sums).dtype;
    let counts = reals(graph, Shape::from(pooled.counts()), &counts, dtype)?;
    graph.div(sums, counts)
}
