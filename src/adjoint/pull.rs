//! The cotangents of all that a value is computed from, use by use.

use super::losses::{Loss, Scene};
use super::role::{
    bends, follows, line, names_scores_twice, passes_copies, stands_for_its_formula,
};
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
    /// The magnitudes of those of its copies, added up, and without the uses that take the leaves
    /// of a sum.
    pub copies: Option<(ValueId, Option<ValueId>)>,
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

/// What a use adds to a value's cotangent.
#[derive(Debug, Clone, Copy)]
struct Contribution {
    /// Whose: `None` is the seed.
    by: Option<usize>,
    /// Of the use as a whole.
    signed: ValueId,
    /// The magnitudes of its copies'; of a value that has copies.
    magnitude: Option<ValueId>,
}

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
    let mut pending: BTreeMap<usize, Vec<Contribution>> = BTreeMap::new();
    let whole = Contribution {
        by: None,
        signed: seed,
        magnitude: Some(seed),
    };
    pending.insert(target, vec![whole]);
    let mut cotangents = Vec::new();
    while let Some((at, uses)) = pending.pop_last() {
        let signed: Vec<ValueId> = uses.iter().map(|c| c.signed).collect();
        let total = accumulate(&mut graph, &signed, None)?;
        let copies = copies(&mut graph, scene, at, &uses)?;
        cotangents.push(Cotangents { at, total, copies });
        if losses[at].follows {
            let magnitude = copies.map(|c| c.0);
            pass_on(
                &mut graph,
                scene,
                (values[at], total, magnitude),
                &mut pending,
            )?;
        }
    }
    Ok(Pulled {
        graph,
        begins,
        cotangents,
    })
}

/// The magnitudes of all copies' cotangents, and of those that are stored.
fn copies(
    graph: &mut Graph,
    scene: &Scene,
    at: usize,
    uses: &[Contribution],
) -> Result<Option<(ValueId, Option<ValueId>)>> {
    if !scene.has_copies(scene.graph.nodes()[at].op()) {
        return Ok(None);
    }
    let all: Vec<ValueId> = uses.iter().filter_map(|c| c.magnitude).collect();
    // A larger sum takes the leaves of a sum, and what is lost at them.
    let stored = uses
        .iter()
        .filter(|c| c.by.is_none_or(|by| !scene.absorbs(by)));
    let stored: Vec<ValueId> = stored.filter_map(|c| c.magnitude).collect();
    let of_all = accumulate(graph, &all, None)?;
    let of_stored = match stored.is_empty() {
        true => None,
        false => Some(accumulate(graph, &stored, None)?),
    };
    Ok(Some((of_all, of_stored)))
}

/// Files what a node passes on to its arguments. The copies that uses have of a sum or product are
/// made of copies of its arguments; anything else loads one of each.
fn pass_on(
    graph: &mut Graph,
    scene: &Scene,
    (value, total, magnitude): (ValueId, ValueId, Option<ValueId>),
    pending: &mut BTreeMap<usize, Vec<Contribution>>,
) -> Result<()> {
    let at = value.index();
    let signed = contribute(graph, scene, value, total)?;
    let passes = passes_copies(scene.graph.nodes()[at].op());
    let of_copies = match magnitude.filter(|_| passes) {
        Some(magnitude) => contribute(graph, scene, value, magnitude)?,
        None => signed.clone(),
    };
    for ((arg, signed), (_, copied)) in signed.into_iter().zip(of_copies) {
        let is_copied = scene.has_copies(scene.graph.nodes()[arg].op());
        let magnitude = match is_copied {
            true => Some(graph.abs(copied)?),
            false => None,
        };
        pending.entry(arg).or_default().push(Contribution {
            by: Some(at),
            signed,
            magnitude,
        });
    }
    Ok(())
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
