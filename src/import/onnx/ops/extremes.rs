//! Least elements, products, and where the largest element is.

use super::reduce::{AXES_ARE_AN_INPUT, reduce};
use super::{Call, Operation, op};
use crate::error::Result;
use crate::graph::ValueId;
use crate::op;
use crate::tensor::Shape;

pub(super) const OPERATIONS: &[Operation] = &[
    op("ArgMax", "of floats", 1..=1, arg_max),
    op("ArgMin", "of floats", 1..=1, arg_min),
    op(
        "ReduceMin",
        "of floats, over constant axes",
        1..=2,
        reduce_min,
    ),
    op(
        "ReduceProd",
        "of floats, over constant axes",
        1..=2,
        reduce_prod,
    ),
];

fn reduce_prod(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    reduce(call, AXES_ARE_AN_INPUT, |axes, keep| {
        op::Prod::over(axes, keep).into()
    })
}

/// The least is the largest of the negated, negated.
fn reduce_min(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let negated = call.builder().push(op::Neg, &[x])?;
    if let Some(slot) = call.inputs.first_mut() {
        *slot = Some(negated);
    }
    let largest = reduce(call, AXES_ARE_AN_INPUT, |axes, keep| {
        op::MaxOver::over(axes, keep).into()
    })?;
    let negate = |x: &ValueId| call.builder().push(op::Neg, &[*x]);
    largest.iter().map(negate).collect()
}

fn arg_max(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    position(call, x)
}

fn arg_min(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let negated = call.builder().push(op::Neg, &[x])?;
    position(call, negated)
}

fn position(call: &mut Call<'_>, x: ValueId) -> Result<Vec<ValueId>> {
    let shape = call.shape(x);
    let axis = call.axis(0, shape.rank())?;
    let keep = call.attributes.flag("keepdims", true)?;
    let last = call.attributes.flag("select_last_index", false)?;
    let builder = call.builder();
    let found = builder.push(op::ArgMax::along(axis, last), &[x])?;
    if keep {
        return Ok(vec![found]);
    }
    let mut extents = shape.to_vec();
    extents.remove(axis);
    Ok(vec![builder.reshape(found, Shape::from(extents))?])
}
