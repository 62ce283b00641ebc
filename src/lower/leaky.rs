//! Functions that take one branch or another by the sign or size of x.

use super::real;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::op::Relation;

/// x for x ≥ 0, else αx.
///
/// # Convention
/// The gradient at 0 is 1, as in JAX's leaky_relu and ONNX's definition (PyTorch has α).
pub fn leaky_relu(graph: &mut Graph, x: ValueId, alpha: f64) -> Result<ValueId> {
    let alpha = real(graph, alpha, graph.ty(x).dtype)?;
    prelu(graph, x, alpha)
}

/// x for x ≥ 0, else slope·x; the slope broadcasts to x.
///
/// # Convention
/// The gradient at 0 is 1 with respect to x and 0 with respect to the slope.
pub fn prelu(graph: &mut Graph, x: ValueId, slope: ValueId) -> Result<ValueId> {
    let zero = graph.scalar(0.0, graph.ty(x).dtype)?;
    let scaled = graph.mul(x, slope)?;
    let keeps = graph.compare(Relation::LessOrEqual, zero, x)?;
    graph.select(keeps, x, scaled)
}

/// x for x > α, else 0.
pub fn thresholded_relu(graph: &mut Graph, x: ValueId, alpha: f64) -> Result<ValueId> {
    let alpha = real(graph, alpha, graph.ty(x).dtype)?;
    let keeps = graph.compare(Relation::Less, alpha, x)?;
    graph.select_or_zero(keeps, x)
}

/// x + bias for x < −λ, x − bias for x > λ, else 0.
pub fn shrink(graph: &mut Graph, x: ValueId, bias: f64, lambda: f64) -> Result<ValueId> {
    let dtype = graph.ty(x).dtype;
    let (bias, lambda) = (real(graph, bias, dtype)?, real(graph, lambda, dtype)?);
    let below = graph.neg(lambda)?;
    let is_below = graph.compare(Relation::Less, x, below)?;
    let is_above = graph.compare(Relation::Less, lambda, x)?;
    let (up, down) = (graph.add(x, bias)?, graph.sub(x, bias)?);
    let above = graph.select_or_zero(is_above, down)?;
    graph.select(is_below, up, above)
}
