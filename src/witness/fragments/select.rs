//! Comparisons, selections and what picks a maximum.

use super::{Builder, Fragment};
use crate::Result;
use crate::graph::ValueId;
use crate::op::{Relation, Rounding};
use crate::witness::generate::Role;

/// The fragments of the primitives that this file is about.
pub fn of(primitive: &str) -> Option<&'static [Fragment]> {
    Some(match primitive {
        "ArgMax" => &[arg_max, picked, picked_summand],
        "Compare" => &[compare, selected],
        "MaxOver" => &[max_over, pooled, max_without],
        "Mod" => &[modulo, whole_modulo],
        "Prod" => &[prod],
        "Round" => &[round],
        "Select" => &[selected, selected_sums],
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

fn arg_max(b: &mut Builder) -> Result<ValueId> {
    let (x, last) = (b.any([2, 3]), b.tape.coin());
    b.graph.arg_max(x, 1, last)
}

/// Elements, or a slice, that an uncertain index picks from inputs or sums.
pub fn picked(b: &mut Builder) -> Result<ValueId> {
    let (x, y, last) = (b.any([3]), b.any([3]), b.tape.coin());
    let index = b.graph.arg_max(x, 0, last)?;
    let from = match b.tape.coin() {
        true => b.graph.add(y, x)?,
        false => y,
    };
    if b.tape.coin() {
        b.graph.gather_elements(from, index, 0)
    } else {
        b.graph.gather(from, index, 0)
    }
}

/// What is picked goes on into a sum.
pub fn picked_summand(b: &mut Builder) -> Result<ValueId> {
    let x = b.input([2], Role::Moderate);
    let [y, z] = [b.any([2]), b.any([2])];
    let index = b.graph.arg_max(x, 0, false)?;
    let sums = b.graph.add(y, z)?;
    let element = b.graph.gather_elements(sums, index, 0)?;
    let w = b.any(b.graph.ty(element).shape.clone());
    b.graph.add(element, w)
}

fn round(b: &mut Builder) -> Result<ValueId> {
    let all = [
        Rounding::Floor,
        Rounding::Ceil,
        Rounding::Nearest,
        Rounding::Truncate,
    ];
    let (x, to) = (b.any([3]), b.tape.pick(&all));
    b.graph.round(x, to)
}

fn prod(b: &mut Builder) -> Result<ValueId> {
    let n = 1 + b.tape.below(4);
    let x = b.any([n, 2]);
    let keep = b.tape.coin();
    b.graph.prod(x, &[0], keep)
}

fn modulo(b: &mut Builder) -> Result<ValueId> {
    let ((x, y), truncated) = (b.pair(), b.tape.coin());
    b.graph.modulo(x, y, truncated)
}

/// By a whole number, so that exact quotients occur.
fn whole_modulo(b: &mut Builder) -> Result<ValueId> {
    let truncated = b.tape.coin();
    let n = (1 + b.tape.below(5)) as f64;
    let (x, n) = (b.any([3]), b.constant(n)?);
    b.graph.modulo(x, n, truncated)
}
