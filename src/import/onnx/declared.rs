//! The element types that a file declares for values that nodes make: results of the graph and
//! of the bodies of `If`, `Loop` and `Scan`, and values in between. ONNX refuses a model whose
//! declarations its values contradict; a reader that did not would give such a model a meaning.

use super::builder::Builder;
use super::control::Control;
use super::inputs::tensor_type;
use super::proto::{DataType, GraphProto, ValueInfoProto};
use super::signature::types_of;
use super::types::{self, Retype};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use std::borrow::Cow;

/// The file's number of the element type, where it declares one.
pub(super) fn element_type(info: &ValueInfoProto) -> Option<i32> {
    let declared = tensor_type(info)?.elem_type;
    (declared != DataType::Undefined as i32).then_some(declared)
}

/// The name of a declared type, as [`types_of`] has it.
fn name(declared: i32) -> Cow<'static, str> {
    match (types::width(declared), types::element(declared)) {
        (Some(width), _) => width.name(),
        (None, Some(element)) => Cow::Borrowed(types::dtype(element).name()),
        (None, None) => Cow::Owned(types::name(declared)),
    }
}

fn is_float(declared: i32) -> bool {
    types::element(declared).is_some_and(|element| types::dtype(element).is_float())
}

/// Fails where a value, named by `what`, has another element type than it is declared to have.
/// Where the model's own float type is replaced, every float type stands for any other.
pub(super) fn check(
    builder: &Builder,
    retype: Retype,
    (what, value): (&str, &str),
    declared: Option<i32>,
    x: ValueId,
) -> Result<()> {
    let Some(declared) = declared else {
        return Ok(());
    };
    if retype.replaces() && is_float(declared) && builder.dtype(x).is_float() {
        return Ok(());
    }
    let (own, declared) = (types_of(builder, retype, x), name(declared));
    if own.contains(&declared) {
        return Ok(());
    }
    let own = own.last().map_or("", |own| own);
    Err(Error::new(format!(
        "the {what} `{}` is declared {declared}, but it is {own}",
        value.escape_debug()
    ))
    .remedy("insert a Cast, or correct the declared type"))
}

/// Fails where the results of two branches are declared to have different types: whichever is
/// taken, the result has one.
pub(super) fn branches_agree(retype: Retype, [no, yes]: [&GraphProto; 2]) -> Result<()> {
    for (k, (no, yes)) in no.output.iter().zip(&yes.output).enumerate() {
        let (Some(a), Some(b)) = (element_type(yes), element_type(no)) else {
            continue;
        };
        let replaced = retype.replaces() && is_float(a) && is_float(b);
        if a != b && !replaced {
            return Err(Error::new(format!(
                "result {k} is {} in `then_branch` and {} in `else_branch`",
                name(a),
                name(b)
            ))
            .remedy("insert a Cast, so that both branches have one element type"));
        }
    }
    Ok(())
}

/// Fails where a value that iterations carry has another type after one than before.
pub(super) fn carried_alike(
    builder: &Builder,
    retype: Retype,
    control: Control,
    before: &[ValueId],
    after: &[ValueId],
) -> Result<()> {
    for (k, (&x, &y)) in before.iter().zip(after).enumerate() {
        let both_floats = builder.dtype(x).is_float() && builder.dtype(y).is_float();
        if retype.replaces() && both_floats {
            continue;
        }
        let [x, y] = [x, y].map(|x| types_of(builder, retype, x));
        if !x.iter().any(|x| y.contains(x)) {
            let shown = |types: &[Cow<'static, str>]| types.last().cloned().unwrap_or_default();
            return Err(Error::new(format!(
                "{control:?} carries a value (number {k}) that is {} before an iteration and {} after it",
                shown(&x),
                shown(&y)
            ))
            .remedy("insert a Cast in the body, so that it keeps its element type"));
        }
    }
    Ok(())
}
