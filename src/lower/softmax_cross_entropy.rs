//! Softmax cross-entropy of class scores and labels.

use super::{LogSoftmax, NllLoss, nll_loss};
use crate::error::Result;
use crate::graph::{Graph, ValueId};

/// The two results of [`softmax_cross_entropy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrossEntropy {
    /// The loss, reduced as asked.
    pub loss: ValueId,
    /// The log-probabilities, in the scores' shape.
    pub log_prob: ValueId,
}

/// The negative log-likelihood of labels under log_softmax(scores) over axis 1.
///
/// Appends [`LogSoftmax`] and then [`nll_loss`].
pub fn softmax_cross_entropy(
    graph: &mut Graph,
    scores: ValueId,
    labels: ValueId,
    log_softmax: LogSoftmax,
    how: &NllLoss,
) -> Result<CrossEntropy> {
    let log_prob = log_softmax.append(graph, scores, 1)?;
    let loss = nll_loss(graph, log_prob, labels, how)?;
    Ok(CrossEntropy { loss, log_prob })
}
