use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::op::{Conditioned, Number, Smooth};

/// The cubic term of the tanh form.
const CUBIC: f64 = 0.044715;

/// Which function is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gelu {
    /// ½x·(1 + erf(x·√½)).
    Erf,
    /// ½x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
    Tanh,
}

/// GELU, exact or by its tanh form; x³ is (x·x)·x.
///
/// For x < 0 the slopes of both factors cancel in part, which the derivative of the whole knows
/// (see [`Conditioned`]).
pub fn gelu(graph: &mut Graph, x: ValueId, form: Gelu) -> Result<ValueId> {
    let value = formula(graph, x, x, form)?;
    let (factor, summand) = (graph.held(x)?, graph.held_summand(x)?);
    let held = formula(graph, factor, summand, form)?;
    let smooth = match form {
        Gelu::Erf => Smooth::Gelu,
        Gelu::Tanh => Smooth::GeluTanh { cubic: CUBIC },
    };
    graph.conditioned(Conditioned::Smooth(smooth), [value, held, x])
}

/// The same of x where it is a factor and where it is a summand.
fn formula(graph: &mut Graph, x: ValueId, summand: ValueId, form: Gelu) -> Result<ValueId> {
    let dtype = graph.ty(x).dtype;
    let (half, one) = (graph.scalar(0.5, dtype)?, graph.scalar(1.0, dtype)?);
    let inner = match form {
        Gelu::Erf => {
            let factor = graph.irrational(Number::RootHalf, dtype)?;
            let scaled = graph.mul(x, factor)?;
            graph.erf(scaled)?
        }
        Gelu::Tanh => {
            let cube = super::power(graph, x, 3.0)?;
            let cubic = super::real(graph, CUBIC, dtype)?;
            let bent = graph.mul(cubic, cube)?;
            let sum = graph.add(summand, bent)?;
            let factor = graph.irrational(Number::RootTwoOverPi, dtype)?;
            let scaled = graph.mul(factor, sum)?;
            graph.tanh(scaled)?
        }
    };
    let gate = graph.add(inner, one)?;
    let halved = graph.mul(x, half)?;
    graph.mul(halved, gate)
}
