//! The mean squared error.

use crate::error::Result;
use crate::graph::{Graph, ValueId};

/// mean((x − y)²) over all elements; x and y broadcast.
pub fn mean_squared_error(graph: &mut Graph, x: ValueId, y: ValueId) -> Result<ValueId> {
    let difference = graph.sub(x, y)?;
    let square = graph.mul(difference, difference)?;
    let axes: Vec<usize> = (0..graph.ty(square).shape.rank()).collect();
    graph.mean(square, &axes, false)
}
