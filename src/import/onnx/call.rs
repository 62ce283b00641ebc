//! One node's call of an operation: what a lowering is given.

use super::attributes::Attributes;
use super::builder::Builder;
use super::tensor::Tensors;
use super::types::{MAX_RANK, Retype};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::tensor::{DType, Shape};

/// What all nodes share.
pub(super) struct Scope {
    pub builder: Builder,
    pub tensors: Tensors,
    pub retype: Retype,
    pub opset: i64,
    pub warnings: Vec<String>,
}

/// A node with its arguments.
pub(super) struct Call<'a> {
    pub scope: &'a mut Scope,
    pub attributes: Attributes<'a>,
    /// The arguments; `None` for an omitted one.
    pub inputs: Vec<Option<ValueId>>,
    /// How many results the node lists, omitted ones included.
    pub outputs: usize,
}

impl Call<'_> {
    /// The graph and what is known in it.
    pub fn builder(&mut self) -> &mut Builder {
        &mut self.scope.builder
    }

    /// An argument that may be omitted.
    pub fn optional(&self, k: usize) -> Option<ValueId> {
        self.inputs.get(k).copied().flatten()
    }

    /// An argument that may not be omitted.
    pub fn input(&self, k: usize) -> Result<ValueId> {
        self.optional(k).ok_or_else(|| {
            Error::new(format!("input {k} is missing")).remedy("export the model again")
        })
    }

    /// All arguments, none of which may be omitted.
    pub fn all_inputs(&self) -> Result<Vec<ValueId>> {
        (0..self.inputs.len()).map(|k| self.input(k)).collect()
    }

    /// An argument's shape.
    pub fn shape(&self, x: ValueId) -> Shape {
        self.scope.builder.shape(x)
    }

    /// An argument's element type.
    pub fn dtype(&self, x: ValueId) -> DType {
        self.scope.builder.dtype(x)
    }

    /// The integers of an argument that must be known at import; `None` if it is omitted.
    pub fn integers(&self, k: usize, what: &str) -> Result<Option<Vec<i64>>> {
        let Some(x) = self.optional(k) else {
            return Ok(None);
        };
        if self.dtype(x) != DType::I64 {
            return Err(Error::new(format!("{what} (input {k}) are not integers"))
                .remedy("export the model again"));
        }
        match self.scope.builder.known(x).and_then(|t| t.as_i64s()) {
            Some(values) => Ok(Some(values.to_vec())),
            None => Err(Error::new(format!(
                "{what} (input {k}) must be constant, but the model computes them from its inputs"
            ))
            .remedy("fold constants (onnxsim), or export the model with fixed shapes")),
        }
    }

    /// [`integers`](Self::integers) that may not be omitted.
    pub fn required_integers(&self, k: usize, what: &str) -> Result<Vec<i64>> {
        self.input(k)?;
        Ok(self.integers(k, what)?.unwrap_or_default())
    }

    /// The attribute `axis` as an axis of a tensor of this rank.
    pub fn axis(&mut self, default: i64, rank: usize) -> Result<usize> {
        let axis = self.attributes.int("axis")?.unwrap_or(default);
        axis_of(axis, rank)
    }
}

/// An axis of a tensor; negative ones count from the end.
pub(super) fn axis_of(axis: i64, rank: usize) -> Result<usize> {
    let from_start = if axis < 0 {
        axis.checked_add(rank as i64)
    } else {
        Some(axis)
    };
    from_start
        .and_then(|a| usize::try_from(a).ok())
        .filter(|&a| a < rank)
        .ok_or_else(|| {
            Error::new(format!("axis {axis} of a tensor with {rank} axes"))
                .remedy("axes count from -rank to rank - 1")
        })
}

/// Different axes of a tensor.
pub(super) fn axes_of(axes: &[i64], rank: usize) -> Result<Vec<usize>> {
    let mut found = Vec::new();
    for &axis in axes {
        let axis = axis_of(axis, rank)?;
        if found.contains(&axis) {
            return Err(Error::new(format!("axis {axis} is listed twice")).remedy("list it once"));
        }
        found.push(axis);
    }
    Ok(found)
}

/// Extents, none of which may be negative.
pub(super) fn extents_of(extents: &[i64]) -> Result<Shape> {
    if extents.len() > MAX_RANK {
        return Err(Error::new(format!("a shape of {} axes", extents.len()))
            .remedy("use tensors of at most 64 axes"));
    }
    match extents
        .iter()
        .map(|&n| usize::try_from(n).ok())
        .collect::<Option<Vec<_>>>()
    {
        Some(extents) => Shape::checked(&extents),
        None => Err(Error::new("an extent is negative").remedy("use extents of at least 0")),
    }
}
