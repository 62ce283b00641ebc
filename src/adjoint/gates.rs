//! The values that decide gates: arguments of what has a kink or jumps at zero, or where two
//! values meet. While a gate is open, what comes after it may take either side.

use super::losses::Scene;
use super::role::bends;
use crate::graph::Graph;
use crate::number::{SpecNumber, Up};
use crate::op::Op;

/// The most elements of one value whose gates are refined before what comes after them.
const MOST_GATES: usize = 4096;

fn turns_at_zero(op: &Op) -> bool {
    bends(op) || matches!(op, Op::Step(_))
}

fn compares(op: &Op) -> bool {
    matches!(op, Op::Max(_) | Op::Min(_) | Op::Compare(_))
}

/// What every value of a graph is held against.
pub(super) struct Gates {
    /// Of every value, what it is held against: zero, or another value.
    against: Vec<Vec<Option<usize>>>,
}

impl Gates {
    pub fn of(graph: &Graph) -> Gates {
        let mut against = vec![Vec::new(); graph.len()];
        for node in graph.nodes() {
            let args = node.args();
            if turns_at_zero(node.op()) {
                against[args[0].index()].push(None);
            } else if compares(node.op()) {
                let (x, y) = (args[0].index(), args[1].index());
                against[x.max(y)].push(Some(x.min(y)));
            }
        }
        Gates { against }
    }

    /// The elements of the last value that leave a gate open; none where they are too many.
    pub fn open(&self, graph: &Graph, scene: &Scene, k: usize) -> Vec<usize> {
        if !graph.type_at(k).dtype.is_float() || scene.known[k].eps.is_zero() {
            return Vec::new();
        }
        let x = scene.operand(k);
        let is_open = |i: &usize| {
            let own = x.enclosure(*i);
            x.eps(*i) != Up::ZERO
                && self.against[k].iter().any(|other| match other {
                    None => own.contains_zero(),
                    Some(other) => scene
                        .operand(*other)
                        .enclosure(*i)
                        .sub(&own)
                        .contains_zero(),
                })
        };
        let open: Vec<usize> = (0..x.len()).filter(is_open).collect();
        match open.len() {
            0..=MOST_GATES => open,
            _ => Vec::new(),
        }
    }
}
