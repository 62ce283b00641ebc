//! Constants, and operations that are nearly the identity.

use super::super::call::extents_of;
use super::super::types;
use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::op;
use crate::tensor::{DType, Shape, Tensor};

pub(super) const OPERATIONS: &[Operation] = &[
    op("Cast", "to floats, int32, int64 and bool", 1..=1, cast),
    op("Constant", "numbers, dense", 0..=0, constant),
    op(
        "ConstantOfShape",
        "of a constant shape",
        1..=1,
        constant_of_shape,
    ),
    op("Dropout", "in inference", 1..=3, dropout),
    op("Identity", "", 1..=1, identity),
    op("Range", "of constant integers", 3..=3, range),
];

/// The opset that gives Cast the attribute `saturate`, and the one that adds `round_mode`:
/// both concern 8-bit floats only.
const CAST_SATURATE: i64 = 19;

fn identity(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    Ok(vec![call.input(0)?])
}

/// Dropout in inference is the identity; its mask is all true.
fn dropout(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    call.attributes.ignore(&["seed"]);
    if let Some(training) = call.optional(2) {
        let known = call.builder().known(training).map(Tensor::to_f64s);
        if known.as_deref() != Some(&[0.0]) {
            return Err(Error::new("Dropout in training mode is random")
                .remedy("export the model for inference (training_mode false)"));
        }
    }
    if call.outputs < 2 {
        return Ok(vec![x]);
    }
    let shape = call.shape(x);
    let truth = Tensor::bools(Shape::scalar(), [true])?;
    let builder = call.builder();
    let truth = builder.constant(truth);
    Ok(vec![x, builder.broadcast(truth, &shape)?])
}

fn constant(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let attributes = &mut call.attributes;
    let value = if let Some(proto) = attributes.tensor("value")? {
        let source = call.scope.tensors.source("constant", &proto.name);
        call.scope.tensors.read(&source, proto)?
    } else if let Some(x) = attributes.float("value_float")? {
        Tensor::f32s(Shape::scalar(), [x])?
    } else if let Some(n) = attributes.int("value_int")? {
        Tensor::i64s(Shape::scalar(), [n])?
    } else if let Some(xs) = attributes.floats("value_floats")? {
        Tensor::f32s([xs.len()], xs)?
    } else if let Some(ns) = attributes.ints("value_ints")? {
        Tensor::i64s([ns.len()], ns)?
    } else {
        return Err(Error::new("has no value that is a number")
            .remedy("give a dense tensor, a float or an integer; strings and sparse tensors are not supported"));
    };
    let source = call.scope.tensors.source("constant", "value");
    let value = call.scope.retype.constant(&source, value)?;
    Ok(vec![call.builder().constant(value)])
}

fn constant_of_shape(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let shape = extents_of(&call.required_integers(0, "the shape")?)?;
    let value = match call.attributes.tensor("value")? {
        None => Tensor::f32s(Shape::scalar(), [0.0])?,
        Some(proto) => {
            let source = call.scope.tensors.source("constant", &proto.name);
            let value = call.scope.tensors.read(&source, proto)?;
            value.reshaped(Shape::scalar()).map_err(|_| {
                Error::new("the value of ConstantOfShape has more than one element")
                    .remedy("give one element")
            })?
        }
    };
    let source = call.scope.tensors.source("constant", "value");
    let value = call.scope.retype.constant(&source, value)?;
    let builder = call.builder();
    let value = builder.constant(value);
    Ok(vec![builder.broadcast(value, &shape)?])
}

fn cast(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let to = call.attributes.int("to")?;
    let to = to.ok_or_else(|| Error::new("has no attribute `to`").remedy("say which type"))?;
    if call.scope.opset >= CAST_SATURATE {
        call.attributes.ignore(&["saturate", "round_mode"]);
    }
    let to = i32::try_from(to).unwrap_or(0);
    let dtype = cast_type(to)?;
    let dtype = call.scope.retype.dtype(dtype);
    if call.dtype(x) == dtype {
        return Ok(vec![x]);
    }
    // A known integer that the float type represents is a constant of it.
    let known = call.builder().known(x).cloned();
    if let Some(value) = known.filter(|_| dtype.is_float()) {
        let cast = value.cast(dtype)?;
        if cast.to_f64s() == value.to_f64s() {
            return Ok(vec![call.builder().constant(cast)]);
        }
    }
    Ok(vec![call.builder().push(op::Cast(dtype), &[x])?])
}

/// The graph's type for a Cast; integers of less than 32 bits would wrap around.
fn cast_type(to: i32) -> Result<DType> {
    use crate::import::arrays::Element;
    match types::element(to) {
        Some(Element::U8 | Element::U16 | Element::U32 | Element::U64 | Element::I8)
        | Some(Element::I16 | Element::Void2)
        | None => Err(
            Error::new(format!("a Cast to {} is not supported", types::name(to)))
                .remedy("cast to a float of 16, 32 or 64 bits, to int32, int64 or bool"),
        ),
        Some(element) => Ok(types::dtype(element)),
    }
}

fn range(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    call.attributes.ignore(&["stash_type"]);
    let mut bounds = [0; 3];
    for (k, (bound, what)) in bounds
        .iter_mut()
        .zip(["the start", "the limit", "the step"])
        .enumerate()
    {
        *bound = match call.required_integers(k, what)?.as_slice() {
            &[one] => one,
            _ => return Err(Error::new(format!("{what} is no scalar")).remedy("give a scalar")),
        };
    }
    let [start, limit, step] = bounds;
    let distance = i128::from(limit) - i128::from(start);
    let count = match step {
        0 => return Err(Error::new("the step of a Range is 0").remedy("use another step")),
        _ if (distance < 0) != (step < 0) => 0,
        _ => distance
            .unsigned_abs()
            .div_ceil(u128::from(step.unsigned_abs())),
    };
    let allowed = usize::try_from(count)
        .ok()
        .and_then(|n| call.builder().allow(n));
    if allowed.is_none() {
        return Err(Error::new(format!("a Range of {count} elements"))
            .remedy("make it an input of the model"));
    }
    let element = |k: i64| start.wrapping_add(k.wrapping_mul(step));
    let values: Vec<i64> = (0..count as i64).map(element).collect();
    let value = Tensor::i64s([values.len()], values)?;
    Ok(vec![call.builder().constant(value)])
}
