//! One value by several formulas.

use super::{Builder, Fragment};
use crate::Result;
use crate::graph::ValueId;
use crate::witness::generate::Role;

/// The fragments of the primitives that this file is about.
pub fn of(primitive: &str) -> Option<&'static [Fragment]> {
    Some(match primitive {
        "AnyOf" | "Held" => &[distributed, associated, squared, roughly, recomputed],
        _ => return None,
    })
}

/// xy + xz or x(y + z), and one more addition into whose reduction either may be fused.
fn distributed(b: &mut Builder) -> Result<ValueId> {
    let [x, y, z, w] = [b.any([3]), b.any([3]), b.any([3]), b.any([3])];
    let g = &mut b.graph;
    let (first, second) = (g.mul(x, y)?, g.mul(x, z)?);
    let apart = g.add(first, second)?;
    let both = g.add(y, z)?;
    let x = g.held(x)?;
    let together = g.mul(x, both)?;
    let value = g.any_of(apart, &[together])?;
    g.add(value, w)
}

/// (xy)y or x·y², the square of what the execution holds.
fn squared(b: &mut Builder) -> Result<ValueId> {
    let [x, z, w] = [b.any([3]), b.any([3]), b.any([3])];
    let g = &mut b.graph;
    let y = g.add(z, w)?;
    let first = g.mul(x, y)?;
    let left = g.mul(first, y)?;
    let [x, y] = [g.held(x)?, g.held(y)?];
    let square = g.square(y)?;
    let right = g.mul(x, square)?;
    g.any_of(left, &[right])
}

/// (xy)z or x(yz), the first of which may have another use.
fn associated(b: &mut Builder) -> Result<ValueId> {
    let [x, y, z] = [b.any([3]), b.any([3]), b.any([3])];
    let g = &mut b.graph;
    let first = g.mul(x, y)?;
    let left = g.mul(first, z)?;
    let [x, y, z] = [g.held(x)?, g.held(y)?, g.held(z)?];
    let second = g.mul(y, z)?;
    let right = g.mul(x, second)?;
    let value = g.any_of(left, &[right])?;
    match b.tape.coin() {
        true => b.graph.add(value, left),
        false => Ok(value),
    }
}

/// y + z; or, by a formula that loses more, (yq/q)q/q + z; or z + y. Which of them the errors of
/// rows are said to stay within must not matter to what uses the value.
fn roughly(b: &mut Builder) -> Result<ValueId> {
    let [y, z, w] = [b.any([3]), b.any([3]), b.any([3])];
    let q = b.input([3], Role::AboveOne);
    let held = b.tape.coin();
    let g = &mut b.graph;
    let first = g.add(y, z)?;
    let [mut rough, q] = [g.held(y)?, g.held(q)?];
    for _ in 0..3 {
        let product = g.mul(rough, q)?;
        rough = g.div(product, q)?;
    }
    // What is not held is sound.
    let other = if held { g.held_summand(z)? } else { z };
    let rough = g.add(rough, other)?;
    let y = g.held_summand(y)?;
    let turned = g.add(other, y)?;
    let value = g.any_of(first, &[rough, turned])?;
    match b.tape.coin() {
        true => b.graph.add(value, w),
        false => Ok(value),
    }
}

/// xy + z or z + xy of the product that was stored, which the sum may recompute.
fn recomputed(b: &mut Builder) -> Result<ValueId> {
    // More than a few: the roundings have to meet.
    let [x, y, z] = [0; 3].map(|_| b.input([8], Role::Moderate));
    let g = &mut b.graph;
    let product = g.mul(x, y)?;
    let first = g.add(product, z)?;
    let [stored, z] = [g.held_summand(product)?, g.held_summand(z)?];
    let other = g.add(z, stored)?;
    g.any_of(first, &[other])
}
