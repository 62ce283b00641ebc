//! −∞ in masks: it never enters the graph.
//!
//! A float value whose elements may be −∞ is kept as a value with 0 in their place and a
//! boolean tensor that is true there. Operations that masks go through carry both along;
//! Softmax selects the elements away ([`lower::masked_softmax`]); any other operation on such
//! a value is an error.

use super::builder::Builder;
use super::call::{Call, Scope, axis_of};
use super::ops::Operation;
use super::walk::Given;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::lower;
use crate::op::{Compare, Relation, Select};
use crate::tensor::{Shape, Tensor};

/// The opset from which Softmax normalizes over one axis only.
const SOFTMAX_HAS_ONE_AXIS: i64 = 13;

/// How an operation treats arguments with −∞.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    /// Its result's elements are its arguments': the mask takes the same way.
    Moves,
    /// The result has its first argument's elements in their places.
    Keeps,
    /// x + y.
    Adds,
    /// A selection between the last two arguments.
    Selects,
    /// x = y.
    Compares,
    /// The maximum over axes.
    Maximum,
    /// Softmax along an axis.
    Softmax,
}

/// How the operation treats −∞; `None` where it cannot.
fn treatment(op: &str) -> Option<Treatment> {
    match op {
        "Concat" | "Expand" | "Flatten" | "Gather" | "Pad" | "Reshape" | "Slice" | "Split"
        | "Squeeze" | "Tile" | "Transpose" | "Unsqueeze" => Some(Treatment::Moves),
        "Cast" | "CastLike" | "Identity" => Some(Treatment::Keeps),
        "Add" => Some(Treatment::Adds),
        "Where" => Some(Treatment::Selects),
        "Equal" => Some(Treatment::Compares),
        "ReduceMax" => Some(Treatment::Maximum),
        "Softmax" => Some(Treatment::Softmax),
        _ => None,
    }
}

/// A constant with 0 in place of −∞, and where that is; `None` without any.
pub(super) fn split(value: &Tensor) -> Result<Option<(Tensor, Tensor)>> {
    let values = value.to_f64s();
    let lost: Vec<bool> = values
        .iter()
        .map(|&x| x.is_infinite() && x.is_sign_negative())
        .collect();
    if !value.dtype().is_float() || !lost.contains(&true) {
        return Ok(None);
    }
    let finite: Vec<f64> = values
        .iter()
        .zip(&lost)
        .map(|(&x, &l)| if l { 0.0 } else { x })
        .collect();
    let shape = value.shape().clone();
    let finite = Tensor::from_f64s(shape.clone(), value.dtype(), &finite)?;
    Ok(Some((finite, Tensor::bools(shape, lost)?)))
}

/// The error for an operation on −∞ that has no meaning here.
fn refused(op: &str) -> Error {
    Error::new(format!("-inf reaches the operation {}", op.escape_debug()))
        .remedy("use a large negative number as the mask, or ONNX's Attention")
}

/// Where each argument is −∞; a tensor of false for one that nowhere is.
fn masks(builder: &mut Builder, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
    let mut all = Vec::with_capacity(inputs.len());
    for &x in inputs {
        all.push(match builder.infinite(x) {
            Some(mask) => mask,
            None => {
                let no = builder.constant(Tensor::bools(Shape::scalar(), [false])?);
                let shape = builder.shape(x);
                builder.broadcast(no, &shape)?
            }
        });
    }
    Ok(all)
}

/// x ∨ y, which broadcast.
fn or(builder: &mut Builder, x: ValueId, y: ValueId) -> Result<ValueId> {
    choose(builder, x, x, y)
}

/// x where the condition holds, else y; all broadcast.
fn choose(builder: &mut Builder, condition: ValueId, x: ValueId, y: ValueId) -> Result<ValueId> {
    let all = builder.broadcast_all(&[condition, x, y])?;
    builder.push(Select, &all)
}

/// Lowers an operation, some of whose arguments may be −∞.
pub(super) fn lower(
    scope: &mut Scope,
    operation: &Operation,
    given: Given,
) -> Result<Vec<ValueId>> {
    let may_be = |x: &ValueId| scope.builder.infinite(*x).is_some();
    if !given.inputs.iter().flatten().any(may_be) {
        return plain(scope, operation, given);
    }
    let inputs: Vec<ValueId> = given.inputs.iter().flatten().copied().collect();
    let all = masks(&mut scope.builder, &inputs)?;
    match (treatment(operation.name), inputs.as_slice(), all.as_slice()) {
        (Some(Treatment::Moves), ..) => moved(scope, operation, given, &all),
        (Some(Treatment::Keeps), _, &[mask, ..]) => {
            let results = plain(scope, operation, given)?;
            marked(scope, results, mask)
        }
        (Some(Treatment::Adds), _, &[x, y]) => {
            let results = plain(scope, operation, given)?;
            let mask = or(&mut scope.builder, x, y)?;
            marked(scope, results, mask)
        }
        (Some(Treatment::Selects), &[condition, ..], &[_, x, y]) => {
            let results = plain(scope, operation, given)?;
            let mask = choose(&mut scope.builder, condition, x, y)?;
            marked(scope, results, mask)
        }
        (Some(Treatment::Compares), _, &[x, y]) => {
            let results = plain(scope, operation, given)?;
            let builder = &mut scope.builder;
            results
                .into_iter()
                .map(|finite| equal(builder, x, y, finite))
                .collect()
        }
        (Some(Treatment::Maximum), &[x, ..], &[mask, ..]) => {
            let (most, lost) = maximum(scope, operation, &given, x, mask)?;
            marked(scope, vec![most], lost)
        }
        (Some(Treatment::Softmax), &[x], &[mask]) => softmax(scope, given, x, mask),
        _ => Err(refused(operation.name)),
    }
}

fn plain(scope: &mut Scope, operation: &Operation, given: Given) -> Result<Vec<ValueId>> {
    let lowered = operation.lower(Call {
        scope,
        attributes: given.attributes,
        inputs: given.inputs,
        outputs: given.outputs,
    })?;
    scope.builder.catch_up()?;
    Ok(lowered)
}

/// Notes where the results, which are floats, are −∞.
fn marked(scope: &mut Scope, results: Vec<ValueId>, mask: ValueId) -> Result<Vec<ValueId>> {
    for &id in &results {
        if !scope.builder.dtype(id).is_float() {
            return Err(refused("Cast"));
        }
        scope.builder.set_infinite(id, mask)?;
    }
    Ok(results)
}

/// The masks go the way of the values; of arguments that are no floats there are none.
fn moved(
    scope: &mut Scope,
    operation: &Operation,
    given: Given,
    all: &[ValueId],
) -> Result<Vec<ValueId>> {
    let mut masked = given.clone();
    let mut masks = all.iter();
    for slot in masked.inputs.iter_mut().flatten() {
        let mask = masks.next();
        if let Some(&mask) = mask.filter(|_| scope.builder.dtype(*slot).is_float()) {
            *slot = mask;
        }
    }
    let results = plain(scope, operation, given)?;
    let places = plain(scope, operation, masked)?;
    for (&id, mask) in results.iter().zip(places) {
        scope.builder.set_infinite(id, mask)?;
    }
    Ok(results)
}

/// Whether two values are equal that may be −∞ where x and y say; `finite` says whether their
/// stand-ins are.
fn equal(builder: &mut Builder, x: ValueId, y: ValueId, finite: ValueId) -> Result<ValueId> {
    let either = or(builder, x, y)?;
    let no = builder.constant(Tensor::bools(Shape::scalar(), [false])?);
    let both = choose(builder, x, y, no)?;
    choose(builder, either, both, finite)
}

/// The maximum over axes of what is not −∞, and where that is nothing: 0 there.
fn maximum(
    scope: &mut Scope,
    operation: &Operation,
    given: &Given,
    x: ValueId,
    mask: ValueId,
) -> Result<(ValueId, ValueId)> {
    let dtype = scope.builder.dtype(x);
    let format = dtype.format().ok_or_else(|| refused(operation.name))?;
    let scalar = |builder: &mut Builder, value: f64| {
        Ok::<ValueId, Error>(builder.constant(Tensor::full(Shape::scalar(), dtype, value)?))
    };
    let [least, zero, one] =
        [format.largest().copysign(-1.0), 0.0, 1.0].map(|v| scalar(&mut scope.builder, v));
    let (least, zero, one) = (least?, zero?, one?);
    let filled = choose(&mut scope.builder, mask, least, x)?;
    let counted = choose(&mut scope.builder, mask, zero, one)?;
    let mut reduced = Vec::with_capacity(2);
    for source in [filled, counted] {
        let mut given = given.clone();
        if let Some(slot) = given.inputs.first_mut() {
            *slot = Some(source);
        }
        reduced.extend(plain(scope, operation, given)?);
    }
    let &[most, some] = reduced.as_slice() else {
        return Err(refused(operation.name));
    };
    let builder = &mut scope.builder;
    let lost = builder.binary(Compare(Relation::Equal), some, zero)?;
    Ok((choose(builder, lost, zero, most)?, lost))
}

/// Softmax over the elements that are not −∞; 0 where there is none.
fn softmax(scope: &mut Scope, mut given: Given, x: ValueId, mask: ValueId) -> Result<Vec<ValueId>> {
    if scope.opset < SOFTMAX_HAS_ONE_AXIS {
        return Err(refused("Softmax"));
    }
    let axis = given.attributes.int("axis")?.unwrap_or(-1);
    given.attributes.finish("Softmax", scope.opset)?;
    scope.formulas.masked_softmax()?;
    let builder = &mut scope.builder;
    let axis = axis_of(axis, builder.shape(x).rank())?;
    let no = builder.constant(Tensor::bools(Shape::scalar(), [false])?);
    let yes = builder.constant(Tensor::bools(Shape::scalar(), [true])?);
    let kept = choose(builder, mask, no, yes)?;
    let result = lower::masked_softmax(&mut builder.graph, x, kept, axis)?;
    builder.catch_up()?;
    Ok(vec![result])
}
