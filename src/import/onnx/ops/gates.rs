//! Activations made of pieces, and clipping.

use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::lower;
use crate::op;
use crate::tensor::Shape;

pub(super) const OPERATIONS: &[Operation] = &[
    op("Clip", "", 1..=3, clip),
    op("HardSigmoid", "", 1..=1, hard_sigmoid),
    op("HardSwish", "", 1..=1, hard_swish),
    op("LeakyRelu", "", 1..=1, leaky_relu),
    op("PRelu", "", 2..=2, prelu),
    op("Shrink", "", 1..=1, shrink),
    op("ThresholdedRelu", "", 1..=1, thresholded_relu),
];

/// The opset from which Clip takes its bounds as inputs.
const CLIP_INPUTS: i64 = 11;
/// The opset from which PRelu's slope broadcasts as numpy has it.
const PRELU_BROADCASTS: i64 = 7;

/// A bound of Clip, which is a scalar; a vector of one element, as older exporters have it, is
/// taken for one.
fn bound(call: &mut Call<'_>, k: usize) -> Result<Option<ValueId>> {
    let Some(x) = call.optional(k) else {
        return Ok(None);
    };
    match &call.shape(x)[..] {
        [] => Ok(Some(x)),
        [1] => call.builder().reshape(x, Shape::scalar()).map(Some),
        other => Err(
            Error::new(format!("the bound (input {k}) has the shape {other:?}"))
                .remedy("give a scalar, or use Max and Min"),
        ),
    }
}

fn clip(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    if call.scope.opset >= CLIP_INPUTS {
        // Bounds go through the builder, so that known integers stay known.
        let mut y = x;
        if let Some(lo) = bound(call, 1)? {
            y = call.builder().binary(op::Max, y, lo)?;
        }
        if let Some(hi) = bound(call, 2)? {
            y = call.builder().binary(op::Min, y, hi)?;
        }
        return Ok(vec![y]);
    }
    let dtype = call.dtype(x);
    let mut bound = |name: &str| -> Result<Option<ValueId>> {
        // The largest float as a bound is none.
        let given = call.attributes.float(name)?.filter(|b| b.abs() < f32::MAX);
        let graph = &mut call.scope.builder.graph;
        given
            .map(|b| lower::real(graph, f64::from(b), dtype))
            .transpose()
    };
    let (lo, hi) = (bound("min")?, bound("max")?);
    Ok(vec![lower::clip(&mut call.builder().graph, x, lo, hi)?])
}

/// A float attribute, as the real that it stands for.
fn real(call: &mut Call<'_>, name: &str, default: f32) -> Result<f64> {
    Ok(f64::from(call.attributes.float(name)?.unwrap_or(default)))
}

fn hard_sigmoid(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let (alpha, beta) = (real(call, "alpha", 0.2)?, real(call, "beta", 0.5)?);
    let graph = &mut call.builder().graph;
    Ok(vec![lower::hard_sigmoid(graph, x, alpha, beta)?])
}

fn hard_swish(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    Ok(vec![lower::hard_swish(&mut call.builder().graph, x)?])
}

fn leaky_relu(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, alpha) = (call.input(0)?, real(call, "alpha", 0.01)?);
    Ok(vec![lower::leaky_relu(
        &mut call.builder().graph,
        x,
        alpha,
    )?])
}

fn thresholded_relu(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, alpha) = (call.input(0)?, real(call, "alpha", 1.0)?);
    let graph = &mut call.builder().graph;
    Ok(vec![lower::thresholded_relu(graph, x, alpha)?])
}

fn shrink(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let (bias, lambda) = (real(call, "bias", 0.0)?, real(call, "lambd", 0.5)?);
    Ok(vec![lower::shrink(
        &mut call.builder().graph,
        x,
        bias,
        lambda,
    )?])
}

fn prelu(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, slope) = (call.input(0)?, call.input(1)?);
    let (shape, given) = (call.shape(x), call.shape(slope));
    let slope = match &given[..] {
        // Before numpy's broadcasting: one slope for each channel.
        &[channels] if call.scope.opset < PRELU_BROADCASTS && channels > 1 => {
            let mut extents = vec![1; shape.rank().saturating_sub(1)];
            if let Some(first) = extents.first_mut() {
                *first = channels;
            }
            call.builder().reshape(slope, Shape::from(extents))?
        }
        _ => slope,
    };
    let slope_shape = call.shape(slope);
    if slope_shape.broadcast_with(&shape).as_ref() != Some(&shape) {
        return Err(Error::new(format!(
            "the slopes' shape {given} does not broadcast to {shape}"
        ))
        .remedy("give one slope, or one for each channel"));
    }
    Ok(vec![lower::prelu(&mut call.builder().graph, x, slope)?])
}
