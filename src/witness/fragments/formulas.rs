//! One value by several formulas.

use super::{Builder, Fragment};
use crate::Result;
use crate::graph::ValueId;

/// The fragments of the primitives that this file is about.
pub fn of(primitive: &str) -> Option<&'static [Fragment]> {
    Some(match primitive {
        "AnyOf" | "Held" => &[distributed, associated, squared],
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
