//! The specification: what the graph means over the reals.

use crate::graph::Graph;
use crate::number::SpecNumber;
use crate::op::{Op, Primitive, SpecCx};
use crate::tensor::{SpecTensor, Tensor};
use smallvec::SmallVec;

/// Every value of the graph, in arena order; `inputs` in the order of `graph.inputs()`.
///
/// With a `run`, free shifts take the run's value; without one, the maximum.
pub fn eval<N: SpecNumber>(
    graph: &Graph,
    env: &N::Env,
    inputs: &[SpecTensor<N>],
    run: Option<&[Tensor]>,
) -> Vec<SpecTensor<N>> {
    let mut values: Vec<SpecTensor<N>> = Vec::with_capacity(graph.len());
    let mut given = inputs.iter();
    for (k, node) in graph.nodes().iter().enumerate() {
        let cx = SpecCx {
            env,
            ty: graph.type_at(k),
            run: run.map(|run| &run[k]),
        };
        let value = match (node.op(), given.as_slice()) {
            (Op::Input, [next, ..]) => {
                let next = next.clone();
                given.next();
                next
            }
            (op, _) => {
                let args: SmallVec<[&SpecTensor<N>; 3]> =
                    node.args().iter().map(|a| &values[a.index()]).collect();
                op.spec(&cx, &args)
            }
        };
        values.push(value);
    }
    values
}
