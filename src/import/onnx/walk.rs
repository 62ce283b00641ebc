//! Lowering nodes: of the model's graph, of the functions that it defines, and of the graphs
//! among its attributes.

use super::attributes::{Attributes, Bindings};
use super::call::Scope;
use super::opsets::{self, Opsets};
use super::proto::{FunctionProto, GraphProto, NodeProto};
use super::{control, infinite, integers, signature, types};
use super::{ops, order};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use std::collections::{BTreeMap, HashMap};

/// Nodes of functions, branches and loop bodies that are lowered at most, all together: a
/// small file can call for any number of them.
const MAX_INLINED: usize = 1 << 18;
/// How deep calls and bodies may be nested.
const MAX_DEPTH: usize = 64;

/// What the nodes of one graph or function see.
pub(super) struct Frame<'a, 'f> {
    /// The nodes, for messages.
    nodes: &'a [NodeProto],
    /// Values by name; `None` for a function's argument that is omitted.
    names: HashMap<&'a str, Option<ValueId>>,
    /// The graph around this one, whose names are visible here.
    outer: Option<&'f Frame<'a, 'f>>,
    /// The attributes that the function around was called with, where there is one.
    bindings: Option<&'f Bindings<'a>>,
    opsets: &'a Opsets,
}

impl<'a, 'f> Frame<'a, 'f> {
    /// The frame of a model's graph or a function's body.
    pub fn new(
        nodes: &'a [NodeProto],
        bindings: Option<&'f Bindings<'a>>,
        opsets: &'a Opsets,
    ) -> Self {
        Frame {
            nodes,
            names: HashMap::new(),
            outer: None,
            bindings,
            opsets,
        }
    }

    /// The frame of a graph among a node's attributes.
    pub fn inner(&'f self, nodes: &'a [NodeProto]) -> Frame<'a, 'f> {
        Frame {
            outer: Some(self),
            ..Frame::new(nodes, self.bindings, self.opsets)
        }
    }

    /// Gives a value its name, which no other value here may have.
    pub fn define(&mut self, name: &'a str, value: Option<ValueId>) -> Result<()> {
        if name.is_empty() {
            return Err(
                Error::new("an input or initializer has no name").remedy("export the model again")
            );
        }
        if self.names.insert(name, value).is_some() {
            return Err(
                Error::new(format!("two values are named `{}`", name.escape_debug()))
                    .remedy("rename one of them; in ONNX every value has one definition"),
            );
        }
        Ok(())
    }

    /// The value of this name, here or in the graphs around.
    pub fn find(&self, name: &str) -> Option<Option<ValueId>> {
        let own = self.names.get(name).copied();
        own.or_else(|| self.outer.and_then(|outer| outer.find(name)))
    }

    /// The values that a node's inputs name.
    fn arguments(&self, position: usize, node: &NodeProto) -> Result<Vec<Option<ValueId>>> {
        let argument = |name: &String| match self.find(name) {
            _ if name.is_empty() => Ok(None),
            Some(value) => Ok(value),
            None => Err(order::undefined(self.nodes, position, name)),
        };
        node.input.iter().map(argument).collect()
    }

    /// The values that a body's outputs name.
    pub fn results<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<Vec<ValueId>> {
        let result = |name: &str| {
            self.find(name).flatten().ok_or_else(|| {
                let name = name.escape_debug();
                Error::new(format!("the output `{name}` is made by no node"))
                    .remedy("export the model again")
            })
        };
        names.map(result).collect()
    }
}

/// A node's arguments and attributes.
#[derive(Clone)]
pub(super) struct Given<'a> {
    pub inputs: Vec<Option<ValueId>>,
    pub attributes: Attributes<'a>,
    /// How many results the node lists, omitted ones included.
    pub outputs: usize,
}

/// The state of the lowering of a model.
pub(super) struct Walk<'a> {
    pub scope: Scope,
    functions: BTreeMap<(&'a str, &'a str, &'a str), (&'a FunctionProto, &'a Opsets)>,
    /// What is left of [`MAX_INLINED`].
    budget: usize,
    depth: usize,
}

impl<'a> Walk<'a> {
    /// A walk through a model with these functions, each with its operator sets.
    pub fn new(scope: Scope, functions: &'a [(FunctionProto, Opsets)]) -> Result<Walk<'a>> {
        let mut by_name = BTreeMap::new();
        for (function, opsets) in functions {
            let key = (
                opsets::domain(&function.domain),
                function.name.as_str(),
                function.overload.as_str(),
            );
            if by_name.insert(key, (function, opsets)).is_some() {
                let name = function.name.escape_debug();
                return Err(Error::new(format!("two functions are named `{name}`"))
                    .remedy("rename one of them, or give it an overload of its own"));
            }
        }
        Ok(Walk {
            scope,
            functions: by_name,
            budget: MAX_INLINED,
            depth: 0,
        })
    }

    /// Lowers the node at a position of a frame; its results are as many as it lists, or more.
    pub fn node(&mut self, frame: &Frame<'a, '_>, position: usize) -> Result<Vec<ValueId>> {
        let Some(node) = frame.nodes.get(position) else {
            return Ok(Vec::new());
        };
        let given = Given {
            inputs: frame.arguments(position, node)?,
            attributes: Attributes::new(&node.attribute, frame.bindings)?,
            outputs: node.output.len(),
        };
        let domain = opsets::domain(&node.domain);
        let key = (domain, node.op_type.as_str(), node.overload.as_str());
        if let Some(&(function, opsets)) = self.functions.get(&key) {
            return self.call(function, opsets, given);
        }
        let opset = frame.opsets.of(domain)?;
        let Scope {
            builder, retype, ..
        } = &self.scope;
        let operation = (domain, node.op_type.as_str(), opset);
        signature::check(builder, *retype, operation, &given.inputs)?;
        let results = match control::find(domain, &node.op_type) {
            Some(control) => control.lower(self, frame, given)?,
            None => {
                let operation = ops::find(domain, &node.op_type, opset)?;
                self.scope.opset = opset;
                let arguments = given.inputs.clone();
                let results = infinite::lower(&mut self.scope, operation, given)?;
                integers::settle(&mut self.scope.builder, operation.name, &arguments, results)?
            }
        };
        Ok(results)
    }

    /// Lowers all nodes of a frame that is no model's graph.
    pub fn body(&mut self, frame: &mut Frame<'a, '_>) -> Result<()> {
        let nodes = frame.nodes;
        // A body without nodes is work as well.
        let cost = nodes.len().saturating_add(1);
        self.budget = (self.budget.checked_sub(cost)).ok_or_else(|| {
            Error::new("has more than 2^18 nodes once functions and loops are written out")
                .remedy("export the model with fewer iterations, or with fewer nodes in them")
        })?;
        if self.depth >= MAX_DEPTH {
            return Err(Error::new(format!(
                "functions or bodies are nested more than {MAX_DEPTH} deep"
            ))
            .remedy("a function must not call itself; inline the others"));
        }
        self.depth += 1;
        let done = self.body_nodes(frame);
        self.depth -= 1;
        done
    }

    fn body_nodes(&mut self, frame: &mut Frame<'a, '_>) -> Result<()> {
        for (position, node) in frame.nodes.iter().enumerate() {
            let shown = || ops::node_name(node, position);
            let results = self.node(frame, position).map_err(|e| e.at_node(shown()))?;
            for (name, id) in node.output.iter().zip(results) {
                if !name.is_empty() {
                    let defined = frame.define(name, Some(id));
                    defined.map_err(|e| e.at_node(shown()))?;
                }
            }
        }
        Ok(())
    }

    /// Appends the constants that a graph lists, but for those that are given otherwise.
    pub fn initializers(
        &mut self,
        frame: &mut Frame<'a, '_>,
        graph: &'a GraphProto,
        given: impl Fn(&str) -> bool,
    ) -> Result<Vec<(&'a str, ValueId)>> {
        let mut named = Vec::with_capacity(graph.initializer.len());
        for proto in graph.initializer.iter().filter(|p| !given(&p.name)) {
            let scope = &mut self.scope;
            let source = scope.tensors.source("initializer", &proto.name);
            let value = scope.tensors.read(&source, proto)?;
            let id = scope.number(&source, value, types::width(proto.data_type))?;
            frame.define(&proto.name, Some(id))?;
            named.push((proto.name.as_str(), id));
        }
        Ok(named)
    }

    /// Lowers a call of one of the model's own functions: its nodes, in a frame of their own.
    fn call(
        &mut self,
        function: &'a FunctionProto,
        opsets: &'a Opsets,
        given: Given<'a>,
    ) -> Result<Vec<ValueId>> {
        let name = function.name.escape_debug();
        if given.inputs.len() > function.input.len() || given.outputs > function.output.len() {
            return Err(Error::new(format!(
                "the function {name} has {} inputs and {} outputs, the node {} and {}",
                function.input.len(),
                function.output.len(),
                given.inputs.len(),
                given.outputs
            ))
            .remedy("export the model again"));
        }
        let bindings = given.attributes.bind(function)?;
        let mut frame = Frame::new(&function.node, Some(&bindings), opsets);
        let omitted = std::iter::repeat(None);
        for (name, value) in function
            .input
            .iter()
            .zip(given.inputs.into_iter().chain(omitted))
        {
            frame.define(name, value)?;
        }
        self.body(&mut frame)?;
        frame.results(
            function
                .output
                .iter()
                .take(given.outputs)
                .map(String::as_str),
        )
    }
}
