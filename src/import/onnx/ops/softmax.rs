//! Softmax and its logarithm, along one axis (as of opset 13).

use super::{Call, Operation, op};
use crate::error::Result;
use crate::graph::ValueId;
use crate::lower;

pub(super) const OPERATIONS: &[Operation] = &[
    op("LogSoftmax", "", 1..=1, log_softmax),
    op("Softmax", "", 1..=1, softmax),
];

fn softmax(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let axis = call.axis(-1, call.shape(x).rank())?;
    Ok(vec![lower::softmax(&mut call.builder().graph, x, axis)?])
}

fn log_softmax(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let axis = call.axis(-1, call.shape(x).rank())?;
    Ok(vec![lower::log_softmax(
        &mut call.builder().graph,
        x,
        axis,
    )?])
}
