//! Composites whose error is bounded by their derivative, of arguments that may be recomputed
//! where they are used.

use super::{Builder, Fragment};
use crate::Result;
use crate::graph::ValueId;
use crate::lower::{self, Gelu, Variance};
use crate::witness::generate::Role;

/// The fragments of the primitives that this file is about.
pub fn of(primitive: &str) -> Option<&'static [Fragment]> {
    Some(match primitive {
        "Conditioned" => &[
            gelu_of_a_sum,
            swish_of_a_product,
            mish_of_a_dot,
            standardized,
            parts_of_a_standardized,
            rms_normalized,
            drawn,
        ],
        _ => return None,
    })
}

/// a·b + c, a nest whose product may be contracted wherever the sum is recomputed.
fn sum(b: &mut Builder, shape: &[usize]) -> Result<ValueId> {
    let [x, y, z] = [0; 3].map(|_| b.input(shape, Role::Moderate));
    let product = b.graph.mul(x, y)?;
    b.graph.add(product, z)
}

fn gelu_of_a_sum(b: &mut Builder) -> Result<ValueId> {
    let x = sum(b, &[2])?;
    let form = b.tape.pick(&[Gelu::Erf, Gelu::Tanh]);
    let value = lower::gelu(&mut b.graph, x, form)?;
    if b.tape.coin() {
        return Ok(value);
    }
    // Another use of what the formula computes.
    let computed = b.graph.node(value).args()[0];
    b.graph.add(value, computed)
}

fn swish_of_a_product(b: &mut Builder) -> Result<ValueId> {
    let [x, y] = [0; 2].map(|_| b.input([2], Role::Moderate));
    let product = b.graph.mul(x, y)?;
    let alpha = b.tape.pick(&[1.0, 1.5, -0.3]);
    lower::swish(&mut b.graph, product, alpha)
}

fn mish_of_a_dot(b: &mut Builder) -> Result<ValueId> {
    let (x, y) = (
        b.input([1, 3], Role::Moderate),
        b.input([3, 2], Role::Moderate),
    );
    let dot = b.graph.matmul(x, y)?;
    lower::mish(&mut b.graph, dot)
}

/// Formats of few bits have no 1e-3: the root would be of nothing but the square.
fn epsilon(b: &Builder) -> f64 {
    let has_small = b.dtype.format().is_some_and(|f| f.precision >= 8);
    if has_small { 1e-3 } else { 0.5 }
}

fn standardized(b: &mut Builder) -> Result<ValueId> {
    let (x, epsilon) = (sum(b, &[1, 3])?, epsilon(b));
    let variance = b.tape.pick(&[Variance::TwoPass, Variance::OnePass]);
    let standard = lower::standardize(&mut b.graph, x, &[1], epsilon, variance)?;
    Ok(standard.value)
}

fn parts_of_a_standardized(b: &mut Builder) -> Result<ValueId> {
    let (x, epsilon) = (sum(b, &[3])?, epsilon(b));
    let standard = lower::standardize(&mut b.graph, x, &[0], epsilon, Variance::TwoPass)?;
    let parts = [standard.moments.variance, standard.inverse_deviation];
    b.graph.concat(&parts, 0)
}

fn rms_normalized(b: &mut Builder) -> Result<ValueId> {
    let (x, epsilon) = (sum(b, &[1, 3])?, epsilon(b));
    lower::rms_normalize(&mut b.graph, x, &[1], epsilon)
}

/// The same node by node, as other programs write it.
fn drawn(b: &mut Builder) -> Result<ValueId> {
    let (x, epsilon) = (sum(b, &[1, 3])?, epsilon(b));
    drawn_of(b, x, epsilon)
}

/// x over the root of its mean square, node by node.
pub fn drawn_of(b: &mut Builder, x: ValueId, epsilon: f64) -> Result<ValueId> {
    let square = b.graph.square(x)?;
    let mean = b.graph.mean(square, &[1], true)?;
    let epsilon = lower::real(&mut b.graph, epsilon, b.dtype)?;
    let shifted = b.graph.add(mean, epsilon)?;
    let value = if b.tape.coin() {
        let root = b.graph.sqrt(shifted)?;
        b.graph.div(x, root)?
    } else {
        let inverse = b.graph.rsqrt(shifted)?;
        b.graph.mul(x, inverse)?
    };
    lower::drawn_normalization(&mut b.graph, value)
}
