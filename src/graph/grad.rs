//! The backward pass as a graph transformation: VJPs append primitives.

use super::{Graph, Origin, Pass, ValueId};
use crate::error::{Error, Result};
use crate::op::{Accumulation, AddN, Op, Primitive, VjpSite};
use std::collections::HashMap;
use std::sync::Arc;

/// The gradient of every value that the seeds reach.
#[derive(Debug, Clone, Default)]
pub struct Gradients(HashMap<ValueId, ValueId>);

impl Gradients {
    /// The value that holds the gradient with respect to `value`, where one reaches it.
    pub fn of(&self, value: ValueId) -> Option<ValueId> {
        self.0.get(&value).copied()
    }
}

/// Appends the backward pass for the given (value, cotangent) seeds.
///
/// Every value's contributions are collected over all its uses and added by one k-term sum
/// (by `rule` where one is given) before its own node is differentiated, so the pass is
/// linear in the graph. Seeds may be given for any float value, also for one that has
/// other uses.
pub fn append_backward(
    graph: &mut Graph,
    seeds: &[(ValueId, ValueId)],
    rule: Option<&Arc<dyn Accumulation>>,
) -> Result<Gradients> {
    let mut pending: HashMap<ValueId, Vec<ValueId>> = HashMap::new();
    for &(value, cotangent) in seeds {
        check_seed(graph, value, cotangent)?;
        pending.entry(value).or_default().push(cotangent);
    }
    let mut gradients = Gradients::default();
    let Some(last) = seeds.iter().map(|s| s.0).max() else {
        return Ok(gradients);
    };
    let before = graph.origin;
    for value in graph
        .values()
        .take(last.index() + 1)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        let Some(contributions) = pending.remove(&value) else {
            continue;
        };
        let source = graph.node(value).origin().source;
        graph.set_origin(Origin {
            source,
            pass: Pass::Accumulate,
        });
        let cotangent = accumulate(graph, &contributions, rule)?;
        gradients.0.insert(value, cotangent);
        graph.set_origin(Origin {
            source,
            pass: Pass::Backward,
        });
        pull_back(graph, value, cotangent, &mut pending)?;
    }
    graph.set_origin(before);
    Ok(gradients)
}

/// The gradients of a value with respect to what it is computed from, or from
/// [`Held`](crate::op::Held) values of it; what lies before that is not differentiated.
pub(crate) fn gradients_between(
    graph: &mut Graph,
    value: ValueId,
    cotangent: ValueId,
    from: &[ValueId],
) -> Result<Vec<Option<ValueId>>> {
    let mut pending: HashMap<ValueId, Vec<ValueId>> = HashMap::new();
    pending.insert(value, vec![cotangent]);
    let first = from.iter().map(|v| v.index()).min().unwrap_or(0);
    let between: Vec<ValueId> = graph.values_from(first).collect();
    let between = between.into_iter().take_while(|v| *v <= value);
    for v in between.collect::<Vec<_>>().into_iter().rev() {
        if from.contains(&v) {
            continue;
        }
        let Some(contributions) = pending.remove(&v) else {
            continue;
        };
        let node = graph.node(v);
        match (node.op(), node.args()) {
            (Op::Held(_), &[held]) => pending.entry(held).or_default().extend(contributions),
            _ => {
                let cotangent = accumulate(graph, &contributions, None)?;
                pull_back(graph, v, cotangent, &mut pending)?;
            }
        }
    }
    let gradient = |v: &ValueId| {
        let contributions = pending.remove(v);
        contributions
            .map(|all| accumulate(graph, &all, None))
            .transpose()
    };
    from.iter().map(gradient).collect()
}

pub(crate) fn accumulate(
    graph: &mut Graph,
    contributions: &[ValueId],
    rule: Option<&Arc<dyn Accumulation>>,
) -> Result<ValueId> {
    match contributions {
        [only] => Ok(*only),
        several => graph.push(
            AddN {
                rule: rule.cloned(),
            },
            several,
        ),
    }
}

/// Differentiates one node and files the contributions of its arguments.
fn pull_back(
    graph: &mut Graph,
    value: ValueId,
    cotangent: ValueId,
    pending: &mut HashMap<ValueId, Vec<ValueId>>,
) -> Result<()> {
    let node = graph.node(value).clone();
    if matches!(node.op(), Op::Input | Op::Constant(_)) {
        return Ok(());
    }
    let site = VjpSite {
        value,
        args: node.args(),
        cotangent,
    };
    let contributions = node.op().vjp(graph, &site)?;
    for (&arg, contribution) in node.args().iter().zip(contributions) {
        let Some(contribution) = contribution else {
            continue;
        };
        if graph.ty(arg).dtype.is_float() {
            pending.entry(arg).or_default().push(contribution);
        }
    }
    Ok(())
}

fn check_seed(graph: &Graph, value: ValueId, cotangent: ValueId) -> Result<()> {
    let (ty, seed) = (graph.ty(value), graph.ty(cotangent));
    if ty != seed || !ty.dtype.is_float() {
        return Err(Error::new(format!(
            "a cotangent of type {seed} for a value of type {ty}"
        ))
        .remedy("seed a float value with a cotangent of its own type"));
    }
    Ok(())
}
