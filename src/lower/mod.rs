//! Composite operations as fragments of primitives, one file each.
//!
//! A composite has no rule of its own: its bound follows from its fragment's. Each function
//! appends its fragment and returns the value of the whole.

mod average_pool;
mod clip;
mod conv;
mod conv_transpose;
mod cumulative;
mod determinant;
mod einsum;
mod elu;
mod gelu;
mod gemm;
mod interpolate;
mod leaky;
mod log_softmax;
mod lp_pool;
mod lrn;
mod masked_softmax;
mod max_pool;
mod mean_squared_error;
mod nll_loss;
mod pool;
mod power;
mod resize;
mod scatter;
mod softmax;
mod softmax_cross_entropy;
mod spatial;
mod swish;

pub use average_pool::average_pool;
pub use clip::{clip, hard_sigmoid, hard_swish};
pub use conv::{Conv, conv};
pub use conv_transpose::{ConvTranspose, conv_transpose};
pub use cumulative::{Cumulative, Direction, cumulative};
pub use determinant::determinant;
pub use einsum::einsum;
pub use elu::{celu, elu, selu};
pub use gelu::{Gelu, gelu};
pub use gemm::{Gemm, gemm};
pub use interpolate::{Neighbours, interpolate};
pub use leaky::{leaky_relu, prelu, shrink, thresholded_relu};
pub use log_softmax::log_softmax;
pub use lp_pool::{global_lp_pool, lp_pool};
pub use lrn::{Lrn, lrn};
pub use masked_softmax::{masked_log_softmax, masked_softmax};
pub use max_pool::{max_pool, max_pool_indices};
pub use mean_squared_error::mean_squared_error;
pub use nll_loss::{NllLoss, Reduction, nll_loss};
pub use pool::Pool;
pub use power::power;
pub use resize::{Coordinates, Filter, Nearest, Resize, resize};
pub use scatter::{Written, scatter};
pub use softmax::softmax;
pub use softmax_cross_entropy::{CrossEntropy, softmax_cross_entropy};
pub use spatial::Spatial;
pub use swish::{mish, softsign, swish};

use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::Up;
use crate::tensor::{DType, Shape, Tensor};

/// A scalar that stands for the real number `value`, to be used with values of `dtype`.
///
/// A number that `dtype` does not represent is kept in f64 and cast, so that specification
/// sees it unrounded, and the bounds charge the rounding.
pub fn real(graph: &mut Graph, value: f64, dtype: DType) -> Result<ValueId> {
    reals(graph, Shape::scalar(), &[value], dtype)
}

/// A tensor that stands for real numbers, to be used with values of `dtype`; as [`real`].
pub fn reals(graph: &mut Graph, shape: Shape, values: &[f64], dtype: DType) -> Result<ValueId> {
    let rounded = Tensor::from_f64s(shape.clone(), dtype, values)?;
    if rounded.to_f64s() == values {
        return Ok(graph.constant(rounded));
    }
    let exact = graph.constant(Tensor::from_f64s(shape, DType::F64, values)?);
    graph.cast(exact, dtype)
}

/// e = exp(z − shift) and Σe, which softmax and log-softmax share.
struct Exponentials {
    /// z − shift, where shift is the free maximum over the axis.
    shifted: ValueId,
    /// exp(shifted); 0 where a mask leaves the element out.
    terms: ValueId,
    /// Σ terms over the axis, which stays with extent 1.
    total: ValueId,
}

/// Appends shift = free_max(z), s = z − shift, e = exp(s), d = Σe; with a mask, z is far
/// below everything and e is 0 wherever `kept` is false.
///
/// Softmax and log-softmax do not depend on the shift, so it needs neither a gate nor a
/// gradient; that it is the maximum only keeps exp in range.
fn exponentials(
    graph: &mut Graph,
    z: ValueId,
    kept: Option<ValueId>,
    axis: usize,
) -> Result<Exponentials> {
    let ty = graph.ty(z).clone();
    let shape = &ty.shape;
    if axis >= shape.rank() {
        return Err(
            Error::new(format!("axis {axis} of a tensor of shape {shape}"))
                .remedy("axes count from 0 to rank - 1"),
        );
    }
    let z = match kept {
        None => z,
        Some(kept) => {
            let lowest = graph.scalar(far_below(ty.dtype), ty.dtype)?;
            graph.select(kept, z, lowest)?
        }
    };
    let shift = graph.free_max(z, &[axis])?;
    let shift = graph.broadcast(shift, shape)?;
    let shifted = graph.sub(z, shift)?;
    let mut terms = graph.exp(shifted)?;
    if let Some(kept) = kept {
        terms = graph.select_or_zero(kept, terms)?;
    }
    let total = graph.sum(terms, &[axis], true)?;
    Ok(Exponentials {
        shifted,
        terms,
        total,
    })
}

/// −2^e_max: below every other element, and near enough that a shift subtracted from it does
/// not overflow.
fn far_below(dtype: DType) -> f64 {
    let power = dtype
        .format()
        .map_or(Up::ZERO, |f| Up::power_of_two(f.e_max));
    power.get().copysign(-1.0)
}
