//! Which cases are not run, and why: a closed list, decided from what a model contains.

use gradbound::import::onnx::proto::{DataType, ModelProto, NodeProto, ValueInfoProto};
use std::collections::BTreeSet;
use std::fmt;

/// Why a case is not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Its results are integers and truth values only.
    NoFloatOutput,
    /// It draws random numbers.
    Random,
    /// It handles text.
    Strings,
    /// Some value is no tensor.
    SequenceOptionalMap,
    /// It computes with integers that stand for scaled reals.
    Quantized,
    /// Which nodes run depends on data that are not known at import; the importer says so.
    DataDependent,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::NoFloatOutput => "no float output",
            Reason::Random => "random",
            Reason::Strings => "strings",
            Reason::SequenceOptionalMap => "sequence, optional or map types",
            Reason::Quantized => "quantized",
            Reason::DataDependent => "data-dependent control flow",
        })
    }
}

const RANDOM: &[&str] = &[
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
];
const STRINGS: &[&str] = &[
    "RegexFullMatch",
    "StringConcat",
    "StringNormalizer",
    "StringSplit",
];
const SEQUENCES: &[&str] = &[
    "ConcatFromSequence",
    "Optional",
    "OptionalGetElement",
    "OptionalHasElement",
    "SequenceAt",
    "SequenceConstruct",
    "SequenceEmpty",
    "SequenceErase",
    "SequenceInsert",
    "SequenceLength",
    "SequenceMap",
    "SplitToSequence",
];
const QUANTIZED: &[&str] = &[
    "ConvInteger",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "MatMulInteger",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
];

/// Why the case of this model is not run; `None` where it is. `scalar` gives the value of a
/// scalar input by name.
pub fn reason(model: &ModelProto, scalar: &dyn Fn(&str) -> Option<f64>) -> Option<Reason> {
    let graph = model.graph.as_ref()?;
    let ends: Vec<&ValueInfoProto> = graph.input.iter().chain(&graph.output).collect();
    if graph.output.iter().all(is_integer) {
        return Some(Reason::NoFloatOutput);
    }
    let mut nodes = Vec::new();
    collect(&graph.node, &mut nodes);
    let uses = |names: &[&str]| nodes.iter().any(|n| names.contains(&n.op_type.as_str()));
    if ends.iter().any(|end| elem_type(end).is_none()) || uses(SEQUENCES) {
        return Some(Reason::SequenceOptionalMap);
    }
    let is_text = |end: &&ValueInfoProto| elem_type(end) == Some(DataType::String);
    if ends.iter().any(is_text) || uses(STRINGS) {
        return Some(Reason::Strings);
    }
    if uses(RANDOM) || nodes.iter().any(|n| drops_at_random(n, scalar)) {
        return Some(Reason::Random);
    }
    uses(QUANTIZED).then_some(Reason::Quantized)
}

/// The element type of a tensor; `None` for a sequence, an optional or a map.
fn elem_type(info: &ValueInfoProto) -> Option<DataType> {
    let tensor = info.r#type.as_ref()?.tensor_type.as_ref()?;
    DataType::try_from(tensor.elem_type).ok()
}

/// True for a tensor of another type than the floats of 16, 32 and 64 bits.
fn is_integer(info: &ValueInfoProto) -> bool {
    elem_type(info).is_some_and(|elem| {
        !matches!(
            elem,
            DataType::Float | DataType::Double | DataType::Float16 | DataType::Bfloat16
        )
    })
}

/// A node and the nodes of the graphs among its attributes.
fn collect<'a>(from: &'a [NodeProto], into: &mut Vec<&'a NodeProto>) {
    for node in from {
        into.push(node);
        let graphs = node.attribute.iter().filter_map(|a| a.g.as_ref());
        graphs.for_each(|graph| collect(&graph.node, into));
    }
}

/// Dropout in training draws random numbers, unless its ratio is 0; what the suite decides
/// with inputs is read from their data.
fn drops_at_random(node: &NodeProto, value: &dyn Fn(&str) -> Option<f64>) -> bool {
    let input = |k: usize| value(node.input.get(k)?);
    node.op_type == "Dropout" && input(2).is_some_and(|t| t != 0.0) && input(1) != Some(0.0)
}

/// The operations that a model uses, each once; the names of its own functions are not among
/// them.
pub fn operations(model: &ModelProto) -> BTreeSet<String> {
    let mut nodes = Vec::new();
    if let Some(graph) = &model.graph {
        collect(&graph.node, &mut nodes);
    }
    for function in &model.functions {
        collect(&function.node, &mut nodes);
    }
    let own = |name: &str| model.functions.iter().any(|f| f.name == name);
    let names = nodes.iter().map(|n| n.op_type.clone());
    names.filter(|name| !own(name)).collect()
}
