//! Normalizations.

use super::super::call::axes_of;
use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::lower::{self, Affine, Deviation, Norm};
use crate::tensor::{DType, Shape};

pub(super) const OPERATIONS: &[Operation] = &[
    op("BatchNormalization", "", 5..=5, batch),
    op("GroupNormalization", "", 3..=3, group),
    op("InstanceNormalization", "", 3..=3, instance),
    op("LayerNormalization", "", 2..=3, layer),
    op("LpNormalization", "", 1..=1, lp),
    op("MeanVarianceNormalization", "", 1..=1, mean_variance),
    op("RMSNormalization", "", 2..=2, rms),
];

/// The opset from which an attribute says that a batch normalization trains.
const TRAINING_IS_SAID: i64 = 14;
/// The opset before which one was training unless it said that it tests.
const TESTING_IS_SAID: i64 = 7;
/// The opset from which a group normalization has a scale for each channel, not each group.
const SCALE_PER_CHANNEL: i64 = 21;

/// √(v + epsilon), and how its reciprocal is computed.
fn deviation(call: &mut Call<'_>) -> Result<Deviation> {
    Ok(Deviation {
        epsilon: f64::from(call.attributes.float("epsilon")?.unwrap_or(1e-5)),
        inverse: call.scope.formulas.deviation(),
    })
}

fn at_least(x: &Shape, rank: usize) -> Result<()> {
    if x.rank() >= rank {
        return Ok(());
    }
    Err(Error::new(format!("a tensor of shape {x}"))
        .remedy(format!("use one with at least {rank} axes")))
}

/// Fails where an argument is not one number for each channel.
fn per_channel(call: &Call<'_>, k: usize, channels: usize) -> Result<()> {
    let shape = call.shape(call.input(k)?);
    if shape[..] == [channels] {
        return Ok(());
    }
    Err(Error::new(format!(
        "input {k} has the shape {shape} for {channels} channels or groups"
    ))
    .remedy("use a tensor with one axis, one element for each of them"))
}

/// Fails where the scale or the bias is wider than what it is applied to.
fn narrower(call: &Call<'_>, k: usize, x: &Shape) -> Result<()> {
    let shape = call.optional(k).map(|x| call.shape(x));
    match shape.filter(|own| own.broadcast_with(x).as_ref() != Some(x)) {
        None => Ok(()),
        Some(own) => Err(Error::new(format!(
            "input {k} of shape {own} does not broadcast to the shape {x}"
        ))
        .remedy("use the shape of the axes that are normalized")),
    }
}

fn batch(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let shape = call.shape(x);
    if shape.rank() != 1 {
        return batch_by_channels(call, x);
    }
    // The standard takes one channel where there is no axis for them.
    let column = Shape::from([shape.len(), 1]);
    let column = call.builder().reshape(x, column)?;
    let mut results = batch_by_channels(call, column)?;
    if let Some(y) = results.first_mut() {
        *y = call.builder().reshape(*y, shape)?;
    }
    Ok(results)
}

/// A batch normalization of x, whose axis 1 is the channels.
fn batch_by_channels(call: &mut Call<'_>, x: ValueId) -> Result<Vec<ValueId>> {
    let (scale, bias) = (call.input(1)?, call.input(2)?);
    let given = [call.input(3)?, call.input(4)?];
    let deviation = deviation(call)?;
    let momentum = f64::from(call.attributes.float("momentum")?.unwrap_or(0.9));
    let opset = call.scope.opset;
    let trains = if opset >= TRAINING_IS_SAID {
        call.attributes.flag("training_mode", false)?
    } else if opset < TESTING_IS_SAID {
        !call.attributes.flag("is_test", false)?
    } else {
        call.outputs > 1
    };
    if opset < 9 && !call.attributes.flag("spatial", true)? {
        return Err(Error::new("a batch normalization that is not spatial")
            .remedy("export the model again, with opset 9 or newer"));
    }
    let shape = call.shape(x);
    at_least(&shape, 2)?;
    (1..5).try_for_each(|k| per_channel(call, k, shape[1]))?;
    // The batch's own moments meet only what normalizes by them; given ones meet x.
    let meet: &[usize] = if trains { &[0, 1, 2] } else { &[0, 1, 2, 3, 4] };
    call.one_float_type(meet)?;
    let affine = Affine {
        scale: Some(scale),
        bias: Some(bias),
    };
    if !trains || (opset < TRAINING_IS_SAID && call.outputs <= 1) {
        let formula = call.scope.formulas.batch_norm();
        let graph = &mut call.builder().graph;
        let y = lower::batch_normalize(graph, x, given, affine, deviation, formula)?;
        return Ok(vec![y]);
    }
    train(call, x, affine, given, deviation, momentum)
}

/// A batch normalization by the batch's own moments, and what the running ones become.
fn train(
    call: &mut Call<'_>,
    x: ValueId,
    affine: Affine,
    given: [ValueId; 2],
    deviation: Deviation,
    momentum: f64,
) -> Result<Vec<ValueId>> {
    if call.scope.opset < TRAINING_IS_SAID {
        return Err(
            Error::new("a batch normalization that trains, before opset 14")
                .remedy("export the model again, with opset 14 or newer"),
        );
    }
    let shape = call.shape(x);
    let axes: Vec<usize> = (0..shape.rank()).filter(|&a| a != 1).collect();
    let variance = call.scope.formulas.variance();
    let graph = &mut call.builder().graph;
    let standard = lower::standardize(graph, x, &axes, deviation, variance)?;
    let affine = lower::affine_along_channels(graph, affine, shape.rank())?;
    let y = affine.apply(graph, standard.value)?;
    let current = [standard.moments.mean, standard.moments.variance];
    let mut results = vec![y];
    for (running, current) in given.into_iter().zip(current) {
        let channels = graph.ty(running).shape.clone();
        let current = graph.reshape(current, channels)?;
        let current = graph.cast(current, graph.ty(running).dtype)?;
        results.push(lower::averaged(graph, momentum, running, current)?);
    }
    Ok(results)
}

fn instance(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, scale, bias) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let deviation = deviation(call)?;
    let shape = call.shape(x);
    at_least(&shape, 3)?;
    (1..3).try_for_each(|k| per_channel(call, k, shape[1]))?;
    let axes: Vec<usize> = (2..shape.rank()).collect();
    let variance = call.scope.formulas.variance();
    let graph = &mut call.builder().graph;
    let standard = lower::standardize(graph, x, &axes, deviation, variance)?;
    let affine = Affine {
        scale: Some(scale),
        bias: Some(bias),
    };
    let affine = lower::affine_along_channels(graph, affine, shape.rank())?;
    Ok(vec![affine.apply(graph, standard.value)?])
}

/// The type `stash_type`, which moments are handed out in.
fn stated_stash(call: &mut Call<'_>) -> Result<DType> {
    let stated = match call.attributes.int("stash_type")?.unwrap_or(1) {
        1 => DType::F32,
        10 => DType::F16,
        11 => DType::F64,
        16 => DType::BF16,
        other => {
            return Err(Error::new(format!("the attribute `stash_type` is {other}"))
                .remedy("use 1 (float), 10 (float16), 11 (double) or 16 (bfloat16)"));
        }
    };
    Ok(call.scope.retype.dtype(stated))
}

/// The type that the first stage computes in: `stash_type`, or x's own where that is wider.
fn stash(call: &mut Call<'_>, x: ValueId) -> Result<DType> {
    let (own, stated) = (call.dtype(x), stated_stash(call)?);
    let wider = match (stated.format(), own.format()) {
        (Some(stated), Some(own)) => stated.precision > own.precision,
        _ => false,
    };
    Ok(if wider { stated } else { own })
}

/// The axes from the attribute `axis` on.
fn trailing_axes(call: &mut Call<'_>, x: ValueId) -> Result<Vec<usize>> {
    let rank = call.shape(x).rank();
    let axis = call.axis(-1, rank)?;
    Ok((axis..rank).collect())
}

fn layer(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let affine = Affine {
        scale: Some(call.input(1)?),
        bias: call.optional(2),
    };
    let (axes, deviation, stash) = (trailing_axes(call, x)?, deviation(call)?, stash(call, x)?);
    let (stated, with_moments) = (stated_stash(call)?, call.outputs > 1);
    let (dtype, shape) = (call.dtype(x), call.shape(x));
    (1..3).try_for_each(|k| narrower(call, k, &shape))?;
    let variance = call.scope.formulas.variance();
    let graph = &mut call.builder().graph;
    let wide = graph.cast(x, stash)?;
    let standard = lower::standardize(graph, wide, &axes, deviation, variance)?;
    let value = graph.cast(standard.value, dtype)?;
    let y = affine.apply(graph, value)?;
    let mut results = vec![y];
    if with_moments {
        results.push(graph.cast(standard.moments.mean, stated)?);
        results.push(graph.cast(standard.inverse_deviation, stated)?);
    }
    Ok(results)
}

fn rms(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, scale) = (call.input(0)?, call.input(1)?);
    call.one_float_type(&[0, 1])?;
    let (axes, deviation, stash) = (trailing_axes(call, x)?, deviation(call)?, stash(call, x)?);
    let dtype = call.dtype(x);
    narrower(call, 1, &call.shape(x))?;
    let graph = &mut call.builder().graph;
    let wide = graph.cast(x, stash)?;
    let normalized = lower::rms_normalize(graph, wide, &axes, deviation)?;
    let value = graph.cast(normalized, dtype)?;
    Ok(vec![graph.mul(value, scale)?])
}

fn group(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, scale, bias) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let deviation = deviation(call)?;
    let per_channel = call.scope.opset >= SCALE_PER_CHANNEL;
    let stash = if per_channel {
        stash(call, x)?
    } else {
        call.dtype(x)
    };
    let groups = call.attributes.int("num_groups")?.unwrap_or(0);
    let shape = call.shape(x);
    at_least(&shape, 2)?;
    let groups = usize::try_from(groups)
        .ok()
        .filter(|&n| n > 0 && shape[1].is_multiple_of(n))
        .ok_or_else(|| {
            Error::new(format!("{groups} groups of {} channels", shape[1]))
                .remedy("make the number of channels a multiple of that of groups")
        })?;
    let each = if per_channel { shape[1] } else { groups };
    for k in [1, 2] {
        // One number for all is what ONNX Runtime takes as well.
        let single = call.shape(call.input(k)?)[..] == [1];
        if !single {
            self::per_channel(call, k, each)?;
        }
    }
    let dtype = call.dtype(x);
    let grouped = Shape::from([shape[0], groups, shape.len() / (shape[0] * groups).max(1)]);
    let variance = call.scope.formulas.variance();
    let graph = &mut call.builder().graph;
    let wide = graph.cast(x, stash)?;
    let wide = graph.reshape(wide, grouped)?;
    let standard = lower::standardize(graph, wide, &[2], deviation, variance)?;
    let value = graph.cast(standard.value, dtype)?;
    let affine = Affine {
        scale: Some(scale),
        bias: Some(bias),
    };
    if per_channel {
        let value = graph.reshape(value, shape.clone())?;
        let affine = lower::affine_along_channels(graph, affine, shape.rank())?;
        return Ok(vec![affine.apply(graph, value)?]);
    }
    let affine = lower::affine_along_channels(graph, affine, 3)?;
    let y = affine.apply(graph, value)?;
    Ok(vec![graph.reshape(y, shape)?])
}

fn lp(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let axis = call.axis(-1, call.shape(x).rank())?;
    let order = match call.attributes.int("p")?.unwrap_or(2) {
        1 => Norm::L1,
        2 => Norm::L2,
        other => {
            return Err(Error::new(format!("the attribute `p` is {other}")).remedy("use 1 or 2"));
        }
    };
    let graph = &mut call.builder().graph;
    Ok(vec![lower::lp_normalize(graph, x, &[axis], order)?])
}

fn mean_variance(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let axes = call.attributes.ints("axes")?.unwrap_or(&[0, 2, 3]);
    let axes = axes_of(axes, call.shape(x).rank())?;
    let graph = &mut call.builder().graph;
    Ok(vec![lower::mean_variance_normalize(graph, x, &axes)?])
}
