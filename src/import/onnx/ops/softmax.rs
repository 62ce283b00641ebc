//! Softmax, its logarithm and its limit, along one axis; before opset 13, along all axes from one on.

use super::{Call, Operation, op};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::tensor::Shape;

pub(super) const OPERATIONS: &[Operation] = &[
    op("Hardmax", "", 1..=1, hardmax),
    op("LogSoftmax", "", 1..=1, log_softmax),
    op("Softmax", "", 1..=1, softmax),
];

/// The opset from which the axis is the only one that is normalized over.
const ONE_AXIS: i64 = 13;

fn softmax(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let exponentials = call.scope.formulas.softmax();
    normalized(call, |graph, x, axis| exponentials.softmax(graph, x, axis))
}

fn log_softmax(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let how = call.scope.formulas.log_softmax();
    normalized(call, |graph, x, axis| how.append(graph, x, axis))
}

/// 1 at the first maximum, else 0.
fn hardmax(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    normalized(call, |graph, x, axis| {
        let dtype = graph.ty(x).dtype;
        let first = graph.winner(x, &[axis], &[])?;
        graph.cast(first, dtype)
    })
}

/// Lowers along one axis, or along the columns of a matrix whose rows the axes before the
/// given one make up.
fn normalized(
    call: &mut Call<'_>,
    lowering: impl Fn(&mut Graph, ValueId, usize) -> Result<ValueId>,
) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let shape = call.shape(x);
    if call.scope.opset >= ONE_AXIS {
        let axis = call.axis(-1, shape.rank())?;
        return Ok(vec![lowering(&mut call.builder().graph, x, axis)?]);
    }
    let axis = call.axis(1, shape.rank())?;
    let (rows, columns) = shape.split_at(axis);
    let matrix = Shape::from([rows.iter().product(), columns.iter().product()]);
    let builder = call.builder();
    let flat = builder.reshape(x, matrix)?;
    let result = lowering(&mut builder.graph, flat, 1)?;
    Ok(vec![builder.reshape(result, shape)?])
}
