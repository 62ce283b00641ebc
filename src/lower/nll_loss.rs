//! The negative log-likelihood of labels.

use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::spec::Steps;
use crate::tensor::{DType, Shape, Tensor};

/// What becomes of the samples' losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// One loss a sample.
    None,
    /// Their (weighted) mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
}

/// What [`nll_loss`] takes beside log-probabilities and labels.
#[derive(Debug, Clone, Copy, Default)]
pub struct NllLoss {
    /// A weight for each class.
    pub weights: Option<ValueId>,
    /// The label of samples that count for nothing.
    pub ignore: Option<i64>,
    /// What becomes of the losses.
    pub reduction: Reduction,
}

/// −logp[n, labelₙ, …] for log-probabilities of shape [N, C, …] and labels of shape [N, …].
///
/// A sample's factor is its label's weight, or 0 where it is ignored. Appended are
/// ℓ = −gather(logp), factor·ℓ where there is a factor, and the reduction: the plain mean
/// without factors, else Σ factor·ℓ / Σ factor. Factors of 0 and 1 are decided by integers,
/// so they are exact, and an ignored sample's loss is 0 whatever its label would pick.
pub fn nll_loss(
    graph: &mut Graph,
    log_prob: ValueId,
    labels: ValueId,
    how: &NllLoss,
) -> Result<ValueId> {
    let dtype = graph.ty(log_prob).dtype;
    let axes: Vec<usize> = (0..graph.ty(labels).shape.rank()).collect();
    let (labels, counted) = match how.ignore {
        None => (labels, None),
        Some(ignore) => {
            let samples = counted(graph, labels, ignore, dtype)?;
            (samples.labels, Some(samples.factor))
        }
    };
    let losses = picked(graph, log_prob, labels)?;
    let weight = how
        .weights
        .map(|weights| graph.gather(weights, labels, 0))
        .transpose()?;
    let factor = match (weight, counted) {
        (Some(weight), Some(counted)) => Some(graph.mul(weight, counted)?),
        (weight, counted) => weight.or(counted),
    };
    let losses = match factor {
        None => losses,
        Some(factor) => graph.mul(factor, losses)?,
    };
    match (how.reduction, factor) {
        (Reduction::None, _) => Ok(losses),
        (Reduction::Sum, _) => graph.sum(losses, &axes, false),
        (Reduction::Mean, None) => graph.mean(losses, &axes, false),
        (Reduction::Mean, Some(factor)) => {
            let sum = graph.sum(losses, &axes, false)?;
            let total = graph.sum(factor, &axes, false)?;
            graph.div(sum, total)
        }
    }
}

/// Labels of which some are ignored.
struct Counted {
    /// The labels, 0 for the ignored.
    labels: ValueId,
    /// 1 for samples that count, 0 for the ignored.
    factor: ValueId,
}

/// Appends differs = step(label − ignore) and label·differs, both in integers, which are
/// exact, and the cast of differs, which is exact for 0 and 1.
fn counted(graph: &mut Graph, labels: ValueId, ignore: i64, dtype: DType) -> Result<Counted> {
    const DIFFERS: Steps = Steps {
        below: 1.0,
        at: 0.0,
        above: 1.0,
    };
    let ignored = graph.constant(Tensor::i64s(Shape::scalar(), [ignore])?);
    let difference = graph.sub(labels, ignored)?;
    let differs = graph.step(difference, DIFFERS)?;
    Ok(Counted {
        labels: graph.mul(labels, differs)?,
        factor: graph.cast(differs, dtype)?,
    })
}

/// −logp[n, labelₙ, …], in the labels' shape.
fn picked(graph: &mut Graph, log_prob: ValueId, labels: ValueId) -> Result<ValueId> {
    let (scores, shape) = (
        graph.ty(log_prob).shape.clone(),
        graph.ty(labels).shape.clone(),
    );
    let fits = match (&scores[..], &shape[..]) {
        ([n, _, spatial @ ..], [m, others @ ..]) => n == m && spatial == others,
        _ => false,
    };
    if !fits {
        return Err(Error::new(format!(
            "labels of shape {shape} do not suit scores of shape {scores}"
        ))
        .remedy("scores have the shape [N, C, …], labels [N, …]"));
    }
    let mut column = shape.to_vec();
    column.insert(1, 1);
    let indices = graph.reshape(labels, Shape::from(column))?;
    let picked = graph.pick_labels(log_prob, indices, 1)?;
    let picked = graph.reshape(picked, shape)?;
    graph.neg(picked)
}
