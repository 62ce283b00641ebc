//! The logarithm of softmax, computed without the quotient.

use super::{Exponentials, shifted};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::op::{LabelGradient, Probability, Settle, Shifted};

/// How log-softmax and its gradient are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogSoftmax {
    /// What exponentials are taken of.
    pub exponentials: Exponentials,
    /// The gradient where the cotangent is that of labels; exponentials that are not shifted
    /// have it by the chain.
    pub labels: LabelGradient,
    /// What the gradient multiplies by; the softmax where exponentials are not shifted.
    pub probability: Probability,
}

impl LogSoftmax {
    /// yᵢ = zᵢ − ln Σⱼ exp(zⱼ) along an axis.
    ///
    /// Appended as s = z − free_max(z), ℓ = ln Σ exp s, y = settle(s − ℓ); without the shift
    /// as ℓ = ln Σ exp z, y = z − ℓ.
    pub fn append(&self, graph: &mut Graph, z: ValueId, axis: usize) -> Result<ValueId> {
        match self.exponentials {
            Exponentials::Shifted => of(graph, z, None, axis, *self),
            Exponentials::Plain => {
                let log = graph.log_sum_exp_over(z, &[axis], true)?;
                let log = graph.broadcast(log, &graph.ty(z).shape.clone())?;
                graph.sub(z, log)
            }
        }
    }
}

/// [`LogSoftmax`] by the formulas that are the default.
pub fn log_softmax(graph: &mut Graph, z: ValueId, axis: usize) -> Result<ValueId> {
    LogSoftmax::default().append(graph, z, axis)
}

/// yᵢ = zᵢ − ln Σⱼ exp(zⱼ) along an axis, over the elements where the boolean `kept` is
/// true. The others have no logarithm; they read 0, and nothing flows back to them.
pub fn masked_log_softmax(
    graph: &mut Graph,
    z: ValueId,
    kept: ValueId,
    axis: usize,
) -> Result<ValueId> {
    let whole = of(graph, z, Some(kept), axis, LogSoftmax::default())?;
    graph.select_or_zero(kept, whole)
}

fn of(
    graph: &mut Graph,
    z: ValueId,
    kept: Option<ValueId>,
    axis: usize,
    how: LogSoftmax,
) -> Result<ValueId> {
    let (_, exponents) = shifted(graph, z, kept, &[axis])?;
    let log = graph.log_sum_exp_over(exponents, &[axis], true)?;
    let log = graph.broadcast(log, &graph.ty(z).shape.clone())?;
    let difference = graph.sub(exponents.x, log)?;
    let settle = Settle::new(Shifted::LogSoftmax, &[axis], true)
        .with_labels(how.labels)
        .with_probability(how.probability);
    graph.settle(settle, difference, exponents)
}
