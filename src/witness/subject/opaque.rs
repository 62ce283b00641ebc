//! Code that is attacked as it stands, instead of random executions of a graph.

use super::{Score, Structure};
use crate::error::Result;
use crate::tensor::DType;
use crate::witness::point::{Input, Point};
use crate::witness::tape::Tape;
use std::fmt;

/// An obligation of somebody's own code.
pub trait Opaque: fmt::Debug + Send + Sync {
    /// Its name.
    fn name(&self) -> &str;
    /// The type of its floats.
    fn dtype(&self) -> DType;
    /// Its meaning for shapes that are drawn.
    fn structure(&self, tape: &mut Tape) -> Result<Structure>;
    /// Inputs of a structure.
    fn inputs(&self, structure: &Structure, tape: &mut Tape) -> Vec<Input>;
    /// Runs the code at a point and judges what it returns; `None` where the point is outside
    /// what the code is meant for, or its meaning is not defined there.
    fn judge(&self, structure: &Structure, point: &Point) -> Option<Score>;
}
