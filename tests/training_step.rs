//! One training step as one graph: forward, backward and update of the digits network, every
//! obligation checked and every value with a claim.

#[path = "common/digits.rs"]
mod digits;

use digits::request;
use gradbound::Config;
use gradbound::Result;
use gradbound::audit::Request;
use gradbound::audit::prepare::{Prepared, prepare};
use gradbound::graph::{Graph, ValueId};
use gradbound::lower::{self, Adagrad, Adam, Momentum};
use gradbound::number::Up;
use gradbound::obligation::checked_eval;
use gradbound::tensor::{DType, Tensor};

/// How a parameter x moves by its gradient: its next value and the next states.
type Update = fn(&mut Graph, ValueId, ValueId, ValueId) -> Result<Vec<ValueId>>;

/// A state of x's type, as it is somewhere in a training.
fn state(g: &mut Graph, x: ValueId, value: f64) -> Result<ValueId> {
    let ty = g.ty(x).clone();
    Ok(g.constant(Tensor::full(ty.shape, ty.dtype, value)?))
}

fn sgd(g: &mut Graph, x: ValueId, gradient: ValueId, rate: ValueId) -> Result<Vec<ValueId>> {
    Ok(vec![lower::sgd(g, x, gradient, rate)?])
}

fn nesterov(g: &mut Graph, x: ValueId, gradient: ValueId, rate: ValueId) -> Result<Vec<ValueId>> {
    let how = Momentum {
        alpha: 0.9,
        beta: 1.0,
        decay: 1e-4,
        nesterov: true,
    };
    let velocity = state(g, x, 0.01)?;
    let step = how.step(g, [x, gradient, velocity], rate, false)?;
    Ok(vec![step.parameter, step.states[0]])
}

fn adagrad(g: &mut Graph, x: ValueId, gradient: ValueId, rate: ValueId) -> Result<Vec<ValueId>> {
    let how = Adagrad {
        epsilon: 1e-6,
        decay: 0.0,
    };
    let sum = state(g, x, 0.1)?;
    let step = how.step(g, [x, gradient, sum], rate)?;
    Ok(vec![step.parameter, step.states[0]])
}

fn adamw(g: &mut Graph, x: ValueId, gradient: ValueId, rate: ValueId) -> Result<Vec<ValueId>> {
    let how = Adam {
        alpha: 0.9,
        beta: 0.999,
        epsilon: 1e-8,
        decay: 0.0,
        decoupled: 0.01,
        shrink: 0.0,
    };
    let (first, second) = (state(g, x, 0.01)?, state(g, x, 1e-4)?);
    // The bias correction is computed outside of the narrow format, as optimizers do.
    let rate = g.cast(rate, DType::F32)?;
    let rate = how.corrected(g, rate, 7)?;
    let rate = g.cast(rate, g.ty(x).dtype)?;
    let step = how.step(g, [x, gradient, first, second], rate)?;
    Ok(vec![step.parameter, step.states[0], step.states[1]])
}

/// The model with an update of each of its parameters behind the backward pass.
fn with_updates(update: Update, format: DType) -> Result<(Prepared, Vec<ValueId>)> {
    let mut prepared = prepare(&Request {
        format: Some(format),
        ..request()
    })?;
    let mut updated = Vec::new();
    for parameter in prepared.model.initializers.clone() {
        let Some(gradient) = prepared.gradients.of(parameter.id) else {
            continue;
        };
        let graph = &mut prepared.model.graph;
        let rate = lower::real(graph, 0.05, format)?;
        updated.extend(update(graph, parameter.id, gradient, rate)?);
    }
    Ok((prepared, updated))
}

/// The largest eps among the updated parameters and states; every obligation is checked.
fn largest_eps(update: Update, format: DType) -> f64 {
    let (prepared, updated) = with_updates(update, format).expect("well formed");
    assert_eq!(updated.len() % 6, 0, "six parameters");
    let config = Config::default();
    let run = checked_eval(&prepared.model.graph, &config, &prepared.inputs)
        .expect("runs")
        .unwrap_or_else(|failure| panic!("{failure:?}"));
    let eps = |v: &ValueId| run.approx[v.index()].eps.largest();
    updated.iter().map(eps).fold(Up::ZERO, Up::max).get()
}

#[test]
fn every_optimizer_is_audited_with_the_gradients_it_uses() {
    let updates: [(&str, Update); 4] = [
        ("SGD", sgd),
        ("Nesterov", nesterov),
        ("Adagrad", adagrad),
        ("AdamW", adamw),
    ];
    for (name, update) in updates {
        let f32s = largest_eps(update, DType::F32);
        println!("{name}: {f32s:e}");
        assert!(f32s.is_finite() && f32s > 0.0, "{name}");
        for narrow in [DType::F16, DType::BF16] {
            let eps = largest_eps(update, narrow);
            println!("{name} in {narrow}: {eps:e}");
            assert!(eps.is_finite() && eps > f32s, "{name} in {narrow}");
        }
    }
}

#[test]
fn gradient_descent_adds_little_to_the_gradients_error() {
    // x − rate·g: rate·ε(g) and the roundings of a parameter below 2.
    let (prepared, updated) = with_updates(sgd, DType::F32).expect("well formed");
    let config = Config::default();
    let run = checked_eval(&prepared.model.graph, &config, &prepared.inputs)
        .expect("runs")
        .unwrap_or_else(|failure| panic!("{failure:?}"));
    let eps = |v: ValueId| run.approx[v.index()].eps.largest().get();
    let gradients = prepared.model.initializers.iter();
    let gradients = gradients.filter_map(|p| prepared.gradients.of(p.id));
    for (updated, gradient) in updated.into_iter().zip(gradients) {
        assert!(eps(updated) <= 0.0501 * eps(gradient) + 3e-7);
    }
}
