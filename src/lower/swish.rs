use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::op::{Conditioned, Smooth};

/// Swish: x·sigmoid(αx); SiLU for α = 1.
pub fn swish(graph: &mut Graph, x: ValueId, alpha: f64) -> Result<ValueId> {
    let value = gated_by_sigmoid(graph, x, alpha)?;
    let held = graph.held(x)?;
    let held = gated_by_sigmoid(graph, held, alpha)?;
    let smooth = Conditioned::Smooth(Smooth::Swish { alpha });
    graph.conditioned(smooth, [value, held, x])
}

#[expect(clippy::float_cmp, reason = "one is a single number")]
fn gated_by_sigmoid(graph: &mut Graph, x: ValueId, alpha: f64) -> Result<ValueId> {
    let scaled = if alpha == 1.0 {
        x
    } else {
        let alpha = super::real(graph, alpha, graph.ty(x).dtype)?;
        graph.mul(x, alpha)?
    };
    let gate = graph.sigmoid(scaled)?;
    graph.mul(x, gate)
}

/// Mish: x·tanh(softplus(x)).
pub fn mish(graph: &mut Graph, x: ValueId) -> Result<ValueId> {
    let value = gated_by_tanh(graph, x)?;
    let held = graph.held(x)?;
    let held = gated_by_tanh(graph, held)?;
    graph.conditioned(Conditioned::Smooth(Smooth::Mish), [value, held, x])
}

fn gated_by_tanh(graph: &mut Graph, x: ValueId) -> Result<ValueId> {
    let softplus = graph.softplus(x)?;
    let gate = graph.tanh(softplus)?;
    graph.mul(x, gate)
}

/// Softsign: x / (1 + |x|).
pub fn softsign(graph: &mut Graph, x: ValueId) -> Result<ValueId> {
    let one = graph.scalar(1.0, graph.ty(x).dtype)?;
    let magnitude = graph.abs(x)?;
    let divisor = graph.add(magnitude, one)?;
    graph.div(x, divisor)
}
