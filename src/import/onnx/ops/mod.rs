//! The operations: for each its name, how many arguments it takes, and its lowering.
//!
//! To add one, write its lowering beside its relatives and add a line to the `OPERATIONS` of
//! its file. What a
//! lowering does not take of a node's attributes is refused, so it cannot ignore one.

mod constants;
mod convolution;
mod elementwise;
mod indexing;
mod loss;
mod matrix;
mod reduce;
mod shape;
mod softmax;
mod spatial;

use super::call::Call;
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
        name,
        note,
        arity,
        lowering,
    }
}

const MANY: usize = usize::MAX;

/// The operations of each file.
static FILES: &[&[Operation]] = &[
    constants::OPERATIONS,
    convolution::OPERATIONS,
    elementwise::OPERATIONS,
    indexing::OPERATIONS,
    loss::OPERATIONS,
    matrix::OPERATIONS,
    reduce::OPERATIONS,
    shape::OPERATIONS,
    softmax::OPERATIONS,
];

/// Every operation that is supported, by name.
static TABLE: LazyLock<BTreeMap<&'static str, &'static Operation>> = LazyLock::new(|| {
    let all = FILES.iter().flat_map(|file| file.iter());
    all.map(|operation| (operation.name, operation)).collect()
});

/// Names of the supported operations, in alphabetical order, each with what is supported of
/// it ("" for all there is).
pub fn supported() -> &'static [(&'static str, &'static str)] {
    static LIST: LazyLock<Vec<(&str, &str)>> =
        LazyLock::new(|| TABLE.values().map(|o| (o.name, o.note)).collect());
    &LIST
}

/// The operation of this name.
pub(super) fn find(name: &str, opset: i64) -> Result<&'static Operation> {
    TABLE.get(name).copied().ok_or_else(|| {
        Error::new(format!(
            "operation {} (opset {opset}) is not supported",
            name.escape_debug()
        ))
        .remedy("`gradbound ops` lists what is supported")
    })
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
