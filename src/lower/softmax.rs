//! Softmax: exponentials that sum to 1.

use super::exponentials;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::op::Shifted;

/// pᵢ = exp(zᵢ) / Σⱼ exp(zⱼ) along an axis.
///
/// Appended as shift = free_max(z), s = z − shift, e = exp(s), d = Σe, p = settle(e / d).
pub fn softmax(graph: &mut Graph, z: ValueId, axis: usize) -> Result<ValueId> {
    let e = exponentials(graph, z, None, axis)?;
    let shape = graph.ty(z).shape.clone();
    let total = graph.broadcast(e.total, &shape)?;
    let quotient = graph.div(e.terms, total)?;
    graph.settle(Shifted::Softmax, axis, [quotient, z, e.terms, e.total])
}
