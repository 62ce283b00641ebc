//! Operations that work element by element.

use super::{Call, MANY, Operation, op};
use crate::error::Result;
use crate::graph::ValueId;
use crate::lower;
use crate::op::{self, Op};
use crate::tensor::DType;

pub(super) const OPERATIONS: &[Operation] = &[
    op("Abs", "", 1..=1, abs),
    op("Add", "", 2..=2, add),
    op("Div", "", 2..=2, div),
    op("Exp", "", 1..=1, exp),
    op("Log", "", 1..=1, log),
    op("Max", "", 1..=MANY, max),
    op("Mean", "", 1..=MANY, mean),
    op("Min", "", 1..=MANY, min),
    op("Mul", "", 2..=2, mul),
    op("Neg", "", 1..=1, neg),
    op("Reciprocal", "", 1..=1, reciprocal),
    op("Relu", "", 1..=1, relu),
    op("Sigmoid", "", 1..=1, sigmoid),
    op("Sqrt", "", 1..=1, sqrt),
    op("Sub", "", 2..=2, sub),
    op("Sum", "of floats", 1..=MANY, sum),
    op("Tanh", "", 1..=1, tanh),
];

/// Lowerings to one primitive of one argument.
macro_rules! unary {
    ($($name:ident => $op:expr),+ $(,)?) => {$(
        fn $name(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
            let x = call.input(0)?;
            Ok(vec![call.builder().push($op, &[x])?])
        }
    )+};
}

/// Lowerings to one primitive of two arguments, which broadcast.
macro_rules! binary {
    ($($name:ident => $op:expr),+ $(,)?) => {$(
        fn $name(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
            let (x, y) = call.operands()?;
            Ok(vec![call.builder().binary($op, x, y)?])
        }
    )+};
}

unary! {
    abs => op::Abs, exp => op::Exp, log => op::Log, neg => op::Neg, relu => op::Relu,
    sigmoid => op::Sigmoid, sqrt => op::Sqrt, tanh => op::Tanh,
}

binary! {
    add => op::Add, sub => op::Sub,
}

/// A value times itself is a square, which is never negative.
fn mul(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, y) = call.operands()?;
    let builder = call.builder();
    if x == y {
        return Ok(vec![builder.push(op::Square, &[x, x])?]);
    }
    let product = builder.binary(op::Mul, x, y)?;
    Ok(vec![lower::drawn_normalization(
        &mut builder.graph,
        product,
    )?])
}

fn div(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, y) = call.operands()?;
    let builder = call.builder();
    let quotient = builder.binary(op::Div, x, y)?;
    Ok(vec![lower::drawn_normalization(
        &mut builder.graph,
        quotient,
    )?])
}

fn max(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    fold(call, op::Max.into())
}

fn min(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    fold(call, op::Min.into())
}

/// Combines any number of arguments from left to right.
fn fold(call: &mut Call<'_>, op: Op) -> Result<Vec<ValueId>> {
    let inputs = call.all_inputs()?;
    let mut all = call.input(0)?;
    for &next in inputs.iter().skip(1) {
        all = call.builder().binary(op.clone(), all, next)?;
    }
    Ok(vec![all])
}

fn sum(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    Ok(vec![total(call)?])
}

/// The sum of the arguments over their number.
fn mean(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let total = total(call)?;
    let (count, dtype) = (call.inputs.len(), call.dtype(total));
    if count == 1 {
        return Ok(vec![total]);
    }
    let builder = call.builder();
    let count = lower::real(&mut builder.graph, count as f64, dtype)?;
    Ok(vec![builder.binary(op::Div, total, count)?])
}

fn total(call: &mut Call<'_>) -> Result<ValueId> {
    let inputs = call.all_inputs()?;
    let terms = call.builder().broadcast_all(&inputs)?;
    match terms.as_slice() {
        &[one] => Ok(one),
        &[x, y] => call.builder().push(op::Add, &[x, y]),
        terms => call.builder().push(op::AddN::default(), terms),
    }
}

fn reciprocal(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let dtype = call.dtype(x);
    let builder = call.builder();
    // An integer would be divided with truncation; ONNX has no such Reciprocal.
    let dtype = if dtype.is_float() { dtype } else { DType::F32 };
    let one = builder.graph.scalar(1.0, dtype)?;
    Ok(vec![builder.binary(op::Div, one, x)?])
}
