//! Optimizer steps: how a parameter and its state follow from a gradient, as nodes of the
//! graph that computed it.
//!
//! Each is the formula of ONNX's training operators; rates and coefficients are scalars of the
//! graph, so that a schedule may compute them.

use super::real;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::tensor::DType;

/// A real number as a scalar for values like x.
fn number(graph: &mut Graph, value: f64, like: ValueId) -> Result<ValueId> {
    let dtype: DType = graph.ty(like).dtype;
    real(graph, value, dtype)
}

/// value·x for a fixed number; x itself for 1.
#[expect(clippy::float_cmp, reason = "only the exact factor 1 can be left out")]
fn scaled(graph: &mut Graph, value: f64, x: ValueId) -> Result<ValueId> {
    if value == 1.0 {
        return Ok(x);
    }
    let value = number(graph, value, x)?;
    graph.mul(value, x)
}

/// g + decay·x; g itself for 0.
fn regularized(graph: &mut Graph, g: ValueId, x: ValueId, decay: f64) -> Result<ValueId> {
    if decay == 0.0 {
        return Ok(g);
    }
    let pull = scaled(graph, decay, x)?;
    graph.add(g, pull)
}

/// x − rate·g.
pub fn sgd(graph: &mut Graph, x: ValueId, g: ValueId, rate: ValueId) -> Result<ValueId> {
    let step = graph.mul(rate, g)?;
    graph.sub(x, step)
}

/// A step of gradient descent with momentum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Momentum {
    /// The part of the momentum that stays.
    pub alpha: f64,
    /// The part of the gradient that enters; not in the first step.
    pub beta: f64,
    /// Coefficient of the ℓ2 norm that is added to the loss.
    pub decay: f64,
    /// True for Nesterov's variant.
    pub nesterov: bool,
}

/// What a step gives: the parameter, and its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stepped<const STATES: usize> {
    /// The parameter's next value.
    pub parameter: ValueId,
    /// The state's next values.
    pub states: [ValueId; STATES],
}

impl Momentum {
    /// v' = alpha·v + beta·(g + decay·x); x' = x − rate·v', with Nesterov
    /// x − rate·(g + decay·x + alpha·v'). In the first step beta is 1.
    pub fn step(
        &self,
        graph: &mut Graph,
        [x, g, v]: [ValueId; 3],
        rate: ValueId,
        first: bool,
    ) -> Result<Stepped<1>> {
        let g = regularized(graph, g, x, self.decay)?;
        let kept = scaled(graph, self.alpha, v)?;
        let entering = scaled(graph, if first { 1.0 } else { self.beta }, g)?;
        let v = graph.add(kept, entering)?;
        let direction = if self.nesterov {
            let ahead = scaled(graph, self.alpha, v)?;
            graph.add(g, ahead)?
        } else {
            v
        };
        Ok(Stepped {
            parameter: sgd(graph, x, direction, rate)?,
            states: [v],
        })
    }
}

/// A step of Adagrad.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adagrad {
    /// Keeps the divisor off zero.
    pub epsilon: f64,
    /// Coefficient of the ℓ2 norm that is added to the loss.
    pub decay: f64,
}

impl Adagrad {
    /// h' = h + g²; x' = x − rate·g/(√h' + epsilon), with g + decay·x for g.
    pub fn step(
        &self,
        graph: &mut Graph,
        [x, g, h]: [ValueId; 3],
        rate: ValueId,
    ) -> Result<Stepped<1>> {
        let g = regularized(graph, g, x, self.decay)?;
        let squares = graph.square(g)?;
        let h = graph.add(h, squares)?;
        let direction = over_root(graph, g, h, self.epsilon)?;
        Ok(Stepped {
            parameter: sgd(graph, x, direction, rate)?,
            states: [h],
        })
    }
}

/// value^n for n > 0, by repeated squaring.
fn power(graph: &mut Graph, value: f64, n: i64, like: ValueId) -> Result<ValueId> {
    let mut square = number(graph, value, like)?;
    let mut product = None;
    let mut left = n;
    loop {
        if left & 1 == 1 {
            product = Some(match product {
                Some(product) => graph.mul(product, square)?,
                None => square,
            });
        }
        left >>= 1;
        if left == 0 {
            break;
        }
        square = graph.square(square)?;
    }
    Ok(product.unwrap_or(square))
}

/// g / (√h + epsilon).
fn over_root(graph: &mut Graph, g: ValueId, h: ValueId, epsilon: f64) -> Result<ValueId> {
    let root = graph.sqrt(h)?;
    let epsilon = number(graph, epsilon, h)?;
    let divisor = graph.add(root, epsilon)?;
    graph.div(g, divisor)
}

/// A step of Adam, or of AdamW.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// The part of the first moment that stays.
    pub alpha: f64,
    /// The part of the second moment that stays.
    pub beta: f64,
    /// Keeps the divisor off zero.
    pub epsilon: f64,
    /// Coefficient of the ℓ2 norm that is added to the loss.
    pub decay: f64,
    /// What the parameter shrinks by beside the step, times the rate: AdamW's decoupled decay.
    pub decoupled: f64,
    /// The part of the parameter that is taken off after the step.
    pub shrink: f64,
}

impl Adam {
    /// rate·√(1 − beta^t)/(1 − alpha^t) after t steps, which corrects the moments' bias; the
    /// rate itself for t = 0. Powers are products.
    pub fn corrected(&self, graph: &mut Graph, rate: ValueId, t: i64) -> Result<ValueId> {
        if t <= 0 {
            return Ok(rate);
        }
        let one = graph.scalar(1.0, graph.ty(rate).dtype)?;
        let (alpha, beta) = (
            power(graph, self.alpha, t, rate)?,
            power(graph, self.beta, t, rate)?,
        );
        let (first, second) = (graph.sub(one, alpha)?, graph.sub(one, beta)?);
        let root = graph.sqrt(second)?;
        let product = graph.mul(rate, root)?;
        graph.div(product, first)
    }

    /// v' = alpha·v + (1 − alpha)·g; h' = beta·h + (1 − beta)·g²;
    /// x' = (1 − shrink)·(x − rate·(v'/(√h' + epsilon) + decoupled·x)), with g + decay·x for g.
    ///
    /// The rate comes with what corrects the moments' bias, rate·√(1−beta^t)/(1−alpha^t),
    /// where they are corrected.
    pub fn step(
        &self,
        graph: &mut Graph,
        [x, g, v, h]: [ValueId; 4],
        rate: ValueId,
    ) -> Result<Stepped<2>> {
        let g = regularized(graph, g, x, self.decay)?;
        let squares = graph.square(g)?;
        let v = averaged(graph, self.alpha, v, g)?;
        let h = averaged(graph, self.beta, h, squares)?;
        let direction = over_root(graph, v, h, self.epsilon)?;
        let direction = regularized(graph, direction, x, self.decoupled)?;
        let moved = sgd(graph, x, direction, rate)?;
        Ok(Stepped {
            parameter: shrunk(graph, self.shrink, moved)?,
            states: [v, h],
        })
    }
}

/// (1 − part)·x; x itself for 0.
fn shrunk(graph: &mut Graph, part: f64, x: ValueId) -> Result<ValueId> {
    if part == 0.0 {
        return Ok(x);
    }
    let one = graph.scalar(1.0, graph.ty(x).dtype)?;
    let part = number(graph, part, x)?;
    let rest = graph.sub(one, part)?;
    graph.mul(rest, x)
}

/// kept·old + (1 − kept)·new.
pub fn averaged(graph: &mut Graph, kept: f64, old: ValueId, new: ValueId) -> Result<ValueId> {
    let factor = number(graph, kept, old)?;
    // Programs compute 1 − kept in a wide format, whatever the state's is.
    let (one, wide) = (
        graph.scalar(1.0, DType::F64)?,
        graph.scalar(kept, DType::F64)?,
    );
    let rest = graph.sub(one, wide)?;
    let rest = graph.cast(rest, graph.ty(old).dtype)?;
    let (old, new) = (graph.mul(factor, old)?, graph.mul(rest, new)?);
    graph.add(old, new)
}
