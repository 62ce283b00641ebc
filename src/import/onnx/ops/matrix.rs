//! Matrix products.

use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::lower::{self, Gemm};
use crate::op;
use crate::tensor::Shape;

pub(super) const OPERATIONS: &[Operation] = &[
    op("Gemm", "of floats", 2..=3, gemm),
    op("MatMul", "of floats", 2..=2, matmul),
];

/// numpy's matmul: vectors gain an axis of extent 1, which the result loses again.
fn matmul(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (a, b) = (call.input(0)?, call.input(1)?);
    let (left, right) = (call.shape(a), call.shape(b));
    if left.rank() == 0 || right.rank() == 0 {
        return Err(Error::new(format!(
            "cannot multiply shapes {left} and {right} as matrices"
        ))
        .remedy("use Mul for scalars"));
    }
    let builder = call.builder();
    let a = match &left[..] {
        &[k] => builder.reshape(a, Shape::from([1, k]))?,
        _ => a,
    };
    let b = match &right[..] {
        &[k] => builder.reshape(b, Shape::from([k, 1]))?,
        _ => b,
    };
    let product = builder.push(op::MatMul::default(), &[a, b])?;
    let mut extents = builder.shape(product).to_vec();
    if right.rank() == 1 {
        extents.pop();
    }
    if left.rank() == 1 {
        // The row of extent 1 stands last, or before the columns.
        let row = extents.len() - usize::from(right.rank() > 1) - 1;
        extents.remove(row);
    }
    if extents.len() == builder.shape(product).rank() {
        return Ok(vec![product]);
    }
    Ok(vec![builder.reshape(product, Shape::from(extents))?])
}

/// The opset from which Gemm always broadcasts C; before it, an attribute says so.
const GEMM_BROADCASTS: i64 = 7;

fn gemm(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    if call.scope.opset < GEMM_BROADCASTS {
        call.attributes.flag("broadcast", false)?;
    }
    let (a, b, c) = (call.input(0)?, call.input(1)?, call.optional(2));
    let how = Gemm {
        alpha: f64::from(call.attributes.float("alpha")?.unwrap_or(1.0)),
        beta: f64::from(call.attributes.float("beta")?.unwrap_or(1.0)),
        transpose_a: call.attributes.flag("transA", false)?,
        transpose_b: call.attributes.flag("transB", false)?,
    };
    Ok(vec![lower::gemm(&mut call.builder().graph, a, b, c, &how)?])
}
