//! Composite operations as fragments of primitives, one file each.
//!
//! A composite has no rule of its own: its bound follows from its fragment's. Each function
//! appends its fragment and returns the value of the whole.

mod activation;
mod attention;
mod average_pool;
mod clip;
mod conv;
mod conv_transpose;
mod cumulative;
mod determinant;
mod deviation;
mod drawn;
mod einsum;
mod elu;
mod formulas;
mod gelu;
mod gemm;
mod interpolate;
mod leaky;
mod log_softmax;
mod log_sum_exp;
mod lp_pool;
mod lrn;
mod max_pool;
mod mean_squared_error;
mod moments;
mod nll_loss;
mod normalize;
mod optimizer;
mod pool;
mod power;
mod recurrent;
mod resize;
mod rotary;
mod scatter;
mod softmax;
mod softmax_cross_entropy;
mod spatial;
mod standardize;
mod swish;

pub use activation::Activation;
pub use attention::{Attended, Attention, attention};
pub use average_pool::average_pool;
pub use clip::{clip, hard_sigmoid, hard_swish};
pub use conv::{Conv, conv};
pub use conv_transpose::{ConvTranspose, conv_transpose};
pub use cumulative::{Cumulative, Direction, cumulative};
pub use determinant::determinant;
pub use deviation::{Deviation, InverseRoot, inverse_deviation};
pub use drawn::drawn_normalization;
pub use einsum::einsum;
pub use elu::{Decay, celu, elu, selu};
pub use formulas::{Choices, Formula, Formulas};
pub use gelu::{Gelu, gelu};
pub use gemm::{Gemm, gemm};
pub use interpolate::{Neighbours, interpolate};
pub use leaky::{leaky_relu, prelu, shrink, thresholded_relu};
pub use log_softmax::{LogSoftmax, log_softmax, masked_log_softmax};
pub use log_sum_exp::{log_sum_exp, log_sum_exp_without_shift};
pub use lp_pool::{global_lp_pool, lp_pool};
pub use lrn::{Lrn, lrn};
pub use max_pool::{max_pool, max_pool_indices};
pub use mean_squared_error::mean_squared_error;
pub use moments::{Moments, Variance, moments};
pub use nll_loss::{NllLoss, Reduction, nll_loss};
pub use normalize::{
    Affine, BatchNorm, Norm, affine_along_channels, along_channels, batch_normalize, lp_normalize,
    mean_variance_normalize, norm,
};
pub use optimizer::{Adagrad, Adam, Momentum, Stepped, averaged, sgd};
pub use pool::Pool;
pub use power::power;
pub use recurrent::{Cell, Recurrent, States, Unrolled, Weights};
pub use resize::{Coordinates, Filter, Nearest, Resize, resize};
pub use rotary::{Pairs, rotary};
pub use scatter::{Written, scatter};
pub use softmax::{Exponentials, masked_softmax, softmax, softmax_without_shift};
pub use softmax_cross_entropy::{CrossEntropy, softmax_cross_entropy};
pub use spatial::Spatial;
pub use standardize::{Standardized, rms_normalize, standardize};
pub use swish::{mish, softsign, swish};

use crate::error::{Error, Result};
use crate::graph::{Exponents, Graph, ValueId};
use crate::number::{Enclosure, Format, SpecNumber, Up};
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

/// Appends shift = free_max(z) and s = z − shift, over the elements where `kept` is true; the
/// shift keeps its axes with extent 1.
///
/// Softmax, log-softmax and log-sum-exp do not depend on the shift, so it needs neither a gate
/// nor a gradient; that it is the maximum only keeps exp in range. What is left out is
/// [`left_out`] to the maximum, never −∞.
fn shifted(
    graph: &mut Graph,
    z: ValueId,
    kept: Option<ValueId>,
    axes: &[usize],
) -> Result<(ValueId, Exponents)> {
    let ty = graph.ty(z).clone();
    if let Some(axis) = axes.iter().find(|&&a| a >= ty.shape.rank()) {
        return Err(
            Error::new(format!("axis {axis} of a tensor of shape {}", ty.shape))
                .remedy("axes count from 0 to rank - 1"),
        );
    }
    let kept = kept
        .map(|kept| mask_like(graph, kept, &ty.shape))
        .transpose()?;
    let candidates = match kept {
        None => z,
        Some(kept) => {
            let lowest = ty.dtype.format().map_or(0.0, left_out);
            let lowest = graph.scalar(lowest, ty.dtype)?;
            graph.select(kept, z, lowest)?
        }
    };
    let shift = graph.free_max(candidates, axes)?;
    let spread = graph.broadcast(shift, &ty.shape)?;
    let x = graph.sub(z, spread)?;
    Ok((
        shift,
        Exponents {
            x,
            z: Some(z),
            kept,
        },
    ))
}

/// What stands for −∞ under a maximum: not above any score that takes part, else the shift is
/// another than that of a program that has −∞ there.
///
/// −2^e_max leaves room for z − shift where no element of a row takes part. A score below it is
/// so by an ulp of 2^e_max; where e to minus that is less than half the least number, all such
/// scores' exponentials are 0, their softmax is 0/0, and nothing is claimed of it. Where it is
/// not (e2m3), the lowest number stands in.
fn left_out(format: Format) -> f64 {
    let ulp = Up::power_of_two(format.e_max - format.precision + 1);
    let least = Up::power_of_two(format.e_min - format.precision);
    let vanishes = Enclosure::point(ulp.get().copysign(-1.0)).exp().hi() < least.get();
    let lowest = if vanishes {
        Up::power_of_two(format.e_max).get()
    } else {
        format.largest()
    };
    lowest.copysign(-1.0)
}

/// A boolean mask, repeated to a shape.
fn mask_like(graph: &mut Graph, kept: ValueId, shape: &Shape) -> Result<ValueId> {
    let mask = graph.ty(kept);
    if mask.dtype != DType::Bool || mask.shape.broadcast_with(shape).as_ref() != Some(shape) {
        return Err(
            Error::new(format!("a mask of type {mask} for the shape {shape}"))
                .remedy("the mask must be boolean and broadcast to the values"),
        );
    }
    graph.broadcast(kept, shape)
}

#[cfg(test)]
mod tests {
    use super::left_out;
    use crate::number::Format;

    #[test]
    fn what_is_left_out_stands_below() {
        assert_eq!(left_out(Format::F32), -(2f64.powi(127)));
        assert_eq!(left_out(Format::E4M3), -256.0);
        assert_eq!(left_out(Format::E2M1), -4.0);
        assert_eq!(left_out(Format::E2M3), -7.5);
    }
}
