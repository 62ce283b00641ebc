//! Arithmetic, reductions, movement, the soft functions and the losses.

use super::Function;
use super::{closely, exactly, float, integers, of_one, of_two};
use gradbound::graph::Graph;
use gradbound::graph::levels::UserNode;
use gradbound::lower::{self, Gemm, LogSoftmax, NllLoss, Reduction};
use gradbound::op::{Kernel, MatMul};
use gradbound::tensor::{DType, Shape};
use gradbound::witness::fragments::kernel::SquarePlus;

identities! {
    abs: exactly ["Abs"], |g| of_one(g, Graph::abs);
    add: exactly ["Add"], |g| of_two(g, Graph::add);
    sub: exactly ["Sub"], |g| of_two(g, Graph::sub);
    mul: exactly ["Mul"], |g| of_two(g, Graph::mul);
    div: exactly ["Div"], |g| of_two(g, Graph::div);
    max: exactly ["Max"], |g| of_two(g, Graph::max);
    min: exactly ["Min"], |g| of_two(g, Graph::min);
    neg: exactly ["Neg"], |g| of_one(g, Graph::neg);
    relu: exactly ["Relu"], |g| of_one(g, Graph::relu);
    exp: closely ["Exp"], |g| of_one(g, Graph::exp);
    log: closely ["Log"], |g| of_one(g, Graph::log);
    sqrt: closely ["Sqrt"], |g| of_one(g, Graph::sqrt);
    tanh: closely ["Tanh"], |g| of_one(g, Graph::tanh);
    sigmoid: closely ["Sigmoid"], |g| of_one(g, Graph::sigmoid);
    sum: exactly ["Sum", "Broadcast"], |g| {
        let x = float(g, [2, 3, 2]);
        g.sum(x, &[0, 2], false)
    };
    mean: exactly ["Mean"], |g| {
        let x = float(g, [2, 3]);
        g.mean(x, &[1], true)
    };
    share: exactly ["Share"], |g| {
        let x = float(g, [3]);
        g.push(gradbound::op::Share(7), &[x])
    };
    max_over: exactly ["MaxOver"], |g| {
        let x = float(g, [2, 4]);
        g.max_over(x, &[1], false)
    };
    broadcast: exactly ["Broadcast"], |g| {
        let x = float(g, [2, 1]);
        g.broadcast(x, &Shape::from([3, 2, 2]))
    };
    reshape: exactly ["Reshape"], |g| of_one(g, |g, x| g.reshape(x, Shape::from([1, 5])));
    transpose: exactly ["Transpose"], |g| {
        let x = float(g, [2, 3, 2]);
        g.transpose(x, &[2, 0, 1])
    };
    slice: exactly ["Slice", "Embed"], |g| {
        let x = float(g, [3, 5]);
        g.slice(x, &[0, 4], &[2, -2], &[2, 3])
    };
    concat: exactly ["Concat"], |g| {
        let (x, y) = (float(g, [2, 1]), float(g, [2, 3]));
        g.concat(&[x, y, x], 1)
    };
    gather: exactly ["Gather", "ScatterAdd"], |g| {
        let x = float(g, [3, 2]);
        let i = integers(g, [2, 2], &[2, 0, 2, -1])?;
        g.gather(x, i, 0)
    };
    gather_elements: exactly ["Gather", "ScatterAdd"], |g| {
        let x = float(g, [3, 2]);
        let i = integers(g, [3, 1], &[1, 0, 1])?;
        g.gather_elements(x, i, 1)
    };
    cast: exactly ["Cast"], |g| of_one(g, |g, x| g.cast(x, DType::F32));
    matmul: exactly ["MatMul"], |g| {
        let (x, y) = (float(g, [2, 1, 2, 3]), float(g, [3, 4]));
        g.matmul(x, y)
    };
    matmul_of_transposes: exactly ["MatMul"], |g| {
        let (x, y) = (float(g, [3, 2]), float(g, [4, 3]));
        g.push(MatMul { transpose_a: true, transpose_b: true }, &[x, y])
    };
    add_n: exactly ["AddN"], |g| {
        let (x, y) = (float(g, [3]), float(g, [3]));
        g.add_n(&[x, y, x, x])
    };
    kernel: exactly ["Kernel", "KernelVjp"], |g| {
        let (x, y) = (float(g, [3]), float(g, [3]));
        g.push(Kernel(UserNode::Rev(std::sync::Arc::new(SquarePlus))), &[x, y])
    };
    softmax: closely ["Softmax", "FreeMax"], |g| {
        let x = float(g, [2, 3]);
        lower::softmax(g, x, 1)
    };
    log_softmax: closely ["Settle", "FreeMax", "LogSumExp"], |g| {
        let x = float(g, [3, 2]);
        lower::log_softmax(g, x, 0)
    };
    gemm: exactly ["MatMul"], |g| {
        let (a, b, c) = (float(g, [3, 2]), float(g, [3, 2]), float(g, [2]));
        let how = Gemm { alpha: 0.5, beta: -3.0, transpose_a: true, transpose_b: false };
        lower::gemm(g, a, b, Some(c), &how)
    };
    mean_squared_error: exactly [], |g| of_two(g, lower::mean_squared_error);
    cross_entropy: closely [], |g| {
        let x = float(g, [3, 4]);
        let labels = integers(g, [3], &[2, 0, 3])?;
        Ok(lower::softmax_cross_entropy(g, x, labels, LogSoftmax::default(), &NllLoss::default())?.loss)
    };
    weighted_cross_entropy: closely [], |g| {
        let (x, w) = (float(g, [3, 4]), float(g, [4]));
        let labels = integers(g, [3], &[2, 1, 3])?;
        let how = NllLoss { weights: Some(w), ignore: Some(1), reduction: Reduction::Mean };
        Ok(lower::softmax_cross_entropy(g, x, labels, LogSoftmax::default(), &how)?.loss)
    };
}
