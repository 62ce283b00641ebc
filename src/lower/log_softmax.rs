//! The logarithm of softmax, computed without the quotient.

use super::exponentials;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::op::Shifted;

/// yᵢ = zᵢ − ln Σⱼ exp(zⱼ) along an axis.
///
/// Appended as shift = free_max(z), s = z − shift, e = exp(s), d = Σe,
/// y = settle(s − ln d).
pub fn log_softmax(graph: &mut Graph, z: ValueId, axis: usize) -> Result<ValueId> {
    let e = exponentials(graph, z, None, axis)?;
    let log = graph.log(e.total)?;
    let shape = graph.ty(z).shape.clone();
    let log = graph.broadcast(log, &shape)?;
    let difference = graph.sub(e.shifted, log)?;
    graph.settle(Shifted::LogSoftmax, axis, [difference, z, e.terms, e.total])
}
