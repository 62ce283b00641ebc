//! Composites under attack: what is lowered to several primitives, forward and backward.

use gradbound::Result;
use gradbound::graph::ValueId;
use gradbound::lower::{
    self, Activation, Adagrad, Adam, Affine, Attention, BatchNorm, Cell, Deviation, Exponentials,
    InverseRoot, Momentum, Norm, Pairs, Recurrent, States, Variance, Weights,
};
use gradbound::tensor::{Shape, Tensor};
use gradbound::witness::fragments::{Builder, conditioned};
use gradbound::witness::generate::Role;

fn moderate(b: &mut Builder, shape: &[usize]) -> ValueId {
    b.input(shape, Role::Moderate)
}

fn affine(b: &mut Builder, n: usize) -> Affine {
    Affine {
        scale: b.tape.coin().then(|| moderate(b, &[n])),
        bias: b.tape.coin().then(|| moderate(b, &[n])),
    }
}

/// √(v + epsilon), its reciprocal by any formula.
fn deviation(b: &mut Builder, epsilon: f64) -> Deviation {
    let inverse = b.tape.pick(&[
        InverseRoot::Any,
        InverseRoot::Reciprocal,
        InverseRoot::Rsqrt,
    ]);
    Deviation { epsilon, inverse }
}

/// What is added under a root. Formats of few bits have no 1e-3: the root would be of nothing
/// but the square.
fn small(b: &Builder) -> f64 {
    let has_small = b.dtype.format().is_some_and(|f| f.precision >= 8);
    if has_small { 1e-3 } else { 1.0 }
}

fn layer_norm(b: &mut Builder) -> Result<ValueId> {
    let x = moderate(b, &[1, 3]);
    let variance = b.tape.pick(&[Variance::TwoPass, Variance::OnePass]);
    let epsilon = small(b);
    let (affine, deviation) = (affine(b, 3), deviation(b, epsilon));
    let standard = lower::standardize(&mut b.graph, x, &[1], deviation, variance)?;
    affine.apply(&mut b.graph, standard.value)
}

/// Four channels in two groups; in groups of one channel with two places each, an instance
/// normalization.
fn group_norm(b: &mut Builder) -> Result<ValueId> {
    let instance = b.tape.coin();
    let shape: &[usize] = if instance { &[1, 2, 2] } else { &[1, 4, 1] };
    let x = moderate(b, shape);
    let epsilon = small(b);
    let (affine, deviation) = (affine(b, 1), deviation(b, epsilon));
    let grouped = b.graph.reshape(x, Shape::from([1, 2, 2]))?;
    let standard = lower::standardize(&mut b.graph, grouped, &[2], deviation, Variance::TwoPass)?;
    let value = b.graph.reshape(standard.value, Shape::from(shape))?;
    affine.apply(&mut b.graph, value)
}

fn rms_norm(b: &mut Builder) -> Result<ValueId> {
    let x = moderate(b, &[1, 3]);
    let epsilon = small(b);
    let deviation = deviation(b, epsilon);
    lower::rms_normalize(&mut b.graph, x, &[1], deviation)
}

fn batch_norm(b: &mut Builder) -> Result<ValueId> {
    let x = moderate(b, &[1, 2, 2]);
    let moments = [moderate(b, &[2]), b.input([2], Role::Positive)];
    let formula = b
        .tape
        .pick(&[BatchNorm::Any, BatchNorm::Centred, BatchNorm::Folded]);
    let epsilon = small(b);
    let (affine, deviation) = (affine(b, 2), deviation(b, epsilon));
    lower::batch_normalize(&mut b.graph, x, moments, affine, deviation, formula)
}

/// By the batch's own moments, with a bias in the nest of what is normalized.
fn trained_batch_norm(b: &mut Builder) -> Result<ValueId> {
    let (x, w) = (moderate(b, &[3, 2]), moderate(b, &[2, 1]));
    let product = b.graph.matmul(x, w)?;
    let variance = b.tape.pick(&[Variance::TwoPass, Variance::OnePass]);
    let (affine, deviation) = (affine(b, 1), deviation(b, 0.25));
    let standard = lower::standardize(&mut b.graph, product, &[0], deviation, variance)?;
    affine.apply(&mut b.graph, standard.value)
}

/// A batch normalization of a product, by moments that are computed too.
fn batch_norm_of_products(b: &mut Builder) -> Result<ValueId> {
    let (x, w) = (moderate(b, &[2, 2]), moderate(b, &[2, 2]));
    let product = b.graph.matmul(x, w)?;
    let (y, v) = (moderate(b, &[2]), b.input([2], Role::Positive));
    let mean = b.graph.add(y, v)?;
    let (affine, deviation) = (affine(b, 2), deviation(b, 0.25));
    let (formula, moments) = (BatchNorm::Any, [mean, v]);
    let y = lower::batch_normalize(&mut b.graph, product, moments, affine, deviation, formula)?;
    b.graph.add(y, product)
}

fn lp_norm(b: &mut Builder) -> Result<ValueId> {
    let x = moderate(b, &[1, 3]);
    let order = b.tape.pick(&[Norm::L1, Norm::L2]);
    lower::lp_normalize(&mut b.graph, x, &[1], order)
}

fn mean_variance_norm(b: &mut Builder) -> Result<ValueId> {
    // Without a summand under the root, a variance that may be 0 leaves no claim.
    let x = match b.tape.coin() {
        true => {
            let one = b.input([1, 1], Role::Small);
            let other = b.graph.neg(one)?;
            b.graph.concat(&[one, other], 1)?
        }
        false => moderate(b, &[1, 3]),
    };
    lower::mean_variance_normalize(&mut b.graph, x, &[1])
}

fn drawn_norm(b: &mut Builder) -> Result<ValueId> {
    let (x, epsilon) = (moderate(b, &[1, 2]), small(b));
    conditioned::drawn_of(b, x, epsilon)
}

fn sgd(b: &mut Builder) -> Result<ValueId> {
    let [x, g, rate] = [moderate(b, &[2]), moderate(b, &[2]), moderate(b, &[])];
    lower::sgd(&mut b.graph, x, g, rate)
}

fn momentum(b: &mut Builder) -> Result<ValueId> {
    let state = [moderate(b, &[2]), moderate(b, &[2]), moderate(b, &[2])];
    let (rate, first) = (moderate(b, &[]), b.tape.coin());
    let how = Momentum {
        alpha: 0.9,
        beta: 0.7,
        decay: b.tape.pick(&[0.0, 0.01]),
        nesterov: b.tape.coin(),
    };
    Ok(how.step(&mut b.graph, state, rate, first)?.parameter)
}

fn adagrad(b: &mut Builder) -> Result<ValueId> {
    let state = [
        moderate(b, &[2]),
        moderate(b, &[2]),
        b.input([2], Role::Positive),
    ];
    let rate = moderate(b, &[]);
    let how = Adagrad {
        epsilon: 1e-3,
        decay: b.tape.pick(&[0.0, 0.01]),
    };
    Ok(how.step(&mut b.graph, state, rate)?.parameter)
}

fn adam(b: &mut Builder) -> Result<ValueId> {
    let state = [
        moderate(b, &[2]),
        moderate(b, &[2]),
        moderate(b, &[2]),
        b.input([2], Role::Positive),
    ];
    let rate = moderate(b, &[]);
    let how = Adam {
        alpha: 0.5,
        beta: 0.5,
        epsilon: 0.5,
        decay: b.tape.pick(&[0.0, 0.01]),
        decoupled: b.tape.pick(&[0.0, 0.02]),
        shrink: b.tape.pick(&[0.0, 0.05]),
    };
    let rate = how.corrected(&mut b.graph, rate, 3)?;
    Ok(how.step(&mut b.graph, state, rate)?.parameter)
}

fn attention(b: &mut Builder) -> Result<ValueId> {
    let q = moderate(b, &[1, 2, 2, 1]);
    let [k, v] = [moderate(b, &[1, 1, 2, 1]), moderate(b, &[1, 1, 2, 1])];
    let causal = Tensor::bools([2, 2], [true, false, true, true])?;
    let how = Attention {
        kept: b.tape.coin().then(|| b.graph.constant(causal)),
        bias: b.tape.coin().then(|| moderate(b, &[2, 2])),
        cap: match b.tape.coin() {
            true => Some(b.constant(2.0)?),
            false => None,
        },
        exponentials: b.tape.pick(&[Exponentials::Shifted, Exponentials::Plain]),
        ..Attention::default()
    };
    Ok(lower::attention(&mut b.graph, [q, k, v], &how)?.value)
}

fn rotary(b: &mut Builder) -> Result<ValueId> {
    let x = moderate(b, &[2, 3, 5]);
    let angles = [moderate(b, &[3, 2]), moderate(b, &[3, 2])];
    let pairs = b.tape.pick(&[Pairs::Halves, Pairs::Neighbours]);
    lower::rotary(&mut b.graph, x, angles, pairs)
}

/// Two steps over one sequence of two, one hidden unit.
fn unrolled(b: &mut Builder, cell: Cell) -> Result<ValueId> {
    let x = moderate(b, &[2, 1, 1]);
    let n = cell.gates();
    let weights = Weights {
        w: moderate(b, &[n, 1]),
        r: moderate(b, &[n, 1]),
        b: b.tape.coin().then(|| moderate(b, &[2 * n])),
        p: (n == 4 && b.tape.coin()).then(|| moderate(b, &[3])),
    };
    let from = States {
        h: moderate(b, &[1, 1]),
        c: moderate(b, &[1, 1]),
    };
    let how = Recurrent {
        cell,
        clip: b.tape.coin().then_some(3.0),
        reverse: b.tape.coin(),
        lengths: b.tape.coin().then(|| vec![1]),
    };
    Ok(how.unroll(&mut b.graph, x, weights, from)?.last.h)
}

fn rnn(b: &mut Builder) -> Result<ValueId> {
    let f = b.tape.pick(&[
        Activation::Relu,
        Activation::Tanh,
        Activation::Affine {
            alpha: 0.3,
            beta: 0.1,
        },
        Activation::LeakyRelu { alpha: 0.1 },
        Activation::ThresholdedRelu { alpha: 0.5 },
        Activation::ScaledTanh {
            alpha: 1.5,
            beta: 0.7,
        },
        Activation::HardSigmoid {
            alpha: 0.2,
            beta: 0.5,
        },
        Activation::Elu { alpha: 1.2 },
        Activation::Softsign,
        Activation::Softplus,
    ]);
    unrolled(b, Cell::Rnn { f })
}

fn gru(b: &mut Builder) -> Result<ValueId> {
    let linear_before_reset = b.tape.coin();
    unrolled(
        b,
        Cell::Gru {
            f: Activation::Sigmoid,
            g: Activation::Tanh,
            linear_before_reset,
        },
    )
}

fn lstm(b: &mut Builder) -> Result<ValueId> {
    let input_forget = b.tape.coin();
    unrolled(
        b,
        Cell::Lstm {
            f: Activation::Sigmoid,
            g: Activation::Tanh,
            h: Activation::Tanh,
            input_forget,
        },
    )
}

crate::nests::nests! {
    layer_norm at least 30, group_norm at least 30, rms_norm at least 30, batch_norm at least 30,
    trained_batch_norm at least 10, batch_norm_of_products at least 20, lp_norm at least 15,
    mean_variance_norm at least 5, drawn_norm at least 20,
    sgd at least 40, momentum at least 40, adagrad at least 30, adam at least 30,
    attention at least 30, rotary at least 40,
    rnn at least 30, gru at least 30, lstm at least 30,
}
