//! One value by several formulas: each formula by itself has the gradient of them all. That
//! the formulas inside every VJP are one real is demanded by `both_sides`.

use super::Function;
use super::{exactly, float};
use gradbound::Result;
use gradbound::graph::{Graph, ValueId};

identities! {
    any_of: exactly ["AnyOf", "Held"], |g| distributed(g, [0, 1]);
    any_of_in_another_order: exactly ["AnyOf"], |g| distributed(g, [1, 0]);
}

/// xy + xz or x(y + z), in the order given.
fn distributed(g: &mut Graph, order: [usize; 2]) -> Result<ValueId> {
    let [x, y, z] = [float(g, [2]), float(g, [2]), float(g, [2])];
    let (first, second) = (g.mul(x, y)?, g.mul(x, z)?);
    let both = g.add(y, z)?;
    let formulas = [g.add(first, second)?, g.mul(x, both)?];
    let [value, other] = order.map(|k| formulas[k]);
    g.any_of(value, &[other])
}
