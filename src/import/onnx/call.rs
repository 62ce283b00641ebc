//! One node's call of an operation: what a lowering is given.

use super::attributes::Attributes;
use super::builder::Builder;
use super::infinite;
use super::tensor::Tensors;
use super::types::{MAX_RANK, Retype, Width};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::import::source::Source;
use crate::lower::Choices;
use crate::memory;
use crate::tensor::{DType, Shape, Tensor};

/// The opset from which operands broadcast as numpy's do.
const NUMPY_BROADCASTING: i64 = 7;

/// What an error says where the nodes that run depend on data.
pub const DATA_DEPENDENT: &str = "depends on data that are not known at import";

/// What all nodes share.
pub(super) struct Scope {
    pub builder: Builder,
    pub tensors: Tensors,
    pub retype: Retype,
    /// The version of its domain's operator set that the node at hand is written in.
    pub opset: i64,
    pub warnings: Vec<String>,
    /// The formulas of composites; asking for one notes that the model uses it.
    pub formulas: Choices,
}

impl Scope {
    /// Appends a constant of the model, in its new type; −∞ among its elements stays outside
    /// of the graph ([`infinite`]).
    pub fn number(
        &mut self,
        source: &Source,
        value: Tensor,
        width: Option<Width>,
    ) -> Result<ValueId> {
        let Some((finite, mask)) = infinite::split(&value)? else {
            let value = self.retype.constant(source, value)?;
            let id = self.builder.constant(value);
            self.builder.set_width(id, width);
            return Ok(id);
        };
        let finite = self.retype.constant(source, finite)?;
        let (id, mask) = (self.builder.constant(finite), self.builder.constant(mask));
        self.builder.set_infinite(id, mask)?;
        Ok(id)
    }
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

    /// Fails where a constant of so many elements, of at most eight bytes each, is more than
    /// there is memory for.
    pub fn room_for(&self, elements: usize) -> Result<()> {
        let bytes = (elements as u64).saturating_mul(8);
        memory::room_for(bytes, &format!("a constant of {elements} elements"))
    }

    /// An argument's shape.
    pub fn shape(&self, x: ValueId) -> Shape {
        self.scope.builder.shape(x)
    }

    /// An argument's element type.
    pub fn dtype(&self, x: ValueId) -> DType {
        self.scope.builder.dtype(x)
    }

    /// Fails where float arguments that the standard lets have types of their own do not have
    /// one: no lowering says where they meet.
    pub fn one_float_type(&self, arguments: &[usize]) -> Result<()> {
        let of = |&k: &usize| Some((k, self.dtype(self.optional(k)?)));
        let mut floats = arguments
            .iter()
            .filter_map(of)
            .filter(|(_, ty)| ty.is_float());
        let Some((first, own)) = floats.next() else {
            return Ok(());
        };
        let Some((other, differs)) = floats.find(|&(_, ty)| ty != own) else {
            return Ok(());
        };
        let casts = "insert Cast nodes so that one float type is left";
        let replaceable = self.scope.retype.format;
        let remedy = match [own, differs].iter().position(|&ty| ty == replaceable) {
            Some(k) => format!("{casts}, or audit with --format {}", [differs, own][k]),
            None => casts.to_owned(),
        };
        Err(Error::new(format!(
            "has {own} for input {first} and {differs} for input {other}; arguments of several float types are not supported here"
        ))
        .remedy(remedy))
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

    /// The integers that are the attribute `name` before an opset, and input k from then on.
    pub fn integers_since(
        &mut self,
        since: i64,
        name: &str,
        k: usize,
        what: &str,
    ) -> Result<Option<Vec<i64>>> {
        if self.scope.opset >= since {
            return self.integers(k, what);
        }
        Ok(self.attributes.ints(name)?.map(<[i64]>::to_vec))
    }

    /// [`integers_since`](Self::integers_since) that may not be omitted.
    pub fn required_integers_since(
        &mut self,
        since: i64,
        name: &str,
        k: usize,
        what: &str,
    ) -> Result<Vec<i64>> {
        self.integers_since(since, name, k, what)?
            .ok_or_else(|| Error::new(format!("lacks {what}")).remedy("export the model again"))
    }

    /// The reals of an argument that must be known at import; `None` if it is omitted.
    pub fn reals(&self, k: usize, what: &str) -> Result<Option<Vec<f64>>> {
        let Some(x) = self.optional(k) else {
            return Ok(None);
        };
        match self.scope.builder.known_reals(x) {
            Some(values) => Ok(Some(values.to_f64s())),
            None => Err(Error::new(format!(
                "{what} (input {k}) must be constant, but the model computes them from its inputs"
            ))
            .remedy("fold constants (onnxsim), or export the model with fixed shapes")),
        }
    }

    /// Two operands that are combined element by element. Before opset 7 they broadcast only
    /// where the attribute `broadcast` says so, and `axis` says which axis of the first the
    /// second begins at.
    pub fn operands(&mut self) -> Result<(ValueId, ValueId)> {
        let (x, y) = (self.input(0)?, self.input(1)?);
        if self.scope.opset >= NUMPY_BROADCASTING {
            return Ok((x, y));
        }
        let broadcasts = self.attributes.flag("broadcast", false)?;
        let axis = self.attributes.int("axis")?;
        let (left, right) = (self.shape(x), self.shape(y));
        let misfit = || {
            Error::new(format!(
                "the shape {right} does not broadcast to {left} as opset 6 has it"
            ))
            .remedy("export the model in opset 7 or later")
        };
        if !broadcasts {
            return if left == right {
                Ok((x, y))
            } else {
                Err(misfit())
            };
        }
        let start = match axis {
            None => left.rank().checked_sub(right.rank()).ok_or_else(misfit)?,
            Some(axis) if right.rank() > 0 => axis_of(axis, left.rank())?,
            Some(_) => left.rank(),
        };
        let after = left
            .rank()
            .checked_sub(start + right.rank())
            .ok_or_else(misfit)?;
        let mut extents = right.to_vec();
        extents.extend(std::iter::repeat_n(1, after));
        let fits = |(own, n): (&usize, &usize)| *own == 1 || own == n;
        if !extents.iter().zip(left.iter().skip(start)).all(fits) {
            return Err(misfit());
        }
        let y = self.builder().reshape(y, Shape::from(extents))?;
        Ok((x, y))
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

/// The error for what is executed only where the data say so.
pub(super) fn data_dependent(what: &str) -> Error {
    Error::new(format!("{what} {DATA_DEPENDENT}"))
        .remedy("give the inputs that decide it, or export the model without control flow")
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
