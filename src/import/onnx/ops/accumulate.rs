//! Operations in which each result depends on all before it.

use super::super::call::axis_of;
use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::lower::{self, Cumulative, Direction};

pub(super) const OPERATIONS: &[Operation] = &[
    op("CumProd", "along a constant axis", 2..=2, cum_prod),
    op("CumSum", "along a constant axis", 2..=2, cum_sum),
    op("Det", "of matrices up to 5×5, by expansion", 1..=1, det),
];

fn cum_sum(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    accumulate(call, Cumulative::Sum)
}

fn cum_prod(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    accumulate(call, Cumulative::Product)
}

fn accumulate(call: &mut Call<'_>, what: Cumulative) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let rank = call.shape(x).rank();
    let &[axis] = call.required_integers(1, "the axis")?.as_slice() else {
        return Err(Error::new("the axis is no scalar").remedy("give one axis"));
    };
    let how = Direction {
        axis: axis_of(axis, rank)?,
        exclusive: call.attributes.flag("exclusive", false)?,
        reverse: call.attributes.flag("reverse", false)?,
    };
    Ok(vec![lower::cumulative(
        &mut call.builder().graph,
        x,
        what,
        how,
    )?])
}

fn det(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    Ok(vec![lower::determinant(&mut call.builder().graph, x)?])
}
