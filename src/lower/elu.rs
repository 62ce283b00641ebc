use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::op::Relation;

/// How e^x − 1 is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decay {
    /// By one function, accurate near 0 (JAX, PyTorch).
    #[default]
    Expm1,
    /// As e^x, less 1, which cancels near 0 (ONNX Runtime, and ONNX's definition).
    Exp,
}

/// x for x > 0, else α·(e^(x/β) − 1).
///
/// The exponential sees min(x, 0) only, so that the branch not taken cannot overflow. At 0 the
/// gradient is the left one, α/β, as in JAX and PyTorch.
fn branches(graph: &mut Graph, x: ValueId, alpha: f64, beta: f64, decay: Decay) -> Result<ValueId> {
    let dtype = graph.ty(x).dtype;
    let zero = graph.scalar(0.0, dtype)?;
    let positive = graph.compare(Relation::Less, zero, x)?;
    let below = graph.select(positive, zero, x)?;
    let scaled = times(graph, below, beta, Graph::div)?;
    let minus_one = match decay {
        Decay::Expm1 => graph.expm1(scaled)?,
        Decay::Exp => {
            let exp = graph.exp(scaled)?;
            let one = graph.scalar(1.0, dtype)?;
            graph.sub(exp, one)?
        }
    };
    let negative = times(graph, minus_one, alpha, Graph::mul)?;
    graph.select(positive, x, negative)
}

/// x by or over a factor; nothing is appended for 1.
#[expect(clippy::float_cmp, reason = "one is a single number")]
fn times(
    graph: &mut Graph,
    x: ValueId,
    factor: f64,
    apply: fn(&mut Graph, ValueId, ValueId) -> Result<ValueId>,
) -> Result<ValueId> {
    if factor == 1.0 {
        return Ok(x);
    }
    let factor = super::real(graph, factor, graph.ty(x).dtype)?;
    apply(graph, x, factor)
}

/// ELU: x for x > 0, else α·(e^x − 1).
pub fn elu(graph: &mut Graph, x: ValueId, alpha: f64, decay: Decay) -> Result<ValueId> {
    branches(graph, x, alpha, 1.0, decay)
}

/// SELU: γ·ELU(x) with its α.
pub fn selu(
    graph: &mut Graph,
    x: ValueId,
    [alpha, gamma]: [f64; 2],
    decay: Decay,
) -> Result<ValueId> {
    let elu = elu(graph, x, alpha, decay)?;
    times(graph, elu, gamma, Graph::mul)
}

/// CELU: x for x > 0, else α·(e^(x/α) − 1).
pub fn celu(graph: &mut Graph, x: ValueId, alpha: f64, decay: Decay) -> Result<ValueId> {
    branches(graph, x, alpha, alpha, decay)
}
