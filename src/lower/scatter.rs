//! Values written into a tensor at known positions.

use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::op::{Gather, ScatterAdd};
use crate::tensor::{Shape, Tensor};

/// What becomes of an element that is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is replaced; of several, the last counts.
    Replaced,
    /// The values are added to it, in any order.
    Added,
    /// It is multiplied by the values, one after the other.
    Multiplied,
    /// The largest of it and the values.
    Largest,
    /// The least of it and the values.
    Least,
}

/// `data` with `updates` written at `targets`, row-major positions in data, one for each
/// element of the updates.
pub fn scatter(
    graph: &mut Graph,
    data: ValueId,
    updates: ValueId,
    targets: &[usize],
    written: Written,
) -> Result<ValueId> {
    let shape = graph.ty(data).shape.clone();
    if graph.ty(updates).shape.len() != targets.len() || targets.iter().any(|&t| t >= shape.len()) {
        return Err(
            Error::new(format!("positions that do not suit the shape {shape}"))
                .remedy("give one position within the data for every update"),
        );
    }
    let data = graph.reshape(data, [shape.len()].into())?;
    let updates = graph.reshape(updates, [targets.len()].into())?;
    let result = match written {
        Written::Replaced => replaced(graph, data, updates, targets)?,
        Written::Added => added(graph, data, updates, targets)?,
        Written::Multiplied => in_turn(graph, data, updates, targets, Graph::mul)?,
        Written::Largest => in_turn(graph, data, updates, targets, Graph::max)?,
        Written::Least => in_turn(graph, data, updates, targets, Graph::min)?,
    };
    graph.reshape(result, shape)
}

fn positions(graph: &mut Graph, of: &[usize]) -> Result<ValueId> {
    let all: Vec<i64> = of.iter().map(|&i| i as i64).collect();
    Ok(graph.constant(Tensor::i64s([all.len()], all)?))
}

/// Each element is picked from the data or from the last update that is written to it.
fn replaced(graph: &mut Graph, data: ValueId, updates: ValueId, to: &[usize]) -> Result<ValueId> {
    let len = graph.ty(data).shape.len();
    let mut sources: Vec<usize> = (0..len).collect();
    for (k, &target) in to.iter().enumerate() {
        sources[target] = len + k;
    }
    let all = graph.concat(&[data, updates], 0)?;
    let sources = positions(graph, &sources)?;
    graph.gather(all, sources, 0)
}

fn added(graph: &mut Graph, data: ValueId, updates: ValueId, to: &[usize]) -> Result<ValueId> {
    let whole: Shape = graph.ty(data).shape.clone();
    let targets = positions(graph, to)?;
    let sums = ScatterAdd::new(Gather::slices(0), whole);
    let sums = graph.push(sums, &[updates, targets])?;
    graph.add(data, sums)
}

/// The most elements that updates of the same elements are written out to.
const MAX_WRITTEN: usize = 1 << 24;

/// The most updates of one element that are written out.
const MAX_TURNS: usize = 1 << 16;

/// The updates (number, target) in turns that write to no element twice.
fn turns(to: &[usize], len: usize) -> Result<Vec<Vec<(usize, usize)>>> {
    let mut written = vec![0; len];
    let mut turns: Vec<Vec<(usize, usize)>> = Vec::new();
    for (update, &target) in to.iter().enumerate() {
        let turn: usize = written[target];
        written[target] += 1;
        if turn == turns.len() {
            turns.push(Vec::new());
        }
        turns[turn].push((update, target));
    }
    if turns.len() > MAX_TURNS || turns.len().saturating_mul(len) > MAX_WRITTEN {
        return Err(Error::new(format!(
            "{} updates of one element, one after the other, in data of {len} elements",
            turns.len()
        ))
        .remedy("2^16 updates, and 2^24 elements in all turns, are the most; use fewer"));
    }
    Ok(turns)
}

/// Combines the data with one update for each element at a time.
fn in_turn(
    graph: &mut Graph,
    data: ValueId,
    updates: ValueId,
    to: &[usize],
    combine: fn(&mut Graph, ValueId, ValueId) -> Result<ValueId>,
) -> Result<ValueId> {
    let len = graph.ty(data).shape.len();
    let mut all = data;
    for turn in turns(to, len)? {
        let mut sources: Vec<Option<usize>> = vec![None; len];
        for (update, target) in turn {
            sources[target] = Some(update);
        }
        let written: Vec<bool> = sources.iter().map(Option::is_some).collect();
        let picks: Vec<usize> = sources.iter().map(|s| s.unwrap_or(0)).collect();
        let picks = positions(graph, &picks)?;
        let values = graph.gather(updates, picks, 0)?;
        let combined = combine(graph, all, values)?;
        let written = graph.constant(Tensor::bools([len], written)?);
        all = graph.select(written, combined, all)?;
    }
    Ok(all)
}
