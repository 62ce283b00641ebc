//! Sums and products of all elements up to each one.

use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::op::{Add, Mul, Op};
use crate::tensor::{DType, Shape, Tensor};

/// What is accumulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cumulative {
    /// Sums, from 0.
    Sum,
    /// Products, from 1.
    Product,
}

/// How it is accumulated.
#[derive(Debug, Clone, Copy)]
pub struct Direction {
    /// The axis along which.
    pub axis: usize,
    /// Up to, but without, the element itself.
    pub exclusive: bool,
    /// From the last element to the first.
    pub reverse: bool,
}

/// The most steps that are written out.
const MAX_STEPS: usize = 1 << 16;

/// y₀ = x₀, yₖ = yₖ₋₁ ∘ xₖ along an axis.
///
/// Each sum is a nest of its own, so every tree over its terms is admitted (a parallel prefix
/// sum, too). A product is bounded from left to right only: a parallel prefix product rounds
/// other intermediate values, in other binades, and is not admitted.
pub fn cumulative(
    graph: &mut Graph,
    x: ValueId,
    what: Cumulative,
    how: Direction,
) -> Result<ValueId> {
    let ty = graph.ty(x).clone();
    let Some(&steps) = ty.shape.get(how.axis) else {
        return Err(
            Error::new(format!("axis {} of the shape {}", how.axis, ty.shape))
                .remedy("use an axis of the tensor"),
        );
    };
    if steps > MAX_STEPS {
        return Err(Error::new(format!("{steps} steps to accumulate"))
            .remedy("2^16 are the most; sum in blocks"));
    }
    if steps == 0 {
        return Ok(x);
    }
    let mut rows = Vec::with_capacity(steps);
    let mut total = None;
    for step in 0..steps {
        let at = if how.reverse { steps - 1 - step } else { step };
        let own = row(graph, x, &ty.shape, how.axis, at)?;
        let before = match total {
            None if how.exclusive => Some(start(graph, what, &ty.shape, how.axis, ty.dtype)?),
            other => other,
        };
        let after = match total {
            None => own,
            Some(so_far) => graph.push(what.op(), &[so_far, own])?,
        };
        rows.extend(if how.exclusive { before } else { Some(after) });
        total = Some(after);
    }
    if how.reverse {
        rows.reverse();
    }
    match rows.as_slice() {
        &[one] => Ok(one),
        many => graph.concat(many, how.axis),
    }
}

impl Cumulative {
    fn op(self) -> Op {
        match self {
            Cumulative::Sum => Add.into(),
            Cumulative::Product => Mul.into(),
        }
    }
}

/// What an exclusive accumulation begins with.
fn start(
    graph: &mut Graph,
    what: Cumulative,
    shape: &Shape,
    axis: usize,
    dtype: DType,
) -> Result<ValueId> {
    let neutral = match what {
        Cumulative::Sum => 0.0,
        Cumulative::Product => 1.0,
    };
    let mut extents = shape.to_vec();
    extents[axis] = 1;
    let one = graph.constant(Tensor::full(Shape::scalar(), dtype, neutral)?);
    graph.broadcast(one, &Shape::from(extents))
}

/// One slice along an axis, which stays with extent 1.
fn row(graph: &mut Graph, x: ValueId, shape: &Shape, axis: usize, at: usize) -> Result<ValueId> {
    let mut starts = vec![0; shape.rank()];
    let mut lengths = shape.to_vec();
    (starts[axis], lengths[axis]) = (at, 1);
    graph.slice(x, &starts, &vec![1; shape.rank()], &lengths)
}
