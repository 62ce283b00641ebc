//! Reductions over axes.

use super::super::call::axes_of;
use super::{Call, Operation, op};
use crate::error::Result;
use crate::graph::ValueId;
use crate::op::{self, Op};

pub(super) const OPERATIONS: &[Operation] = &[
    op("ReduceMax", "over constant axes", 1..=2, max),
    op("ReduceMean", "over constant axes", 1..=2, mean),
    op("ReduceSum", "over constant axes", 1..=2, sum),
];

/// The opset in which ReduceMax and ReduceMean take their axes as an input.
const AXES_ARE_AN_INPUT: i64 = 18;

fn sum(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    reduce(call, true, |axes, keep| op::Sum::over(axes, keep).into())
}

fn mean(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let as_input = call.scope.opset >= AXES_ARE_AN_INPUT;
    reduce(call, as_input, |axes, keep| {
        op::Mean::over(axes, keep).into()
    })
}

fn max(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let as_input = call.scope.opset >= AXES_ARE_AN_INPUT;
    reduce(call, as_input, |axes, keep| {
        op::MaxOver::over(axes, keep).into()
    })
}

fn reduce(
    call: &mut Call<'_>,
    axes_are_input: bool,
    op: impl Fn(&[usize], bool) -> Op,
) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let rank = call.shape(x).rank();
    let keep = call.attributes.flag("keepdims", true)?;
    let (axes, no_axes_means_none) = if axes_are_input {
        let none = call.attributes.flag("noop_with_empty_axes", false)?;
        (call.integers(1, "the axes")?.unwrap_or_default(), none)
    } else {
        let axes = call.attributes.ints("axes")?.unwrap_or_default();
        (axes.to_vec(), false)
    };
    let axes = match axes.as_slice() {
        [] if no_axes_means_none => return Ok(vec![x]),
        [] => (0..rank).collect(),
        axes => axes_of(axes, rank)?,
    };
    // A scalar is its own reduction.
    if axes.is_empty() {
        return Ok(vec![x]);
    }
    Ok(vec![call.builder().push(op(&axes, keep), &[x])?])
}
