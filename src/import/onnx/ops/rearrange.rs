//! Operations whose result takes its elements, some zeros perhaps, from known places.

use super::super::call::{axes_of, axis_of, extents_of};
use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::op::{self, Window};
use crate::tensor::{Shape, Tensor};

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        "CenterCropPad",
        "to a constant shape",
        2..=2,
        center_crop_pad,
    ),
    op("Compress", "by a constant condition", 2..=2, compress),
    op("DepthToSpace", "", 1..=1, depth_to_space),
    op(
        "ReverseSequence",
        "of constant lengths",
        2..=2,
        reverse_sequence,
    ),
    op("SpaceToDepth", "", 1..=1, space_to_depth),
    op("TensorScatter", "at constant places", 2..=3, tensor_scatter),
    op("Tile", "by constant repeats", 2..=2, tile),
];

/// The opset that gives DepthToSpace the attribute `mode`, and the one that gives it to
/// SpaceToDepth.
const DEPTH_TO_SPACE_MODE: i64 = 11;
const SPACE_TO_DEPTH_MODE: i64 = 28;

/// Whether the depth is ordered column, row, depth; the default is depth, column, row.
fn is_column_first(call: &mut Call<'_>, since: i64) -> Result<bool> {
    if call.scope.opset < since {
        return Ok(false);
    }
    match call.attributes.text("mode")? {
        None | Some("DCR") => Ok(false),
        Some("CRD") => Ok(true),
        Some(other) => {
            Err(Error::new(format!("the mode `{}`", other.escape_debug())).remedy("use DCR or CRD"))
        }
    }
}

/// The extents of a batch of images, and the side of the blocks.
fn image(call: &mut Call<'_>) -> Result<([usize; 4], usize)> {
    let shape = call.shape(call.input(0)?);
    let side = call.attributes.int("blocksize")?.unwrap_or(0);
    match (&shape[..], usize::try_from(side)) {
        (&[n, c, h, w], Ok(side)) if side > 0 => Ok(([n, c, h, w], side)),
        _ => Err(Error::new(format!("blocks of {side} in the shape {shape}"))
            .remedy("use a batch of images and a positive blocksize")),
    }
}

/// Splits axes by a reshape, permutes them, and joins them by another reshape.
fn shuffle(
    call: &mut Call<'_>,
    split: [usize; 6],
    permutation: [usize; 6],
    joined: [usize; 4],
) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let builder = call.builder();
    let parts = builder.reshape(x, Shape::from(split))?;
    let permuted = builder.push(op::Transpose(permutation.as_slice().into()), &[parts])?;
    Ok(vec![builder.reshape(permuted, Shape::from(joined))?])
}

fn uneven(side: usize, shape: [usize; 4]) -> Error {
    Error::new(format!("blocks of {side} do not fill the shape {shape:?}"))
        .remedy("use extents that blocksize divides")
}

fn depth_to_space(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let column_first = is_column_first(call, DEPTH_TO_SPACE_MODE)?;
    let ([n, c, h, w], side) = image(call)?;
    let area = side
        .checked_mul(side)
        .filter(|&area| c.is_multiple_of(area));
    let depth = c / area.ok_or_else(|| uneven(side, [n, c, h, w]))?;
    let joined = [n, depth, h * side, w * side];
    if column_first {
        return shuffle(
            call,
            [n, depth, side, side, h, w],
            [0, 1, 4, 2, 5, 3],
            joined,
        );
    }
    shuffle(
        call,
        [n, side, side, depth, h, w],
        [0, 3, 4, 1, 5, 2],
        joined,
    )
}

fn space_to_depth(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let column_first = is_column_first(call, SPACE_TO_DEPTH_MODE)?;
    let ([n, c, h, w], side) = image(call)?;
    if !h.is_multiple_of(side) || !w.is_multiple_of(side) {
        return Err(uneven(side, [n, c, h, w]));
    }
    let (rows, columns) = (h / side, w / side);
    let permutation = if column_first {
        [0, 1, 3, 5, 2, 4]
    } else {
        [0, 3, 5, 1, 2, 4]
    };
    // A side that divides an extent of 0 may be of any size.
    let depth = c.checked_mul(side).and_then(|d| d.checked_mul(side));
    let depth = depth.ok_or_else(|| uneven(side, [n, c, h, w]))?;
    let split = [n, c, rows, side, columns, side];
    shuffle(call, split, permutation, [n, depth, rows, columns])
}

/// Every axis of extent n becomes [repeats, n], and both are joined.
fn tile(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let shape = call.shape(x);
    let repeats = extents_of(&call.required_integers(1, "the repeats")?)?;
    let is_vector = call.shape(call.input(1)?).rank() == 1;
    if !is_vector || repeats.rank() != shape.rank() {
        return Err(Error::new(format!(
            "{} repeats of {} axes",
            repeats.rank(),
            shape.rank()
        ))
        .remedy("give a vector, one for each axis"));
    }
    let tiled: Option<Vec<usize>> = (repeats.iter().zip(shape.iter()))
        .map(|(r, n)| r.checked_mul(*n))
        .collect();
    let tiled = Shape::checked(&tiled.unwrap_or_else(|| vec![usize::MAX]))?;
    let pairs = |first: &[usize]| -> Vec<usize> {
        first
            .iter()
            .zip(shape.iter())
            .flat_map(|(&r, &n)| [r, n])
            .collect()
    };
    let builder = call.builder();
    let split = builder.reshape(x, Shape::from(pairs(&vec![1; shape.rank()])))?;
    let repeated = builder.broadcast(split, &Shape::from(pairs(&repeats)))?;
    Ok(vec![builder.reshape(repeated, tiled)?])
}

/// The middle of every axis, or the axis in the middle of zeros.
fn center_crop_pad(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let shape = call.shape(x);
    let wanted = extents_of(&call.required_integers(1, "the shape")?)?;
    let axes = match call.attributes.ints("axes")? {
        Some(axes) => axes_of(axes, shape.rank())?,
        None => (0..shape.rank()).collect(),
    };
    if axes.len() != wanted.rank() {
        return Err(
            Error::new(format!("{} extents for {} axes", wanted.rank(), axes.len()))
                .remedy("give one extent for each axis"),
        );
    }
    let mut target = shape.to_vec();
    for (&axis, &extent) in axes.iter().zip(wanted.iter()) {
        if let Some(slot) = target.get_mut(axis) {
            *slot = extent;
        }
    }
    let target = Shape::checked(&target)?;
    let lengths: Vec<usize> = shape
        .iter()
        .zip(target.iter())
        .map(|(&m, &n)| m.min(n))
        .collect();
    let starts: Vec<usize> = (shape.iter().zip(&lengths))
        .map(|(m, n)| (m - n) / 2)
        .collect();
    let before: Vec<usize> = (target.iter().zip(&lengths))
        .map(|(n, m)| (n - m) / 2)
        .collect();
    let steps = vec![1; shape.rank()];
    let builder = call.builder();
    let middle = builder.push(op::Slice::new(&starts, &steps, &lengths), &[x])?;
    if Shape::from(lengths.clone()) == target {
        return Ok(vec![middle]);
    }
    let window = Window {
        starts: before,
        steps,
        lengths,
    };
    Ok(vec![
        builder.push(op::Embed::new(window, target), &[middle])?,
    ])
}

/// The slices of an axis, or the elements of the flat tensor, where the condition is true.
fn compress(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let shape = call.shape(x);
    let axis = call.attributes.int("axis")?;
    let condition = call.input(1)?;
    let Some(kept) = call.builder().known(condition).map(Tensor::to_f64s) else {
        return Err(
            Error::new("the condition must be constant, but the model computes it")
                .remedy("multiply by a mask instead"),
        );
    };
    let (x, axis) = match axis {
        Some(axis) => (x, axis_of(axis, shape.rank())?),
        None => (call.builder().reshape(x, Shape::from([shape.len()]))?, 0),
    };
    let extent = call.shape(x).get(axis).copied().unwrap_or(0);
    let indices: Vec<i64> = (0_i64..)
        .zip(&kept)
        .filter(|(_, c)| **c != 0.0)
        .map(|(k, _)| k)
        .collect();
    if indices.last().is_some_and(|&last| last >= extent as i64) {
        return Err(Error::new(format!(
            "the condition is longer than axis {axis}, {extent}"
        ))
        .remedy("give a condition for each slice"));
    }
    let builder = call.builder();
    let indices = builder.constant(Tensor::i64s([indices.len()], indices)?);
    Ok(vec![builder.push(op::Gather::slices(axis), &[x, indices])?])
}

/// For each sequence of the batch, its first elements backwards.
fn reverse_sequence(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let shape = call.shape(x);
    let lengths = call.required_integers(1, "the lengths")?;
    let batch = axis_of(
        call.attributes.int("batch_axis")?.unwrap_or(1),
        shape.rank(),
    )?;
    let time = axis_of(call.attributes.int("time_axis")?.unwrap_or(0), shape.rank())?;
    let [sequences, steps] = [batch, time].map(|axis| shape.get(axis).copied().unwrap_or(0));
    let fits = |&n: &i64| usize::try_from(n).is_ok_and(|n| n <= steps);
    if batch == time || lengths.len() != sequences || !lengths.iter().all(fits) {
        return Err(Error::new(format!(
            "the lengths {lengths:?} of {sequences} sequences of {steps} steps"
        ))
        .remedy("give one length for each sequence, on another axis than the time"));
    }
    if call.builder().allow(shape.len()).is_none() {
        return Err(
            Error::new(format!("a ReverseSequence of the shape {shape}"))
                .remedy("use smaller sequences"),
        );
    }
    let source = |position: usize| {
        let index = shape.index_of(position);
        let at = |axis: usize| index.get(axis).copied().unwrap_or(0) as i64;
        let length = lengths.get(at(batch) as usize).copied().unwrap_or(0);
        if at(time) < length {
            length - 1 - at(time)
        } else {
            at(time)
        }
    };
    let sources: Vec<i64> = (0..shape.len()).map(source).collect();
    let sources = Tensor::i64s(shape.clone(), sources)?;
    let builder = call.builder();
    let sources = builder.constant(sources);
    Ok(vec![
        builder.push(op::Gather::elements(time), &[x, sources])?,
    ])
}

/// A cache with new entries along an axis, from a place on that each sample of the batch has.
fn tensor_scatter(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (cache, update) = (call.input(0)?, call.input(1)?);
    let (shape, new) = (call.shape(cache), call.shape(update));
    let axis = call.axis(-2, shape.rank())?;
    let circular = match call.attributes.text("mode")? {
        None | Some("linear") => false,
        Some("circular") => true,
        Some(other) => {
            return Err(Error::new(format!("the mode `{}`", other.escape_debug()))
                .remedy("use linear or circular"));
        }
    };
    let extent = |shape: &Shape, axis: usize| shape.get(axis).copied().unwrap_or(0) as i64;
    let (batch, length, written) = (extent(&shape, 0), extent(&shape, axis), extent(&new, axis));
    let places = call.integers(2, "the places")?;
    let places = places.unwrap_or_else(|| vec![0; batch as usize]);
    let fits = |&place: &i64| {
        let last = place.checked_add(written);
        place >= 0 && (circular || last.is_some_and(|last| last <= length))
    };
    let misfit = axis == 0 || written > length || places.len() as i64 != batch;
    if misfit || !places.iter().all(fits) || call.builder().allow(shape.len()).is_none() {
        return Err(Error::new(format!(
            "entries of the shape {new} at {places:?} of a cache of the shape {shape}"
        ))
        .remedy("the entries must lie within the cache, one place for each sample"));
    }
    // Old and new entries one after the other; each place takes one of them.
    let source = |position: usize| {
        let index = shape.index_of(position);
        let at = |axis: usize| index.get(axis).copied().unwrap_or(0) as i64;
        let place = places.get(at(0) as usize).copied().unwrap_or(0);
        let behind = (at(axis) - place).rem_euclid(length.max(1));
        let is_new = behind < written && (circular || at(axis) >= place);
        if is_new { length + behind } else { at(axis) }
    };
    let sources: Vec<i64> = (0..shape.len()).map(source).collect();
    let sources = Tensor::i64s(shape.clone(), sources)?;
    let builder = call.builder();
    let sources = builder.constant(sources);
    let both = builder.push(op::Concat(axis), &[cache, update])?;
    Ok(vec![
        builder.push(op::Gather::elements(axis), &[both, sources])?,
    ])
}
