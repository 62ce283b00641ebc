//! The logarithm of softmax, computed without the quotient.

use super::shifted;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::op::{Settle, Shifted};

/// yᵢ = zᵢ − ln Σⱼ exp(zⱼ) along an axis.
///
/// Appended as s = z − free_max(z), ℓ = ln Σ exp s, y = settle(s − ℓ).
pub fn log_softmax(graph: &mut Graph, z: ValueId, axis: usize) -> Result<ValueId> {
    of(graph, z, None, axis)
}

/// yᵢ = zᵢ − ln Σⱼ exp(zⱼ) along an axis, over the elements where the boolean `kept` is
/// true. The others have no logarithm; they read 0, and nothing flows back to them.
pub fn masked_log_softmax(
    graph: &mut Graph,
    z: ValueId,
    kept: ValueId,
    axis: usize,
) -> Result<ValueId> {
    let whole = of(graph, z, Some(kept), axis)?;
    graph.select_or_zero(kept, whole)
}

fn of(graph: &mut Graph, z: ValueId, kept: Option<ValueId>, axis: usize) -> Result<ValueId> {
    let (_, exponents) = shifted(graph, z, kept, &[axis])?;
    let log = graph.log_sum_exp_over(exponents, &[axis], true)?;
    let log = graph.broadcast(log, &graph.ty(z).shape.clone())?;
    let difference = graph.sub(exponents.x, log)?;
    let settle = Settle::new(Shifted::LogSoftmax, &[axis], true);
    graph.settle(settle, difference, exponents)
}
