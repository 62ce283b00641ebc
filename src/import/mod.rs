//! The way in: models (ONNX) and arrays (npz, safetensors).

pub mod arrays;
pub(crate) mod file;
pub mod onnx;
mod source;

use crate::graph::{Graph, ValueId};
use crate::lower::Choices;
use crate::tensor::DType;
use std::path::PathBuf;

/// A model as the rest of the program sees it: its graph of primitives, and which values
/// carry the model's own names.
#[derive(Debug, Clone)]
pub struct Model {
    /// The file it came from.
    pub path: PathBuf,
    /// The file's SHA-256, in hexadecimal.
    pub sha256: String,
    /// The primitives.
    pub graph: Graph,
    /// The model's own float type.
    pub own: DType,
    /// The float type that the model is audited in: its own, or the one asked for.
    pub format: DType,
    /// Inputs that the caller provides, in the model's order; `graph.inputs()` are exactly
    /// these, in this order.
    pub inputs: Vec<NamedValue>,
    /// Initializers (constants of the graph), in the model's order.
    pub initializers: Vec<NamedValue>,
    /// Every node output that has a name, in the model's order; `source` tells its node.
    pub values: Vec<NamedValue>,
    /// The model's outputs, in its order.
    pub outputs: Vec<NamedValue>,
    /// The model's nodes, in order: what `NamedValue::source` and `Origin::source` index.
    pub nodes: Vec<ModelNode>,
    /// Things worth saying that stop nothing.
    pub warnings: Vec<String>,
    /// The formulas of composites, and which of them the model uses.
    pub formulas: Choices,
}

/// A value that has a name in the model's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedValue {
    /// The name, exactly as in the file.
    pub name: String,
    /// The value in the graph.
    pub id: ValueId,
    /// Position in [`Model::nodes`] of the node that makes it; `None` for inputs and
    /// initializers.
    pub source: Option<usize>,
}

/// A node of the model's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelNode {
    /// Its name, or `Op#position` where the file gives none.
    pub name: String,
    /// The operation, as the file spells it.
    pub op: String,
    /// Names of its inputs (empty for an omitted optional one).
    pub inputs: Vec<String>,
    /// Names of its outputs (empty for an omitted optional one).
    pub outputs: Vec<String>,
}
