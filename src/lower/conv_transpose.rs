//! Transposed convolution: a convolution's gradient as an operation of its own.

use super::conv::{Group, misfit, output, with_bias};
use super::spatial::Spatial;
use crate::error::Result;
use crate::graph::{Graph, ValueId};

/// How the kernel of a transposed convolution slides over its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvTranspose {
    /// One for each spatial axis; the pads are cut off the result.
    pub axes: Vec<Spatial>,
    /// What is added to the end of each spatial axis.
    pub output_padding: Vec<usize>,
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

/// x of shape [N, C, …] with kernels of shape [C, M/groups, …] and a bias of shape `[M]`.
///
/// Appended as y = fold(Kᵀ·x) + bias for each sample and group, which is one reduction over
/// the group's channels and the taps that meet.
pub fn conv_transpose(
    graph: &mut Graph,
    x: ValueId,
    kernels: ValueId,
    bias: Option<ValueId>,
    how: &ConvTranspose,
) -> Result<ValueId> {
    let (shape, kernel) = (graph.ty(x).shape.clone(), graph.ty(kernels).shape.clone());
    let wrong = || misfit(&shape, &kernel, how.groups);
    let ([n, c, counts @ ..], [c2, per, taps @ ..]) = (&shape[..], &kernel[..]) else {
        return Err(wrong());
    };
    let ranks = [how.axes.len(), how.output_padding.len(), taps.len()];
    if c != c2 || ranks != [counts.len(); 3] {
        return Err(wrong());
    }
    let m = per.checked_mul(how.groups).ok_or_else(wrong)?;
    let group = Group::new(*c, m, how.groups).ok_or_else(wrong)?;
    let each = how.axes.iter().zip(&how.output_padding);
    let slides = each
        .zip(counts.iter().zip(taps))
        .map(|((axis, &more), (&count, &taps))| axis.transposed(count, taps, more))
        .collect::<Result<Vec<_>>>()?;
    let depth = per * taps.iter().product::<usize>();
    let rows = graph.reshape(kernels, group.batch(1, [group.inputs, depth]))?;
    let columns = group.batch(*n, [group.inputs, counts.iter().product()]);
    let columns = graph.reshape(x, columns)?;
    let product = graph.matmul_with(rows, columns, true, false)?;
    let windows = output(*n, m, &[taps, counts].concat());
    let windows = graph.reshape(product, windows)?;
    let folded = graph.fold(windows, &slides)?;
    with_bias(graph, folded, bias)
}
