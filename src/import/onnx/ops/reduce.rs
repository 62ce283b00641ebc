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

/// The opset from which ReduceSum takes its axes as an input, and the one from which the
/// others do.
const SUM_AXES_ARE_AN_INPUT: i64 = 13;
pub(super) const AXES_ARE_AN_INPUT: i64 = 18;

fn sum(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    reduce(call, SUM_AXES_ARE_AN_INPUT, |axes, keep| {
        op::Sum::over(axes, keep).into()
    })
}

fn mean(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    reduce(call, AXES_ARE_AN_INPUT, |axes, keep| {
        op::Mean::over(axes, keep).into()
    })
}

fn max(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    reduce(call, AXES_ARE_AN_INPUT, |axes, keep| {
        op::MaxOver::over(axes, keep).into()
    })
}

pub(super) fn reduce(
    call: &mut Call<'_>,
    since: i64,
    op: impl Fn(&[usize], bool) -> Op,
) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let rank = call.shape(x).rank();
    let keep = call.attributes.flag("keepdims", true)?;
    let axes = call.integers_since(since, "axes", 1, "the axes")?;
    let no_axes_means_none =
        call.scope.opset >= since && call.attributes.flag("noop_with_empty_axes", false)?;
    let axes = match axes.unwrap_or_default().as_slice() {
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
