//! The specification: what the graph means over the reals.

use super::live::Uses;
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
    let all = vec![true; graph.len()];
    walk(graph, env, inputs, run, &all, |_, value| {
        values.push(value.clone())
    });
    values
}

/// Evaluates what the `wanted` values need, in arena order, and shows each of the wanted to
/// `visit`. A value is let go after its last use, so that only the live ones take memory.
pub fn walk<N: SpecNumber>(
    graph: &Graph,
    env: &N::Env,
    inputs: &[SpecTensor<N>],
    run: Option<&[Tensor]>,
    wanted: &[bool],
    mut visit: impl FnMut(usize, &SpecTensor<N>),
) {
    let mut uses = Uses::of(graph, wanted);
    let mut values: Vec<Option<SpecTensor<N>>> = vec![None; graph.len()];
    let mut given = inputs.iter();
    for (k, node) in graph.nodes().iter().enumerate() {
        let is_input = matches!(node.op(), Op::Input);
        let input = is_input.then(|| given.next()).flatten();
        if !uses.is_needed(k) {
            continue;
        }
        let cx = SpecCx {
            env,
            ty: graph.type_at(k),
            run: run.map(|run| &run[k]),
        };
        let value = match input {
            Some(given) => given.clone(),
            None => {
                let args: SmallVec<[&SpecTensor<N>; 3]> = node
                    .args()
                    .iter()
                    .filter_map(|a| values[a.index()].as_ref())
                    .collect();
                node.op().spec(&cx, &args)
            }
        };
        if wanted[k] {
            visit(k, &value);
        }
        values[k] = Some(value);
        uses.finish(graph, k, |dead| values[dead] = None);
    }
}
