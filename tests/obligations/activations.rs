//! Activations and what clips or bends, forward and backward.

use gradbound::Result;
use gradbound::graph::ValueId;
use gradbound::lower::{self, Decay, Gelu};
use gradbound::witness::fragments::{Builder, elementary};
use gradbound::witness::generate::Role;

fn moderate(b: &mut Builder) -> ValueId {
    b.input([3], Role::Moderate)
}

/// Within bounds that are values, and may be crossed.
fn clip(b: &mut Builder) -> Result<ValueId> {
    let (x, lo, hi) = (b.any([3]), moderate(b), moderate(b));
    let (lo, hi) = match b.tape.below(3) {
        0 => (Some(lo), Some(hi)),
        1 => (Some(lo), None),
        _ => (None, Some(hi)),
    };
    lower::clip(&mut b.graph, x, lo, hi)
}

fn leaky_relu(b: &mut Builder) -> Result<ValueId> {
    let (x, slope) = (b.any([3]), moderate(b));
    if b.tape.coin() {
        lower::leaky_relu(&mut b.graph, x, 0.1)
    } else {
        lower::prelu(&mut b.graph, x, slope)
    }
}

fn thresholds(b: &mut Builder) -> Result<ValueId> {
    let x = b.any([3]);
    match b.tape.below(3) {
        0 => lower::thresholded_relu(&mut b.graph, x, 0.7),
        1 => lower::shrink(&mut b.graph, x, 0.0, 0.5),
        _ => lower::shrink(&mut b.graph, x, 0.3, 0.5),
    }
}

fn hard_gates(b: &mut Builder) -> Result<ValueId> {
    let x = moderate(b);
    if b.tape.coin() {
        lower::hard_sigmoid(&mut b.graph, x, 0.2, 0.5)
    } else {
        lower::hard_swish(&mut b.graph, x)
    }
}

fn powers(b: &mut Builder) -> Result<ValueId> {
    elementary::constant_power(b)
}

fn elus(b: &mut Builder) -> Result<ValueId> {
    let x = moderate(b);
    let decay = b.tape.pick(&[Decay::Expm1, Decay::Exp]);
    match b.tape.below(3) {
        0 => lower::elu(&mut b.graph, x, 1.0, decay),
        1 => lower::selu(&mut b.graph, x, [1.673_263_2, 1.050_701], decay),
        _ => lower::celu(&mut b.graph, x, 0.7, decay),
    }
}

fn gelu(b: &mut Builder) -> Result<ValueId> {
    let (x, form) = (moderate(b), b.tape.pick(&[Gelu::Erf, Gelu::Tanh]));
    lower::gelu(&mut b.graph, x, form)
}

fn swishes(b: &mut Builder) -> Result<ValueId> {
    let x = moderate(b);
    match b.tape.below(3) {
        0 => lower::swish(&mut b.graph, x, 1.5),
        1 => lower::mish(&mut b.graph, x),
        _ => lower::softsign(&mut b.graph, x),
    }
}

crate::nests::nests! {
    clip at least 40, leaky_relu at least 40, thresholds at least 40, hard_gates at least 40,
    powers at least 25, elus at least 40, gelu at least 40, swishes at least 40,
}
