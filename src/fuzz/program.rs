//! One step of a random program: a primitive or composite on values that are there.

use super::bytes::Bytes;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::lower::{self, Conv, Cumulative, Decay, Direction, Gelu, Spatial, Written};
use crate::number::spec::Steps;
use crate::op::{Relation, Rounding, Slide, Taps};
use crate::tensor::{DType, Shape, Tensor};

/// Appends a step on operands chosen among the values so far.
pub(super) fn step(g: &mut Graph, values: &[ValueId], bytes: &mut Bytes<'_>) -> Result<ValueId> {
    let kind = bytes.below(12);
    let x = values[bytes.below(values.len())];
    let y = values[bytes.below(values.len())];
    match kind {
        0..=2 => arithmetic(g, x, y, bytes),
        3 => function(g, x, y, bytes),
        4 => reduced(g, x, bytes),
        5 => moved(g, x, y, bytes),
        6 => product(g, x, y, bytes),
        7 => soft(g, x, y, bytes),
        8 => chosen(g, x, y, bytes),
        9 => slid(g, x, y, bytes),
        10 => scattered(g, x, y, bytes),
        _ => converted(g, x, bytes),
    }
}

fn last_axis(g: &Graph, x: ValueId) -> usize {
    g.ty(x).shape.rank().saturating_sub(1)
}

fn some_axis(g: &Graph, x: ValueId, bytes: &mut Bytes<'_>) -> usize {
    bytes.below(g.ty(x).shape.rank())
}

/// Additions, products and what bends.
fn arithmetic(g: &mut Graph, x: ValueId, y: ValueId, bytes: &mut Bytes<'_>) -> Result<ValueId> {
    match bytes.below(14) {
        0 | 1 => g.add(x, y),
        2 => g.sub(x, y),
        3 | 4 => g.mul(x, y),
        5 => g.div(x, y),
        6 => g.neg(x),
        7 => g.abs(x),
        8 => g.max(x, y),
        9 => g.min(x, y),
        10 => g.relu(x),
        11 => g.square(x),
        12 => g.add_n(&[x, x, x]),
        _ => {
            let steps = bytes.pick([Steps::SIGN, Steps::RELU_GATE, Steps::HALF_AT_TIE]);
            g.step(x, steps)
        }
    }
}

/// An elementary function, a power or an activation made of them.
fn function(g: &mut Graph, x: ValueId, y: ValueId, bytes: &mut Bytes<'_>) -> Result<ValueId> {
    let all: [fn(&mut Graph, ValueId) -> Result<ValueId>; 21] = [
        Graph::exp,
        Graph::log,
        Graph::sqrt,
        Graph::tanh,
        Graph::sigmoid,
        Graph::expm1,
        Graph::log1p,
        Graph::erf,
        Graph::sin,
        Graph::cos,
        Graph::tan,
        Graph::asin,
        Graph::acos,
        Graph::atan,
        Graph::sinh,
        Graph::cosh,
        Graph::asinh,
        Graph::acosh,
        Graph::atanh,
        Graph::softplus,
        Graph::rsqrt,
    ];
    let choice = bytes.below(all.len() + 4);
    match (all.get(choice), choice - choice.min(all.len())) {
        (Some(f), _) => f(g, x),
        (None, 0) => g.pow(x, y),
        (None, 1) => {
            let exponents = [2.0, 3.0, 5.0, -1.0, -2.0, 0.5, -0.5, 1.5];
            lower::power(g, x, bytes.pick(exponents))
        }
        (None, 2) => lower::gelu(g, x, bytes.pick([Gelu::Erf, Gelu::Tanh])),
        _ => lower::elu(g, x, 0.7, bytes.pick([Decay::Expm1, Decay::Exp])),
    }
}

/// Sums, means, products and maxima over an axis, or along it.
fn reduced(g: &mut Graph, x: ValueId, bytes: &mut Bytes<'_>) -> Result<ValueId> {
    let (axis, keep) = (some_axis(g, x, bytes), bytes.coin());
    match bytes.below(7) {
        0 | 1 => g.sum(x, &[axis], keep),
        2 => g.mean(x, &[axis], keep),
        3 => g.prod(x, &[axis], keep),
        4 => g.max_over(x, &[axis], keep),
        5 => g.pool_max(x, &[axis], keep, &[]),
        _ => {
            let what = bytes.pick([Cumulative::Sum, Cumulative::Product]);
            let how = Direction {
                axis,
                exclusive: keep,
                reverse: bytes.coin(),
            };
            lower::cumulative(g, x, what, how)
        }
    }
}

/// What moves elements and computes nothing.
fn moved(g: &mut Graph, x: ValueId, y: ValueId, bytes: &mut Bytes<'_>) -> Result<ValueId> {
    let shape = g.ty(x).shape.clone();
    let (rank, axis) = (shape.rank(), some_axis(g, x, bytes));
    match bytes.below(6) {
        0 => g.reshape(x, Shape::from([shape.len()])),
        1 => {
            let reversed: Vec<usize> = (0..rank).rev().collect();
            g.transpose(x, &reversed)
        }
        2 => g.concat(&[x, y], axis),
        3 => {
            let lengths: Vec<usize> = shape.iter().map(|&e| e.div_ceil(2)).collect();
            let starts: Vec<usize> = shape.iter().zip(&lengths).map(|(e, l)| e - l).collect();
            g.slice(x, &starts, &vec![1; rank], &lengths)
        }
        4 => g.broadcast(x, &Shape::from([2, shape.len()])),
        _ => {
            let extent = shape.get(axis).copied().unwrap_or(1);
            let picks: Vec<i64> = (0..3).map(|_| bytes.below(extent) as i64).collect();
            let indices = g.constant(Tensor::i64s([3], picks)?);
            g.gather(x, indices, axis)
        }
    }
}

/// Products of matrices, and squared errors.
fn product(g: &mut Graph, x: ValueId, y: ValueId, bytes: &mut Bytes<'_>) -> Result<ValueId> {
    match bytes.below(4) {
        0 => g.matmul(x, y),
        1 => g.matmul_with(x, y, false, true),
        2 => g.matmul_with(x, y, true, false),
        _ => lower::mean_squared_error(g, x, y),
    }
}

/// What adds up exponentials, with the free shift or without, masked or not.
fn soft(g: &mut Graph, x: ValueId, y: ValueId, bytes: &mut Bytes<'_>) -> Result<ValueId> {
    let (axis, keep) = (last_axis(g, x), bytes.coin());
    let kept = |g: &mut Graph| -> Result<ValueId> {
        let kept = g.compare(Relation::LessOrEqual, x, y)?;
        let shape = g.ty(x).shape.clone();
        g.broadcast(kept, &shape)
    };
    match bytes.below(7) {
        0 => lower::softmax(g, x, axis),
        1 => lower::log_softmax(g, x, axis),
        2 => lower::softmax_without_shift(g, x, axis),
        3 => lower::log_sum_exp(g, x, &[axis], keep),
        4 => lower::log_sum_exp_without_shift(g, x, &[axis], keep),
        5 => {
            let kept = kept(g)?;
            lower::masked_softmax(g, x, kept, axis)
        }
        _ => {
            let kept = kept(g)?;
            lower::masked_log_softmax(g, x, kept, axis)
        }
    }
}

/// Comparisons, selections, remainders and what jumps.
fn chosen(g: &mut Graph, x: ValueId, y: ValueId, bytes: &mut Bytes<'_>) -> Result<ValueId> {
    let relation = bytes.pick([Relation::Less, Relation::LessOrEqual, Relation::Equal]);
    let to = [
        Rounding::Floor,
        Rounding::Ceil,
        Rounding::Nearest,
        Rounding::Truncate,
    ];
    match bytes.below(6) {
        0 => g.round(x, bytes.pick(to)),
        1 => g.modulo(x, y, bytes.coin()),
        2 => {
            let index = g.arg_max(x, last_axis(g, x), bytes.coin())?;
            g.gather_elements(y, index, last_axis(g, y))
        }
        3 => {
            let winner = g.winner(x, &[last_axis(g, x)], &[])?;
            g.select(winner, x, y)
        }
        _ => {
            let condition = g.compare(relation, x, y)?;
            g.select(condition, y, x)
        }
    }
}

/// Kernels that slide over the last axis.
fn slid(g: &mut Graph, x: ValueId, y: ValueId, bytes: &mut Bytes<'_>) -> Result<ValueId> {
    let shape = g.ty(x).shape.clone();
    let extent = shape.iter().last().copied().unwrap_or(1);
    let taps = Taps::Regular {
        stride: 1 + bytes.below(2),
        dilation: 1 + bytes.below(2),
        before: bytes.below(3),
    };
    let (kernel, count) = (1 + bytes.below(3), 1 + bytes.below(3));
    let slide = |extent: usize, kernel: usize, count: usize| Slide {
        extent,
        kernel,
        count,
        taps: taps.clone(),
    };
    match bytes.below(3) {
        0 => g.windows(x, &[slide(extent, kernel, count)]),
        1 => {
            // What a sequence of windows of as many taps as there are rows looks like.
            let rows = shape.len() / extent.max(1);
            let windows = g.reshape(x, Shape::from([rows, extent]))?;
            g.fold(windows, &[slide(1 + bytes.below(4), rows, extent)])
        }
        _ => {
            let elements = g.ty(y).shape.len();
            let x = g.reshape(x, Shape::from([1, 1, shape.len()]))?;
            let kernels = g.reshape(y, Shape::from([1, 1, elements]))?;
            let how = Conv {
                axes: vec![Spatial {
                    before: elements / 2,
                    after: elements / 2,
                    ..Spatial::default()
                }],
                groups: 1,
            };
            lower::conv(g, x, kernels, None, &how)
        }
    }
}

/// y written into x at known positions.
fn scattered(g: &mut Graph, x: ValueId, y: ValueId, bytes: &mut Bytes<'_>) -> Result<ValueId> {
    let (len, updates) = (g.ty(x).shape.len(), g.ty(y).shape.len());
    let to: Vec<usize> = (0..updates).map(|_| bytes.below(len)).collect();
    let written = bytes.pick([
        Written::Added,
        Written::Added,
        Written::Replaced,
        Written::Multiplied,
        Written::Largest,
        Written::Least,
    ]);
    lower::scatter(g, x, y, &to, written)
}

/// Another format, or a product with a number that the format may not hold.
fn converted(g: &mut Graph, x: ValueId, bytes: &mut Bytes<'_>) -> Result<ValueId> {
    if bytes.coin() {
        return g.cast(x, bytes.pick(DType::FLOATS));
    }
    let factor = lower::real(g, bytes.float(), g.ty(x).dtype)?;
    g.mul(x, factor)
}
