//! Rotary position embedding.

use super::recurrent::part;
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::tensor::Shape;

/// How pairs of elements are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pairs {
    /// The first half with the second.
    #[default]
    Halves,
    /// Each element at an even place with the next.
    Neighbours,
}

/// Turns pairs (a, b) of the last axis' first elements, twice as many as `cos` has, into
/// (cos·a − sin·b, sin·a + cos·b); the others stay.
///
/// cos and sin broadcast to x less its last axis, with half as many elements there.
pub fn rotary(
    graph: &mut Graph,
    x: ValueId,
    [cos, sin]: [ValueId; 2],
    pairs: Pairs,
) -> Result<ValueId> {
    let shape = graph.ty(x).shape.clone();
    let half = graph.ty(cos).shape.last().copied().unwrap_or(0);
    let (axis, size) = match shape.last() {
        Some(&size) if size >= 2 * half => (shape.rank() - 1, size),
        _ => {
            return Err(
                Error::new(format!("{half} angles for a tensor of shape {shape}"))
                    .remedy("use at most half as many as the last axis has elements"),
            );
        }
    };
    let turned = part(graph, x, axis, 0, 2 * half)?;
    let [a, b] = match pairs {
        Pairs::Halves => [
            part(graph, turned, axis, 0, half)?,
            part(graph, turned, axis, half, half)?,
        ],
        Pairs::Neighbours => [
            every_other(graph, turned, 0)?,
            every_other(graph, turned, 1)?,
        ],
    };
    let (first, second) = (graph.mul(cos, a)?, graph.mul(sin, b)?);
    let real = graph.sub(first, second)?;
    let (first, second) = (graph.mul(sin, a)?, graph.mul(cos, b)?);
    let imaginary = graph.add(first, second)?;
    let turned = match pairs {
        Pairs::Halves => graph.concat(&[real, imaginary], axis)?,
        Pairs::Neighbours => interleaved(graph, real, imaginary)?,
    };
    if size == 2 * half {
        return Ok(turned);
    }
    let rest = part(graph, x, axis, 2 * half, size - 2 * half)?;
    graph.concat(&[turned, rest], axis)
}

/// Every second element of the last axis.
fn every_other(graph: &mut Graph, x: ValueId, start: usize) -> Result<ValueId> {
    let shape = graph.ty(x).shape.clone();
    let axis = shape.rank() - 1;
    let (mut starts, mut steps) = (vec![0; shape.rank()], vec![1; shape.rank()]);
    let mut lengths = shape.to_vec();
    (starts[axis], steps[axis]) = (start, 2);
    lengths[axis] = shape[axis] / 2;
    graph.slice(x, &starts, &steps, &lengths)
}

/// The elements of two values in turn along the last axis.
fn interleaved(graph: &mut Graph, x: ValueId, y: ValueId) -> Result<ValueId> {
    let shape = graph.ty(x).shape.clone();
    let mut apart = shape.to_vec();
    apart.push(1);
    let apart = Shape::from(apart);
    let (x, y) = (graph.reshape(x, apart.clone())?, graph.reshape(y, apart)?);
    let joined = graph.concat(&[x, y], shape.rank())?;
    let mut together = shape.to_vec();
    if let Some(last) = together.last_mut() {
        *last *= 2;
    }
    graph.reshape(joined, Shape::from(together))
}
