//! Optimizer steps: ONNX's preview of training operators.
//!
//! Their inputs are the rate R, the count T of steps so far, then all parameters, all gradients
//! and the states, kind by kind.

use super::super::opsets::TRAINING;
use super::{Call, MANY, Operation, op};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::lower::{self, Adagrad, Adam, Momentum};
use crate::tensor::Tensor;

pub(super) const OPERATIONS: &[Operation] = &[
    op("Adagrad", COUNT, 5..=MANY, adagrad).of(TRAINING),
    op("Adam", COUNT, 6..=MANY, adam).of(TRAINING),
    op("Momentum", COUNT, 5..=MANY, momentum).of(TRAINING),
];

const COUNT: &str = "the step's number T must be constant";

fn number(call: &mut Call<'_>, name: &str, default: Option<f32>) -> Result<f64> {
    let given = call.attributes.float(name)?.or(default);
    given.map(f64::from).ok_or_else(|| {
        Error::new(format!("the attribute `{name}` is missing")).remedy("export the model again")
    })
}

/// The inputs of each parameter: itself, its gradient, its states.
fn groups(call: &Call<'_>, kinds: usize) -> Result<Vec<Vec<ValueId>>> {
    let all = call.all_inputs()?;
    let tensors = all.get(2..).unwrap_or_default();
    if tensors.is_empty() || !tensors.len().is_multiple_of(kinds) {
        return Err(Error::new(format!(
            "{} tensors, where every parameter comes with {}",
            tensors.len(),
            kinds - 1
        ))
        .remedy("export the model again"));
    }
    let parameters = tensors.len() / kinds;
    let of = |p: usize| (0..kinds).map(|k| tensors[k * parameters + p]).collect();
    Ok((0..parameters).map(of).collect())
}

/// The rate in a parameter's type.
fn rate_like(graph: &mut Graph, rate: ValueId, x: ValueId) -> Result<ValueId> {
    let rate = graph.cast(rate, graph.ty(x).dtype)?;
    let scalar = crate::tensor::Shape::scalar();
    graph.reshape(rate, scalar)
}

/// The step's number, which decides the formula.
fn count(call: &Call<'_>) -> Result<i64> {
    match call.required_integers(1, "the number of steps")?.as_slice() {
        &[count] => Ok(count),
        other => {
            Err(Error::new(format!("{} numbers of steps", other.len())).remedy("give a scalar"))
        }
    }
}

/// Results in ONNX's order: all parameters, then the states kind by kind.
fn in_order(steps: &[Vec<ValueId>], kinds: usize) -> Vec<ValueId> {
    (0..kinds)
        .flat_map(|k| steps.iter().map(move |step| step[k]))
        .collect()
}

fn momentum(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let nesterov = match call.attributes.text("mode")? {
        Some("nesterov") => true,
        Some("standard") => false,
        other => {
            return Err(Error::new(format!("the attribute `mode` is {other:?}"))
                .remedy("use standard or nesterov"));
        }
    };
    let how = Momentum {
        alpha: number(call, "alpha", None)?,
        beta: number(call, "beta", None)?,
        decay: number(call, "norm_coefficient", None)?,
        nesterov,
    };
    let (rate, first) = (call.input(0)?, count(call)? == 0);
    let mut steps = Vec::new();
    for group in groups(call, 3)? {
        let graph = &mut call.builder().graph;
        let rate = rate_like(graph, rate, group[0])?;
        let step = how.step(graph, [group[0], group[1], group[2]], rate, first)?;
        steps.push(vec![step.parameter, step.states[0]]);
    }
    Ok(in_order(&steps, 2))
}

fn adagrad(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let slowing = number(call, "decay_factor", Some(0.0))?;
    let how = Adagrad {
        epsilon: number(call, "epsilon", Some(1e-6))?,
        decay: number(call, "norm_coefficient", Some(0.0))?,
    };
    let (rate, count) = (call.input(0)?, count(call)?);
    let mut steps = Vec::new();
    for group in groups(call, 3)? {
        let graph = &mut call.builder().graph;
        let mut rate = rate_like(graph, rate, group[0])?;
        if slowing != 0.0 && count != 0 {
            let steps = graph.constant(Tensor::i64s([], [count])?);
            rate = slowed(graph, rate, slowing, steps)?;
        }
        let step = how.step(graph, [group[0], group[1], group[2]], rate)?;
        steps.push(vec![step.parameter, step.states[0]]);
    }
    Ok(in_order(&steps, 2))
}

/// rate / (1 + count·slowing).
fn slowed(graph: &mut Graph, rate: ValueId, slowing: f64, count: ValueId) -> Result<ValueId> {
    let dtype = graph.ty(rate).dtype;
    let count = graph.cast(count, dtype)?;
    let slowing = lower::real(graph, slowing, dtype)?;
    let product = graph.mul(count, slowing)?;
    let one = graph.scalar(1.0, dtype)?;
    let divisor = graph.add(one, product)?;
    graph.div(rate, divisor)
}

fn adam(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let how = Adam {
        alpha: number(call, "alpha", Some(0.9))?,
        beta: number(call, "beta", Some(0.999))?,
        epsilon: number(call, "epsilon", Some(1e-6))?,
        decay: number(call, "norm_coefficient", Some(0.0))?,
        decoupled: 0.0,
        shrink: number(call, "norm_coefficient_post", Some(0.0))?,
    };
    let (rate, count) = (call.input(0)?, count(call)?);
    let mut steps = Vec::new();
    for group in groups(call, 4)? {
        let graph = &mut call.builder().graph;
        let rate = rate_like(graph, rate, group[0])?;
        let rate = how.corrected(graph, rate, count)?;
        let step = how.step(graph, [group[0], group[1], group[2], group[3]], rate)?;
        steps.push(vec![step.parameter, step.states[0], step.states[1]]);
    }
    Ok(in_order(&steps, 3))
}
