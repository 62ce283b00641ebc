//! Comparisons, selections and what picks a maximum.

use super::basic::{log_softmax, softmax};
use super::{Builder, Fragment};
use crate::generate::Role;
use gradbound::Result;
use gradbound::graph::ValueId;
use gradbound::op::{Relation, Shifted};

/// The fragments of the primitives that this file is about.
pub fn of(primitive: &str) -> Option<&'static [Fragment]> {
    Some(match primitive {
        "Compare" => &[compare, selected],
        "MaxOver" => &[max_over, pooled, max_without],
        "Select" => &[selected, selected_sums],
        "Settle" => &[softmax, log_softmax, selected_exponentials],
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

/// Between the free shift and its settling, where specifications drift.
fn selected_exponentials(b: &mut Builder) -> Result<ValueId> {
    let z = b.input([3], Role::Moderate);
    let (x, y) = (b.any([3]), b.any([3]));
    let condition = b.graph.compare(Relation::LessOrEqual, x, y)?;
    let shift = b.graph.free_max(z, &[0])?;
    let shifted = b.graph.sub(z, shift)?;
    let terms = b.graph.exp(shifted)?;
    let terms = b.graph.select_or_zero(condition, terms)?;
    let total = b.graph.sum(terms, &[0], true)?;
    let quotient = b.graph.div(terms, total)?;
    b.graph
        .settle(Shifted::Softmax, 0, [quotient, z, terms, total])
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
