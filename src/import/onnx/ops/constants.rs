//! Constants, and operations that are nearly the identity.

use super::super::call::extents_of;
use super::super::integers;
use super::super::types::{self, Width};
use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::op;
use crate::tensor::{DType, Shape, Tensor};
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};

pub(super) const OPERATIONS: &[Operation] = &[
    op("Cast", "", 1..=1, cast),
    op("CastLike", "", 2..=2, cast_like),
    op("Constant", "numbers, dense", 0..=0, constant),
    op(
        "ConstantOfShape",
        "of a constant shape",
        1..=1,
        constant_of_shape,
    ),
    op("Dropout", "in inference", 1..=3, dropout),
    op("Identity", "", 1..=1, identity),
    op("Range", "of constant bounds", 3..=3, range),
];

/// The opset that gives Cast the attribute `saturate`, and the one that adds `round_mode`:
/// both concern 8-bit floats only.
const CAST_SATURATE: i64 = 19;

fn identity(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    Ok(vec![call.input(0)?])
}

/// The opset from which Dropout needs no `is_test` to be inference, the one from which its
/// mask is boolean, and the one from which its ratio is an input.
const DROPOUT_INFERS: i64 = 7;
const DROPOUT_MASK_IS_BOOL: i64 = 10;
const DROPOUT_RATIO_IS_AN_INPUT: i64 = 12;

/// Dropout in inference, or with the ratio 0, is the identity; its mask is all true.
fn dropout(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let opset = call.scope.opset;
    call.attributes.ignore(&["seed"]);
    if opset < DROPOUT_RATIO_IS_AN_INPUT {
        call.attributes.ignore(&["ratio"]);
    }
    let trains = match call.optional(2) {
        _ if opset < DROPOUT_INFERS => !call.attributes.flag("is_test", false)?,
        None => false,
        Some(mode) => {
            let mode = call.builder().known(mode).map(Tensor::to_f64s);
            let ratio = call.optional(1).and_then(|r| call.builder().known_reals(r));
            mode.as_deref() != Some(&[0.0]) && ratio.is_none_or(|r| r.to_f64s() != [0.0])
        }
    };
    if trains {
        return Err(Error::new("Dropout in training mode is random")
            .remedy("export the model for inference (training_mode false)"));
    }
    if call.outputs < 2 {
        return Ok(vec![x]);
    }
    let shape = call.shape(x);
    let dtype = if opset < DROPOUT_MASK_IS_BOOL {
        call.dtype(x)
    } else {
        DType::Bool
    };
    let one = Tensor::full(Shape::scalar(), dtype, 1.0)?;
    let builder = call.builder();
    let one = builder.constant(one);
    Ok(vec![x, builder.broadcast(one, &shape)?])
}

fn constant(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let attributes = &mut call.attributes;
    let mut width = None;
    let value = if let Some(proto) = attributes.tensor("value")? {
        width = types::width(proto.data_type);
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
    Ok(vec![call.scope.number(&source, value, width)?])
}

fn constant_of_shape(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let shape = extents_of(&call.required_integers(0, "the shape")?)?;
    let mut width = None;
    let value = match call.attributes.tensor("value")? {
        None => Tensor::f32s(Shape::scalar(), [0.0])?,
        Some(proto) => {
            width = types::width(proto.data_type);
            let source = call.scope.tensors.source("constant", &proto.name);
            let value = call.scope.tensors.read(&source, proto)?;
            value.reshaped(Shape::scalar()).map_err(|_| {
                Error::new("the value of ConstantOfShape has more than one element")
                    .remedy("give one element")
            })?
        }
    };
    let source = call.scope.tensors.source("constant", "value");
    let value = call.scope.number(&source, value, width)?;
    let builder = call.builder();
    let whole = builder.broadcast(value, &shape)?;
    builder.set_width(whole, width);
    if let Some(mask) = builder.infinite(value) {
        builder.set_infinite(whole, mask)?;
    }
    Ok(vec![whole])
}

fn cast(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let to = call.attributes.int("to")?;
    let to = to.ok_or_else(|| Error::new("has no attribute `to`").remedy("say which type"))?;
    if call.scope.opset >= CAST_SATURATE {
        call.attributes.ignore(&["saturate", "round_mode"]);
    }
    let to = i32::try_from(to).unwrap_or(0);
    let Some(element) = types::element(to) else {
        return Err(
            Error::new(format!("a Cast to {} is not supported", types::name(to)))
                .remedy("cast to a float of 16, 32 or 64 bits, to an integer type or to bool"),
        );
    };
    let dtype = call.scope.retype.dtype(types::dtype(element));
    Ok(vec![converted(call, x, dtype, types::width(to))?])
}

/// A Cast to the type of another value.
fn cast_like(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, like) = (call.input(0)?, call.input(1)?);
    if call.scope.opset >= CAST_SATURATE {
        call.attributes.ignore(&["saturate", "round_mode"]);
    }
    let (dtype, width) = (call.dtype(like), call.builder().width(like));
    Ok(vec![converted(call, x, dtype, width)?])
}

/// The value in another type; nothing is appended where it has the type already.
fn converted(
    call: &mut Call<'_>,
    x: ValueId,
    dtype: DType,
    width: Option<Width>,
) -> Result<ValueId> {
    if dtype == DType::I64 {
        return integers::convert(call.builder(), x, width);
    }
    if call.dtype(x) == dtype {
        return Ok(x);
    }
    // A known integer that the float type represents is a constant of it.
    let known = call.builder().known(x).cloned();
    if let Some(value) = known.filter(|_| dtype.is_float()) {
        let cast = value.cast(dtype)?;
        // Beyond 2^53 a tensor cannot show whether the float is the integer.
        let shown =
            (value.as_i64s()).is_none_or(|all| all.iter().all(|n| n.unsigned_abs() >> 53 == 0));
        if shown && cast.to_f64s() == value.to_f64s() {
            return Ok(call.builder().constant(cast));
        }
    }
    call.builder().push(op::Cast::to(dtype), &[x])
}

fn range(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    call.attributes.ignore(&["stash_type"]);
    let inputs = call.all_inputs()?;
    if inputs.iter().any(|&x| call.shape(x).len() != 1) {
        return Err(Error::new("a bound of a Range is no scalar").remedy("give scalars"));
    }
    if inputs.iter().any(|&x| call.dtype(x).is_float()) {
        return range_of_floats(call, &inputs);
    }
    let mut bounds = [0; 3];
    for (k, (bound, what)) in bounds
        .iter_mut()
        .zip(["the start", "the limit", "the step"])
        .enumerate()
    {
        *bound = call
            .required_integers(k, what)?
            .first()
            .copied()
            .unwrap_or(0);
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
    let count = allowed(call, count)?;
    let element = |k: i64| start.wrapping_add(k.wrapping_mul(step));
    let values: Vec<i64> = (0..count as i64).map(element).collect();
    let value = Tensor::i64s([values.len()], values)?;
    Ok(vec![call.builder().constant(value)])
}

/// start + k·step for as many k as there are before the limit: ceil((limit − start)/step),
/// in exact arithmetic.
fn range_of_floats(call: &mut Call<'_>, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
    let mut bounds = Vec::with_capacity(inputs.len());
    for (k, what) in ["the start", "the limit", "the step"]
        .into_iter()
        .enumerate()
    {
        let value = call.reals(k, what)?.and_then(|all| all.first().copied());
        bounds.push(value.and_then(BigRational::from_float));
    }
    let [Some(start), Some(limit), Some(step)] = bounds.as_slice() else {
        return Err(Error::new("a bound of a Range is not finite").remedy("give finite bounds"));
    };
    if step.is_zero() {
        return Err(Error::new("the step of a Range is 0").remedy("use another step"));
    }
    let steps = ((limit - start) / step).ceil().to_integer();
    let count = if steps.is_negative() {
        0
    } else {
        steps.to_u128().unwrap_or(u128::MAX)
    };
    let count = allowed(call, count)?;
    let (start, step) = (call.input(0)?, call.input(2)?);
    let numbers: Vec<i64> = (0..count as i64).collect();
    let numbers = Tensor::i64s([count], numbers)?;
    let dtype = call.dtype(start);
    let exact = numbers.to_f64s();
    let numbers = numbers.cast(dtype)?;
    if numbers.to_f64s() != exact {
        return Err(Error::new(format!(
            "a Range of {count} elements, which {dtype} does not count"
        ))
        .remedy("use a wider type"));
    }
    let builder = call.builder();
    let numbers = builder.constant(numbers);
    let distances = builder.binary(op::Mul, numbers, step)?;
    Ok(vec![builder.binary(op::Add, start, distances)?])
}

/// The count, where so many elements may be made at import.
fn allowed(call: &mut Call<'_>, count: u128) -> Result<usize> {
    let fits = usize::try_from(count).ok();
    let allowed = fits.filter(|&n| call.builder().allow(n).is_some());
    allowed.ok_or_else(|| {
        Error::new(format!("a Range of {count} elements")).remedy("make it an input of the model")
    })
}
