use crate::error::Result;
use crate::graph::{Graph, ValueId};

/// x to a constant power, as common implementations compute it: 1 for 0, x for 1, x·x for 2,
/// (x·x)·x for 3; 1/x for −1, 1/(x·x) for −2, √x for ½ and 1/√x for −½, or their `pow`; for
/// other integers `pow` or products, by repeated squaring ([`Graph::by_squaring`]); else `pow`.
///
/// (PyTorch, ONNX Runtime and XLA's simplifier agree on 0 to 3. Of the others PyTorch takes the
/// quotients and roots, ONNX Runtime `pow`, and XLA either. The products are JAX's `x**n`; its
/// gradient is δ·(n·x**(n − 1)).)
#[expect(clippy::float_cmp, reason = "exponents are single numbers")]
pub fn power(graph: &mut Graph, x: ValueId, exponent: f64) -> Result<ValueId> {
    let ty = graph.ty(x).clone();
    if exponent == 0.0 {
        let one = graph.scalar(1.0, ty.dtype)?;
        return graph.broadcast(one, &ty.shape);
    } else if exponent == 1.0 {
        return graph.reshape(x, ty.shape);
    } else if exponent == 2.0 {
        return graph.mul(x, x);
    } else if exponent == 3.0 {
        let square = graph.mul(x, x)?;
        return graph.mul(square, x);
    }
    let real = super::real(graph, exponent, ty.dtype)?;
    let short = if exponent == -1.0 {
        Some(reciprocal(graph, x)?)
    } else if exponent == -2.0 {
        let square = graph.mul(x, x)?;
        Some(reciprocal(graph, square)?)
    } else if exponent == 0.5 {
        Some(graph.sqrt(x)?)
    } else if exponent == -0.5 {
        Some(graph.rsqrt(x)?)
    } else {
        None
    };
    let held = graph.held(x)?;
    if let Some(short) = short {
        let routine = graph.pow(held, real)?;
        return graph.any_program(short, &[routine], &[x]);
    }
    let value = graph.pow(x, real)?;
    match graph.by_squaring(held, exponent)? {
        Some(product) => graph.any_of(value, &[product]),
        None => Ok(value),
    }
}

fn reciprocal(graph: &mut Graph, x: ValueId) -> Result<ValueId> {
    let one = graph.scalar(1.0, graph.ty(x).dtype)?;
    graph.div(one, x)
}
