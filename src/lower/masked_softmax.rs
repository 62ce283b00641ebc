//! Softmax over some of the elements: causal and padding masks.
//!
//! −∞ never enters the graph: an element that is left out is selected away before the
//! exponential's sum, so that it has no part in any bound, and its gradient is 0.

use super::{Exponentials, exponentials};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::op::reduction::Axes;
use crate::op::{Op, Relation, Shifted};
use crate::tensor::{DType, Shape, Tensor};

/// pᵢ = exp(zᵢ) / Σⱼ exp(zⱼ) along an axis, over the elements where the boolean `kept` is
/// true; 0 elsewhere. `kept` broadcasts to z.
///
/// Appended as z' = select(kept, z, −2^e_max), shift = free_max(z'), s = z' − shift,
/// e = select(kept, exp(s), 0), d = Σe, p = settle(e / d).
///
/// # Convention
/// A row without any element is 0 throughout, as ONNX's Attention has it, and so is its
/// gradient.
pub fn masked_softmax(
    graph: &mut Graph,
    z: ValueId,
    kept: ValueId,
    axis: usize,
) -> Result<ValueId> {
    let (e, total) = masked(graph, z, kept, axis)?;
    let shape = graph.ty(z).shape.clone();
    let rows = graph.broadcast(total, &shape)?;
    let quotient = graph.div(e.terms, rows)?;
    graph.settle(Shifted::Softmax, axis, [quotient, z, e.terms, total])
}

/// yᵢ = zᵢ − ln Σⱼ exp(zⱼ) along an axis, over the elements where the boolean `kept` is
/// true. The others have no logarithm; they read 0, and nothing flows back to them.
pub fn masked_log_softmax(
    graph: &mut Graph,
    z: ValueId,
    kept: ValueId,
    axis: usize,
) -> Result<ValueId> {
    let (e, total) = masked(graph, z, kept, axis)?;
    let shape = graph.ty(z).shape.clone();
    let log = graph.log(total)?;
    let log = graph.broadcast(log, &shape)?;
    let difference = graph.sub(e.shifted, log)?;
    let whole = graph.settle(Shifted::LogSoftmax, axis, [difference, z, e.terms, total])?;
    graph.select_or_zero(kept, whole)
}

/// The exponentials, and their sum with 1 in place of the 0 of a row without elements.
fn masked(
    graph: &mut Graph,
    z: ValueId,
    kept: ValueId,
    axis: usize,
) -> Result<(Exponentials, ValueId)> {
    let (mask, shape) = (graph.ty(kept).clone(), graph.ty(z).shape.clone());
    if mask.dtype != DType::Bool || mask.shape.broadcast_with(&shape).as_ref() != Some(&shape) {
        return Err(
            Error::new(format!("a mask of type {mask} for the shape {shape}"))
                .remedy("the mask must be boolean and broadcast to the values"),
        );
    }
    let e = exponentials(graph, z, Some(kept), axis)?;
    if every_row_has_one(graph, kept, &shape, axis) {
        let total = e.total;
        return Ok((e, total));
    }
    let dtype = graph.ty(z).dtype;
    let one = graph.scalar(1.0, dtype)?;
    let whole = graph.broadcast(kept, &shape)?;
    let counted = graph.select_or_zero(whole, one)?;
    let most = graph.max_over(counted, &[axis], true)?;
    let zero = graph.scalar(0.0, dtype)?;
    let has_one = graph.compare(Relation::Less, zero, most)?;
    let total = graph.select(has_one, e.total, one)?;
    Ok((e, total))
}

/// True where the mask is a constant that keeps an element of every row.
fn every_row_has_one(graph: &Graph, kept: ValueId, shape: &Shape, axis: usize) -> bool {
    let Op::Constant(mask) = graph.node(kept).op() else {
        return false;
    };
    let lead = shape.rank() - mask.shape().rank();
    let along = axis.checked_sub(lead).into_iter().collect::<Vec<_>>();
    has_one_in_every_group(mask, &Axes::new(&along, true))
}

fn has_one_in_every_group(mask: &Tensor, axes: &Axes) -> bool {
    let mut has_one = vec![false; axes.kept(mask.shape()).len()];
    for (i, group) in axes.targets(mask.shape()).into_iter().enumerate() {
        has_one[group] |= mask.get(i) != 0.0;
    }
    !has_one.contains(&false)
}
