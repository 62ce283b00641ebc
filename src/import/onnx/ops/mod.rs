//! The operations: for each its name, how many arguments it takes, and its lowering.
//!
//! To add one, write its lowering beside its relatives and add a line to the `OPERATIONS` of
//! its file. What a
//! lowering does not take of a node's attributes is refused, so it cannot ignore one.

mod accumulate;
mod attention;
mod constants;
mod convolution;
mod elementwise;
mod extremes;
mod functions;
mod gates;
mod generate;
mod indexing;
mod layout;
mod logic;
mod loss;
mod matrix;
mod normalization;
mod optimizer;
mod pooling;
mod rearrange;
mod recurrent;
mod reduce;
mod resize;
mod scatter;
mod shape;
mod softmax;
mod spatial;

use super::call::Call;
use super::control;
use super::opsets::ONNX;
use super::proto::NodeProto;
use crate::error::{Error, Result};
use crate::graph::ValueId;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// A lowering appends an operation's fragment and returns its results, as many as the
/// operation has or the node lists.
type Lowering = fn(&mut Call<'_>) -> Result<Vec<ValueId>>;

/// An operation.
pub(super) struct Operation {
    /// The operator set that it is in; ONNX's own has the empty name.
    domain: &'static str,
    pub name: &'static str,
    /// What is supported of it.
    note: &'static str,
    /// How many arguments it takes.
    arity: RangeInclusive<usize>,
    lowering: Lowering,
}

const fn op(
    name: &'static str,
    note: &'static str,
    arity: RangeInclusive<usize>,
    lowering: Lowering,
) -> Operation {
    Operation {
        domain: ONNX,
        name,
        note,
        arity,
        lowering,
    }
}

impl Operation {
    /// The same operation in another operator set.
    const fn of(self, domain: &'static str) -> Operation {
        Operation { domain, ..self }
    }
}

const MANY: usize = usize::MAX;

/// The operations of each file.
static FILES: &[&[Operation]] = &[
    accumulate::OPERATIONS,
    attention::OPERATIONS,
    constants::OPERATIONS,
    convolution::OPERATIONS,
    elementwise::OPERATIONS,
    extremes::OPERATIONS,
    gates::OPERATIONS,
    functions::OPERATIONS,
    generate::OPERATIONS,
    indexing::OPERATIONS,
    layout::OPERATIONS,
    logic::OPERATIONS,
    loss::OPERATIONS,
    matrix::OPERATIONS,
    pooling::OPERATIONS,
    rearrange::OPERATIONS,
    normalization::OPERATIONS,
    optimizer::OPERATIONS,
    recurrent::OPERATIONS,
    reduce::OPERATIONS,
    resize::OPERATIONS,
    scatter::OPERATIONS,
    shape::OPERATIONS,
    softmax::OPERATIONS,
];

type Key = (&'static str, &'static str);

/// Every operation that is supported, by domain and name.
static TABLE: LazyLock<BTreeMap<Key, &'static Operation>> = LazyLock::new(|| {
    let all = FILES.iter().flat_map(|file| file.iter());
    all.map(|operation| ((operation.domain, operation.name), operation))
        .collect()
});

/// Names of the supported operations, in alphabetical order, each with what is supported of
/// it ("" for all there is).
pub fn supported() -> &'static [(&'static str, &'static str)] {
    static LIST: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
        let plain = TABLE.values().map(|o| (o.name, o.note));
        let mut all: Vec<_> = plain.chain(control::SUPPORTED.iter().copied()).collect();
        all.sort_unstable();
        all
    });
    &LIST
}

/// The operation of this name.
pub(super) fn find(domain: &str, name: &str, opset: i64) -> Result<&'static Operation> {
    TABLE.get(&(domain, name)).copied().ok_or_else(|| {
        let place = match domain {
            ONNX => format!("opset {opset}"),
            other => format!("opset {opset} of `{}`", other.escape_debug()),
        };
        let name = name.escape_debug();
        Error::new(format!("operation {name} ({place}) is not supported"))
            .remedy("`gradbound ops` lists what is supported")
    })
}

/// A node's name, or its operation and position where it has none.
pub(super) fn node_name(node: &NodeProto, position: usize) -> String {
    if node.name.is_empty() {
        format!("{}#{position}", node.op_type)
    } else {
        node.name.clone()
    }
}

impl Operation {
    /// Lowers a node; the results are as many as the node lists, or more.
    pub fn lower(&self, mut call: Call<'_>) -> Result<Vec<ValueId>> {
        let count = call.inputs.len();
        if !self.arity.contains(&count) {
            return Err(
                Error::new(format!("{} does not take {count} inputs", self.name))
                    .remedy("export the model again"),
            );
        }
        let (opset, outputs) = (call.scope.opset, call.outputs);
        let results = (self.lowering)(&mut call)?;
        call.attributes.finish(self.name, opset)?;
        if results.len() < outputs {
            return Err(Error::new(format!(
                "{} has {} outputs, and the node lists {outputs}",
                self.name,
                results.len()
            ))
            .remedy("export the model again"));
        }
        Ok(results)
    }
}

#[cfg(test)]
mod tests {
    use super::{FILES, TABLE};

    #[test]
    fn no_operation_is_listed_twice() {
        let listed: usize = FILES.iter().map(|file| file.len()).sum();
        assert_eq!(listed, TABLE.len());
    }
}
