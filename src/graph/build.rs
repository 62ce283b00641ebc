//! Appending primitives by name, with the broadcasts that numpy's rules ask for.

use super::{Graph, ValueId};
use crate::error::{Error, Result};
use crate::number::spec::Steps;
use crate::op;
use crate::tensor::{DType, Shape, Tensor};

/// Appends a two-operand primitive whose operands broadcast to a common shape.
macro_rules! broadcasting {
    ($($(#[$doc:meta])* $name:ident => $op:expr),+ $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, x: ValueId, y: ValueId) -> Result<ValueId> {
            let (x, y) = self.broadcast_together(x, y)?;
            self.push($op, &[x, y])
        }
    )+};
}

/// Appends a one-operand primitive.
macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident => $op:expr),+ $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, x: ValueId) -> Result<ValueId> {
            self.push($op, &[x])
        }
    )+};
}

pub(super) use unary;

impl Graph {
    broadcasting! {
        /// x + y.
        add => op::Add,
        /// x - y.
        sub => op::Sub,
        /// x / y.
        div => op::Div,
        /// max(x, y), element by element.
        max => op::Max,
        /// min(x, y), element by element.
        min => op::Min,
    }

    /// x·y, element by element; a value times itself is its square.
    pub fn mul(&mut self, x: ValueId, y: ValueId) -> Result<ValueId> {
        if x == y {
            return self.push(op::Square, &[x, x]);
        }
        let (x, y) = self.broadcast_together(x, y)?;
        self.push(op::Mul, &[x, y])
    }

    unary! {
        /// x².
        square => op::Square,
        /// -x.
        neg => op::Neg,
        /// |x|.
        abs => op::Abs,
        /// max(x, 0).
        relu => op::Relu,
        /// √x.
        sqrt => op::Sqrt,
    }

    /// A step function of x.
    pub fn step(&mut self, x: ValueId, steps: Steps) -> Result<ValueId> {
        self.push(op::Step(steps), &[x])
    }

    /// Σ terms, all of one type, in any order: one k-term sum.
    pub fn add_n(&mut self, terms: &[ValueId]) -> Result<ValueId> {
        self.push(op::AddN::default(), terms)
    }

    /// `value`, or the same real by other formulas, made of [`held`](Self::held) values (see
    /// [`op::AnyOf`]).
    pub fn any_of(&mut self, value: ValueId, others: &[ValueId]) -> Result<ValueId> {
        let all: Vec<ValueId> = [value].iter().chain(others).copied().collect();
        self.push(op::AnyOf::default(), &all)
    }

    /// The same, and the gradients with respect to what the formulas are computed from, each
    /// with another use of its own or not, are any of those that the formulas have.
    ///
    /// Every path from a formula to the rest of the graph goes through `of`, or for the others
    /// through [`held`](Self::held) values of it.
    pub fn any_program(
        &mut self,
        value: ValueId,
        others: &[ValueId],
        of: &[ValueId],
    ) -> Result<ValueId> {
        let formulas = [value].into_iter().chain(others.iter().copied());
        let all: Vec<ValueId> = formulas.chain(of.iter().copied()).collect();
        self.push(op::AnyOf { of: of.len() }, &all)
    }

    /// A factor, divisor or argument of a function as the execution at hand has it (see
    /// [`op::Held`]).
    pub fn held(&mut self, x: ValueId) -> Result<ValueId> {
        self.push(op::Held { summand: false }, &[x])
    }

    /// A value that is added to others, as the execution at hand has it (see [`op::Held`]).
    pub fn held_summand(&mut self, x: ValueId) -> Result<ValueId> {
        self.push(op::Held { summand: true }, &[x])
    }

    /// `value`, with what the conditioning of the whole function of x says of its error;
    /// `held` is the same formula of [`held`](Self::held) x (see [`op::Conditioned`]).
    pub fn conditioned(
        &mut self,
        conditioning: op::Conditioned,
        [value, held, x]: [ValueId; 3],
    ) -> Result<ValueId> {
        self.push(conditioning, &[value, held, x])
    }

    /// The matrix product over the last two axes, leading axes broadcast.
    pub fn matmul(&mut self, a: ValueId, b: ValueId) -> Result<ValueId> {
        self.push(op::MatMul::default(), &[a, b])
    }

    /// The matrix product with either factor's last two axes swapped first.
    pub fn matmul_with(
        &mut self,
        a: ValueId,
        b: ValueId,
        transpose_a: bool,
        transpose_b: bool,
    ) -> Result<ValueId> {
        self.push(
            op::MatMul {
                transpose_a,
                transpose_b,
            },
            &[a, b],
        )
    }

    /// Σ over axes; with `keep`, the reduced axes stay with extent 1.
    pub fn sum(&mut self, x: ValueId, axes: &[usize], keep: bool) -> Result<ValueId> {
        self.push(op::Sum::over(axes, keep), &[x])
    }

    /// The mean over axes.
    pub fn mean(&mut self, x: ValueId, axes: &[usize], keep: bool) -> Result<ValueId> {
        self.push(op::Mean::over(axes, keep), &[x])
    }

    /// The maximum over axes.
    pub fn max_over(&mut self, x: ValueId, axes: &[usize], keep: bool) -> Result<ValueId> {
        self.push(op::MaxOver::over(axes, keep), &[x])
    }

    /// The maximum over axes as a free shift (see [`op::FreeMax`]); axes are kept.
    pub fn free_max(&mut self, x: ValueId, axes: &[usize]) -> Result<ValueId> {
        self.push(op::FreeMax::over(axes), &[x])
    }

    /// The same elements in another shape.
    pub fn reshape(&mut self, x: ValueId, shape: Shape) -> Result<ValueId> {
        self.push(op::Reshape(shape), &[x])
    }

    /// Axes permuted: axis k of the result is axis `permutation[k]` of x.
    pub fn transpose(&mut self, x: ValueId, permutation: &[usize]) -> Result<ValueId> {
        self.push(op::Transpose(permutation.into()), &[x])
    }

    /// Repeats x along the axes where it has extent 1 or none; nothing is appended where x
    /// has the shape already.
    pub fn broadcast(&mut self, x: ValueId, shape: &Shape) -> Result<ValueId> {
        if self.ty(x).shape == *shape {
            return Ok(x);
        }
        self.push(op::Broadcast(shape.clone()), &[x])
    }

    fn broadcast_together(&mut self, x: ValueId, y: ValueId) -> Result<(ValueId, ValueId)> {
        let shape = self.common_shape(&[x, y])?;
        Ok((self.broadcast(x, &shape)?, self.broadcast(y, &shape)?))
    }

    /// The shape that all values broadcast to.
    pub(crate) fn common_shape(&self, xs: &[ValueId]) -> Result<Shape> {
        let mut common = Shape::scalar();
        for &x in xs {
            let shape = &self.ty(x).shape;
            common = common.broadcast_with(shape).ok_or_else(|| {
                Error::new(format!("the shapes {common} and {shape} do not broadcast"))
                    .remedy("make every pair of extents equal, or one of them 1")
            })?;
        }
        Ok(common)
    }

    /// Every axis from `starts[k]` in steps of `steps[k]` (never 0, negative to walk
    /// backwards), `lengths[k]` elements.
    pub fn slice(
        &mut self,
        x: ValueId,
        starts: &[usize],
        steps: &[isize],
        lengths: &[usize],
    ) -> Result<ValueId> {
        self.push(op::Slice::new(starts, steps, lengths), &[x])
    }

    /// Values joined along an axis.
    pub fn concat(&mut self, xs: &[ValueId], axis: usize) -> Result<ValueId> {
        self.push(op::Concat(axis), xs)
    }

    /// Slices of `data` along `axis`, chosen by integer `indices` of any shape
    /// (ONNX's Gather; negative indices count from the end).
    pub fn gather(&mut self, data: ValueId, indices: ValueId, axis: usize) -> Result<ValueId> {
        self.push(op::Gather::slices(axis), &[data, indices])
    }

    /// Elements of `data` along `axis`, one for each of the `indices` (ONNX's
    /// GatherElements; indices have data's rank).
    pub fn gather_elements(
        &mut self,
        data: ValueId,
        indices: ValueId,
        axis: usize,
    ) -> Result<ValueId> {
        self.push(op::Gather::elements(axis), &[data, indices])
    }

    /// Elements of `data` along `axis`, one for each of the `labels` (as
    /// [`gather_elements`](Self::gather_elements), but a negative label is out of range).
    pub fn pick_labels(&mut self, data: ValueId, labels: ValueId, axis: usize) -> Result<ValueId> {
        self.push(op::Gather::labels(axis), &[data, labels])
    }

    /// What a kernel that slides over the last axes meets (see [`op::Windows`]).
    pub fn windows(&mut self, x: ValueId, slides: &[op::Slide]) -> Result<ValueId> {
        self.push(op::Windows::new(slides), &[x])
    }

    /// Windows added up where they overlap (see [`op::Fold`]).
    pub fn fold(&mut self, x: ValueId, slides: &[op::Slide]) -> Result<ValueId> {
        self.push(op::Fold::new(slides), &[x])
    }

    /// Converts to another element type.
    pub fn cast(&mut self, x: ValueId, dtype: DType) -> Result<ValueId> {
        if self.ty(x).dtype == dtype {
            return Ok(x);
        }
        self.push(op::Cast::to(dtype), &[x])
    }

    /// A scalar constant of the given type, rounded to it.
    pub fn scalar(&mut self, value: f64, dtype: DType) -> Result<ValueId> {
        Ok(self.constant(Tensor::full(Shape::scalar(), dtype, value)?))
    }
}
