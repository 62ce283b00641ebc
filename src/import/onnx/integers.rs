//! Integers of fewer bits than 64, or without a sign.
//!
//! The graph's integers have 64 bits. Which of ONNX's types a value has is kept beside the
//! graph, per value. What an operation computes of known integers wraps around as ONNX's
//! reference implementation has it; of others the result is checked, and an execution that
//! leaves the type is an error.

use super::builder::Builder;
use super::types::Width;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::op;
use crate::tensor::{DType, Tensor};

/// Where an operation's integer results have their type from.
enum Kind {
    /// Its argument at this place.
    Argument(usize),
    /// They are int64.
    Int64,
    /// Its lowering says so.
    Own,
}

fn kind(operation: &str, result: usize) -> Kind {
    match (operation, result) {
        ("ArgMax" | "ArgMin" | "Shape" | "Size", _) | ("MaxPool", 1) => Kind::Int64,
        ("Cast" | "CastLike" | "Constant" | "ConstantOfShape" | "EyeLike", _) => Kind::Own,
        ("Where", _) => Kind::Argument(1),
        ("OneHot", _) => Kind::Argument(2),
        _ => Kind::Argument(0),
    }
}

/// Operations whose results are among their arguments' elements, or nearer to 0.
const INSIDE: &[&str] = &[
    "CenterCropPad",
    "Clip",
    "Compress",
    "Concat",
    "Dropout",
    "Expand",
    "Flatten",
    "Gather",
    "GatherElements",
    "GatherND",
    "Identity",
    "Max",
    "Min",
    "Mod",
    "Pad",
    "ReduceMax",
    "ReduceMin",
    "Relu",
    "Reshape",
    "ReverseSequence",
    "Sign",
    "Slice",
    "Split",
    "Squeeze",
    "Tile",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Where",
];

/// Gives an operation's integer results their types.
pub(super) fn settle(
    builder: &mut Builder,
    operation: &str,
    arguments: &[Option<ValueId>],
    results: Vec<ValueId>,
) -> Result<Vec<ValueId>> {
    let mut settled = Vec::with_capacity(results.len());
    for (place, result) in results.into_iter().enumerate() {
        let width = match kind(operation, place) {
            Kind::Argument(k) => {
                (arguments.get(k).copied().flatten()).and_then(|a| builder.width(a))
            }
            Kind::Int64 | Kind::Own => None,
        };
        settled.push(
            match width.filter(|_| builder.dtype(result) == DType::I64) {
                Some(width) if builder.width(result) != Some(width) => {
                    let inside = INSIDE.contains(&operation);
                    let wrapped = if inside {
                        result
                    } else {
                        wrap(builder, result, width)?
                    };
                    builder.set_width(wrapped, Some(width));
                    wrapped
                }
                _ => result,
            },
        );
    }
    Ok(settled)
}

/// The integers as ones of a type: known ones modulo 2^bits, others checked.
fn wrap(builder: &mut Builder, x: ValueId, width: Width) -> Result<ValueId> {
    let Some(known) = builder.known(x).cloned() else {
        let (least, greatest) = width.limits();
        return builder.push(op::Cast::to_integers(least, greatest), &[x]);
    };
    let values = known.as_i64s().unwrap_or_default();
    let wrapped: Option<Vec<i64>> = values.iter().map(|&n| width.wrap(n)).collect();
    let wrapped = wrapped.ok_or_else(|| {
        Error::new("wraps around to an unsigned integer beyond 2^63")
            .remedy("use int64, or smaller numbers")
    })?;
    if wrapped == values {
        return Ok(x);
    }
    Ok(builder.constant(Tensor::i64s(known.shape().clone(), wrapped)?))
}

/// Numbers of any type as integers of ONNX's type, `None` for int64: a value of its own where
/// x has another type.
pub(super) fn convert(builder: &mut Builder, x: ValueId, width: Option<Width>) -> Result<ValueId> {
    let from = builder.dtype(x);
    if from == DType::I64 && builder.width(x) == width {
        return Ok(x);
    }
    let converted = match width {
        Some(width) if from == DType::I64 => {
            let wrapped = wrap(builder, x, width)?;
            if wrapped == x {
                builder.copy(x)?
            } else {
                wrapped
            }
        }
        Some(width) => {
            let (least, greatest) = width.limits();
            builder.push(op::Cast::to_integers(least, greatest), &[x])?
        }
        None if from == DType::I64 => builder.copy(x)?,
        None => builder.push(op::Cast::to(DType::I64), &[x])?,
    };
    builder.set_width(converted, width);
    Ok(converted)
}
