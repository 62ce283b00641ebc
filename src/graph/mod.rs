//! The graph: primitives in arena order, every argument before its use.

mod build;
mod build_functions;
mod choose;
pub mod context;
pub mod grad;
pub mod levels;
mod soft;
mod user;

pub use soft::Exponents;

use crate::error::{Error, Result};
use crate::op::{Op, Primitive};
use crate::tensor::{Tensor, Ty};
use levels::UserNode;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;

/// A value of a graph: the position of the node that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(u32);

impl ValueId {
    /// The position in the arena.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Which pass a node belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pass {
    /// It computes a value.
    Forward,
    /// It computes a contribution to a gradient.
    Backward,
    /// It adds up the contributions where a value fans out.
    Accumulate,
}

/// Where a node comes from: the model's node (by its position there) and the pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The model's node; for an accumulation, the node that made the value fanning out.
    pub source: u32,
    /// The pass.
    pub pass: Pass,
}

impl Origin {
    /// Nodes that belong to no node of a model (inputs, hand-built graphs).
    pub const NONE: Origin = Origin {
        source: u32::MAX,
        pass: Pass::Forward,
    };
}

/// One primitive application.
#[derive(Debug, Clone)]
pub struct Node {
    op: Op,
    args: SmallVec<[ValueId; 3]>,
    ty: u32,
    origin: Origin,
}

impl Node {
    /// The primitive.
    pub fn op(&self) -> &Op {
        &self.op
    }

    /// Its arguments, all earlier in the arena.
    pub fn args(&self) -> &[ValueId] {
        &self.args
    }

    /// Where it comes from.
    pub fn origin(&self) -> Origin {
        self.origin
    }
}

/// A graph of primitives, built by appending.
///
/// A [`ValueId`] is only meaningful in the graph that returned it (or one extended from it).
#[derive(Debug, Clone)]
pub struct Graph {
    nodes: Vec<Node>,
    types: Vec<Arc<Ty>>,
    type_ids: HashMap<Arc<Ty>, u32>,
    inputs: Vec<ValueId>,
    origin: Origin,
}

impl Default for Graph {
    fn default() -> Self {
        Graph::new()
    }
}

impl Graph {
    /// The empty graph.
    pub fn new() -> Self {
        Graph {
            nodes: Vec::new(),
            types: Vec::new(),
            type_ids: HashMap::new(),
            inputs: Vec::new(),
            origin: Origin::NONE,
        }
    }

    /// Appends an input; inputs are numbered in the order of their appearance.
    pub fn input(&mut self, ty: Ty) -> ValueId {
        let id = self.append(Op::Input, SmallVec::new(), ty);
        self.inputs.push(id);
        id
    }

    /// Appends a constant, exact in the specification and at run time.
    pub fn constant(&mut self, value: Tensor) -> ValueId {
        let ty = value.ty();
        self.append(Op::Constant(Arc::new(value)), SmallVec::new(), ty)
    }

    /// Appends a primitive; fails where its arguments' types do not suit it.
    pub fn push(&mut self, op: impl Into<Op>, args: &[ValueId]) -> Result<ValueId> {
        let op = op.into();
        let ty = {
            let types: SmallVec<[&Ty; 3]> = args.iter().map(|&a| self.ty(a)).collect();
            op.infer(&types)
                .map_err(|e| Error::new(format!("{}: {e}", op.name())))?
        };
        Ok(self.append(op, SmallVec::from_slice(args), ty))
    }

    #[expect(
        clippy::expect_used,
        reason = "an arena of 2^32 nodes exceeds any memory"
    )]
    fn append(&mut self, op: Op, args: SmallVec<[ValueId; 3]>, ty: Ty) -> ValueId {
        let id = ValueId(u32::try_from(self.nodes.len()).expect("fewer than 2^32 nodes"));
        debug_assert!(args.iter().all(|a| *a < id));
        let ty = self.intern(ty);
        self.nodes.push(Node {
            op,
            args,
            ty,
            origin: self.origin,
        });
        id
    }

    #[expect(clippy::expect_used, reason = "there are no more types than nodes")]
    fn intern(&mut self, ty: Ty) -> u32 {
        if let Some(&id) = self.type_ids.get(&ty) {
            return id;
        }
        let id = u32::try_from(self.types.len()).expect("fewer types than nodes");
        let ty = Arc::new(ty);
        self.types.push(Arc::clone(&ty));
        self.type_ids.insert(ty, id);
        id
    }

    /// Appends a copy of another graph's node, its arguments renamed.
    pub(crate) fn copy_node(
        &mut self,
        from: &Graph,
        value: ValueId,
        rename: impl Fn(ValueId) -> ValueId,
    ) -> ValueId {
        let node = from.node(value);
        let args = node.args.iter().map(|&a| rename(a)).collect();
        self.append(node.op.clone(), args, from.ty(value).clone())
    }

    /// The same graph with every user's node replaced.
    pub(crate) fn with_user_nodes(&self, f: impl Fn(&UserNode) -> UserNode) -> Graph {
        let mut graph = self.clone();
        for node in &mut graph.nodes {
            if let Op::Kernel(kernel) = &mut node.op {
                kernel.0 = f(&kernel.0);
            }
        }
        graph
    }

    /// Nodes appended from now on are said to come from here.
    pub fn set_origin(&mut self, origin: Origin) {
        self.origin = origin;
    }

    /// The graph of the first `len` values.
    pub(crate) fn first(&self, len: usize) -> Graph {
        let mut graph = Graph {
            nodes: self.nodes[..len].to_vec(),
            inputs: self.inputs.clone(),
            types: self.types.clone(),
            type_ids: self.type_ids.clone(),
            origin: self.origin,
        };
        graph.inputs.retain(|id| id.index() < len);
        graph
    }

    /// The nodes, in arena order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node that makes a value.
    pub fn node(&self, value: ValueId) -> &Node {
        &self.nodes[value.index()]
    }

    /// A value's type.
    pub fn ty(&self, value: ValueId) -> &Ty {
        &self.types[self.nodes[value.index()].ty as usize]
    }

    /// The type of the value at a position of the arena.
    pub(crate) fn type_at(&self, position: usize) -> &Ty {
        &self.types[self.nodes[position].ty as usize]
    }

    /// The inputs, in the order of their appearance.
    pub fn inputs(&self) -> &[ValueId] {
        &self.inputs
    }

    /// Every value, in arena order.
    pub fn values(&self) -> impl Iterator<Item = ValueId> + use<> {
        (0..self.nodes.len() as u32).map(ValueId)
    }

    /// The values from a position of the arena on.
    pub(crate) fn values_from(&self, position: usize) -> impl Iterator<Item = ValueId> + use<> {
        (position as u32..self.nodes.len() as u32).map(ValueId)
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True for the empty graph.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}
