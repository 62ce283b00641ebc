//! What stays on one side of a bound however large its error is: squares, sums of them, roots
//! and quotients by them.

use super::{Builder, Fragment, of_one};
use crate::Result;
use crate::graph::{Graph, ValueId};
use crate::lower;
use crate::witness::generate::Role;

/// The fragments of the primitives that this file is about.
pub fn of(primitive: &str) -> Option<&'static [Fragment]> {
    Some(match primitive {
        "Square" => &[
            |b| of_one(b, Role::Any, Graph::square),
            |b| of_one(b, Role::Moderate, Graph::square),
            |b| of_one(b, Role::Any, |g, x| g.mul(x, x)),
            times_itself_and_another,
        ],
        _ => return None,
    })
}

/// x·x + w·x: the gradient of x has three terms.
fn times_itself_and_another(b: &mut Builder) -> Result<ValueId> {
    let (x, w) = (b.any([2]), b.any([2]));
    let (square, product) = (b.graph.mul(x, x)?, b.graph.mul(w, x)?);
    b.graph.add(square, product)
}

/// √(Σx² + e) of products or sums that may be recomputed.
pub fn root_of_squares(b: &mut Builder) -> Result<ValueId> {
    let (x, y) = (
        b.input([1, 3], Role::Moderate),
        b.input([1, 3], Role::Moderate),
    );
    let centred = if b.tape.coin() {
        b.graph.sub(x, y)?
    } else {
        b.graph.mul(x, y)?
    };
    let squares = b.graph.square(centred)?;
    let mean = b.tape.coin();
    let total = if mean {
        b.graph.mean(squares, &[1], true)?
    } else {
        b.graph.sum(squares, &[1], true)?
    };
    let e = b.tape.pick(&[1e-5, 1e-3, 1.0]);
    let e = lower::real(&mut b.graph, e, b.dtype)?;
    let e = b.graph.broadcast(e, &[1, 1].into())?;
    let more = if b.tape.coin() {
        b.graph.add_n(&[total, e, total])?
    } else {
        b.graph.add(e, total)?
    };
    b.graph.sqrt(more)
}

pub fn by_a_norm(b: &mut Builder) -> Result<ValueId> {
    let root = root_of_squares(b)?;
    let x = b.input([1, 3], Role::Moderate);
    b.graph.div(x, root)
}

/// Products of factors in [0, 1], which are less than 2ε says where ε is large.
pub fn gated(b: &mut Builder) -> Result<ValueId> {
    let (x, y, z) = (b.any([3]), b.any([3]), b.input([3], Role::Moderate));
    let (gate, other) = (b.graph.sigmoid(x)?, b.graph.tanh(y)?);
    let product = b.graph.mul(gate, other)?;
    b.graph.mul(product, z)
}

pub fn roots(b: &mut Builder) -> Result<ValueId> {
    let x = b.any([3]);
    let y = b.graph.relu(x)?;
    let shares = b.graph.mean(y, &[0], true)?;
    let least = b.constant(0.5)?;
    let clipped = b.graph.max(shares, least)?;
    let root = b.graph.sqrt(clipped)?;
    let log = b.graph.log(root)?;
    b.graph.exp(log)
}
