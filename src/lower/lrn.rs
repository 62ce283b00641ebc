//! Local response normalization: each element over a power of the mean square around it.

use super::{power, real};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::op::{Slide, Taps};

/// What [`lrn`] takes beside its argument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lrn {
    /// Number of channels in a window.
    pub size: usize,
    /// Factor of the mean square.
    pub alpha: f64,
    /// Exponent of the divisor.
    pub beta: f64,
    /// What is added to the scaled mean square.
    pub bias: f64,
}

/// x / (bias + α/size·Σx²)^β, the sum over `size` channels around each one (axis 1).
///
/// Appended as windows of x·x along the channels, summed, scaled and added to the bias to
/// give d > 0, and x / d^β (see [`power()`]).
#[expect(clippy::float_arithmetic, reason = "a factor, which is what is meant")]
pub fn lrn(graph: &mut Graph, x: ValueId, how: &Lrn) -> Result<ValueId> {
    let ty = graph.ty(x).clone();
    let ([_, channels, inner @ ..], 1..) = (&ty.shape[..], how.size) else {
        return Err(Error::new(format!(
            "a window of {} channels of a tensor of shape {}",
            how.size, ty.shape
        ))
        .remedy("use at least one channel of a tensor of shape [N, C, …]"));
    };
    let mut slides = vec![Slide {
        extent: *channels,
        kernel: how.size,
        count: *channels,
        taps: Taps::Regular {
            stride: 1,
            dilation: 1,
            before: (how.size - 1) / 2,
        },
    }];
    slides.extend(inner.iter().map(|&n| Slide::still(n)));
    let squares = graph.mul(x, x)?;
    let windows = graph.windows(squares, &slides)?;
    let kernel: Vec<usize> = (1..=slides.len()).collect();
    let sums = graph.sum(windows, &kernel, false)?;
    let factor = real(graph, how.alpha / how.size as f64, ty.dtype)?;
    let scaled = graph.mul(factor, sums)?;
    let bias = real(graph, how.bias, ty.dtype)?;
    let divisor = graph.add(bias, scaled)?;
    let power = power(graph, divisor, how.beta)?;
    graph.div(x, power)
}
