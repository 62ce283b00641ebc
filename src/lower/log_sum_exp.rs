//! The logarithm of a sum of exponentials.

use super::shifted;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::op::{Settle, Shifted};

/// ln Σ exp(z) over axes, which stay with extent 1 where `keep` is set.
///
/// Appended as shift = free_max(z), s = z − shift, ℓ = ln Σ exp s, settle(shift + ℓ).
pub fn log_sum_exp(graph: &mut Graph, z: ValueId, axes: &[usize], keep: bool) -> Result<ValueId> {
    let (shift, exponents) = shifted(graph, z, None, axes)?;
    let log = graph.log_sum_exp_over(exponents, axes, keep)?;
    let shift = graph.reshape(shift, graph.ty(log).shape.clone())?;
    let sum = graph.add(shift, log)?;
    let settle = Settle::new(Shifted::LogSumExp, axes, keep);
    graph.settle(settle, sum, exponents)
}

/// The same where implementations do not subtract the maximum: exponentials of z itself.
pub fn log_sum_exp_without_shift(
    graph: &mut Graph,
    z: ValueId,
    axes: &[usize],
    keep: bool,
) -> Result<ValueId> {
    graph.log_sum_exp_over(z, axes, keep)
}
