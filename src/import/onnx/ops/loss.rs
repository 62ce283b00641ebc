//! Losses over class labels.

use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::lower::{self, CrossEntropy, NllLoss, Reduction};

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        "NegativeLogLikelihoodLoss",
        "",
        2..=3,
        negative_log_likelihood,
    ),
    op("SoftmaxCrossEntropyLoss", "", 2..=3, softmax_cross_entropy),
];

fn options(call: &mut Call<'_>) -> Result<NllLoss> {
    let reduction = match call.attributes.text("reduction")? {
        None | Some("mean") => Reduction::Mean,
        Some("sum") => Reduction::Sum,
        Some("none") => Reduction::None,
        Some(other) => {
            return Err(
                Error::new(format!("the reduction `{}`", other.escape_debug()))
                    .remedy("use none, mean or sum"),
            );
        }
    };
    let weights = call.optional(2);
    let classes = call.shape(call.input(0)?).get(1).copied();
    let shape = weights.map(|w| call.shape(w));
    if let Some(shape) = shape.filter(|s| s.rank() != 1 || s.first().copied() != classes) {
        return Err(Error::new(format!(
            "weights of shape {shape} for scores of shape {}",
            call.shape(call.input(0)?)
        ))
        .remedy("give one weight a class"));
    }
    Ok(NllLoss {
        weights,
        ignore: call.attributes.int("ignore_index")?,
        reduction,
    })
}

fn negative_log_likelihood(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (log_prob, labels) = (call.input(0)?, call.input(1)?);
    let how = options(call)?;
    Ok(vec![lower::nll_loss(
        &mut call.builder().graph,
        log_prob,
        labels,
        &how,
    )?])
}

fn softmax_cross_entropy(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (scores, labels) = (call.input(0)?, call.input(1)?);
    let how = options(call)?;
    let log_softmax = call.scope.formulas.log_softmax();
    let CrossEntropy { loss, log_prob } =
        lower::softmax_cross_entropy(&mut call.builder().graph, scores, labels, log_softmax, &how)?;
    Ok(vec![loss, log_prob])
}
