//! Appending to the graph, and computing at once what is known already.
//!
//! Shapes, axes and slice bounds reach ONNX's operations as integer tensors that a part of
//! the graph may compute. Integers that follow from constants and shapes alone are computed
//! here, by the primitives' own executions, and enter the graph as constants.

use crate::config::Config;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::op::{self, Op, Primitive, RuleCx};
use crate::tensor::{DType, Shape, Tensor, Ty};
use std::collections::HashMap;

/// Elements computed at import, all together: shapes are small, and what is not is left to
/// the graph.
const MAX_FOLDED: usize = 1 << 24;

/// A graph, and the integers and booleans in it that are known.
pub(super) struct Builder {
    pub graph: Graph,
    known: HashMap<ValueId, Tensor>,
    /// What is left of [`MAX_FOLDED`].
    allowance: usize,
}

impl Builder {
    /// An empty graph.
    pub fn new() -> Builder {
        Builder {
            graph: Graph::new(),
            known: HashMap::new(),
            allowance: MAX_FOLDED,
        }
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

    /// Appends a constant.
    pub fn constant(&mut self, value: Tensor) -> ValueId {
        let known = (!value.dtype().is_float()).then(|| value.clone());
        let id = self.graph.constant(value);
        if let Some(value) = known {
            self.known.insert(id, value);
        }
        id
    }

    /// Appends a primitive, or the constant that it comes to.
    pub fn push(&mut self, op: impl Into<Op>, args: &[ValueId]) -> Result<ValueId> {
        let op = op.into();
        if let Some(value) = self.fold(&op, args)? {
            return Ok(self.constant(value));
        }
        let id = self.graph.push(op, args)?;
        Shape::checked(&self.graph.ty(id).shape)?;
        Ok(id)
    }

    /// Takes elements off what may be computed at import; `None` where there are too few.
    pub fn allow(&mut self, elements: usize) -> Option<()> {
        self.allowance = self.allowance.checked_sub(elements)?;
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

    /// The same elements under another shape.
    pub fn reshape(&mut self, x: ValueId, shape: Shape) -> Result<ValueId> {
        self.push(op::Reshape(shape), &[x])
    }

    /// A value like x that is not x: the graph's identity, where a name needs its own value.
    pub fn copy(&mut self, x: ValueId) -> Result<ValueId> {
        self.reshape(x, self.shape(x))
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
