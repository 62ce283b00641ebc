//! Reducing over axes: which output element an input element goes to.

use crate::blocks::Blocks;
use crate::bound::Operand;
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::tensor::{Shape, Ty};
use smallvec::SmallVec;

/// The axes of a reduction, and whether they stay with extent 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axes {
    axes: SmallVec<[usize; 4]>,
    keep: bool,
}

impl Axes {
    pub(crate) fn new(axes: &[usize], keep: bool) -> Axes {
        let mut axes = SmallVec::from_slice(axes);
        axes.sort_unstable();
        axes.dedup();
        Axes { axes, keep }
    }

    /// The same axes, which stay with extent 1.
    pub(crate) fn keeping(&self) -> Axes {
        Axes {
            keep: true,
            ..self.clone()
        }
    }

    pub(crate) fn infer(&self, x: &Ty) -> Result<Ty> {
        if let Some(axis) = self.axes.iter().find(|&&a| a >= x.shape.rank()) {
            return Err(
                Error::new(format!("axis {axis} of a tensor of shape {}", x.shape))
                    .remedy("axes count from 0 to rank - 1"),
            );
        }
        Ok(Ty::new(self.shape(&x.shape, self.keep), x.dtype))
    }

    fn shape(&self, x: &Shape, keep: bool) -> Shape {
        let extents = x.iter().enumerate().filter_map(|(axis, &extent)| {
            if !self.axes.contains(&axis) {
                Some(extent)
            } else {
                keep.then_some(1)
            }
        });
        Shape::from(extents.collect::<Vec<_>>())
    }

    /// Whether this axis is the only one.
    pub(crate) fn is_only(&self, axis: usize) -> bool {
        self.axes.as_slice() == [axis]
    }

    /// The shape with reduced axes kept as 1.
    pub(crate) fn kept(&self, x: &Shape) -> Shape {
        self.shape(x, true)
    }

    /// How many elements go into one.
    pub(crate) fn count(&self, x: &Shape) -> usize {
        self.axes.iter().map(|&a| x[a]).product()
    }

    /// The norms of x̂ − x over blocks that hold all that goes into one element.
    pub(crate) fn blocks(&self, x: &Operand) -> Blocks {
        let (shape, len) = (x.shape(), x.len());
        let first = self.axes.iter().copied().find(|&a| shape[a] > 1);
        let width: usize = first.map_or(1, |a| shape[a..].iter().product());
        let width = width.max(1);
        let Some(known) = &x.approx.blocks else {
            return Blocks::of(width, len, |i| x.eps(i));
        };
        known.with_width(
            match known.width() {
                own if own.is_multiple_of(width) => own,
                own if width.is_multiple_of(own) => width,
                _ => len,
            },
            len,
        )
    }

    /// For each input element, the output element that it goes to, both row-major.
    pub(crate) fn targets(&self, x: &Shape) -> Vec<usize> {
        let kept = self.kept(x);
        let strides = kept.strides();
        let mut index = vec![0_usize; x.rank()];
        let mut targets = Vec::with_capacity(x.len());
        for _ in 0..x.len() {
            let target = index
                .iter()
                .enumerate()
                .map(|(a, &i)| if kept[a] == 1 { 0 } else { i * strides[a] })
                .sum();
            targets.push(target);
            advance(&mut index, x);
        }
        targets
    }

    /// The axes in an order in which the reduced ones are last.
    pub(crate) fn reduced_last(&self, rank: usize) -> Vec<usize> {
        let (reduced, others): (Vec<usize>, Vec<usize>) =
            (0..rank).partition(|axis| self.axes.contains(axis));
        others.into_iter().chain(reduced).collect()
    }

    /// Pulls a value of the reduced shape back to x's shape by repetition.
    pub(crate) fn spread(&self, g: &mut Graph, y: ValueId, x: ValueId) -> Result<ValueId> {
        let shape = g.ty(x).shape.clone();
        let kept = self.kept(&shape);
        let y = if g.ty(y).shape == kept {
            y
        } else {
            g.reshape(y, kept)?
        };
        g.broadcast(y, &shape)
    }
}

/// The next multi-index in row-major order.
pub(crate) fn advance(index: &mut [usize], shape: &Shape) {
    for axis in (0..index.len()).rev() {
        index[axis] += 1;
        if index[axis] < shape[axis] {
            return;
        }
        index[axis] = 0;
    }
}
