//! Comparisons, truth values, selections, and what jumps from integer to integer.

use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::number::spec::Steps;
use crate::op::{self, Relation, Rounding};
use crate::tensor::{DType, Shape, Tensor};

pub(super) const OPERATIONS: &[Operation] = &[
    op("And", "", 2..=2, and),
    op("Ceil", "", 1..=1, ceil),
    op("Equal", "", 2..=2, equal),
    op("Floor", "", 1..=1, floor),
    op("Greater", "", 2..=2, greater),
    op("GreaterOrEqual", "", 2..=2, greater_or_equal),
    op("Less", "", 2..=2, less),
    op("LessOrEqual", "", 2..=2, less_or_equal),
    op("Mod", "", 2..=2, modulo),
    op("Not", "", 1..=1, not),
    op("Or", "", 2..=2, or),
    op("Round", "", 1..=1, round),
    op("Sign", "", 1..=1, sign),
    op("Where", "", 3..=3, select),
    op("Xor", "", 2..=2, xor),
];

fn less(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, y) = call.operands()?;
    Ok(vec![call.builder().binary(
        op::Compare(Relation::Less),
        x,
        y,
    )?])
}

fn greater(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, y) = call.operands()?;
    Ok(vec![call.builder().binary(
        op::Compare(Relation::Less),
        y,
        x,
    )?])
}

fn less_or_equal(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, y) = call.operands()?;
    let relation = op::Compare(Relation::LessOrEqual);
    Ok(vec![call.builder().binary(relation, x, y)?])
}

fn greater_or_equal(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, y) = call.operands()?;
    let relation = op::Compare(Relation::LessOrEqual);
    Ok(vec![call.builder().binary(relation, y, x)?])
}

fn equal(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, y) = call.operands()?;
    if call.dtype(x) == DType::Bool && call.dtype(y) == DType::Bool {
        let negated = negation(call, y)?;
        return Ok(vec![chosen(call, x, y, negated)?]);
    }
    Ok(vec![call.builder().binary(
        op::Compare(Relation::Equal),
        x,
        y,
    )?])
}

/// y where the condition is true, else z; all three broadcast.
fn chosen(call: &mut Call<'_>, condition: ValueId, y: ValueId, z: ValueId) -> Result<ValueId> {
    let builder = call.builder();
    let all = builder.broadcast_all(&[condition, y, z])?;
    builder.push(op::Select, &all)
}

fn truth(call: &mut Call<'_>, value: bool) -> Result<ValueId> {
    let value = Tensor::bools(Shape::scalar(), [value])?;
    Ok(call.builder().constant(value))
}

fn negation(call: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let (no, yes) = (truth(call, false)?, truth(call, true)?);
    chosen(call, x, no, yes)
}

fn and(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let ((x, y), no) = (call.operands()?, truth(call, false)?);
    Ok(vec![chosen(call, x, y, no)?])
}

fn or(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let ((x, y), yes) = (call.operands()?, truth(call, true)?);
    Ok(vec![chosen(call, x, yes, y)?])
}

fn xor(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, y) = call.operands()?;
    let negated = negation(call, y)?;
    Ok(vec![chosen(call, x, negated, y)?])
}

fn not(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    Ok(vec![negation(call, x)?])
}

fn select(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (condition, x, y) = (call.input(0)?, call.input(1)?, call.input(2)?);
    Ok(vec![chosen(call, condition, x, y)?])
}

fn sign(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    Ok(vec![call.builder().push(op::Step(Steps::SIGN), &[x])?])
}

fn rounded(call: &mut Call<'_>, to: Rounding) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    Ok(vec![call.builder().push(op::Round(to), &[x])?])
}

fn floor(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    rounded(call, Rounding::Floor)
}

fn ceil(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    rounded(call, Rounding::Ceil)
}

fn round(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    rounded(call, Rounding::Nearest)
}

/// The opset that gives floats Python's remainder as well.
const MOD_FLOORS_FLOATS: i64 = 28;

fn modulo(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, y) = call.operands()?;
    let truncated = call.attributes.flag("fmod", false)?;
    if !truncated && call.dtype(x).is_float() && call.scope.opset < MOD_FLOORS_FLOATS {
        return Err(Error::new("a Mod of floats with fmod = 0").remedy(format!(
            "set fmod to 1, which ONNX demands for floats before opset {MOD_FLOORS_FLOATS}"
        )));
    }
    let known_zero = call
        .builder()
        .known(y)
        .is_some_and(|t| t.to_f64s().contains(&0.0));
    if known_zero && call.dtype(y) == DType::I64 {
        return Err(Error::new("an integer remainder by 0").remedy("divide by another number"));
    }
    Ok(vec![call.builder().binary(op::Mod { truncated }, x, y)?])
}
