//! The walk over a model's graph.

use super::builder::Builder;
use super::call::Scope;
use super::declared;
use super::load::{self, Loaded};
use super::opsets::Opsets;
use super::proto::{FunctionProto, GraphProto, NodeProto, ValueInfoProto};
use super::tensor::Tensors;
use super::walk::{Frame, Walk};
use super::{inputs, ops};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::graph::{Origin, Pass, ValueId};
use crate::import::{Model, ModelNode, NamedValue};
use crate::lower::{Choices, Formulas};
use crate::tensor::{DType, Tensor};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// The most nodes read; the graph's own limit is 2^32 primitives.
const MAX_NODES: usize = 1 << 24;

/// What an import needs to know beside the file.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The float type that values of the model's own float type get; `None` for its own.
    pub format: Option<DType>,
    /// The shapes of the arrays that the user gave for inputs. Where there are any, there
    /// must be one for every input without an initializer; they decide extents that the model
    /// leaves open, and which initializers among the inputs are overridden.
    pub input_shapes: BTreeMap<String, Vec<usize>>,
    /// Inputs of the run that the graph is for, by name. What an operation needs to know at
    /// import (a shape, an axis, how often a loop runs) may be computed from them; the graph
    /// then speaks of runs with these inputs only. One of another type than the model's input
    /// says nothing, but for integers 0 and 1 where that is a truth value.
    pub values: BTreeMap<String, Tensor>,
    /// The formulas of composites that have several.
    pub formulas: Formulas,
    /// The configuration that the graph will be run and bounded under: an integer that is
    /// computed from floats decides only where it is the same in every execution.
    pub config: Config,
}

/// Reads an ONNX model and lowers it to primitives.
pub fn import(path: &Path, options: &ImportOptions) -> Result<Model> {
    Unread::open(path)?.import(options)
}

/// A model that is decoded and not yet lowered: it says what inputs it takes.
pub(crate) struct Unread<'p> {
    path: &'p Path,
    loaded: Loaded,
}

impl<'p> Unread<'p> {
    /// Reads and decodes a model.
    pub fn open(path: &'p Path) -> Result<Unread<'p>> {
        let loaded = load::load(path).map_err(|e| at(path, e))?;
        Ok(Unread { path, loaded })
    }

    /// Fails where the model has an input of this name whose extents are others.
    pub fn check_extents(&self, name: &str, extents: &[usize]) -> Result<()> {
        let mut inputs = self.loaded.graph.input.iter();
        let input = inputs.find(|info| info.name == name);
        input.map_or(Ok(()), |info| inputs::check_extents(info, extents))
    }

    /// Lowers the model to primitives.
    pub fn import(self, options: &ImportOptions) -> Result<Model> {
        lower(self.path, self.loaded, options).map_err(|e| at(self.path, e))
    }
}

fn at(path: &Path, e: Error) -> Error {
    e.in_file(path)
        .remedy("check the model with onnx.checker.check_model(model, full_check=True)")
}

fn lower(path: &Path, loaded: Loaded, options: &ImportOptions) -> Result<Model> {
    let graph = &loaded.graph;
    if graph.node.len() > MAX_NODES {
        return Err(Error::new(format!("has {} nodes", graph.node.len()))
            .remedy("split the model; 2^24 nodes are the most"));
    }
    let scope = Scope {
        builder: Builder::new(options.config),
        tensors: Tensors::new(path),
        retype: inputs::retype(graph, options.format)?,
        opset: 0,
        warnings: loaded.warnings,
        formulas: Choices::new(options.formulas),
    };
    let functions = with_opsets(loaded.functions)?;
    let mut whole = Whole {
        graph,
        declared: (graph.value_info.iter())
            .filter_map(|info| Some((info.name.as_str(), declared::element_type(info)?)))
            .collect(),
        frame: Frame::new(&graph.node, None, &loaded.opsets),
        walk: Walk::new(scope, &functions)?,
    };
    let inputs = whole.inputs(options)?;
    let initializers = whole.initializers(&inputs)?;
    let nodes = whole.model_nodes();
    let values = whole.nodes(&nodes)?;
    let outputs = whole.outputs(&values)?;
    let Scope {
        builder,
        retype,
        warnings,
        formulas,
        ..
    } = whole.walk.scope;
    Ok(Model {
        path: path.to_path_buf(),
        sha256: loaded.sha256,
        graph: builder.into_graph(),
        own: retype.own,
        format: retype.format,
        inputs,
        initializers,
        values,
        outputs,
        nodes,
        warnings,
        formulas,
    })
}

/// Each function with the operator sets that it is written in.
fn with_opsets(functions: Vec<FunctionProto>) -> Result<Vec<(FunctionProto, Opsets)>> {
    let one = |function: FunctionProto| {
        let opsets = Opsets::new(&function.opset_import)?;
        Ok((function, opsets))
    };
    functions.into_iter().map(one).collect()
}

/// The model's own graph, whose values keep their names.
struct Whole<'a, 'f> {
    graph: &'a GraphProto,
    /// The element types that values between inputs and outputs are declared to have.
    declared: HashMap<&'a str, i32>,
    frame: Frame<'a, 'f>,
    walk: Walk<'a>,
}

impl<'a> Whole<'a, '_> {
    /// Appends the inputs. An initializer that is listed among them is the value of that input
    /// where no other is given.
    fn inputs(&mut self, options: &ImportOptions) -> Result<Vec<NamedValue>> {
        let initializers: HashSet<&str> = (self.graph.initializer.iter())
            .map(|i| i.name.as_str())
            .collect();
        let is_given = |i: &&ValueInfoProto| {
            !initializers.contains(i.name.as_str()) || options.input_shapes.contains_key(&i.name)
        };
        let given: Vec<_> = self.graph.input.iter().filter(is_given).collect();
        let types = inputs::resolve(&given, &options.input_shapes, self.walk.scope.retype)?;
        let mut named = Vec::with_capacity(given.len());
        for (info, ty) in given.into_iter().zip(types) {
            let builder = &mut self.walk.scope.builder;
            let value = options.values.get(&info.name);
            let value = value.map(|value| inputs::typed(value, &ty)).transpose()?;
            let width = inputs::width(info);
            if let (Some(width), Some(value)) = (width, value.as_ref().and_then(Tensor::as_i64s)) {
                inputs::check_range(info, width, value)?;
            }
            let id = builder.input(ty, value.as_ref());
            builder.set_width(id, width);
            self.frame.define(&info.name, Some(id))?;
            named.push(named_value(&info.name, id, None));
        }
        Ok(named)
    }

    /// Appends the initializers that are no inputs of the run.
    fn initializers(&mut self, inputs: &[NamedValue]) -> Result<Vec<NamedValue>> {
        let given: HashSet<&str> = inputs.iter().map(|i| i.name.as_str()).collect();
        let given = |name: &str| given.contains(name);
        let all = (self.walk).initializers(&mut self.frame, self.graph, given)?;
        let is_real = |id: &ValueId| self.walk.scope.builder.infinite(*id).is_none();
        let real = all.into_iter().filter(|(_, id)| is_real(id));
        Ok(real.map(|(name, id)| named_value(name, id, None)).collect())
    }

    /// The nodes as the rest of the program sees them.
    fn model_nodes(&self) -> Vec<ModelNode> {
        let model_node = |(position, node): (usize, &NodeProto)| ModelNode {
            name: ops::node_name(node, position),
            op: node.op_type.clone(),
            inputs: node.input.clone(),
            outputs: node.output.clone(),
        };
        self.graph.node.iter().enumerate().map(model_node).collect()
    }

    /// Lowers every node; the results are the values with names, in the model's order.
    fn nodes(&mut self, nodes: &[ModelNode]) -> Result<Vec<NamedValue>> {
        let mut values = Vec::with_capacity(nodes.len());
        for (position, node) in nodes.iter().enumerate() {
            self.walk.scope.builder.graph.set_origin(Origin {
                source: position as u32,
                pass: Pass::Forward,
            });
            let results = self.node(position).map_err(|e| e.at_node(&node.name))?;
            for (name, id) in results {
                // What may be −∞ is no real; it stays inside.
                if self.walk.scope.builder.infinite(id).is_some() {
                    continue;
                }
                values.push(named_value(name, id, Some(position)));
            }
        }
        self.walk.scope.builder.graph.set_origin(Origin::NONE);
        Ok(values)
    }

    /// Lowers a node, and gives each of its named outputs a value of its own.
    fn node(&mut self, position: usize) -> Result<Vec<(&'a str, ValueId)>> {
        let before = self.walk.scope.builder.graph.len();
        let results = self.walk.node(&self.frame, position)?;
        let outputs = self
            .graph
            .node
            .get(position)
            .map_or(&[][..], |node| &node.output);
        let mut named: Vec<(&'a str, ValueId)> = Vec::with_capacity(outputs.len());
        for (name, mut id) in outputs.iter().zip(results) {
            if name.is_empty() {
                continue;
            }
            let Scope {
                builder, retype, ..
            } = &self.walk.scope;
            let declared = self.declared.get(name.as_str()).copied();
            declared::check(builder, *retype, ("value", name), declared, id)?;
            // A result that is an argument, or another result, has that one's gradient; it
            // needs a value of its own to have its own.
            if id.index() < before || named.iter().any(|&(_, other)| other == id) {
                id = self.walk.scope.builder.copy(id)?;
            }
            self.frame.define(name, Some(id))?;
            named.push((name, id));
        }
        Ok(named)
    }

    /// The values that the graph's outputs name.
    fn outputs(&mut self, values: &[NamedValue]) -> Result<Vec<NamedValue>> {
        let sources: HashMap<&str, Option<usize>> =
            values.iter().map(|v| (v.name.as_str(), v.source)).collect();
        let names = self.graph.output.iter().map(|info| info.name.as_str());
        let ids = self.frame.results(names)?;
        let mut named = Vec::with_capacity(ids.len());
        for (info, id) in self.graph.output.iter().zip(ids) {
            let name = info.name.as_str();
            let scope = &mut self.walk.scope;
            if scope.builder.infinite(id).is_some() {
                return Err(Error::new(format!(
                    "the output `{}` may be -inf, which is no real",
                    name.escape_debug()
                ))
                .remedy("make an output of what it is used for"));
            }
            let declared = declared::element_type(info);
            declared::check(&scope.builder, scope.retype, ("output", name), declared, id)?;
            let ty = scope.builder.graph.ty(id);
            if let Some(declared) = inputs::contradiction(info, ty, scope.retype) {
                scope.warnings.push(format!(
                    "the output `{}` is declared {declared}, but it is {ty}",
                    name.escape_debug()
                ));
            }
            let source = sources.get(name).copied().flatten();
            named.push(named_value(name, id, source));
        }
        Ok(named)
    }
}

fn named_value(name: &str, id: ValueId, source: Option<usize>) -> NamedValue {
    NamedValue {
        name: name.to_owned(),
        id,
        source,
    }
}
