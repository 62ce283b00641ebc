//! The cotangents of all that a value is computed from, use by use.

use super::losses::{Loss, Scene};
use super::role::{bends, follows, line, names_scores_twice, stands_for_its_formula};
use crate::error::{Error, Result};
use crate::graph::grad::accumulate;
use crate::graph::{Graph, ValueId};
use crate::op::{Op, Primitive, VjpSite};
use crate::tensor::Tensor;
use std::collections::BTreeMap;

/// The cotangents of a value at which something is lost.
#[derive(Debug)]
pub(super) struct Cotangents {
    /// The value's position in the arena.
    pub at: usize,
    /// Of all its uses together.
    pub total: ValueId,
    /// Of each use that has a copy of its own.
    pub copies: Vec<ValueId>,
}

/// A graph that computes the cotangents of one value's parts from a seed.
#[derive(Debug)]
pub(super) struct Pulled {
    /// The graph, extended; the seed is its last input.
    pub graph: Graph,
    /// Where the extension begins, with the seed.
    pub begins: usize,
    /// What is wanted of it.
    pub cotangents: Vec<Cotangents>,
}

/// The contributions to a value's cotangent, and who made them: `None` is the seed.
type Contributions = Vec<(Option<usize>, ValueId)>;

/// Appends what pulls a cotangent of `target` back to everything at which something is lost.
///
/// # Errors
/// Where an operation on the way has no derivative to follow.
pub(super) fn pull(scene: &Scene, losses: &[Loss], target: usize) -> Result<Pulled> {
    let mut graph = scene.graph.first(target + 1);
    let begins = graph.len();
    let values: Vec<ValueId> = graph.values().collect();
    let ty = graph.ty(values[target]).clone();
    let seed = graph.input(ty);
    let mut pending: BTreeMap<usize, Contributions> = BTreeMap::new();
    pending.insert(target, vec![(None, seed)]);
    let mut cotangents = Vec::new();
    while let Some((at, contributions)) = pending.pop_last() {
        let ids: Vec<ValueId> = contributions.iter().map(|c| c.1).collect();
        let total = accumulate(&mut graph, &ids, None)?;
        // A larger sum takes the leaves of a sum, and what is lost at them; a product is a leaf.
        let is_sum = scene.known[at].nest.is_some();
        let absorbed = |by: usize| is_sum && scene.absorbs(by);
        let copies = (contributions.iter())
            .filter(|(by, _)| by.is_none_or(|by| !absorbed(by)))
            .map(|c| c.1);
        cotangents.push(Cotangents {
            at,
            total,
            copies: copies.collect(),
        });
        if losses[at].follows {
            for (arg, to_arg) in contribute(&mut graph, scene, values[at], total)? {
                let of_arg = pending.entry(arg).or_default();
                of_arg.push((Some(at), to_arg));
            }
        }
    }
    Ok(Pulled {
        graph,
        begins,
        cotangents,
    })
}

/// What a node passes on to those of its arguments that carry an error.
fn contribute(
    graph: &mut Graph,
    scene: &Scene,
    value: ValueId,
    cotangent: ValueId,
) -> Result<Vec<(usize, ValueId)>> {
    let node = graph.node(value).clone();
    let op = node.op();
    let site = VjpSite {
        value,
        args: node.args(),
        cotangent,
    };
    let contributions = match on_its_line(graph, scene, (op, node.args()), cotangent)? {
        Some(contribution) => vec![Some(contribution)],
        // The value's own formula is followed, whose every node loses something.
        None if stands_for_its_formula(op) => vec![Some(cotangent)],
        None => op.vjp(graph, &site)?,
    };
    let mut passed = Vec::new();
    for (j, arg) in node.args().iter().enumerate() {
        let carries = !scene.known[arg.index()].eps.is_zero();
        if !carries || !follows(op, j) || !graph.ty(*arg).dtype.is_float() {
            continue;
        }
        let own = contributions.get(j).copied().flatten();
        // What goes to the scores by their own name is the same by that of the shifted ones.
        let own = own.or_else(|| match names_scores_twice(op) {
            true => contributions.get(1).copied().flatten(),
            false => None,
        });
        match own {
            Some(contribution) => passed.push((arg.index(), contribution)),
            None => {
                return Err(Error::new(format!(
                    "errors cannot be followed through {}",
                    op.name()
                )));
            }
        }
    }
    Ok(passed)
}

/// δ·g for a kinked function that is followed on a line of slope g.
fn on_its_line(
    graph: &mut Graph,
    scene: &Scene,
    (op, args): (&Op, &[ValueId]),
    cotangent: ValueId,
) -> Result<Option<ValueId>> {
    let Some(x) = args.first().filter(|_| bends(op)) else {
        return Ok(None);
    };
    let x = scene.operand(x.index());
    let slopes: Vec<f64> = (0..x.len()).map(|i| line(op, &x, i).slope).collect();
    let slopes = Tensor::from_f64s(x.shape().clone(), x.value.dtype(), &slopes)?;
    let slopes = graph.constant(slopes);
    Ok(Some(graph.mul(cotangent, slopes)?))
}
