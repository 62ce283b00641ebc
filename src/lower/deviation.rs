//! The reciprocal of a deviation, which a normalization multiplies by.

use super::real;
use crate::error::Result;
use crate::graph::{Graph, ValueId};

/// How 1/√v is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InverseRoot {
    /// Any of the others.
    #[default]
    Any,
    /// 1 / √v: a root and a division.
    Reciprocal,
    /// One function, with the accuracy that the table of elementary functions has for it.
    Rsqrt,
}

/// √(variance + epsilon), and how its reciprocal is computed. A number is the epsilon of a
/// deviation whose reciprocal is computed in any way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deviation {
    /// What is added to the variance.
    pub epsilon: f64,
    /// The formula of the reciprocal.
    pub inverse: InverseRoot,
}

impl From<f64> for Deviation {
    fn from(epsilon: f64) -> Deviation {
        Deviation {
            epsilon,
            inverse: InverseRoot::default(),
        }
    }
}

/// 1 / √(v + epsilon).
///
/// A product with it has the rounding of the reciprocal besides its own, so its bound covers
/// executions that divide by the root as well.
pub fn inverse_deviation(
    graph: &mut Graph,
    variance: ValueId,
    deviation: impl Into<Deviation>,
) -> Result<ValueId> {
    let Deviation { epsilon, inverse } = deviation.into();
    let epsilon = real(graph, epsilon, graph.ty(variance).dtype)?;
    let shifted = graph.add(variance, epsilon)?;
    match inverse {
        InverseRoot::Reciprocal => reciprocal(graph, shifted),
        InverseRoot::Rsqrt => graph.rsqrt(shifted),
        // The gradient of the function covers the chain through the root (see `op::Rsqrt`).
        InverseRoot::Any => {
            let at_once = graph.rsqrt(shifted)?;
            let held = graph.held(shifted)?;
            let divided = reciprocal(graph, held)?;
            graph.any_of(at_once, &[divided])
        }
    }
}

/// 1 / √v.
fn reciprocal(graph: &mut Graph, v: ValueId) -> Result<ValueId> {
    let root = graph.sqrt(v)?;
    let one = graph.scalar(1.0, graph.ty(v).dtype)?;
    graph.div(one, root)
}
