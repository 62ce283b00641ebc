use crate::error::Result;
use crate::graph::{Graph, ValueId};

/// x to a constant power, as common implementations compute it: 1 for 0, x for 1, x·x for 2,
/// (x·x)·x for 3, 1/x for −1, 1/(x·x) for −2, √x for ½, 1/√x for −½, else their `pow`; or for
/// other integers products, by repeated squaring ([`Graph::by_squaring`]).
///
/// (PyTorch, ONNX Runtime and XLA's simplifier agree on these, but for exponents that one of
/// them leaves to `pow`. The products are JAX's `x**n`; its gradient is δ·(n·x**(n − 1)).)
#[expect(clippy::float_cmp, reason = "exponents are single numbers")]
pub fn power(graph: &mut Graph, x: ValueId, exponent: f64) -> Result<ValueId> {
    let ty = graph.ty(x).clone();
    let reciprocal = |graph: &mut Graph, x: ValueId| {
        let one = graph.scalar(1.0, ty.dtype)?;
        graph.div(one, x)
    };
    if exponent == 0.0 {
        let one = graph.scalar(1.0, ty.dtype)?;
        graph.broadcast(one, &ty.shape)
    } else if exponent == 1.0 {
        graph.reshape(x, ty.shape.clone())
    } else if exponent == 2.0 {
        graph.mul(x, x)
    } else if exponent == 3.0 {
        let square = graph.mul(x, x)?;
        graph.mul(square, x)
    } else if exponent == -1.0 {
        reciprocal(graph, x)
    } else if exponent == -2.0 {
        let square = graph.mul(x, x)?;
        reciprocal(graph, square)
    } else if exponent == 0.5 {
        graph.sqrt(x)
    } else if exponent == -0.5 {
        graph.rsqrt(x)
    } else {
        let real = super::real(graph, exponent, ty.dtype)?;
        let value = graph.pow(x, real)?;
        let held = graph.held(x)?;
        match graph.by_squaring(held, exponent)? {
            Some(product) => graph.any_of(value, &[product]),
            None => Ok(value),
        }
    }
}
