//! The activations that a recurrent cell may have.

use super::{Decay, elu, hard_sigmoid, leaky_relu, real, softsign, thresholded_relu};
use crate::error::Result;
use crate::graph::{Graph, ValueId};

/// A function of one value, element by element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// tanh x.
    Tanh,
    /// 1 / (1 + e^−x).
    Sigmoid,
    /// alpha·x + beta.
    Affine {
        /// The slope.
        alpha: f64,
        /// The value at 0.
        beta: f64,
    },
    /// x for x ≥ 0, else alpha·x.
    LeakyRelu {
        /// The slope left of 0.
        alpha: f64,
    },
    /// x for x > alpha, else 0.
    ThresholdedRelu {
        /// The threshold.
        alpha: f64,
    },
    /// alpha·tanh(beta·x).
    ScaledTanh {
        /// The factor of the result.
        alpha: f64,
        /// The factor of the argument.
        beta: f64,
    },
    /// min(max(alpha·x + beta, 0), 1).
    HardSigmoid {
        /// The slope.
        alpha: f64,
        /// The value at 0.
        beta: f64,
    },
    /// x for x > 0, else alpha·(e^x − 1).
    Elu {
        /// The limit at −∞, negated.
        alpha: f64,
    },
    /// x / (1 + |x|).
    Softsign,
    /// ln(1 + e^x).
    Softplus,
}

impl Activation {
    /// Appends the function of x.
    pub fn apply(self, graph: &mut Graph, x: ValueId) -> Result<ValueId> {
        match self {
            Activation::Relu => graph.relu(x),
            Activation::Tanh => graph.tanh(x),
            Activation::Sigmoid => graph.sigmoid(x),
            Activation::Affine { alpha, beta } => affine(graph, x, alpha, beta),
            Activation::LeakyRelu { alpha } => leaky_relu(graph, x, alpha),
            Activation::ThresholdedRelu { alpha } => thresholded_relu(graph, x, alpha),
            Activation::ScaledTanh { alpha, beta } => {
                let inner = scaled(graph, beta, x)?;
                let tanh = graph.tanh(inner)?;
                scaled(graph, alpha, tanh)
            }
            Activation::HardSigmoid { alpha, beta } => hard_sigmoid(graph, x, alpha, beta),
            Activation::Elu { alpha } => elu(graph, x, alpha, Decay::default()),
            Activation::Softsign => softsign(graph, x),
            Activation::Softplus => graph.softplus(x),
        }
    }
}

fn number(graph: &mut Graph, value: f64, like: ValueId) -> Result<ValueId> {
    let dtype = graph.ty(like).dtype;
    real(graph, value, dtype)
}

#[expect(clippy::float_cmp, reason = "only the exact factor 1 can be left out")]
fn scaled(graph: &mut Graph, factor: f64, x: ValueId) -> Result<ValueId> {
    if factor == 1.0 {
        return Ok(x);
    }
    let factor = number(graph, factor, x)?;
    graph.mul(factor, x)
}

fn affine(graph: &mut Graph, x: ValueId, alpha: f64, beta: f64) -> Result<ValueId> {
    let scaled = scaled(graph, alpha, x)?;
    let beta = number(graph, beta, x)?;
    graph.add(scaled, beta)
}
