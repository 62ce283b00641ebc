//! Softmax: exponentials that sum to 1.

use super::{log_sum_exp, log_sum_exp_without_shift, shifted};
use crate::error::Result;
use crate::graph::{Graph, ValueId};

/// What exponentials are taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exponentials {
    /// z less its maximum.
    #[default]
    Shifted,
    /// z itself.
    Plain,
}

impl Exponentials {
    /// The softmax of z along an axis.
    pub fn softmax(self, graph: &mut Graph, z: ValueId, axis: usize) -> Result<ValueId> {
        match self {
            Exponentials::Shifted => softmax(graph, z, axis),
            Exponentials::Plain => softmax_without_shift(graph, z, axis),
        }
    }

    /// ln Σ exp(z) over axes, which stay with extent 1 where `keep` is set.
    pub fn log_sum_exp(
        self,
        graph: &mut Graph,
        z: ValueId,
        axes: &[usize],
        keep: bool,
    ) -> Result<ValueId> {
        match self {
            Exponentials::Shifted => log_sum_exp(graph, z, axes, keep),
            Exponentials::Plain => log_sum_exp_without_shift(graph, z, axes, keep),
        }
    }
}

/// pᵢ = exp(zᵢ) / Σⱼ exp(zⱼ) along an axis.
///
/// Appended as s = z − free_max(z), p = softmax(s).
pub fn softmax(graph: &mut Graph, z: ValueId, axis: usize) -> Result<ValueId> {
    let (_, exponents) = shifted(graph, z, None, &[axis])?;
    graph.softmax_over(exponents, &[axis])
}

/// pᵢ = exp(zᵢ) / Σⱼ exp(zⱼ) along an axis, over the elements where the boolean `kept` is
/// true; 0 elsewhere. `kept` broadcasts to z.
///
/// −∞ never enters the graph: an element that is left out takes no part in any bound, and its
/// gradient is 0.
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
    let (_, exponents) = shifted(graph, z, Some(kept), &[axis])?;
    graph.softmax_over(exponents, &[axis])
}

/// The same where implementations do not subtract the maximum: exponentials of z itself.
pub fn softmax_without_shift(graph: &mut Graph, z: ValueId, axis: usize) -> Result<ValueId> {
    graph.softmax_over(z, &[axis])
}
