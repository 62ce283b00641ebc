//! What may jump: comparisons, steps, roundings to integers and indices that are not decided.

use super::noise::Noise;
use super::shadow::keeps;
use crate::bound::{Approx, Bound, Operand};
use crate::config::Config;
use crate::graph::Graph;
use crate::interpret::bounds;
use crate::number::Up;
use crate::op::{Op, RuleCx};
use crate::tensor::Tensor;
use std::collections::BTreeSet;

/// The floats that something decides by.
pub(super) fn deciding(graph: &Graph) -> BTreeSet<usize> {
    let nodes = graph.nodes().iter().enumerate();
    let jumping = nodes.filter(|(k, n)| jumps(n.op(), graph, *k));
    let args = jumping.flat_map(|(_, n)| n.args());
    let floats = args.filter(|a| graph.ty(**a).dtype.is_float());
    floats.map(|a| a.index()).collect()
}

/// True for what is decided by floats, or may be off by a whole period.
fn jumps(op: &Op, graph: &Graph, k: usize) -> bool {
    let given = matches!(op, Op::Input | Op::Constant(_));
    !given && (keeps(op, graph.type_at(k)) || matches!(op, Op::Mod(_)))
}

/// What jumps may move floats by, if what decides is within the stated errors: by the rules' own
/// account of undecided arguments.
pub(super) fn open(
    graph: &Graph,
    config: &Config,
    run: &[Tensor],
    stated: &dyn Fn(usize, usize) -> f64,
) -> Vec<Noise> {
    // By how much integers and booleans may be off.
    let mut off: Vec<Bound> = vec![Bound::Zero; graph.len()];
    let mut moved: Vec<Noise> = vec![Noise::default(); graph.len()];
    for (k, node) in graph.nodes().iter().enumerate() {
        let jumps = jumps(node.op(), graph, k);
        let eps = |a: usize| match graph.type_at(a).dtype.is_float() {
            true if jumps => Bound::from_fn(run[a].len(), |i| Up::new(stated(a, i))),
            true => Bound::Zero,
            false => off[a].clone(),
        };
        let args: Vec<usize> = node.args().iter().map(|a| a.index()).collect();
        let known: Vec<Approx> = args.iter().map(|&a| Approx::within(eps(a))).collect();
        if known.iter().all(|a| a.eps.is_zero()) {
            continue;
        }
        let operands: Vec<Operand> = (args.iter().zip(&known))
            .map(|(&a, approx)| Operand {
                value: &run[a],
                approx,
            })
            .collect();
        let ty = graph.type_at(k);
        let eps = bounds::local(node.op(), &RuleCx { config, ty }, &operands, &run[k]).eps;
        if eps.is_zero() {
            continue;
        }
        if ty.dtype.is_float() {
            moved[k] = Noise::of(eps.to_vec(run[k].len()).iter().map(|e| e.get()).collect());
        } else {
            off[k] = eps;
        }
    }
    moved
}

/// How many elements may jump.
pub(super) fn count(open: &[Noise]) -> usize {
    let noise = open.iter().filter_map(|n| n.own.as_ref());
    noise.flat_map(|n| n.iter()).filter(|b| **b > 0.0).count()
}
