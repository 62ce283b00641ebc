//! The ℓp norm over windows.

use super::pool::Pool;
use super::real;
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};

/// (Σ|x|^p)^(1/p) of every window of a tensor of shape [N, C, …], for p of at least 1.
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

/// |x|^p by products.
fn powers(graph: &mut Graph, x: ValueId, p: u32) -> Result<ValueId> {
    if p == 0 {
        return Err(Error::new("the norm p = 0").remedy("use p of at least 1"));
    }
    if p == 2 {
        return graph.mul(x, x);
    }
    let magnitude = graph.abs(x)?;
    let mut power = magnitude;
    // From the second bit of p on: square, and multiply where the bit is set.
    for bit in (0..p.ilog2()).rev() {
        power = graph.mul(power, power)?;
        if p >> bit & 1 == 1 {
            power = graph.mul(power, magnitude)?;
        }
    }
    Ok(power)
}

/// The p-th root: square roots where p is a power of two, else e^(ln(sum)/p), of which
/// nothing is claimed where the sum may be 0.
fn root(graph: &mut Graph, sums: ValueId, p: u32) -> Result<ValueId> {
    if p.is_power_of_two() {
        return (0..p.ilog2()).try_fold(sums, |root, _| graph.sqrt(root));
    }
    let dtype = graph.ty(sums).dtype;
    let log = graph.log(sums)?;
    let p = real(graph, f64::from(p), dtype)?;
    let share = graph.div(log, p)?;
    graph.exp(share)
}
