//! Normalizations: a value less its mean, over its deviation, scaled and shifted.

use super::{Deviation, Variance, inverse_deviation, moments, real};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::op::Relation;
use crate::tensor::Shape;

/// A scale and a bias, each of a shape that broadcasts to what is normalized.
#[derive(Debug, Clone, Copy, Default)]
pub struct Affine {
    /// The factor.
    pub scale: Option<ValueId>,
    /// The summand.
    pub bias: Option<ValueId>,
}

impl Affine {
    /// x·scale + bias.
    pub fn apply(&self, graph: &mut Graph, x: ValueId) -> Result<ValueId> {
        let scaled = match self.scale {
            Some(scale) => graph.mul(x, scale)?,
            None => x,
        };
        match self.bias {
            Some(bias) => graph.add(scaled, bias),
            None => Ok(scaled),
        }
    }
}

/// The formula of a batch normalization with given moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BatchNorm {
    /// Any of the others; the gradient is that of the first.
    #[default]
    Any,
    /// (x − mean)·(1/√(variance + epsilon))·scale + bias.
    Centred,
    /// x·a + (bias − mean·a) with a = scale·(1/√(variance + epsilon)): folded into one product
    /// and one sum.
    Folded,
}

/// A batch normalization of x, of shape [N, C, …], with given mean and variance of each
/// channel.
pub fn batch_normalize(
    graph: &mut Graph,
    x: ValueId,
    [mean, variance]: [ValueId; 2],
    affine: Affine,
    deviation: impl Into<Deviation>,
    formula: BatchNorm,
) -> Result<ValueId> {
    let inverse = inverse_deviation(graph, variance, deviation)?;
    match formula {
        BatchNorm::Centred => centred(graph, x, mean, inverse, affine),
        BatchNorm::Folded => folded(graph, x, mean, inverse, affine),
        BatchNorm::Any => {
            let value = centred(graph, x, mean, inverse, affine)?;
            let held = Affine {
                scale: affine.scale.map(|s| graph.held(s)).transpose()?,
                bias: affine.bias.map(|b| graph.held_summand(b)).transpose()?,
            };
            let parts = [
                Some(x),
                Some(mean),
                Some(inverse),
                affine.scale,
                affine.bias,
            ];
            let (x, mean, inverse) = (graph.held(x)?, graph.held(mean)?, graph.held(inverse)?);
            let other = folded(graph, x, mean, inverse, held)?;
            let parts: Vec<ValueId> = parts.into_iter().flatten().collect();
            graph.any_program(value, &[other], &parts)
        }
    }
}

fn centred(
    graph: &mut Graph,
    x: ValueId,
    mean: ValueId,
    inverse: ValueId,
    affine: Affine,
) -> Result<ValueId> {
    let rank = graph.ty(x).shape.rank();
    let mean = along_channels(graph, mean, rank)?;
    let inverse = along_channels(graph, inverse, rank)?;
    let affine = affine_along_channels(graph, affine, rank)?;
    let centred = graph.sub(x, mean)?;
    let normalized = graph.mul(centred, inverse)?;
    affine.apply(graph, normalized)
}

fn folded(
    graph: &mut Graph,
    x: ValueId,
    mean: ValueId,
    inverse: ValueId,
    affine: Affine,
) -> Result<ValueId> {
    let rank = graph.ty(x).shape.rank();
    let factor = match affine.scale {
        Some(scale) => graph.mul(scale, inverse)?,
        None => inverse,
    };
    let moved = graph.mul(mean, factor)?;
    let summand = match affine.bias {
        Some(bias) => graph.sub(bias, moved)?,
        None => graph.neg(moved)?,
    };
    let folded = Affine {
        scale: Some(factor),
        bias: Some(summand),
    };
    let folded = affine_along_channels(graph, folded, rank)?;
    folded.apply(graph, x)
}

/// A value of shape \[C\] as one of shape [1, C, 1, …] of a rank.
pub fn along_channels(graph: &mut Graph, x: ValueId, rank: usize) -> Result<ValueId> {
    let shape = &graph.ty(x).shape;
    let [channels] = shape[..] else {
        return Err(
            Error::new(format!("a value of shape {shape} for each channel"))
                .remedy("use a tensor with one axis, one element a channel"),
        );
    };
    let mut extents = vec![1; rank];
    if let Some(axis) = extents.get_mut(1) {
        *axis = channels;
    }
    graph.reshape(x, Shape::from(extents))
}

/// The same for both parts of an affine map.
pub fn affine_along_channels(graph: &mut Graph, affine: Affine, rank: usize) -> Result<Affine> {
    let mut along = |x: Option<ValueId>| x.map(|x| along_channels(graph, x, rank)).transpose();
    Ok(Affine {
        scale: along(affine.scale)?,
        bias: along(affine.bias)?,
    })
}

/// The order of a norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// Σ|x|.
    L1,
    /// √Σx².
    L2,
}

/// A norm over axes.
pub fn norm(
    graph: &mut Graph,
    x: ValueId,
    axes: &[usize],
    keep: bool,
    order: Norm,
) -> Result<ValueId> {
    match order {
        Norm::L1 => {
            let magnitudes = graph.abs(x)?;
            graph.sum(magnitudes, axes, keep)
        }
        Norm::L2 => {
            let squares = graph.square(x)?;
            let total = graph.sum(squares, axes, keep)?;
            graph.sqrt(total)
        }
    }
}

/// x / norm(x) over axes; 0 where the norm is 0, and no claim where it is not decided to be.
pub fn lp_normalize(graph: &mut Graph, x: ValueId, axes: &[usize], order: Norm) -> Result<ValueId> {
    let norm = norm(graph, x, axes, true, order)?;
    let zero = graph.scalar(0.0, graph.ty(x).dtype)?;
    let is_zero = graph.compare(Relation::Equal, norm, zero)?;
    let quotient = graph.div(x, norm)?;
    graph.select(is_zero, zero, quotient)
}

/// (x − mean)/(√variance + 1e-9) over axes, as ONNX's function body has it: the variance is
/// mean(x²) − (mean x)².
pub fn mean_variance_normalize(graph: &mut Graph, x: ValueId, axes: &[usize]) -> Result<ValueId> {
    const LEAST_DEVIATION: f64 = 1e-9;
    let moments = moments(graph, x, axes, Variance::OnePass)?;
    let deviation = graph.sqrt(moments.variance)?;
    let least = real(graph, LEAST_DEVIATION, graph.ty(x).dtype)?;
    let deviation = graph.add(deviation, least)?;
    graph.div(moments.centred, deviation)
}
