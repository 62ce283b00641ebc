//! The maximum over windows.

use super::pool::Pool;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::tensor::{Shape, Tensor};

/// The maximum of every window of a tensor of shape [N, C, …]; pads never win.
///
/// The first of several equal maxima takes the gradient (as in JAX and PyTorch), and where
/// windows overlap an element takes it from all that it wins.
pub fn max_pool(graph: &mut Graph, x: ValueId, how: &Pool) -> Result<ValueId> {
    let pooled = how.windows(graph, x)?;
    graph.pool_max(pooled.windows, &pooled.over, false, &pooled.outside())
}

/// Where in x, row-major over all axes, [`max_pool`] finds each maximum; the spatial axes
/// count column-major where asked.
///
/// Appended as the first true element of the winners of each window, which picks among the
/// positions that the window's taps meet.
pub fn max_pool_indices(
    graph: &mut Graph,
    x: ValueId,
    how: &Pool,
    column_major: bool,
) -> Result<ValueId> {
    let ty = graph.ty(x).clone();
    let pooled = how.windows(graph, x)?;
    let (samples, extents) = ty.shape.split_at(2);
    let [taps, counts] = [
        how.kernel.iter().product(),
        pooled.counts().iter().product(),
    ];
    let each = Shape::from([samples[0], samples[1], taps, counts]);
    let winner = graph.winner(pooled.windows, &pooled.over, &pooled.outside())?;
    let winner = graph.cast(winner, ty.dtype)?;
    let winner = graph.reshape(winner, each.clone())?;
    let tap = graph.arg_max(winner, 2, false)?;
    let met = positions(graph, extents, column_major)?;
    let met = graph.windows(met, pooled.slides())?;
    let met = graph.reshape(met, Shape::from([1, 1, taps, counts]))?;
    let met = graph.broadcast(met, &each)?;
    let picked = graph.gather_elements(met, tap, 2)?;
    let image: usize = extents.iter().product();
    let starts = (0..samples[0] * samples[1]).map(|k| (k * image) as i64);
    let starts = Tensor::i64s([samples[0], samples[1], 1, 1], starts.collect::<Vec<_>>())?;
    let starts = graph.constant(starts);
    let indices = graph.add(picked, starts)?;
    let shape = [samples, &pooled.counts()].concat();
    graph.reshape(indices, Shape::from(shape))
}

/// The position of every element of one image.
fn positions(graph: &mut Graph, extents: &[usize], column_major: bool) -> Result<ValueId> {
    let len = extents.iter().product::<usize>() as i64;
    let order: Vec<usize> = (0..extents.len()).rev().collect();
    let reversed: Vec<usize> = extents.iter().rev().copied().collect();
    let shape = if column_major { &reversed } else { extents };
    let all = Tensor::i64s(Shape::from(shape), (0..len).collect::<Vec<_>>())?;
    let all = graph.constant(all);
    if column_major {
        graph.transpose(all, &order)
    } else {
        Ok(all)
    }
}
