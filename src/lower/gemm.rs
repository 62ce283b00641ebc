//! The general matrix product of BLAS.

use super::real;
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::tensor::Shape;

/// How the operands of [`gemm()`] enter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gemm {
    /// Factor of the product.
    pub alpha: f64,
    /// Factor of the summand.
    pub beta: f64,
    /// Whether A is transposed first.
    pub transpose_a: bool,
    /// Whether B is transposed first.
    pub transpose_b: bool,
}

impl Default for Gemm {
    /// A·B + C.
    fn default() -> Self {
        Gemm {
            alpha: 1.0,
            beta: 1.0,
            transpose_a: false,
            transpose_b: false,
        }
    }
}

/// alpha·A'·B' + beta·C for matrices A and B, and C that broadcasts to their product.
///
/// A factor of 1 appends nothing.
pub fn gemm(
    graph: &mut Graph,
    a: ValueId,
    b: ValueId,
    c: Option<ValueId>,
    how: &Gemm,
) -> Result<ValueId> {
    for (name, x) in [("A", a), ("B", b)] {
        let shape = &graph.ty(x).shape;
        if shape.rank() != 2 {
            return Err(Error::new(format!("{name} has the shape {shape}"))
                .remedy("a general matrix product takes matrices; use MatMul for others"));
        }
    }
    let product = graph.matmul_with(a, b, how.transpose_a, how.transpose_b)?;
    let product = scaled(graph, how.alpha, product)?;
    let Some(c) = c else {
        return Ok(product);
    };
    let shape = graph.ty(product).shape.clone();
    if graph.ty(c).shape.broadcast_with(&shape).as_ref() != Some(&shape) {
        return Err(misfit(&graph.ty(c).shape, &shape));
    }
    let summand = scaled(graph, how.beta, c)?;
    graph.add(product, summand)
}

#[expect(clippy::float_cmp, reason = "only the exact factor 1 can be left out")]
fn scaled(graph: &mut Graph, factor: f64, x: ValueId) -> Result<ValueId> {
    if factor == 1.0 {
        return Ok(x);
    }
    let dtype = graph.ty(x).dtype;
    let factor = real(graph, factor, dtype)?;
    graph.mul(factor, x)
}

fn misfit(c: &Shape, product: &Shape) -> Error {
    Error::new(format!(
        "C of shape {c} does not broadcast to the product's shape {product}"
    ))
    .remedy("make C's extents those of the product, or 1")
}
