//! Operations that make a tensor, or a mask, from little.

use super::super::call::axis_of;
use super::super::{integers, types};
use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::op::{self, Relation};
use crate::tensor::{Shape, Tensor};

pub(super) const OPERATIONS: &[Operation] = &[
    op("EyeLike", "", 1..=1, eye_like),
    op("OneHot", "of a constant depth", 3..=3, one_hot),
];

/// Ones on a diagonal.
fn eye_like(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let shape = call.shape(x);
    let offset = call.attributes.int("k")?.unwrap_or(0);
    let (dtype, width) = match call.attributes.int("dtype")? {
        None => (call.dtype(x), call.builder().width(x)),
        Some(given) => {
            let given = i32::try_from(given).unwrap_or(0);
            let element = types::element(given).ok_or_else(|| {
                Error::new(format!("the type {} is not supported", types::name(given)))
                    .remedy("use a float, an integer or a boolean type")
            })?;
            (
                call.scope.retype.dtype(types::dtype(element)),
                types::width(given),
            )
        }
    };
    let &[rows, columns] = &shape[..] else {
        return Err(Error::new(format!("an identity of the shape {shape}")).remedy("use a matrix"));
    };
    if call.builder().allow(shape.len()).is_none() {
        return Err(Error::new(format!("an identity of the shape {shape}"))
            .remedy("make it an input of the model"));
    }
    let one = |row: usize, column: usize| column as i64 == (row as i64).saturating_add(offset);
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let values: Vec<f64> = places
        .map(|(r, c)| f64::from(u8::from(one(r, c))))
        .collect();
    let value = Tensor::from_f64s(shape, dtype, &values)?;
    let whole = call.builder().constant(value);
    call.builder().set_width(whole, width);
    Ok(vec![whole])
}

/// `on` where an index names the place along a new axis, else `off`; an index out of range
/// names none.
fn one_hot(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (indices, values) = (call.input(0)?, call.input(2)?);
    let depth = depth(call)?;
    if call.shape(values).len() != 2 {
        return Err(
            Error::new(format!("values of the shape {}", call.shape(values)))
                .remedy("give the values for off and on"),
        );
    }
    let shape = call.shape(indices);
    let axis = axis_of(call.attributes.int("axis")?.unwrap_or(-1), shape.rank() + 1)?;
    let mut unsqueezed = shape.to_vec();
    unsqueezed.insert(axis, 1);
    let mut column = vec![1; shape.rank() + 1];
    if let Some(slot) = column.get_mut(axis) {
        *slot = depth;
    }
    let builder = call.builder();
    // ONNX casts other indices to int64, which drops their fractions.
    let indices = integers::convert(builder, indices, None)?;
    let indices = builder.reshape(indices, Shape::from(unsqueezed))?;
    // A negative index counts from the end; one that stays negative names no place.
    let scalar = |n: i64| Tensor::i64s(Shape::scalar(), [n]);
    let (zero, extent) = (
        builder.constant(scalar(0)?),
        builder.constant(scalar(depth as i64)?),
    );
    let is_negative = builder.binary(op::Compare(Relation::Less), indices, zero)?;
    let moved = builder.binary(op::Add, indices, extent)?;
    let indices = builder.push(op::Select, &[is_negative, moved, indices])?;
    let places: Vec<i64> = (0..depth as i64).collect();
    let places = builder.constant(Tensor::i64s(column.as_slice(), places)?);
    let hit = builder.binary(op::Compare(Relation::Equal), indices, places)?;
    let (off, on) = (builder.row(values, 0, 0)?, builder.row(values, 0, 1)?);
    Ok(vec![builder.graph.select(hit, on, off)?])
}

/// The number of places of a OneHot, which may come as any number.
fn depth(call: &mut Call<'_>) -> Result<usize> {
    let x = call.input(1)?;
    let known = if call.dtype(x).is_float() {
        call.reals(1, "the depth")?.unwrap_or_default()
    } else {
        let integers = call.required_integers(1, "the depth")?;
        integers.iter().map(|&n| n as f64).collect()
    };
    let depth = match known.as_slice() {
        &[depth] if (0.0..=f64::from(i32::MAX)).contains(&depth) => depth as usize,
        _ => return Err(Error::new("the depth is no extent").remedy("give one positive number")),
    };
    if call.builder().allow(depth).is_none() {
        return Err(Error::new(format!("a OneHot of depth {depth}")).remedy("use a smaller one"));
    }
    Ok(depth)
}
