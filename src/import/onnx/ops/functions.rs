//! Elementary functions, powers and smooth activations.

use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::lower::{self, Gelu};
use crate::op::{self, Op};

pub(super) const OPERATIONS: &[Operation] = &[
    op("Acos", "", 1..=1, |call| unary(call, op::Acos)),
    op("Acosh", "", 1..=1, |call| unary(call, op::Acosh)),
    op("Asin", "", 1..=1, |call| unary(call, op::Asin)),
    op("Asinh", "", 1..=1, |call| unary(call, op::Asinh)),
    op("Atan", "", 1..=1, |call| unary(call, op::Atan)),
    op("Atanh", "", 1..=1, |call| unary(call, op::Atanh)),
    op("Celu", "", 1..=1, celu),
    op("Cos", "", 1..=1, |call| unary(call, op::Cos)),
    op("Cosh", "", 1..=1, |call| unary(call, op::Cosh)),
    op("Elu", "", 1..=1, elu),
    op("Erf", "", 1..=1, |call| unary(call, op::Erf)),
    op("Gelu", "", 1..=1, gelu),
    op("Mish", "", 1..=1, |call| composite(call, lower::mish)),
    op("Pow", "float base", 2..=2, pow),
    op("Selu", "", 1..=1, selu),
    op("Sin", "", 1..=1, |call| unary(call, op::Sin)),
    op("Sinh", "", 1..=1, |call| unary(call, op::Sinh)),
    op("Softplus", "", 1..=1, |call| unary(call, op::Softplus)),
    op("Softsign", "", 1..=1, |call| {
        composite(call, lower::softsign)
    }),
    op("Swish", "", 1..=1, swish),
    op("Tan", "", 1..=1, |call| unary(call, op::Tan)),
];

fn unary(call: &mut Call<'_>, op: impl Into<Op>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    Ok(vec![call.builder().push(op, &[x])?])
}

/// A composite of one float argument.
fn composite(
    call: &mut Call<'_>,
    lower: impl FnOnce(&mut Graph, ValueId) -> Result<ValueId>,
) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    if !call.dtype(x).is_float() {
        return Err(
            Error::new(format!("a smooth function of {}", call.dtype(x)))
                .remedy("insert a Cast to a float type"),
        );
    }
    Ok(vec![lower(&mut call.builder().graph, x)?])
}

/// A float attribute, which has its default in f32.
fn float(call: &mut Call<'_>, name: &'static str, default: f32) -> Result<f64> {
    Ok(f64::from(call.attributes.float(name)?.unwrap_or(default)))
}

fn elu(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let alpha = float(call, "alpha", 1.0)?;
    let decay = call.scope.formulas.elu();
    composite(call, |g, x| lower::elu(g, x, alpha, decay))
}

fn celu(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let alpha = float(call, "alpha", 1.0)?;
    let decay = call.scope.formulas.elu();
    composite(call, |g, x| lower::celu(g, x, alpha, decay))
}

fn selu(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let alpha = float(call, "alpha", 1.673_263_2)?;
    let gamma = float(call, "gamma", 1.050_701)?;
    let decay = call.scope.formulas.elu();
    composite(call, |g, x| lower::selu(g, x, [alpha, gamma], decay))
}

fn swish(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let alpha = float(call, "alpha", 1.0)?;
    composite(call, |g, x| lower::swish(g, x, alpha))
}

fn gelu(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let form = match call.attributes.text("approximate")? {
        None | Some("none") => Gelu::Erf,
        Some("tanh") => Gelu::Tanh,
        Some(other) => {
            return Err(Error::new(format!(
                "Gelu has no approximation `{}`",
                other.escape_debug()
            ))
            .remedy("use none or tanh"));
        }
    };
    composite(call, |g, x| lower::gelu(g, x, form))
}

/// x^y; the result has x's type. A constant y of one element is a constant power.
fn pow(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, y) = (call.input(0)?, call.input(1)?);
    let dtype = call.dtype(x);
    if !dtype.is_float() {
        return Err(
            Error::new(format!("a power of {dtype}")).remedy("insert a Cast to a float type")
        );
    }
    let builder = call.builder();
    let exponent = if let Op::Constant(value) = builder.graph.node(y).op() {
        (value.len() == 1).then(|| value.get(0))
    } else {
        None
    };
    let shape = builder.shape(x).broadcast_with(&builder.shape(y));
    if let (Some(exponent), true) = (exponent, shape.as_ref() == Some(&builder.shape(x))) {
        return Ok(vec![lower::power(&mut builder.graph, x, exponent)?]);
    }
    let y = if builder.dtype(y) == dtype {
        y
    } else {
        builder.push(op::Cast::to(dtype), &[y])?
    };
    Ok(vec![builder.binary(op::Pow, x, y)?])
}
