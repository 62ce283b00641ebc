//! The operations: for each its name, how many arguments it takes, and its lowering.
//!
//! To add one, write its lowering beside its relatives and add a line to [`TABLE`]. What a
//! lowering does not take of a node's attributes is refused, so it cannot ignore one.

mod constants;
mod elementwise;
mod indexing;
mod loss;
mod matrix;
mod reduce;
mod shape;
mod softmax;

use super::call::Call;
use crate::error::{Error, Result};
use crate::graph::ValueId;
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

/// Every operation that is supported, by name.
static TABLE: &[Operation] = &[
    op("Abs", "", 1..=1, elementwise::abs),
    op("Add", "", 2..=2, elementwise::add),
    op(
        "Cast",
        "to floats, int32, int64 and bool",
        1..=1,
        constants::cast,
    ),
    op("Concat", "", 1..=MANY, indexing::concat),
    op("Constant", "numbers, dense", 0..=0, constants::constant),
    op(
        "ConstantOfShape",
        "of a constant shape",
        1..=1,
        constants::constant_of_shape,
    ),
    op("Div", "", 2..=2, elementwise::div),
    op("Dropout", "in inference", 1..=3, constants::dropout),
    op("Exp", "", 1..=1, elementwise::exp),
    op("Expand", "to a constant shape", 2..=2, shape::expand),
    op("Flatten", "", 1..=1, shape::flatten),
    op("Gather", "", 2..=2, indexing::gather),
    op("GatherElements", "", 2..=2, indexing::gather_elements),
    op("Gemm", "", 2..=3, matrix::gemm),
    op("Identity", "", 1..=1, constants::identity),
    op("Log", "", 1..=1, elementwise::log),
    op("LogSoftmax", "", 1..=1, softmax::log_softmax),
    op("MatMul", "", 2..=2, matrix::matmul),
    op("Max", "", 1..=MANY, elementwise::max),
    op("Mean", "", 1..=MANY, elementwise::mean),
    op("Min", "", 1..=MANY, elementwise::min),
    op("Mul", "", 2..=2, elementwise::mul),
    op("Neg", "", 1..=1, elementwise::neg),
    op(
        "NegativeLogLikelihoodLoss",
        "",
        2..=3,
        loss::negative_log_likelihood,
    ),
    op("Range", "of constant integers", 3..=3, constants::range),
    op("Reciprocal", "", 1..=1, elementwise::reciprocal),
    op("ReduceMax", "over constant axes", 1..=2, reduce::max),
    op("ReduceMean", "over constant axes", 1..=2, reduce::mean),
    op("ReduceSum", "over constant axes", 1..=2, reduce::sum),
    op("Relu", "", 1..=1, elementwise::relu),
    op("Reshape", "to a constant shape", 2..=2, shape::reshape),
    op("Shape", "", 1..=1, shape::shape),
    op("Sigmoid", "", 1..=1, elementwise::sigmoid),
    op("Size", "", 1..=1, shape::size),
    op("Slice", "with constant bounds", 3..=5, indexing::slice),
    op("Softmax", "", 1..=1, softmax::softmax),
    op(
        "SoftmaxCrossEntropyLoss",
        "",
        2..=3,
        loss::softmax_cross_entropy,
    ),
    op("Split", "into constant parts", 1..=2, indexing::split),
    op("Sqrt", "", 1..=1, elementwise::sqrt),
    op("Squeeze", "constant axes", 1..=2, shape::squeeze),
    op("Sub", "", 2..=2, elementwise::sub),
    op("Sum", "", 1..=MANY, elementwise::sum),
    op("Tanh", "", 1..=1, elementwise::tanh),
    op("Transpose", "", 1..=1, shape::transpose),
    op("Unsqueeze", "constant axes", 2..=2, shape::unsqueeze),
];

/// Names of the supported operations, in alphabetical order, each with what is supported of
/// it ("" for all there is).
pub fn supported() -> &'static [(&'static str, &'static str)] {
    static LIST: LazyLock<Vec<(&str, &str)>> =
        LazyLock::new(|| TABLE.iter().map(|o| (o.name, o.note)).collect());
    &LIST
}

/// The operation of this name.
pub(super) fn find(name: &str, opset: i64) -> Result<&'static Operation> {
    TABLE
        .binary_search_by(|o| o.name.cmp(name))
        .ok()
        .and_then(|at| TABLE.get(at))
        .ok_or_else(|| {
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
    use super::TABLE;

    #[test]
    fn the_table_is_sorted_for_the_search() {
        assert!(TABLE.is_sorted_by(|a, b| a.name < b.name));
    }
}
