//! Graphs of several nodes: nests of sums and products that an execution may take as one
//! reduction, losses, fan-out, and random compositions; forward and backward.

use crate::attack::{Attack, Claim};
use crate::ledger::attacked;
use crate::sound::{attack_all, demand_claims};
use gradbound::Result;
use gradbound::config::Subnormals;
use gradbound::graph::ValueId;
use gradbound::lower::{self, Exponentials, LogSoftmax, NllLoss, Reduction};
use gradbound::op::{LabelGradient, Probability};
use gradbound::tensor::Shape;
use gradbound::witness::fragments::{Builder, Fragment};
use gradbound::witness::generate::Role;

/// x·W + bias, the bias before or after.
fn bias(b: &mut Builder) -> Result<ValueId> {
    let (x, w, bias) = (b.any([2, 3]), b.any([3, 2]), b.any([2]));
    let product = b.graph.matmul(x, w)?;
    if b.tape.coin() {
        b.graph.add(bias, product)
    } else {
        b.graph.add(product, bias)
    }
}

fn residual(b: &mut Builder) -> Result<ValueId> {
    let (x, w) = (b.any([2, 2]), b.any([2, 2]));
    let product = b.graph.matmul(x, w)?;
    b.graph.add(x, product)
}

fn two_products(b: &mut Builder) -> Result<ValueId> {
    let (x, w, y, v) = (b.any([1, 3]), b.any([3, 1]), b.any([1, 2]), b.any([2, 1]));
    let (p, q) = (b.graph.matmul(x, w)?, b.graph.matmul(y, v)?);
    let q = b.graph.neg(q)?;
    b.graph.sub(p, q)
}

fn sum_of_sums(b: &mut Builder) -> Result<ValueId> {
    let (x, y) = (b.any([3, 2]), b.any([3, 2]));
    let sum = b.graph.add(x, y)?;
    let sum = b.graph.sum(sum, &[0], false)?;
    let z = b.any([2]);
    let minus = b.graph.neg(sum)?;
    b.graph.add(minus, z)
}

fn contracted(b: &mut Builder) -> Result<ValueId> {
    let (x, y, z) = (b.any([3]), b.any([3]), b.any([3]));
    let product = b.graph.mul(x, y)?;
    let sum = b.graph.add(product, z)?;
    b.graph.sub(sum, product)
}

fn sum_of_products(b: &mut Builder) -> Result<ValueId> {
    let (x, y) = (b.any([3]), b.any([3]));
    let product = b.graph.mul(x, y)?;
    let moved = b.graph.reshape(product, Shape::from([1, 3]))?;
    b.graph.sum(moved, &[1], false)
}

fn moved_between(b: &mut Builder) -> Result<ValueId> {
    let (x, y, z) = (b.any([3, 2]), b.any([2, 1]), b.any([2, 3]));
    let sums = b.graph.sum(x, &[0], true)?;
    let column = b.graph.transpose(sums, &[1, 0])?;
    let joined = b.graph.concat(&[column, y], 1)?;
    let part = b.graph.slice(joined, &[0, 0], &[1, 1], &[2, 1])?;
    let repeated = b.graph.broadcast(part, &Shape::from([2, 3]))?;
    b.graph.add(repeated, z)
}

/// What is gathered or scattered and then added to is part of the same nest.
fn gathered(b: &mut Builder) -> Result<ValueId> {
    let (x, i, z) = (b.any([6, 2]), b.indices([2], 2), b.any([2]));
    let sums = b.graph.sum(x, &[0], false)?;
    let picked = b.graph.gather(sums, i, 0)?;
    b.graph.add(z, picked)
}

/// The gradient of the gathered value is scattered, and added to that of the other use.
fn scattered(b: &mut Builder) -> Result<ValueId> {
    let (x, i, y) = (b.any([2]), b.indices([6], 2), b.any([2]));
    let picked = b.graph.gather(x, i, 0)?;
    let product = b.graph.mul(x, y)?;
    let more = b.graph.broadcast(product, &Shape::from([3, 2]))?;
    let more = b.graph.reshape(more, Shape::from([6]))?;
    b.graph.mul(more, picked)
}

fn mean_of_a_nest(b: &mut Builder) -> Result<ValueId> {
    let (x, w, bias) = (b.any([3, 2]), b.any([2, 1]), b.any([3, 1]));
    let product = b.graph.matmul(x, w)?;
    let sum = b.graph.add(product, bias)?;
    b.graph.mean(sum, &[0], false)
}

/// A value used three times, twice by one node.
fn fan_out(b: &mut Builder) -> Result<ValueId> {
    let (x, y) = (b.any([2]), b.any([2]));
    let shared = b.graph.add(x, y)?;
    let square = b.graph.mul(shared, shared)?;
    let rest = b.graph.sub(x, shared)?;
    b.graph.add_n(&[square, rest, x, shared])
}

/// Functions with a bounded range, of a sum that may overflow or be undefined.
fn capped(b: &mut Builder) -> Result<ValueId> {
    let x = b.any([4]);
    let sum = b.graph.sum(x, &[0], true)?;
    let t = b.graph.tanh(sum)?;
    let s = b.graph.sigmoid(sum)?;
    b.graph.mul(t, s)
}

fn relu_layer(b: &mut Builder) -> Result<ValueId> {
    let x = bias(b)?;
    let hidden = b.graph.relu(x)?;
    let w = b.any([2, 1]);
    b.graph.matmul(hidden, w)
}

/// Any reduction of a cross-entropy, its gradient by any formula.
fn cross_entropy(b: &mut Builder) -> Result<ValueId> {
    let (z, labels) = (b.input([2, 3], Role::Moderate), b.indices([2], 3));
    let how = NllLoss {
        ignore: b.tape.coin().then_some(1),
        weights: b.tape.coin().then(|| b.input([3], Role::Positive)),
        reduction: b
            .tape
            .pick(&[Reduction::Mean, Reduction::Sum, Reduction::None]),
    };
    let log_softmax = LogSoftmax {
        exponentials: b.tape.pick(&[Exponentials::Shifted, Exponentials::Plain]),
        labels: b.tape.pick(&[
            LabelGradient::Any,
            LabelGradient::Fused,
            LabelGradient::Chain,
        ]),
        probability: probability(b),
    };
    Ok(lower::softmax_cross_entropy(&mut b.graph, z, labels, log_softmax, &how)?.loss)
}

fn probability(b: &mut Builder) -> Probability {
    b.tape
        .pick(&[Probability::Quotient, Probability::Exponential])
}

/// The gradient of labels in a nest: the scores are products and a bias.
fn cross_entropy_of_products(b: &mut Builder) -> Result<ValueId> {
    let (x, w) = (
        b.input([2, 2], Role::Moderate),
        b.input([2, 3], Role::Moderate),
    );
    let (bias, labels) = (b.input([3], Role::Moderate), b.indices([2], 3));
    let product = b.graph.matmul(x, w)?;
    let z = b.graph.add(product, bias)?;
    let log_softmax = LogSoftmax {
        probability: probability(b),
        ..LogSoftmax::default()
    };
    let how = NllLoss::default();
    Ok(lower::softmax_cross_entropy(&mut b.graph, z, labels, log_softmax, &how)?.loss)
}

fn squared_error(b: &mut Builder) -> Result<ValueId> {
    let (x, y) = (b.any([2, 2]), b.any([2]));
    lower::mean_squared_error(&mut b.graph, x, y)
}

/// Some operations on values of one shape, drawn one after the other.
fn random(b: &mut Builder) -> Result<ValueId> {
    let mut values = vec![b.any([2, 2]), b.input([2, 2], Role::Moderate)];
    for _ in 0..3 + b.tape.below(4) {
        let (n, back) = (values.len(), b.tape.below(2));
        let (x, y) = (values[n - 1], values[b.tape.below(n)]);
        let other = if back == 1 { values[n - 2] } else { y };
        let next = append(b, x, other)?;
        values.push(next);
    }
    Ok(values[values.len() - 1])
}

fn append(b: &mut Builder, x: ValueId, y: ValueId) -> Result<ValueId> {
    let choice = b.tape.below(18);
    let g = &mut b.graph;
    match choice {
        0..=2 => g.add(x, y),
        3 => g.sub(y, x),
        4 | 5 => g.mul(x, y),
        6 | 7 => g.matmul(x, y),
        8 => g.div(x, y),
        9 => g.max(x, y),
        10 => g.relu(x),
        11 => g.neg(x),
        12 => g.transpose(x, &[1, 0]),
        13 => {
            let sum = g.sum(x, &[1], true)?;
            g.add(y, sum)
        }
        14 => g.tanh(x),
        15 => g.sigmoid(x),
        16 => g.abs(x),
        _ => {
            let mean = g.mean(x, &[0], true)?;
            g.sub(x, mean)
        }
    }
}

/// Attacks a graph forward and backward, eps and scale, with and without flushing.
pub fn attack(name: &str, fragment: Fragment, percent: usize) {
    for backward in [false, true] {
        for claim in [Claim::Sound, Claim::ScaleSound] {
            let record = attacked(name, fragment, claim, backward);
            let percent = if claim == Claim::Sound { percent } else { 0 };
            demand_claims(
                &format!("{name}, {claim:?}, backward {backward}"),
                &record,
                percent,
            );
        }
    }
    attack_all(name, fragment, |attack| Attack {
        backward: true,
        subnormals: Subnormals::Flush,
        cases: attack.cases / 2,
        ..attack
    });
}

/// A test of each graph and, in `SUBJECTS`, what the tests are about: name, test and graph.
macro_rules! nests {
    ($($name:ident at least $percent:literal),+ $(,)?) => {
        $(mod $name {
            #[test]
            fn holds() {
                $crate::nests::attack(stringify!($name), super::$name, $percent);
            }
        })+
        pub const SUBJECTS: &[(&str, &str, gradbound::witness::fragments::Fragment)] =
            &[$((stringify!($name), concat!(module_path!(), "::", stringify!($name)), $name)),+];
    };
}

pub(crate) use nests;

nests! {
    bias at least 40, residual at least 40, two_products at least 40, sum_of_sums at least 40,
    contracted at least 40, sum_of_products at least 40, moved_between at least 40,
    gathered at least 40, scattered at least 40, mean_of_a_nest at least 40,
    fan_out at least 40, capped at least 40, relu_layer at least 30,
    cross_entropy at least 40, cross_entropy_of_products at least 40, squared_error at least 40, random at least 15,
}
