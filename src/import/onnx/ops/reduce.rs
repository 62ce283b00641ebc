//! Reductions over axes.

use super::super::call::axes_of;
use super::{Call, Operation, op};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::lower::{self, Norm};
use crate::op::{self, Op};

pub(super) const OPERATIONS: &[Operation] = &[
    op("ReduceL1", CONSTANT, 1..=2, l1),
    op("ReduceL2", CONSTANT, 1..=2, l2),
    op("ReduceLogSum", CONSTANT, 1..=2, log_sum),
    op("ReduceLogSumExp", CONSTANT, 1..=2, log_sum_exp),
    op("ReduceMax", CONSTANT, 1..=2, max),
    op("ReduceMean", CONSTANT, 1..=2, mean),
    op("ReduceSum", CONSTANT, 1..=2, sum),
    op("ReduceSumSquare", CONSTANT, 1..=2, sum_square),
];

const CONSTANT: &str = "of floats, over constant axes";

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

fn l1(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    composed(call, |g, x, axes, keep| {
        lower::norm(g, x, axes, keep, Norm::L1)
    })
}

fn l2(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    composed(call, |g, x, axes, keep| {
        lower::norm(g, x, axes, keep, Norm::L2)
    })
}

fn log_sum(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    composed(call, |g, x, axes, keep| {
        let total = g.sum(x, axes, keep)?;
        g.log(total)
    })
}

fn log_sum_exp(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let exponentials = call.scope.formulas.softmax();
    composed(call, |g, x, axes, keep| {
        exponentials.log_sum_exp(g, x, axes, keep)
    })
}

fn sum_square(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    composed(call, |g, x, axes, keep| {
        let squares = g.square(x)?;
        g.sum(squares, axes, keep)
    })
}

/// A reduction of several primitives. Over no axes it is what it does to a single element.
fn composed(
    call: &mut Call<'_>,
    lowering: impl Fn(&mut Graph, ValueId, &[usize], bool) -> Result<ValueId>,
) -> Result<Vec<ValueId>> {
    let (x, axes, keep) = arguments(call, AXES_ARE_AN_INPUT)?;
    Ok(vec![lowering(&mut call.builder().graph, x, &axes, keep)?])
}

pub(super) fn reduce(
    call: &mut Call<'_>,
    since: i64,
    op: impl Fn(&[usize], bool) -> Op,
) -> Result<Vec<ValueId>> {
    let (x, axes, keep) = arguments(call, since)?;
    // What is reduced over no axes, a scalar say, is its own reduction.
    if axes.is_empty() {
        return Ok(vec![x]);
    }
    Ok(vec![call.builder().push(op(&axes, keep), &[x])?])
}

/// What is reduced, over which axes, and whether they stay.
fn arguments(call: &mut Call<'_>, since: i64) -> Result<(ValueId, Vec<usize>, bool)> {
    let x = call.input(0)?;
    let rank = call.shape(x).rank();
    let keep = call.attributes.flag("keepdims", true)?;
    let axes = call.integers_since(since, "axes", 1, "the axes")?;
    let no_axes_means_none =
        call.scope.opset >= since && call.attributes.flag("noop_with_empty_axes", false)?;
    let axes = match axes.unwrap_or_default().as_slice() {
        [] if no_axes_means_none => Vec::new(),
        [] => (0..rank).collect(),
        axes => axes_of(axes, rank)?,
    };
    Ok((x, axes, keep))
}
