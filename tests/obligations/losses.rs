//! Soft functions and losses, forward and backward.

use gradbound::Result;
use gradbound::graph::ValueId;
use gradbound::lower::{self, NllLoss, Reduction};
use gradbound::witness::fragments::{Builder, soft};
use gradbound::witness::generate::Role;

fn softmax(b: &mut Builder) -> Result<ValueId> {
    soft::softmax(b)
}

fn softmax_without_shift(b: &mut Builder) -> Result<ValueId> {
    soft::unshifted(b)
}

fn log_softmax(b: &mut Builder) -> Result<ValueId> {
    soft::log_softmax(b)
}

fn masked_softmax(b: &mut Builder) -> Result<ValueId> {
    if b.tape.coin() {
        soft::masked_log(b)
    } else {
        soft::masked(b)
    }
}

fn log_sum_exp(b: &mut Builder) -> Result<ValueId> {
    if b.tape.coin() {
        soft::unshifted_log(b)
    } else {
        soft::log_sum_exp(b)
    }
}

fn negative_log_likelihood(b: &mut Builder) -> Result<ValueId> {
    let (y, labels) = (b.input([2, 3], Role::Moderate), b.indices([2], 3));
    let weights = b.input([3], Role::Positive);
    let how = NllLoss {
        weights: b.tape.coin().then_some(weights),
        ignore: b.tape.coin().then_some(1),
        reduction: b
            .tape
            .pick(&[Reduction::Mean, Reduction::Sum, Reduction::None]),
    };
    lower::nll_loss(&mut b.graph, y, labels, &how)
}

crate::nests::nests! {
    softmax at least 25, softmax_without_shift at least 25, log_softmax at least 25, masked_softmax at least 15,
    log_sum_exp at least 25, negative_log_likelihood at least 25,
}
