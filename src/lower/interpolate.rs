//! Weighted sums of neighbours along an axis: what every resizing comes to.

use super::reals;
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::op::{Slide, Taps};
use crate::tensor::{Shape, ZERO_FILL};

/// The neighbours of every result element along an axis, with their weights.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Neighbours(Vec<Vec<(usize, f64)>>);

impl Neighbours {
    /// For each result element its neighbours' positions and weights; neighbours of weight 0
    /// are left out.
    ///
    /// A position may come more than once, where neighbours outside are the element at the end:
    /// programs add each by itself, and weights of either sign are larger apart than together.
    pub fn new(each: impl IntoIterator<Item = Vec<(usize, f64)>>) -> Neighbours {
        let some = |mut all: Vec<(usize, f64)>| {
            all.retain(|(_, weight)| *weight != 0.0);
            all
        };
        Neighbours(each.into_iter().map(some).collect())
    }

    /// Number of result elements.
    fn count(&self) -> usize {
        self.0.len()
    }

    /// The most neighbours of one result element.
    pub fn most(&self) -> usize {
        self.0.iter().map(Vec::len).fold(1, usize::max)
    }

    /// The same sums, a neighbour at `last` that stands alone taken twice with half its weight.
    pub fn halved_at(self, last: usize) -> Neighbours {
        let halved = |own: Vec<(usize, f64)>| match own.as_slice() {
            &[(position, weight)] if position == last => vec![(last, half_of(weight)); 2],
            _ => own,
        };
        Neighbours(self.0.into_iter().map(halved).collect())
    }

    /// True where every element of an axis of this extent stays where it is.
    #[expect(clippy::float_cmp, reason = "only the exact weight 1 moves")]
    pub fn is_still(&self, extent: usize) -> bool {
        let stays = |(at, own): (usize, &Vec<(usize, f64)>)| matches!(own.as_slice(), &[(p, w)] if p == at && w == 1.0);
        self.count() == extent && self.0.iter().enumerate().all(stays)
    }

    /// Neighbour k of every result element, k outermost.
    fn by_tap<T: Copy>(&self, missing: T, of: impl Fn((usize, f64)) -> T) -> Vec<T> {
        let tap = |k: usize| {
            let one = move |own: &Vec<(usize, f64)>| own.get(k).copied();
            self.0.iter().map(one)
        };
        let all = (0..self.most()).flat_map(tap);
        all.map(|n| n.map_or(missing, &of)).collect()
    }

    /// True where every result element is one neighbour, or zero.
    #[expect(clippy::float_cmp, reason = "only the exact weight 1 moves")]
    pub fn only_moves(&self) -> bool {
        let alone = |own: &Vec<(usize, f64)>| match own.as_slice() {
            [] => true,
            [(_, weight)] => *weight == 1.0,
            _ => false,
        };
        self.0.iter().all(alone)
    }
}

#[expect(clippy::float_arithmetic, reason = "weights, which are what is meant")]
fn half_of(weight: f64) -> f64 {
    weight / 2.0
}

/// Σ weight·neighbour along an axis.
///
/// Appended as windows of the neighbours, times constant weights, summed; as a movement alone
/// where every element is one of its neighbours. The weights mean the numbers given; a format
/// that does not hold them pays their rounding.
pub fn interpolate(
    graph: &mut Graph,
    x: ValueId,
    axis: usize,
    neighbours: &Neighbours,
) -> Result<ValueId> {
    let windows = windows(graph, x, axis, neighbours)?;
    if neighbours.only_moves() {
        let mut shape = graph.ty(windows).shape.to_vec();
        shape.remove(axis);
        return graph.reshape(windows, Shape::from(shape));
    }
    let rank = graph.ty(windows).shape.rank();
    let weights = weights(graph, windows, neighbours, rank - axis)?;
    let weighted = graph.mul(weights, windows)?;
    graph.sum(weighted, &[axis], false)
}

/// The same along several axes in one sum, the weights multiplied first: Σ (w·v)·neighbour.
/// Axes come in rising order.
pub fn interpolate_at_once(
    graph: &mut Graph,
    x: ValueId,
    axes: &[(usize, Neighbours)],
) -> Result<ValueId> {
    let mut all = x;
    for (axis, neighbours) in axes.iter().rev() {
        all = windows(graph, all, *axis, neighbours)?;
    }
    let rank = graph.ty(all).shape.rank();
    // Every axis before it has given rise to one of its neighbours.
    let taps: Vec<usize> = axes
        .iter()
        .enumerate()
        .map(|(k, (axis, _))| axis + k)
        .collect();
    let mut product = None;
    for (&tap, (_, neighbours)) in taps.iter().zip(axes) {
        let own = weights(graph, x, neighbours, rank - tap)?;
        product = Some(match product {
            None => own,
            Some(others) => {
                let shape = graph.common_shape(&[others, own])?;
                let (others, own) = (
                    graph.broadcast(others, &shape)?,
                    graph.broadcast(own, &shape)?,
                );
                graph.mul(others, own)?
            }
        });
    }
    let weighted = match product {
        Some(weights) => graph.mul(weights, all)?,
        None => all,
    };
    graph.sum(weighted, &taps, false)
}

/// The neighbours of every result element along an axis: [.., taps, results, ..].
fn windows(graph: &mut Graph, x: ValueId, axis: usize, neighbours: &Neighbours) -> Result<ValueId> {
    let ty = graph.ty(x).clone();
    let Some((lead, [extent, inner @ ..])) = ty.shape.split_at_checked(axis) else {
        return Err(Error::new(format!("axis {axis} of the shape {}", ty.shape))
            .remedy("axes count from 0 to rank - 1"));
    };
    let (taps, count) = (neighbours.most(), neighbours.count());
    let mut slides = vec![Slide {
        extent: *extent,
        kernel: taps,
        count,
        taps: Taps::Table(
            neighbours
                .by_tap(ZERO_FILL, |(position, _)| position)
                .into(),
        ),
    }];
    slides.extend(inner.iter().map(|&n| Slide::still(n)));
    let windows = graph.windows(x, &slides)?;
    let mut shape = lead.to_vec();
    shape.extend([taps, count]);
    shape.extend(inner);
    graph.reshape(windows, Shape::from(shape))
}

/// The weights, shaped like the last `rank` axes of windows, of x's type.
fn weights(graph: &mut Graph, x: ValueId, neighbours: &Neighbours, rank: usize) -> Result<ValueId> {
    let mut shape = vec![1; rank];
    for (extent, own) in shape
        .iter_mut()
        .zip([neighbours.most(), neighbours.count()])
    {
        *extent = own;
    }
    let weights = neighbours.by_tap(0.0, |(_, weight)| weight);
    let dtype = graph.ty(x).dtype;
    reals(graph, Shape::from(shape), &weights, dtype)
}
