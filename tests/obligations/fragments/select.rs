//! Comparisons, selections and what picks a maximum.

use super::basic::{log_softmax, softmax};
use super::{Builder, Fragment};
use crate::generate::Role;
use gradbound::Result;
use gradbound::graph::ValueId;
use gradbound::lower;
use gradbound::op::Relation;
use gradbound::tensor::Tensor;

/// The fragments of the primitives that this file is about.
pub fn of(primitive: &str) -> Option<&'static [Fragment]> {
    Some(match primitive {
        "Compare" => &[compare, selected],
        "MaxOver" => &[max_over, pooled, max_without],
        "Select" => &[selected, selected_sums],
        "Settle" => &[softmax, log_softmax, masked_softmax, masked_log_softmax],
        "Winner" => &[winner, pooled],
        _ => return None,
    })
}

fn relation(b: &mut Builder) -> Relation {
    let all = [Relation::Less, Relation::LessOrEqual, Relation::Equal];
    b.tape.pick(&all)
}

fn compare(b: &mut Builder) -> Result<ValueId> {
    let relation = relation(b);
    let (x, y) = b.pair();
    b.graph.compare(relation, x, y)
}

/// One of the compared values, or a third one.
fn selected(b: &mut Builder) -> Result<ValueId> {
    let relation = relation(b);
    let (x, y) = (b.any([3]), b.any([3]));
    let other = if b.tape.coin() { b.any([3]) } else { y };
    let condition = b.graph.compare(relation, x, y)?;
    b.graph.select(condition, x, other)
}

/// Sums selected from and summed again: one reduction where trees are open.
fn selected_sums(b: &mut Builder) -> Result<ValueId> {
    let relation = relation(b);
    let (x, y, z) = (b.any([2, 2]), b.any([2, 2]), b.any([2, 2]));
    let condition = b.graph.compare(relation, x, y)?;
    let (left, right) = (b.graph.add(x, z)?, b.graph.sub(y, z)?);
    let chosen = b.graph.select(condition, left, right)?;
    b.graph.sum(chosen, &[1], false)
}

/// A constant mask, one that an uncertain comparison decides, or none that keeps anything.
fn mask(b: &mut Builder) -> Result<ValueId> {
    if b.tape.coin() {
        let (x, y) = (b.any([2, 3]), b.any([2, 3]));
        return b.graph.compare(Relation::LessOrEqual, x, y);
    }
    let kept: Vec<bool> = (0..3).map(|_| b.tape.coin()).collect();
    Ok(b.graph.constant(Tensor::bools([3], kept)?))
}

/// Selections between the free shift and its settling, where specifications drift.
fn masked_softmax(b: &mut Builder) -> Result<ValueId> {
    let (z, kept) = (b.input([2, 3], Role::Moderate), mask(b)?);
    lower::masked_softmax(&mut b.graph, z, kept, 1)
}

fn masked_log_softmax(b: &mut Builder) -> Result<ValueId> {
    let (z, kept) = (b.input([2, 3], Role::Moderate), mask(b)?);
    lower::masked_log_softmax(&mut b.graph, z, kept, 1)
}

fn max_over(b: &mut Builder) -> Result<ValueId> {
    let x = b.any([3]);
    b.graph.max_over(x, &[0], false)
}

/// A pattern for a [2, 3] tensor that leaves every row an element.
fn pattern(b: &mut Builder) -> Vec<bool> {
    let kept = b.tape.below(3);
    let mut row: Vec<bool> = (0..3).map(|_| b.tape.coin()).collect();
    row[kept] = false;
    row
}

fn pooled(b: &mut Builder) -> Result<ValueId> {
    let (x, excluded) = (b.any([2, 3]), pattern(b));
    b.graph.pool_max(x, &[1], false, &excluded)
}

fn max_without(b: &mut Builder) -> Result<ValueId> {
    let (x, excluded) = (b.any([2, 3]), pattern(b));
    b.graph.max_over_without(x, &[1], true, &excluded)
}

fn winner(b: &mut Builder) -> Result<ValueId> {
    let (x, excluded) = (b.any([2, 3]), pattern(b));
    b.graph.winner(x, &[1], &excluded)
}
