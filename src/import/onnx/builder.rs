//! Appending to the graph, and computing at once what is known already.
//!
//! Shapes, axes and slice bounds reach ONNX's operations as integer tensors that a part of
//! the graph may compute. Integers that follow from constants and shapes alone are computed
//! here, by the primitives' own executions, and enter the graph as constants.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::op::{self, Op, Primitive, RuleCx};
use crate::tensor::{DType, Shape, Tensor, Ty};
use std::collections::HashMap;

/// The largest tensor computed at import: shapes are small, and data are no business of it.
const MAX_FOLDED: usize = 1 << 22;

/// A graph, and the integers and booleans in it that are known.
pub(super) struct Builder {
    pub graph: Graph,
    known: HashMap<ValueId, Tensor>,
}

impl Builder {
    /// An empty graph.
    pub fn new() -> Builder {
        Builder {
            graph: Graph::new(),
            known: HashMap::new(),
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

    fn fold(&self, op: &Op, args: &[ValueId]) -> Result<Option<Tensor>> {
        let known: Option<Vec<&Tensor>> = args.iter().map(|a| self.known.get(a)).collect();
        let Some(known) = known.filter(|k| !k.is_empty()) else {
            return Ok(None);
        };
        let types: Vec<&Ty> = args.iter().map(|&a| self.graph.ty(a)).collect();
        let ty = op.infer(&types)?;
        if ty.dtype.is_float() || Shape::checked(&ty.shape)?.len() > MAX_FOLDED {
            return Ok(None);
        }
        let config = Config::default();
        let cx = RuleCx {
            config: &config,
            ty: &ty,
        };
        op.run(&cx, &known).map(Some)
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
        let mut common = Shape::scalar();
        for &x in xs {
            let shape = &self.graph.ty(x).shape;
            common = common.broadcast_with(shape).ok_or_else(|| {
                Error::new(format!("the shapes {common} and {shape} do not broadcast"))
                    .remedy("make every pair of extents equal, or one of them 1")
            })?;
        }
        Shape::checked(&common)?;
        xs.iter().map(|&x| self.broadcast(x, &common)).collect()
    }

    /// Appends a two-operand primitive on operands that broadcast.
    pub fn binary(&mut self, op: impl Into<Op>, x: ValueId, y: ValueId) -> Result<ValueId> {
        let operands = self.broadcast_all(&[x, y])?;
        self.push(op, &operands)
    }
}
