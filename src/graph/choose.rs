//! Appending comparisons, selections and what picks a maximum.

use super::{Graph, ValueId};
use crate::error::Result;
use crate::op::excluded::Excluded;
use crate::op::reduction::Axes;
use crate::op::{self, Relation, Ties};
use std::sync::Arc;

impl Graph {
    /// The truth of a relation between two values, which broadcast.
    pub fn compare(&mut self, relation: Relation, x: ValueId, y: ValueId) -> Result<ValueId> {
        let shape = self.common_shape(&[x, y])?;
        let (x, y) = (self.broadcast(x, &shape)?, self.broadcast(y, &shape)?);
        self.push(op::Compare(relation), &[x, y])
    }

    /// x where the boolean `condition` is true, else y; all three broadcast.
    pub fn select(&mut self, condition: ValueId, x: ValueId, y: ValueId) -> Result<ValueId> {
        let shape = self.common_shape(&[condition, x, y])?;
        let condition = self.broadcast(condition, &shape)?;
        let (x, y) = (self.broadcast(x, &shape)?, self.broadcast(y, &shape)?);
        self.push(op::Select, &[condition, x, y])
    }

    /// x where the boolean `condition` is true, else 0.
    pub fn select_or_zero(&mut self, condition: ValueId, x: ValueId) -> Result<ValueId> {
        let zero = self.scalar(0.0, self.ty(x).dtype)?;
        self.select(condition, x, zero)
    }

    /// The maximum over axes as max-pooling takes it: elements where `excluded` is true take
    /// no part, and the gradient goes to the first of several equal maxima.
    ///
    /// `excluded` speaks for the trailing axes, row-major, and repeats along the leading ones;
    /// empty for no exclusion.
    pub fn pool_max(
        &mut self,
        x: ValueId,
        axes: &[usize],
        keep: bool,
        excluded: &[bool],
    ) -> Result<ValueId> {
        let axes = Axes::new(axes, keep);
        let excluded = Excluded::new(Arc::from(excluded));
        self.push(op::MaxOver::with(axes, excluded, Ties::First), &[x])
    }

    /// The maximum over axes without the elements where `excluded` is true (see
    /// [`pool_max`](Self::pool_max)); the gradient is split evenly among equal maxima.
    pub fn max_over_without(
        &mut self,
        x: ValueId,
        axes: &[usize],
        keep: bool,
        excluded: &[bool],
    ) -> Result<ValueId> {
        let axes = Axes::new(axes, keep);
        let excluded = Excluded::new(Arc::from(excluded));
        self.push(op::MaxOver::with(axes, excluded, Ties::Split), &[x])
    }

    /// True at the first maximum over axes, of x's shape; `excluded` as in
    /// [`pool_max`](Self::pool_max).
    pub fn winner(&mut self, x: ValueId, axes: &[usize], excluded: &[bool]) -> Result<ValueId> {
        let excluded = Excluded::new(Arc::from(excluded));
        self.push(op::Winner::over(Axes::new(axes, true), excluded), &[x])
    }

    /// The position of the first maximum along an axis, which stays with extent 1; of the
    /// last maximum where `last`.
    pub fn arg_max(&mut self, x: ValueId, axis: usize, last: bool) -> Result<ValueId> {
        self.push(op::ArgMax::along(axis, last), &[x])
    }

    /// x rounded to integers.
    pub fn round(&mut self, x: ValueId, to: op::Rounding) -> Result<ValueId> {
        self.push(op::Round(to), &[x])
    }

    /// Π over axes; with `keep`, the reduced axes stay with extent 1.
    pub fn prod(&mut self, x: ValueId, axes: &[usize], keep: bool) -> Result<ValueId> {
        self.push(op::Prod::over(axes, keep), &[x])
    }

    /// The remainder of x / y: C's where `truncated`, else Python's.
    pub fn modulo(&mut self, x: ValueId, y: ValueId, truncated: bool) -> Result<ValueId> {
        let shape = self.common_shape(&[x, y])?;
        let (x, y) = (self.broadcast(x, &shape)?, self.broadcast(y, &shape)?);
        self.push(op::Mod { truncated }, &[x, y])
    }
}
