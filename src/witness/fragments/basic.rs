//! Arithmetic, reductions, movement and the soft functions.

use super::kernel::SquarePlus;
use super::{Builder, Fragment, of_one, of_two, ranges, select};
use crate::Result;
use crate::graph::grad::append_backward;
use crate::graph::levels::UserNode;
use crate::graph::{Graph, ValueId};
use crate::lower;
use crate::number::spec::Steps;
use crate::op::{Kernel, MatMul, Share};
use crate::tensor::{DType, Shape};
use crate::witness::dyadic;
use crate::witness::generate::Role;
use std::sync::Arc;

/// The fragments of the primitives that this file is about.
pub fn of(primitive: &str) -> Option<&'static [Fragment]> {
    Some(match primitive {
        "Abs" => &[|b| of_one(b, Role::Any, Graph::abs)],
        "Add" => &[|b| of_two(b, Graph::add)],
        "AddN" => &[add_n],
        "Broadcast" => &[|b| of_one(b, Role::Any, |g, x| g.broadcast(x, &Shape::from([2, 3])))],
        "Cast" => &[cast, cast_of_integers],
        "Concat" => &[concat],
        "Div" => &[|b| of_two(b, Graph::div), by_a_constant, ranges::by_a_norm],
        "Embed" => &[embed],
        "Slice" => &[slice],
        "Exp" => &[
            |b| of_one(b, Role::Moderate, Graph::exp),
            |b| of_one(b, Role::Any, Graph::exp),
        ],
        "FreeMax" => &[
            |b| of_one(b, Role::Any, |g, x| g.free_max(x, &[0])),
            super::soft::softmax,
        ],
        "Gather" => &[
            gather,
            gather_elements,
            select::picked,
            select::picked_summand,
        ],
        "ScatterAdd" => &[scatter_add],
        "Kernel" | "KernelVjp" => &[kernel],
        "Log" => &[
            |b| of_one(b, Role::Positive, Graph::log),
            |b| of_one(b, Role::Any, Graph::log),
        ],
        "MatMul" => &[matmul, batched],
        "Max" => &[|b| of_two(b, Graph::max)],
        "Mean" => &[mean],
        "Min" => &[|b| of_two(b, Graph::min)],
        "Mul" => &[|b| of_two(b, Graph::mul), scaled, ranges::gated],
        "Neg" => &[|b| of_one(b, Role::Any, Graph::neg)],
        "Relu" => &[|b| of_one(b, Role::Any, Graph::relu)],
        "Reshape" => &[|b| of_one(b, Role::Any, |g, x| g.reshape(x, Shape::from([3, 1])))],

        "Share" => &[share],
        "Sigmoid" => &[|b| of_one(b, Role::Any, Graph::sigmoid)],
        "Sqrt" => &[
            |b| of_one(b, Role::Positive, Graph::sqrt),
            |b| of_one(b, Role::Any, Graph::sqrt),
            ranges::root_of_squares,
            ranges::roots,
        ],
        "Step" => &[step],
        "Sub" => &[|b| of_two(b, Graph::sub)],
        "Sum" => &[sum],
        "Tanh" => &[|b| of_one(b, Role::Any, Graph::tanh)],
        "Transpose" => &[transpose],
        _ => return None,
    })
}

fn add_n(b: &mut Builder) -> Result<ValueId> {
    let count = 1 + b.tape.below(6);
    let terms: Vec<ValueId> = (0..count).map(|_| b.any([2])).collect();
    b.graph.add_n(&terms)
}

fn cast(b: &mut Builder) -> Result<ValueId> {
    let to = b.tape.pick(&[
        DType::F16,
        DType::BF16,
        DType::F32,
        DType::F64,
        DType::TF32,
        DType::E4M3,
        DType::E5M2,
        DType::E2M1,
        DType::Bool,
        DType::I64,
    ]);
    let role = if to == DType::I64 {
        Role::Moderate
    } else {
        Role::Any
    };
    let x = b.input([3], role);
    b.graph.cast(x, to)
}

fn cast_of_integers(b: &mut Builder) -> Result<ValueId> {
    // Some that every format holds, some that neither f16 nor f32 nor f64 holds.
    let n = b.tape.pick(&[5, 1 << 13, 1 << 26, (1 << 55) + 3]);
    let x = b.indices([3], n);
    b.graph.cast(x, b.dtype)
}

fn concat(b: &mut Builder) -> Result<ValueId> {
    let (x, y) = (b.any([2, 1]), b.any([2, 2]));
    b.graph.concat(&[x, y], 1)
}

fn by_a_constant(b: &mut Builder) -> Result<ValueId> {
    let other = 1.0 + b.tape.below(1 << 19) as f64 / 7e5;
    let tiny = dyadic::power(-140); // its reciprocal overflows f32
    let d = [3.0, 10.0, 4.0, -7.0, 1.0 / 8.0, 60000.0, tiny, other, other];
    let d = b.tape.pick(&d);
    let x = b.any([3]);
    // A number that the format does not hold becomes a cast, which a compiler folds.
    let d = lower::real(&mut b.graph, d, b.dtype)?;
    let d = if b.tape.coin() { b.graph.neg(d)? } else { d };
    b.graph.div(x, d)
}

fn scaled(b: &mut Builder) -> Result<ValueId> {
    let d = b.tape.pick(&[2.0, 0.5, 0.0, -1.0, 0.0625, 0.1]);
    let (x, d) = (b.any([3]), b.constant(d)?);
    b.graph.mul(d, x)
}

fn slice(b: &mut Builder) -> Result<ValueId> {
    let x = b.any([2, 3]);
    let back = b.tape.coin();
    let (start, step) = if back { (2, -2) } else { (0, 2) };
    b.graph.slice(x, &[0, start], &[1, step], &[2, 2])
}

/// A cotangent of a part, within zeros.
pub fn embed(b: &mut Builder) -> Result<ValueId> {
    let part = slice(b)?;
    pulled_back(b, part)
}

/// A cotangent of what is gathered, added up where it was picked.
fn scatter_add(b: &mut Builder) -> Result<ValueId> {
    let picked = if b.tape.coin() {
        gather(b)?
    } else {
        gather_elements(b)?
    };
    pulled_back(b, picked)
}

/// The gradient of the first input, by a cotangent that is an input.
fn pulled_back(b: &mut Builder, value: ValueId) -> Result<ValueId> {
    let x = b.graph.inputs()[0];
    let cotangent = b.any(b.graph.ty(value).shape.clone());
    let gradients = append_backward(&mut b.graph, &[(value, cotangent)], None)?;
    Ok(gradients.of(x).expect("linear in it"))
}

fn gather(b: &mut Builder) -> Result<ValueId> {
    let (x, i) = (b.any([3, 2]), b.indices([4], 3));
    b.graph.gather(x, i, 0)
}

fn gather_elements(b: &mut Builder) -> Result<ValueId> {
    let (x, i) = (b.any([3, 2]), b.indices([2, 2], 3));
    b.graph.gather_elements(x, i, 0)
}

fn kernel(b: &mut Builder) -> Result<ValueId> {
    let (x, y) = (b.any([2]), b.any([2]));
    let node = Kernel(UserNode::RevScale(Arc::new(SquarePlus)));
    b.graph.push(node, &[x, y])
}

fn matmul(b: &mut Builder) -> Result<ValueId> {
    let (m, k, n) = (
        1 + b.tape.below(2),
        1 + b.tape.below(7),
        1 + b.tape.below(2),
    );
    let (ta, tb) = (b.tape.coin(), b.tape.coin());
    let x = b.any(if ta { [k, m] } else { [m, k] });
    let y = b.any(if tb { [n, k] } else { [k, n] });
    let op = MatMul {
        transpose_a: ta,
        transpose_b: tb,
    };
    b.graph.push(op, &[x, y])
}

fn batched(b: &mut Builder) -> Result<ValueId> {
    let (x, y) = (b.any([2, 1, 3]), b.any([3, 1]));
    b.graph.matmul(x, y)
}

fn mean(b: &mut Builder) -> Result<ValueId> {
    let n = 1 + b.tape.below(7);
    let x = b.any([n, 2]);
    b.graph.mean(x, &[0], false)
}

/// Counts that a 16-bit format does not hold are among them.
fn share(b: &mut Builder) -> Result<ValueId> {
    let count = 1 + b.tape.below(600) as u32;
    let x = b.any([3]);
    b.graph.push(Share(count), &[x])
}

fn sum(b: &mut Builder) -> Result<ValueId> {
    let n = 1 + b.tape.below(7);
    let x = b.any([n, 2]);
    let keep = b.tape.coin();
    b.graph.sum(x, &[0], keep)
}

fn step(b: &mut Builder) -> Result<ValueId> {
    let steps = b.tape.pick(&[
        Steps::RELU_GATE,
        Steps::SIGN,
        Steps::HALF_AT_TIE,
        Steps::IS_ZERO,
        // What no binary format holds.
        Steps {
            below: 0.1,
            at: -0.3,
            above: 1.0 / 3.0,
        },
    ]);
    let x = b.any([3]);
    b.graph.step(x, steps)
}

fn transpose(b: &mut Builder) -> Result<ValueId> {
    let x = b.any([2, 2, 1]);
    b.graph.transpose(x, &[1, 2, 0])
}
