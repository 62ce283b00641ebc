//! Composites: what is lowered to several primitives.

use super::Function;
use super::{closely, exactly, float, of_one};
use gradbound::Result;
use gradbound::graph::{Graph, ValueId};
use gradbound::lower::{
    self, Activation, Adagrad, Adam, Affine, Attention, BatchNorm, Cell, Momentum, Norm, Pairs,
    Recurrent, States, Variance, Weights,
};
use gradbound::tensor::{DType, Tensor};

identities! {
    square: exactly ["Square"], |g| of_one(g, Graph::square);
    log_sum_exp: closely ["Settle", "LogSumExp"], |g| {
        let x = float(g, [2, 3, 2]);
        lower::log_sum_exp(g, x, &[0, 2], false)
    };
    unshifted_log_sum_exp: closely ["LogSumExp"], |g| {
        let x = float(g, [2, 3]);
        lower::log_sum_exp_without_shift(g, x, &[1], false)
    };
    unshifted_softmax: closely ["Softmax"], |g| {
        let x = float(g, [2, 3]);
        lower::softmax_without_shift(g, x, 1)
    };
    masked_softmax: closely ["Softmax"], |g| {
        let (x, kept) = (float(g, [2, 3]), mask(g)?);
        lower::masked_softmax(g, x, kept, 1)
    };
    masked_log_softmax: closely ["Settle", "LogSumExp"], |g| {
        let (x, kept) = (float(g, [2, 3]), mask(g)?);
        lower::masked_log_softmax(g, x, kept, 1)
    };
    layer_norm: closely [], |g| {
        let (x, scale, bias) = (float(g, [2, 4]), float(g, [4]), float(g, [4]));
        let standard = lower::standardize(g, x, &[1], 0.125, Variance::TwoPass)?;
        Affine { scale: Some(scale), bias: Some(bias) }.apply(g, standard.value)
    };
    layer_norm_in_one_pass: closely [], |g| {
        let x = float(g, [2, 4]);
        Ok(lower::standardize(g, x, &[1], 0.125, Variance::OnePass)?.value)
    };
    inverse_deviation: closely [], |g| {
        let x = float(g, [3, 4]);
        Ok(lower::standardize(g, x, &[0], 0.125, Variance::TwoPass)?.inverse_deviation)
    };
    rms_norm: closely [], |g| {
        let x = float(g, [2, 3]);
        lower::rms_normalize(g, x, &[1], 0.125)
    };
    batch_norm: closely [], |g| channels(g, BatchNorm::Centred);
    folded_batch_norm: closely [], |g| channels(g, BatchNorm::Folded);
    l1_norm: closely [], |g| {
        let x = float(g, [2, 3]);
        lower::lp_normalize(g, x, &[1], Norm::L1)
    };
    l2_norm: closely [], |g| {
        let x = float(g, [2, 3]);
        lower::lp_normalize(g, x, &[1], Norm::L2)
    };
    mean_variance: closely [], |g| {
        let x = float(g, [2, 3]);
        lower::mean_variance_normalize(g, x, &[1])
    };
    sgd: exactly [], |g| {
        let (x, d, rate) = (float(g, [3]), float(g, [3]), float(g, []));
        lower::sgd(g, x, d, rate)
    };
    nesterov: exactly [], |g| {
        let state = [float(g, [3]), float(g, [3]), float(g, [3])];
        let rate = float(g, []);
        let how = Momentum { alpha: 0.5, beta: 0.25, decay: 0.125, nesterov: true };
        Ok(how.step(g, state, rate, false)?.parameter)
    };
    adagrad: closely [], |g| {
        let state = [float(g, [3]), float(g, [3]), float(g, [3])];
        let rate = float(g, []);
        let how = Adagrad { epsilon: 0.125, decay: 0.25 };
        Ok(how.step(g, state, rate)?.parameter)
    };
    adam: closely [], |g| {
        let state = [float(g, [3]), float(g, [3]), float(g, [3]), float(g, [3])];
        let rate = float(g, []);
        let how = Adam {
            alpha: 0.5, beta: 0.75, epsilon: 0.125, decay: 0.25, decoupled: 0.125, shrink: 0.0625,
        };
        let rate = how.corrected(g, rate, 3)?;
        Ok(how.step(g, state, rate)?.parameter)
    };
    attention: closely [], |g| {
        let q = float(g, [1, 4, 2, 2]);
        let (k, v) = (float(g, [1, 2, 3, 2]), float(g, [1, 2, 3, 1]));
        let kept = Tensor::bools([2, 3], [true, true, false, true, true, true])?;
        let how = Attention {
            bias: Some(float(g, [2, 3])),
            kept: Some(g.constant(kept)),
            cap: Some(g.scalar(4.0, DType::F64)?),
            ..Attention::default()
        };
        Ok(lower::attention(g, [q, k, v], &how)?.value)
    };
    rotary: exactly [], |g| {
        let (x, cos, sin) = (float(g, [2, 3, 5]), float(g, [3, 2]), float(g, [3, 2]));
        lower::rotary(g, x, [cos, sin], Pairs::Halves)
    };
    rotary_of_neighbours: exactly [], |g| {
        let (x, cos, sin) = (float(g, [2, 3, 5]), float(g, [3, 2]), float(g, [3, 2]));
        lower::rotary(g, x, [cos, sin], Pairs::Neighbours)
    };
    rnn: exactly [], |g| {
        let f = Activation::LeakyRelu { alpha: 0.25 };
        unrolled(g, Cell::Rnn { f }, Some(vec![2, 1]))
    };
    softsign_rnn: exactly [], |g| unrolled(g, Cell::Rnn { f: Activation::Softsign }, None);
    gru: closely [], |g| {
        let (f, h) = (Activation::Sigmoid, Activation::Tanh);
        unrolled(g, Cell::Gru { f, g: h, linear_before_reset: false }, None)
    };
    gru_reset_late: closely [], |g| {
        let (f, h) = (Activation::Sigmoid, Activation::Softplus);
        unrolled(g, Cell::Gru { f, g: h, linear_before_reset: true }, None)
    };
    lstm: closely [], |g| {
        let (f, h) = (Activation::Sigmoid, Activation::Tanh);
        unrolled(g, Cell::Lstm { f, g: h, h, input_forget: false }, Some(vec![1, 2]))
    };
}

fn channels(g: &mut Graph, formula: BatchNorm) -> Result<ValueId> {
    let (x, moments) = (float(g, [2, 2, 2]), [float(g, [2]), float(g, [2])]);
    let affine = Affine {
        scale: Some(float(g, [2])),
        bias: Some(float(g, [2])),
    };
    lower::batch_normalize(g, x, moments, affine, 0.125, formula)
}

/// Two steps of two sequences, with everything that the cell has.
fn unrolled(g: &mut Graph, cell: Cell, lengths: Option<Vec<usize>>) -> Result<ValueId> {
    let x = float(g, [2, 2, 1]);
    let n = cell.gates();
    let weights = Weights {
        w: float(g, [2 * n, 1]),
        r: float(g, [2 * n, 2]),
        b: Some(float(g, [4 * n])),
        p: (n == 4).then(|| float(g, [6])),
    };
    let from = States {
        h: float(g, [2, 2]),
        c: float(g, [2, 2]),
    };
    let how = Recurrent {
        cell,
        clip: None,
        reverse: lengths.is_some(),
        lengths,
    };
    let done = how.unroll(g, x, weights, from)?;
    g.add(done.steps[0], done.last.h)
}

fn mask(g: &mut Graph) -> Result<ValueId> {
    Ok(g.constant(Tensor::bools(
        [2, 3],
        [true, false, true, true, true, false],
    )?))
}
