//! The ℓp norm over windows.

use super::pool::Pool;
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};

/// (Σ|x|^p)^(1/p) of every window of a tensor of shape [N, C, …], for p 1 or 2.
pub fn lp_pool(graph: &mut Graph, x: ValueId, how: &Pool, p: u32) -> Result<ValueId> {
    let powers = powers(graph, x, p)?;
    let pooled = how.windows(graph, powers)?;
    let sums = graph.sum(pooled.windows, &pooled.over, false)?;
    root(graph, sums, p)
}

/// (Σ|x|^p)^(1/p) over all spatial axes, which stay with extent 1.
pub fn global_lp_pool(graph: &mut Graph, x: ValueId, p: u32) -> Result<ValueId> {
    let powers = powers(graph, x, p)?;
    let spatial: Vec<usize> = (2..graph.ty(x).shape.rank()).collect();
    let sums = graph.sum(powers, &spatial, true)?;
    root(graph, sums, p)
}

fn powers(graph: &mut Graph, x: ValueId, p: u32) -> Result<ValueId> {
    match p {
        1 => graph.abs(x),
        2 => graph.mul(x, x),
        _ => Err(Error::new(format!("the norm p = {p} is not supported")).remedy("use p = 1 or 2")),
    }
}

fn root(graph: &mut Graph, sums: ValueId, p: u32) -> Result<ValueId> {
    if p == 1 {
        return Ok(sums);
    }
    graph.sqrt(sums)
}
