//! The runtime: what native floats compute.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::graph::{Graph, Origin};
use crate::op::{Op, Primitive, RuleCx};
use crate::tensor::Tensor;
use smallvec::SmallVec;

/// Every value of the graph, in arena order; `inputs` in the order of `graph.inputs()`.
pub fn eval(graph: &Graph, config: &Config, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    eval_at(graph, config, inputs, |_| None)
}

/// [`eval`], where an error names what the origin of its value is called.
pub fn eval_at(
    graph: &Graph,
    config: &Config,
    inputs: &[Tensor],
    name: impl Fn(Origin) -> Option<String>,
) -> Result<Vec<Tensor>> {
    if inputs.len() != graph.inputs().len() {
        return Err(Error::new(format!(
            "{} inputs given to a graph with {}",
            inputs.len(),
            graph.inputs().len()
        )));
    }
    let mut values: Vec<Tensor> = Vec::with_capacity(graph.len());
    let mut given = inputs.iter();
    for (k, node) in graph.nodes().iter().enumerate() {
        let ty = graph.type_at(k);
        let value = match (node.op(), given.as_slice()) {
            (Op::Input, [next, ..]) => {
                if next.ty() != *ty {
                    return Err(Error::new(format!(
                        "an input of type {} where the graph takes {ty}",
                        next.ty()
                    )));
                }
                let next = next.clone();
                given.next();
                next
            }
            _ => next(graph, config, &values).map_err(|e| match name(node.origin()) {
                Some(name) => e.at_node(name),
                None => e,
            })?,
        };
        values.push(value);
    }
    Ok(values)
}

/// The value after those that are computed already; no input.
pub(crate) fn next(graph: &Graph, config: &Config, values: &[Tensor]) -> Result<Tensor> {
    let k = values.len();
    let node = &graph.nodes()[k];
    let args = node.args().iter().map(|a| &values[a.index()]);
    let ty = graph.type_at(k);
    run(node.op(), &RuleCx { config, ty }, args.collect())
}

/// One node; where the run flushes, of operands without subnormals, and with a result
/// without subnormals.
fn run(op: &Op, cx: &RuleCx, args: SmallVec<[&Tensor; 3]>) -> Result<Tensor> {
    if !cx.config.flushes() || matches!(op, Op::Input | Op::Constant(_)) {
        return op.run(cx, &args);
    }
    let flushed: SmallVec<[Tensor; 3]> = args.iter().map(|a| a.flushed()).collect();
    let args: SmallVec<[&Tensor; 3]> = flushed.iter().collect();
    Ok(op.run(cx, &args)?.flushed())
}
