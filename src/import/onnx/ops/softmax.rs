//! Softmax and its logarithm, along one axis (as of opset 13).

use super::Call;
use crate::error::Result;
use crate::graph::ValueId;
use crate::lower;

pub(super) fn softmax(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let axis = call.axis(-1, call.shape(x).rank())?;
    Ok(vec![lower::softmax(&mut call.builder().graph, x, axis)?])
}

pub(super) fn log_softmax(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let axis = call.axis(-1, call.shape(x).rank())?;
    Ok(vec![lower::log_softmax(
        &mut call.builder().graph,
        x,
        axis,
    )?])
}
