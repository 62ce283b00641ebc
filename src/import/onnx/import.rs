//! The walk over a model's graph.

use super::attributes::Attributes;
use super::builder::Builder;
use super::call::{Call, Scope};
use super::load::{self, Loaded};
use super::proto::{GraphProto, NodeProto, ValueInfoProto};
use super::tensor::Tensors;
use super::{inputs, ops, order};
use crate::error::{Error, Result};
use crate::graph::{Origin, Pass, ValueId};
use crate::import::{Model, ModelNode, NamedValue};
use crate::tensor::DType;
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
    /// must be one for every input; they decide extents that the model leaves open.
    pub input_shapes: BTreeMap<String, Vec<usize>>,
}

/// Reads an ONNX model and lowers it to primitives.
pub fn import(path: &Path, options: &ImportOptions) -> Result<Model> {
    let whole = || {
        let loaded = load::load(path)?;
        lower(path, loaded, options)
    };
    whole().map_err(|e: Error| {
        e.in_file(path)
            .remedy("check the model with onnx.checker.check_model(model, full_check=True)")
    })
}

fn lower(path: &Path, loaded: Loaded, options: &ImportOptions) -> Result<Model> {
    let graph = &loaded.graph;
    if graph.node.len() > MAX_NODES {
        return Err(Error::new(format!("has {} nodes", graph.node.len()))
            .remedy("split the model; 2^24 nodes are the most"));
    }
    let mut walk = Walk {
        graph,
        names: HashMap::new(),
        scope: Scope {
            builder: Builder::new(),
            tensors: Tensors::new(path),
            retype: inputs::retype(graph, options.format)?,
            opset: loaded.opset,
            warnings: loaded.warnings,
        },
    };
    let inputs = walk.inputs(options)?;
    let initializers = walk.initializers()?;
    let nodes = walk.model_nodes()?;
    let values = walk.nodes(&nodes)?;
    let outputs = walk.outputs(&values)?;
    let (own, format) = (walk.scope.retype.own, walk.scope.retype.format);
    Ok(Model {
        path: path.to_path_buf(),
        sha256: loaded.sha256,
        graph: walk.scope.builder.into_graph(),
        own,
        format,
        inputs,
        initializers,
        values,
        outputs,
        nodes,
        warnings: walk.scope.warnings,
    })
}

/// The state of the walk.
struct Walk<'a> {
    graph: &'a GraphProto,
    names: HashMap<&'a str, ValueId>,
    scope: Scope,
}

impl<'a> Walk<'a> {
    /// Gives a value its name, which no other value may have.
    fn define(&mut self, name: &'a str, id: ValueId) -> Result<()> {
        if name.is_empty() {
            return Err(
                Error::new("an input or initializer has no name").remedy("export the model again")
            );
        }
        if self.names.insert(name, id).is_some() {
            return Err(
                Error::new(format!("two values are named `{}`", name.escape_debug()))
                    .remedy("rename one of them; in ONNX every value has one definition"),
            );
        }
        Ok(())
    }

    /// Appends the inputs, without the initializers that are listed among them.
    fn inputs(&mut self, options: &ImportOptions) -> Result<Vec<NamedValue>> {
        let initializers: HashSet<&str> = (self.graph.initializer.iter())
            .map(|i| i.name.as_str())
            .collect();
        let is_given = |i: &&ValueInfoProto| !initializers.contains(i.name.as_str());
        let given: Vec<_> = self.graph.input.iter().filter(is_given).collect();
        let types = inputs::resolve(&given, &options.input_shapes, self.scope.retype)?;
        let mut named = Vec::with_capacity(given.len());
        for (info, ty) in given.into_iter().zip(types) {
            let id = self.scope.builder.graph.input(ty);
            self.define(&info.name, id)?;
            named.push(named_value(&info.name, id, None));
        }
        Ok(named)
    }

    /// Appends the initializers.
    fn initializers(&mut self) -> Result<Vec<NamedValue>> {
        let mut named = Vec::with_capacity(self.graph.initializer.len());
        for proto in &self.graph.initializer {
            let scope = &mut self.scope;
            let source = scope.tensors.source("initializer", &proto.name);
            let value = scope.tensors.read(&source, proto)?;
            let value = scope.retype.constant(&source, value)?;
            let id = scope.builder.constant(value);
            self.define(&proto.name, id)?;
            named.push(named_value(&proto.name, id, None));
        }
        Ok(named)
    }

    /// The nodes as the rest of the program sees them.
    fn model_nodes(&self) -> Result<Vec<ModelNode>> {
        let model_node = |(position, node): (usize, &NodeProto)| ModelNode {
            name: if node.name.is_empty() {
                format!("{}#{position}", node.op_type)
            } else {
                node.name.clone()
            },
            op: node.op_type.clone(),
            inputs: node.input.clone(),
            outputs: node.output.clone(),
        };
        Ok(self.graph.node.iter().enumerate().map(model_node).collect())
    }

    /// Lowers every node; the results are the values with names, in the model's order.
    fn nodes(&mut self, nodes: &[ModelNode]) -> Result<Vec<NamedValue>> {
        let graph = self.graph;
        let mut values = Vec::with_capacity(nodes.len());
        for (position, (proto, node)) in graph.node.iter().zip(nodes).enumerate() {
            self.scope.builder.graph.set_origin(Origin {
                source: position as u32,
                pass: Pass::Forward,
            });
            let results = self
                .node(position, proto)
                .map_err(|e| e.at_node(&node.name))?;
            for (name, id) in results {
                values.push(named_value(name, id, Some(position)));
            }
        }
        self.scope.builder.graph.set_origin(Origin::NONE);
        Ok(values)
    }

    /// Lowers a node, and gives each of its named outputs a value of its own.
    fn node(&mut self, position: usize, node: &'a NodeProto) -> Result<Vec<(&'a str, ValueId)>> {
        if !load::is_onnx_domain(&node.domain) {
            return Err(Error::new(format!(
                "operation {} of the domain `{}` is not supported",
                node.op_type.escape_debug(),
                node.domain.escape_debug()
            ))
            .remedy("export the model with ONNX's own operations only"));
        }
        let operation = ops::find(&node.op_type, self.scope.opset)?;
        let inputs = self.arguments(position, node)?;
        let before = self.scope.builder.graph.len();
        let call = Call {
            scope: &mut self.scope,
            attributes: Attributes::new(&node.attribute)?,
            inputs,
            outputs: node.output.len(),
        };
        let results = operation.lower(call)?;
        let mut named: Vec<(&'a str, ValueId)> = Vec::with_capacity(node.output.len());
        for (name, mut id) in node.output.iter().zip(results) {
            if name.is_empty() {
                continue;
            }
            // A result that is an argument, or another result, has that one's gradient; it
            // needs a value of its own to have its own.
            if id.index() < before || named.iter().any(|&(_, other)| other == id) {
                id = self.scope.builder.copy(id)?;
            }
            self.define(name, id)?;
            named.push((name, id));
        }
        Ok(named)
    }

    /// The values that a node's inputs name.
    fn arguments(&self, position: usize, node: &NodeProto) -> Result<Vec<Option<ValueId>>> {
        let argument = |name: &String| match self.names.get(name.as_str()) {
            _ if name.is_empty() => Ok(None),
            Some(&id) => Ok(Some(id)),
            None => Err(order::undefined(&self.graph.node, position, name)),
        };
        node.input.iter().map(argument).collect()
    }

    /// The values that the graph's outputs name.
    fn outputs(&mut self, values: &[NamedValue]) -> Result<Vec<NamedValue>> {
        let sources: HashMap<&str, Option<usize>> =
            values.iter().map(|v| (v.name.as_str(), v.source)).collect();
        let mut named = Vec::with_capacity(self.graph.output.len());
        for info in &self.graph.output {
            let name = info.name.as_str();
            let Some(&id) = self.names.get(name) else {
                return Err(Error::new(format!(
                    "the output `{}` is made by no node",
                    name.escape_debug()
                ))
                .remedy("export the model again"));
            };
            let ty = self.scope.builder.graph.ty(id);
            if let Some(declared) = inputs::contradiction(info, ty, self.scope.retype) {
                self.scope.warnings.push(format!(
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
