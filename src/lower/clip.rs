//! Clipping, and what is made of it.

use super::real;
use crate::error::Result;
use crate::graph::{Graph, ValueId};

/// min(max(x, lo), hi), each bound where it is given; hi where lo > hi.
///
/// # Convention
/// At a bound the gradient is halved, as JAX's jnp.clip has it (PyTorch's clamp passes it on,
/// lax.clamp stops it).
pub fn clip(
    graph: &mut Graph,
    x: ValueId,
    lo: Option<ValueId>,
    hi: Option<ValueId>,
) -> Result<ValueId> {
    let mut y = x;
    if let Some(lo) = lo {
        y = graph.max(y, lo)?;
    }
    if let Some(hi) = hi {
        y = graph.min(y, hi)?;
    }
    Ok(y)
}

/// max(0, min(1, αx + β)).
///
/// Appended as clip(x·α + β, 0, 1).
pub fn hard_sigmoid(graph: &mut Graph, x: ValueId, alpha: f64, beta: f64) -> Result<ValueId> {
    let dtype = graph.ty(x).dtype;
    let (alpha, beta) = (real(graph, alpha, dtype)?, real(graph, beta, dtype)?);
    let scaled = graph.mul(x, alpha)?;
    let line = graph.add(scaled, beta)?;
    between_zero_and_one(graph, line)
}

/// x·max(0, min(1, x/6 + ½)), or (x·clip(x + 3, 0, 6))/6, or x·(clip(x + 3, 0, 6)/6), as
/// frameworks have it; gradients likewise.
pub fn hard_swish(graph: &mut Graph, x: ValueId) -> Result<ValueId> {
    let dtype = graph.ty(x).dtype;
    let (six, half) = (graph.scalar(6.0, dtype)?, graph.scalar(0.5, dtype)?);
    let sixth = graph.div(x, six)?;
    let line = graph.add(sixth, half)?;
    let gate = between_zero_and_one(graph, line)?;
    let value = graph.mul(x, gate)?;
    let (zero, three) = (graph.scalar(0.0, dtype)?, graph.scalar(3.0, dtype)?);
    let (held, summand) = (graph.held(x)?, graph.held_summand(x)?);
    let moved = graph.add(summand, three)?;
    let ramp = clip(graph, moved, Some(zero), Some(six))?;
    let product = graph.mul(held, ramp)?;
    let part = graph.div(ramp, six)?;
    let others = [graph.div(product, six)?, graph.mul(held, part)?];
    graph.any_program(value, &others, &[x])
}

fn between_zero_and_one(graph: &mut Graph, x: ValueId) -> Result<ValueId> {
    let dtype = graph.ty(x).dtype;
    let (zero, one) = (graph.scalar(0.0, dtype)?, graph.scalar(1.0, dtype)?);
    clip(graph, x, Some(zero), Some(one))
}
