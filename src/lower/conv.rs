//! Convolution over spatial axes, in groups.

use super::spatial::{Spatial, slides};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::op::Slide;
use crate::tensor::Shape;

/// How the kernel of a convolution slides, and in how many groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conv {
    /// One for each spatial axis.
    pub axes: Vec<Spatial>,
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

/// x of shape [N, C, …] with kernels of shape [M, C/groups, …] and a bias of shape `[M]`.
///
/// Appended as y = K·columns(x) + bias for each sample and group, where columns(x) holds one
/// patch in each column; a 1×1 kernel of stride 1 needs no patches. A sum of all taps and
/// channels of a group is one dot product, with the bias as one more leaf.
pub fn conv(
    graph: &mut Graph,
    x: ValueId,
    kernels: ValueId,
    bias: Option<ValueId>,
    how: &Conv,
) -> Result<ValueId> {
    let (shape, kernel) = (graph.ty(x).shape.clone(), graph.ty(kernels).shape.clone());
    let ([n, c, extents @ ..], [m, per, taps @ ..]) = (&shape[..], &kernel[..]) else {
        return Err(misfit(&shape, &kernel, how.groups));
    };
    let group = Group::new(*c, *m, how.groups).filter(|g| g.inputs == *per);
    let group = group.ok_or_else(|| misfit(&shape, &kernel, how.groups))?;
    let slides = slides(&how.axes, extents, taps)?;
    let patches = if slides.iter().all(|s| *s == Slide::still(s.extent)) {
        x
    } else {
        graph.windows(x, &slides)?
    };
    let counts: Vec<usize> = slides.iter().map(|s| s.count).collect();
    let depth = per * taps.iter().product::<usize>();
    let columns = group.batch(*n, [depth, counts.iter().product()]);
    let columns = graph.reshape(patches, columns)?;
    let rows = graph.reshape(kernels, group.batch(1, [group.outputs, depth]))?;
    let product = graph.matmul(rows, columns)?;
    let product = graph.reshape(product, output(*n, *m, &counts))?;
    with_bias(graph, product, bias)
}

/// How channels divide into groups.
pub(super) struct Group {
    groups: usize,
    /// Input channels of a group.
    pub inputs: usize,
    /// Output channels of a group.
    pub outputs: usize,
}

impl Group {
    /// `None` where the channels do not divide.
    pub fn new(inputs: usize, outputs: usize, groups: usize) -> Option<Group> {
        let divide = inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups);
        (groups > 0 && divide).then(|| Group {
            groups,
            inputs: inputs / groups,
            outputs: outputs / groups,
        })
    }

    /// The shape of one matrix for each sample and group; what there is one of is no axis.
    pub fn batch(&self, samples: usize, matrix: [usize; 2]) -> Shape {
        let lead = [samples, self.groups].into_iter().filter(|&n| n != 1);
        Shape::from(lead.chain(matrix).collect::<Vec<_>>())
    }
}

/// [N, M, …].
pub(super) fn output(samples: usize, channels: usize, extents: &[usize]) -> Shape {
    let mut shape = vec![samples, channels];
    shape.extend(extents);
    Shape::from(shape)
}

/// x + bias, one for each channel (axis 1).
pub(super) fn with_bias(graph: &mut Graph, x: ValueId, bias: Option<ValueId>) -> Result<ValueId> {
    let Some(bias) = bias else {
        return Ok(x);
    };
    let shape = &graph.ty(x).shape;
    let channels = shape.get(1).copied().unwrap_or(1);
    let own = &graph.ty(bias).shape;
    if **own != [channels] {
        return Err(
            Error::new(format!("a bias of shape {own} for {channels} channels"))
                .remedy("give one number for each output channel"),
        );
    }
    let mut column = vec![1; shape.rank().saturating_sub(1)];
    if let Some(first) = column.first_mut() {
        *first = channels;
    }
    let bias = graph.reshape(bias, Shape::from(column))?;
    graph.add(x, bias)
}

pub(super) fn misfit(x: &Shape, kernels: &Shape, groups: usize) -> Error {
    Error::new(format!(
        "kernels of shape {kernels} in {groups} groups do not suit an input of shape {x}"
    ))
    .remedy("inputs are [N, C, …], kernels [M, C/groups, …], transposed ones [C, M/groups, …]")
}
