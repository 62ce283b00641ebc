//! Operations that change or tell a shape.

use super::super::call::{axes_of, axis_of, extents_of};
use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::op;
use crate::tensor::{Shape, Tensor};

pub(super) const OPERATIONS: &[Operation] = &[
    op("Expand", "to a constant shape", 2..=2, expand),
    op("Flatten", "", 1..=1, flatten),
    op("Reshape", "to a constant shape", 2..=2, reshape),
    op("Shape", "", 1..=1, shape),
    op("Size", "", 1..=1, size),
    op("Squeeze", "constant axes", 1..=2, squeeze),
    op("Transpose", "", 1..=1, transpose),
    op("Unsqueeze", "constant axes", 1..=2, unsqueeze),
];

/// The opset that gives Reshape the attribute `allowzero`.
const ALLOWZERO: i64 = 14;
/// The opset from which axes are an input, and no attribute.
const AXES_ARE_AN_INPUT: i64 = 13;
/// The opset that gives Shape the attributes `start` and `end`.
const SHAPE_RANGE: i64 = 15;

fn reshape(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let wanted = call.required_integers(1, "the shape")?;
    let allow_zero = call.scope.opset >= ALLOWZERO && call.attributes.flag("allowzero", false)?;
    let shape = call.shape(x);
    let mut extents = wanted.clone();
    if !allow_zero {
        for (axis, extent) in extents.iter_mut().enumerate().filter(|(_, n)| **n == 0) {
            let kept = shape.get(axis).ok_or_else(|| impossible(&shape, &wanted))?;
            *extent = *kept as i64;
        }
    }
    if let Some(free) = extents.iter().position(|&n| n == -1) {
        let others = extents.iter().enumerate().filter(|&(axis, _)| axis != free);
        let product = others.fold(1_i64, |p, (_, &n)| p.saturating_mul(n));
        let inferred = (shape.len() as i64).checked_div(product);
        if let (Some(slot), Some(inferred)) = (extents.get_mut(free), inferred) {
            *slot = inferred;
        }
    }
    let target = extents_of(&extents).map_err(|_| impossible(&shape, &wanted))?;
    if target.len() != shape.len() {
        return Err(impossible(&shape, &wanted));
    }
    Ok(vec![call.builder().reshape(x, target)?])
}

fn impossible(from: &Shape, to: &[i64]) -> Error {
    Error::new(format!("the shape {from} cannot be reshaped to {to:?}"))
        .remedy("the products of the extents must agree; one extent may be -1")
}

fn flatten(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let shape = call.shape(x);
    let axis = call.attributes.int("axis")?.unwrap_or(1);
    // The axis is a place between two axes: the last one stands after all of them.
    let split = if axis == shape.rank() as i64 {
        shape.rank()
    } else {
        axis_of(axis, shape.rank())?
    };
    let (rows, columns) = shape.split_at_checked(split).unwrap_or((&shape, &[]));
    let target = Shape::from([rows.iter().product(), columns.iter().product()]);
    Ok(vec![call.builder().reshape(x, target)?])
}

fn squeeze(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let shape = call.shape(x);
    let dropped = match call.integers_since(AXES_ARE_AN_INPUT, "axes", 1, "the axes")? {
        Some(axes) => axes_of(&axes, shape.rank())?,
        None => (0..shape.rank())
            .filter(|&a| shape.get(a) == Some(&1))
            .collect(),
    };
    if let Some(axis) = dropped.iter().find(|&&a| shape.get(a) != Some(&1)) {
        return Err(
            Error::new(format!("axis {axis} of the shape {shape} is not 1"))
                .remedy("squeeze axes of extent 1 only"),
        );
    }
    let kept = shape
        .iter()
        .enumerate()
        .filter(|(a, _)| !dropped.contains(a));
    let target: Vec<usize> = kept.map(|(_, &n)| n).collect();
    Ok(vec![call.builder().reshape(x, Shape::from(target))?])
}

fn unsqueeze(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let shape = call.shape(x);
    let axes = call.required_integers_since(AXES_ARE_AN_INPUT, "axes", 1, "the axes")?;
    let rank = shape.rank() + axes.len();
    let added = axes_of(&axes, rank)?;
    let mut old = shape.iter();
    let extents = (0..rank).map(|axis| {
        if added.contains(&axis) {
            Some(1)
        } else {
            old.next().map(|&n| n as i64)
        }
    });
    let target = extents_of(&extents.flatten().collect::<Vec<_>>())?;
    Ok(vec![call.builder().reshape(x, target)?])
}

fn transpose(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let rank = call.shape(x).rank();
    let permutation = match call.attributes.ints("perm")? {
        None => (0..rank).rev().collect(),
        Some(axes) if axes.iter().any(|&axis| axis < 0) => {
            return Err(Error::new(format!("perm is {axes:?}"))
                .remedy("count axes from 0; perm has no negative ones"));
        }
        Some(axes) => axes_of(axes, rank)?,
    };
    if permutation.len() != rank {
        return Err(
            Error::new(format!("perm lists {} of {rank} axes", permutation.len()))
                .remedy("list every axis once"),
        );
    }
    let op = op::Transpose(permutation.as_slice().into());
    Ok(vec![call.builder().push(op, &[x])?])
}

fn expand(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let wanted = extents_of(&call.required_integers(1, "the shape")?)?;
    let shape = call.shape(x);
    let target = shape.broadcast_with(&wanted).ok_or_else(|| {
        Error::new(format!("the shape {shape} does not expand to {wanted}"))
            .remedy("make every pair of extents equal, or one of them 1")
    })?;
    Shape::checked(&target)?;
    Ok(vec![call.builder().broadcast(x, &target)?])
}

fn shape(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let extents: Vec<i64> = call.shape(x).iter().map(|&n| n as i64).collect();
    let (mut start, mut end) = (None, None);
    if call.scope.opset >= SHAPE_RANGE {
        start = call.attributes.int("start")?;
        end = call.attributes.int("end")?;
    }
    let rank = extents.len() as i64;
    let place = |given: Option<i64>, default: i64| {
        let at = given.unwrap_or(default);
        let from_start = if at < 0 { at.saturating_add(rank) } else { at };
        from_start.clamp(0, rank) as usize
    };
    let part = extents
        .get(place(start, 0)..place(end, rank))
        .unwrap_or_default();
    let value = Tensor::i64s([part.len()], part)?;
    Ok(vec![call.builder().constant(value)])
}

fn size(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let count = call.shape(x).len() as i64;
    let value = Tensor::i64s(Shape::scalar(), [count])?;
    Ok(vec![call.builder().constant(value)])
}
