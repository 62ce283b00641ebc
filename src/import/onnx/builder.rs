//! Appending to the graph, and computing at once what is known already.
//!
//! Shapes, axes and slice bounds reach ONNX's operations as integer tensors that a part of
//! the graph may compute. Integers that follow from constants and shapes alone are computed
//! here, by the primitives' own executions, and enter the graph as constants.

use super::types::Width;
use crate::bound::{Approx, Operand};
use crate::config::Config;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::interpret::bounds;
use crate::op::{self, Op, Primitive, RuleCx};
use crate::tensor::{DType, Shape, Tensor, Ty};
use std::collections::HashMap;

/// The most elements of a float tensor that is computed at import; what decides a shape or a
/// loop is smaller.
const MAX_REALS: usize = 64;

/// Elements computed at import, all together: shapes are small, and what is not is left to
/// the graph.
const MAX_FOLDED: usize = 1 << 24;

/// Elements of the masks that attributes say, all together. For each there are scores and
/// weights, so that an audit takes no more of them (2^29 elements of all values).
const MAX_MASKED: usize = 1 << 28;

/// A graph, and what is known of its values.
pub(super) struct Builder {
    pub graph: Graph,
    /// Integers and booleans; in every execution the same.
    known: HashMap<ValueId, Tensor>,
    /// Small float tensors of the run at hand, from which integers and booleans may follow.
    reals: HashMap<ValueId, (Tensor, Approx)>,
    /// The executions that integers computed from floats must be the same in.
    config: Config,
    /// The types of integers that are not int64.
    widths: HashMap<ValueId, Width>,
    /// Where a value is −∞, for those that may be (a boolean of its shape).
    infinite: HashMap<ValueId, ValueId>,
    /// What is left of [`MAX_FOLDED`].
    allowance: usize,
    /// What is left of [`MAX_MASKED`].
    masked: usize,
    /// How many of the graph's values have been looked at.
    seen: usize,
}

impl Builder {
    /// An empty graph, for executions under a configuration.
    pub fn new(config: Config) -> Builder {
        Builder {
            graph: Graph::new(),
            known: HashMap::new(),
            reals: HashMap::new(),
            config,
            widths: HashMap::new(),
            infinite: HashMap::new(),
            allowance: MAX_FOLDED,
            masked: MAX_MASKED,
            seen: 0,
        }
    }

    /// Finds out what is known of values that were appended to the graph itself, none of which
    /// may be too large.
    pub fn catch_up(&mut self) -> Result<()> {
        let new: Vec<ValueId> = self.graph.values_from(self.seen).collect();
        self.seen = self.graph.len();
        for id in new {
            Shape::checked(&self.graph.ty(id).shape)?;
            if self.known.contains_key(&id) || self.reals.contains_key(&id) {
                continue;
            }
            let node = self.graph.node(id).clone();
            if let Op::Constant(value) = node.op() {
                self.remember(id, value.as_ref().clone());
                continue;
            }
            // An input without a value has no arguments to compute it from.
            if node.args().is_empty() {
                continue;
            }
            if let Some(value) = self.fold(node.op(), node.args())? {
                self.known.insert(id, value);
                continue;
            }
            match self.compute(node.op(), node.args()) {
                Some((value, approx)) if value.dtype().is_float() => {
                    self.reals.insert(id, (value, approx));
                }
                Some((value, approx)) if approx.eps.is_zero() => {
                    self.known.insert(id, value);
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    /// The graph, once it is built.
    pub fn into_graph(self) -> Graph {
        self.graph
    }

    /// A value's shape.
    pub fn shape(&self, x: ValueId) -> Shape {
        self.graph.ty(x).shape.clone()
    }

    /// A value's element type.
    pub fn dtype(&self, x: ValueId) -> DType {
        self.graph.ty(x).dtype
    }

    /// The value, where it is an integer or boolean tensor that is known.
    pub fn known(&self, x: ValueId) -> Option<&Tensor> {
        self.known.get(&x)
    }

    /// The value, where it is a small float tensor that no execution computes differently.
    pub fn known_reals(&self, x: ValueId) -> Option<&Tensor> {
        let (value, approx) = self.reals.get(&x)?;
        approx.eps.is_zero().then_some(value)
    }

    /// The integer type of the value, where that is not int64.
    pub fn width(&self, x: ValueId) -> Option<Width> {
        self.widths.get(&x).copied()
    }

    /// Notes the integer type of the value; `None` for int64.
    pub fn set_width(&mut self, x: ValueId, width: Option<Width>) {
        match width {
            Some(width) => self.widths.insert(x, width),
            None => self.widths.remove(&x),
        };
    }

    /// Where the value is −∞, if it may be; it has stand-ins there.
    pub fn infinite(&self, x: ValueId) -> Option<ValueId> {
        self.infinite.get(&x).copied()
    }

    /// Notes that the value stands for −∞ where the mask, which broadcasts to it, is true.
    pub fn set_infinite(&mut self, x: ValueId, mask: ValueId) -> Result<()> {
        let nowhere = |known: &Tensor| known.to_f64s().iter().all(|&lost| lost == 0.0);
        if !self.known(mask).is_some_and(nowhere) {
            let mask = self.broadcast(mask, &self.shape(x))?;
            self.infinite.insert(x, mask);
        }
        Ok(())
    }

    /// Appends an input, whose value may be known; one of another type is not.
    pub fn input(&mut self, ty: Ty, value: Option<&Tensor>) -> ValueId {
        let value = value.filter(|value| value.ty() == ty);
        let id = self.graph.input(ty);
        if let Some(value) = value {
            self.remember(id, value.clone());
        }
        id
    }

    /// Appends a constant.
    pub fn constant(&mut self, value: Tensor) -> ValueId {
        let id = self.graph.constant(value.clone());
        self.remember(id, value);
        id
    }

    /// Notes what a value is; executions may flush it all the same.
    fn remember(&mut self, id: ValueId, value: Tensor) {
        if !value.dtype().is_float() {
            self.known.insert(id, value);
        } else if value.len() <= MAX_REALS {
            let cx = RuleCx {
                config: &self.config,
                ty: self.graph.ty(id),
            };
            let op = self.graph.node(id).op();
            let approx = if matches!(op, Op::Input) {
                bounds::given(&cx, &value)
            } else {
                bounds::local(op, &cx, &[], &value)
            };
            self.reals.insert(id, (value, approx));
        }
    }

    /// Appends a primitive, or the constant that it comes to.
    pub fn push(&mut self, op: impl Into<Op>, args: &[ValueId]) -> Result<ValueId> {
        let op = op.into();
        if let Some(value) = self.fold(&op, args)? {
            return Ok(self.constant(value));
        }
        let reals = self.compute(&op, args);
        match reals {
            Some((value, approx)) if !value.dtype().is_float() && approx.eps.is_zero() => {
                Ok(self.constant(value))
            }
            other => {
                let id = self.graph.push(op, args)?;
                Shape::checked(&self.graph.ty(id).shape)?;
                if let Some(computed) = other.filter(|(value, _)| value.dtype().is_float()) {
                    self.reals.insert(id, computed);
                }
                Ok(id)
            }
        }
    }

    /// Takes elements off what may be computed at import; `None` where there are too few.
    pub fn allow(&mut self, elements: usize) -> Option<()> {
        self.allowance = self.allowance.checked_sub(elements)?;
        Some(())
    }

    /// Takes elements off what masks may have; `None` where there are too few.
    pub fn allow_mask(&mut self, elements: usize) -> Option<()> {
        self.masked = self.masked.checked_sub(elements)?;
        Some(())
    }

    fn fold(&mut self, op: &Op, args: &[ValueId]) -> Result<Option<Tensor>> {
        // Tensors share their elements, so that a copy costs nothing.
        let known = |a| self.known.get(a).cloned();
        let Some(known) = args.iter().map(known).collect::<Option<Vec<Tensor>>>() else {
            return Ok(None);
        };
        let types: Vec<&Ty> = args.iter().map(|&a| self.graph.ty(a)).collect();
        let ty = op.infer(&types)?;
        let len = Shape::checked(&ty.shape)?.len();
        if ty.dtype.is_float() || self.allow(len).is_none() {
            return Ok(None);
        }
        let config = Config::default();
        let cx = RuleCx {
            config: &config,
            ty: &ty,
        };
        op.run(&cx, &known.iter().collect::<Vec<_>>()).map(Some)
    }

    /// What an operation comes to on small arguments that are known, with its ε: an integer
    /// whose ε is 0 is the same in every execution.
    fn compute(&mut self, op: &Op, args: &[ValueId]) -> Option<(Tensor, Approx)> {
        let exact = Approx::exact();
        let known = |a| {
            let integers = self.known.get(a).map(|value| (value, &exact));
            integers.or_else(|| self.reals.get(a).map(|(value, approx)| (value, approx)))
        };
        let known: Vec<(&Tensor, &Approx)> = args.iter().map(known).collect::<Option<_>>()?;
        let types: Vec<&Ty> = args.iter().map(|&a| self.graph.ty(a)).collect();
        let ty = op.infer(&types).ok()?;
        let len = Shape::checked(&ty.shape).ok()?.len();
        if args.is_empty() || len > MAX_REALS || known.iter().any(|(v, _)| v.len() > MAX_REALS) {
            return None;
        }
        let cx = RuleCx {
            config: &self.config,
            ty: &ty,
        };
        let values: Vec<&Tensor> = known.iter().map(|&(value, _)| value).collect();
        let value = op.run(&cx, &values).ok()?;
        let operands: Vec<Operand> = (known.iter())
            .map(|&(value, approx)| Operand { value, approx })
            .collect();
        let approx = bounds::local(op, &cx, &operands, &value);
        self.allowance = self.allowance.checked_sub(len)?;
        Some((value, approx))
    }

    /// The part of x at one place of an axis, without that axis.
    pub fn row(&mut self, x: ValueId, axis: usize, at: usize) -> Result<ValueId> {
        let shape = self.shape(x);
        let mut starts = vec![0; shape.rank()];
        let mut lengths = shape.to_vec();
        if let (Some(start), Some(length)) = (starts.get_mut(axis), lengths.get_mut(axis)) {
            (*start, *length) = (at, 1);
        }
        let steps = vec![1; shape.rank()];
        let part = self.push(op::Slice::new(&starts, &steps, &lengths), &[x])?;
        lengths.remove(axis);
        let row = self.reshape(part, Shape::from(lengths))?;
        self.set_width(row, self.width(x));
        Ok(row)
    }

    /// The same elements under another shape.
    pub fn reshape(&mut self, x: ValueId, shape: Shape) -> Result<ValueId> {
        let reshaped = self.push(op::Reshape(shape), &[x])?;
        self.set_width(reshaped, self.width(x));
        Ok(reshaped)
    }

    /// A value like x that is not x: the graph's identity, where a name needs its own value.
    pub fn copy(&mut self, x: ValueId) -> Result<ValueId> {
        let copy = self.reshape(x, self.shape(x))?;
        if let Some(mask) = self.infinite(x) {
            self.infinite.insert(copy, mask);
        }
        Ok(copy)
    }

    /// Repeats x to a shape; nothing is appended where it has the shape already.
    pub fn broadcast(&mut self, x: ValueId, shape: &Shape) -> Result<ValueId> {
        if self.graph.ty(x).shape == *shape {
            return Ok(x);
        }
        self.push(op::Broadcast(shape.clone()), &[x])
    }

    /// The values repeated to their common shape.
    pub fn broadcast_all(&mut self, xs: &[ValueId]) -> Result<Vec<ValueId>> {
        let common = self.graph.common_shape(xs)?;
        Shape::checked(&common)?;
        xs.iter().map(|&x| self.broadcast(x, &common)).collect()
    }

    /// Appends a two-operand primitive on operands that broadcast.
    pub fn binary(&mut self, op: impl Into<Op>, x: ValueId, y: ValueId) -> Result<ValueId> {
        let operands = self.broadcast_all(&[x, y])?;
        self.push(op, &operands)
    }
}
