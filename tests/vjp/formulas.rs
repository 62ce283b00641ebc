//! One value by several formulas: each formula by itself has the gradient of them all. That
//! the formulas inside every VJP are one real is demanded by `both_sides`.

use super::Function;
use super::{closely, exactly, float, integers};
use gradbound::Result;
use gradbound::graph::grad::append_backward;
use gradbound::graph::{Graph, ValueId};
use gradbound::lower::{
    self, Affine, BatchNorm, Deviation, Exponentials, InverseRoot, LogSoftmax, NllLoss, Reduction,
};
use gradbound::op::{LabelGradient, Op, Probability};

identities! {
    any_of: exactly ["AnyOf", "Held"], |g| distributed(g, [0, 1]);
    any_of_in_another_order: exactly ["AnyOf"], |g| distributed(g, [1, 0]);
    any_deviation: closely ["Rsqrt"], |g| rms(g, InverseRoot::Any);
    reciprocal_deviation: closely [], |g| rms(g, InverseRoot::Reciprocal);
    rsqrt_deviation: closely ["Rsqrt"], |g| rms(g, InverseRoot::Rsqrt);
    any_batch_norm: closely [], |g| {
        let (x, moments) = (float(g, [2, 2, 2]), [float(g, [2]), float(g, [2])]);
        let affine = Affine { scale: Some(float(g, [2])), bias: Some(float(g, [2])) };
        lower::batch_normalize(g, x, moments, affine, 0.125, BatchNorm::Any)
    };
    plain_log_softmax: closely [], |g| {
        let z = float(g, [2, 3]);
        LogSoftmax { exponentials: Exponentials::Plain, ..LogSoftmax::default() }.append(g, z, 1)
    };
    plain_cross_entropy: closely [], |g| {
        let how = LogSoftmax { exponentials: Exponentials::Plain, ..LogSoftmax::default() };
        cross_entropy(g, how, Reduction::Mean)
    };
    chained_mean: closely [], |g| labelled(g, LabelGradient::Chain, Reduction::Mean);
    fused_mean: closely [], |g| labelled(g, LabelGradient::Fused, Reduction::Mean);
    any_mean: closely [], |g| labelled(g, LabelGradient::Any, Reduction::Mean);
    fused_sum: closely [], |g| labelled(g, LabelGradient::Fused, Reduction::Sum);
    any_sum: closely [], |g| labelled(g, LabelGradient::Any, Reduction::Sum);
    fused_of_each: closely [], |g| labelled(g, LabelGradient::Fused, Reduction::None);
    any_of_each: closely [], |g| labelled(g, LabelGradient::Any, Reduction::None);
    exponential_log_softmax: closely [], |g| {
        let z = float(g, [2, 3]);
        let probability = Probability::Exponential;
        LogSoftmax { probability, ..LogSoftmax::default() }.append(g, z, 1)
    };
    exponential_cross_entropy: closely [], |g| {
        let probability = Probability::Exponential;
        cross_entropy(g, LogSoftmax { probability, ..LogSoftmax::default() }, Reduction::Mean)
    };
    picked_elements: closely [], |g| {
        let z = float(g, [3, 4]);
        let log_prob = fused().append(g, z, 0)?;
        let labels = integers(g, [1, 4], &[2, -3, 1, 1])?;
        g.gather_elements(log_prob, labels, 0)
    };
    // Labels of only some columns, and several of one row, are no cross-entropy.
    fewer_picked: closely [], |g| {
        let z = float(g, [3, 4]);
        let log_prob = fused().append(g, z, 0)?;
        let labels = integers(g, [1, 2], &[2, 0])?;
        g.gather_elements(log_prob, labels, 0)
    };
    several_picked: closely [], |g| {
        let z = float(g, [3, 4]);
        let log_prob = fused().append(g, z, 0)?;
        let labels = integers(g, [2, 4], &[2, 0, 1, 1, 2, 1, 0, 1])?;
        g.gather_elements(log_prob, labels, 0)
    };
    picked_along_another_axis: closely [], |g| {
        let z = float(g, [3, 4]);
        let log_prob = fused().append(g, z, 0)?;
        let labels = integers(g, [3, 1], &[2, 0, 3])?;
        g.gather_elements(log_prob, labels, 1)
    };
    log_softmax_used_twice: closely [], |g| {
        let z = float(g, [3, 4]);
        let log_prob = fused().append(g, z, 1)?;
        let labels = integers(g, [3, 1], &[2, 0, 3])?;
        let picked = g.pick_labels(log_prob, labels, 1)?;
        g.add(picked, log_prob)
    };
}

fn rms(g: &mut Graph, inverse: InverseRoot) -> Result<ValueId> {
    let x = float(g, [2, 3]);
    let epsilon = 0.125;
    lower::rms_normalize(g, x, &[1], Deviation { epsilon, inverse })
}

fn fused() -> LogSoftmax {
    LogSoftmax {
        labels: LabelGradient::Fused,
        ..LogSoftmax::default()
    }
}

fn labelled(g: &mut Graph, labels: LabelGradient, reduction: Reduction) -> Result<ValueId> {
    let how = LogSoftmax {
        labels,
        ..LogSoftmax::default()
    };
    cross_entropy(g, how, reduction)
}

/// Of scores at two places a sample, with weights and an ignored label.
fn cross_entropy(g: &mut Graph, how: LogSoftmax, reduction: Reduction) -> Result<ValueId> {
    let (z, weights) = (float(g, [2, 3, 2]), float(g, [3]));
    let labels = integers(g, [2, 2], &[2, 0, 1, 2])?;
    let loss = NllLoss {
        weights: Some(weights),
        ignore: Some(1),
        reduction,
    };
    Ok(lower::softmax_cross_entropy(g, z, labels, how, &loss)?.loss)
}

/// Of the gradient that reaches the scores: whether it is a product, a difference, or any of
/// several formulas.
fn gradient_of_scores(labels: LabelGradient) -> &'static str {
    let mut g = Graph::new();
    let loss = labelled(&mut g, labels, Reduction::Mean).unwrap();
    let one = g.scalar(1.0, gradbound::tensor::DType::F64).unwrap();
    let gradients = append_backward(&mut g, &[(loss, one)], None).unwrap();
    let scores = g.inputs()[0];
    match g.node(gradients.of(scores).unwrap()).op() {
        Op::AnyOf(_) => "any",
        Op::Mul(_) => "product",
        Op::Sub(_) => "difference",
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_gradient_of_labels_is_what_was_chosen() {
    assert_eq!(gradient_of_scores(LabelGradient::Any), "any");
    assert_eq!(gradient_of_scores(LabelGradient::Fused), "product");
    assert_eq!(gradient_of_scores(LabelGradient::Chain), "difference");
}

/// xy + xz or x(y + z), in the order given.
fn distributed(g: &mut Graph, order: [usize; 2]) -> Result<ValueId> {
    let [x, y, z] = [float(g, [2]), float(g, [2]), float(g, [2])];
    let (first, second) = (g.mul(x, y)?, g.mul(x, z)?);
    let both = g.add(y, z)?;
    let formulas = [g.add(first, second)?, g.mul(x, both)?];
    let [value, other] = order.map(|k| formulas[k]);
    g.any_of(value, &[other])
}
