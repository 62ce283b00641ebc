//! The maximum over windows.

use super::pool::Pool;
use crate::error::Result;
use crate::graph::{Graph, ValueId};

/// The maximum of every window of a tensor of shape [N, C, …]; pads never win.
///
/// The first of several equal maxima takes the gradient (as in JAX and PyTorch), and where
/// windows overlap an element takes it from all that it wins.
pub fn max_pool(graph: &mut Graph, x: ValueId, how: &Pool) -> Result<ValueId> {
    let pooled = how.windows(graph, x)?;
    graph.pool_max(pooled.windows, &pooled.over, false, &pooled.outside())
}
