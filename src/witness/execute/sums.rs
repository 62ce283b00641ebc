//! Sums and dot products, in some tree, with or without contraction.

use super::{Leaf, State, is_linear, moves, reduces, sums_exponentials};
use crate::config::Schedule;
use crate::number::Format;
use crate::op::Op;
use crate::witness::dyadic;
use crate::witness::formula::{Expr, Sym};
use std::collections::VecDeque;

/// Up to so many summands every element of a row may sum the row in its own way, as where a
/// compiler computes the sum again for each; of more the row is summed once, since the executions
/// of a row would cost its length's square.
const EACH: usize = 64;

impl State<'_, '_> {
    /// A sum of node k, stored.
    pub(super) fn stored_sum(&mut self, k: usize, e: &Sym, format: Format) -> f64 {
        let shares = sums_exponentials(self.op(k));
        if let Some(sum) = self.shared.get(&e.address()).filter(|_| shares) {
            return *sum;
        }
        let (leaves, within) = self.leaves(k, e, format);
        let shares = shares && leaves.len() > EACH;
        let sum = self.reduce(k, leaves, within);
        let sum = self.flush(format, dyadic::round(format, sum));
        if shares {
            self.shared.insert(e.address(), sum);
        }
        sum
    }

    /// A sum in some tree, and the format that it was accumulated in.
    pub(super) fn sum(&mut self, k: usize, e: &Sym, format: Format) -> (f64, Format) {
        let (leaves, within) = self.leaves(k, e, format);
        (self.reduce(k, leaves, within), within)
    }

    /// The summands, and the format that they are accumulated in.
    fn leaves(&mut self, k: usize, e: &Sym, format: Format) -> (Vec<Leaf>, Format) {
        let mut leaves = Vec::new();
        let accumulated = self.flatten(k, e, &mut leaves);
        let within = if accumulated {
            self.run.config.accumulator(format)
        } else {
            format
        };
        (leaves, within)
    }

    /// Collects the summands of an expression of node k, from left to right; true where some sum
    /// among them happens in an accumulator.
    fn flatten(&mut self, k: usize, e: &Sym, leaves: &mut Vec<Leaf>) -> bool {
        let mut accumulated = false;
        // Sums are as deep as they are long: what is left to look at is no call.
        let mut pending = vec![(k, e.clone(), false)];
        while let Some((k, e, negate)) = pending.pop() {
            accumulated |= reduces(self.op(k)) || sums_exponentials(self.op(k));
            let format = self.format(k).expect("sums are floats");
            let signed = |x: f64| if negate { -x } else { x };
            match e.expr() {
                Expr::Add(a, b) => {
                    pending.extend([(k, b.clone(), negate), (k, a.clone(), negate)]);
                }
                Expr::Sub(a, b) => {
                    pending.extend([(k, b.clone(), !negate), (k, a.clone(), negate)]);
                }
                Expr::Neg(a) => pending.push((k, a.clone(), !negate)),
                Expr::Mul(a, b) => {
                    let (a, b) = (self.eval(k, a, format), self.eval(k, b, format));
                    leaves.push(Leaf::Product(signed(a), b));
                }
                Expr::Element { value, at } if self.fuses(k, *value) => {
                    pending.push((*value, self.formulas[*value][*at].clone(), negate));
                }
                Expr::Element { value, at } => {
                    leaves.push(Leaf::Value(signed(self.load(*value, *at))));
                }
                _ => leaves.push(Leaf::Value(signed(self.eval(k, &e, format)))),
            }
        }
        accumulated
    }

    /// Whether this use of a value is recomputed inside the sum that uses it: a nest of
    /// sums may be one reduction, a product may be contracted into the sum.
    fn fuses(&mut self, user: usize, value: usize) -> bool {
        let (op, from, to) = (self.op(value), self.format(value), self.format(user));
        let may = from == to
            && !self.formulas[value].is_empty()
            && !matches!(op, Op::Mean(_))
            && match op {
                Op::Mul(_) | Op::Square(_) => self.may_contract(),
                // A product may be behind what is no operation of a processor.
                op if moves(op) => self.any_tree() || self.may_contract(),
                op if is_linear(op) => self.any_tree(),
                _ => false,
            };
        may && self.run.tape.coin()
    }

    /// The sum of the leaves in a tree that the schedule admits for node k.
    fn reduce(&mut self, k: usize, leaves: Vec<Leaf>, format: Format) -> f64 {
        let declared = reduces(self.op(k)) || sums_exponentials(self.op(k));
        let sum = match self.run.config.schedule {
            Schedule::Any => {
                // Closes the shorter side of a gap: from left to right none is long.
                let mut leaves = VecDeque::from(leaves);
                while leaves.len() > 1 {
                    let (i, j) = self.pair(leaves.len());
                    let sum = self.combine(leaves[i], leaves[j], format);
                    leaves[i.min(j)] = Leaf::Value(sum);
                    leaves.remove(i.max(j));
                }
                leaves.front().copied()
            }
            Schedule::Pairwise if declared => self.halves(&leaves, format),
            Schedule::Blocked(n) if declared => {
                let blocks = leaves.chunks(n.get());
                let sums: Vec<Leaf> = blocks.filter_map(|b| self.chain(b, format)).collect();
                self.chain(&sums, format)
            }
            Schedule::Left | Schedule::Pairwise | Schedule::Blocked(_) => {
                self.chain(&leaves, format)
            }
        };
        sum.map_or(0.0, |leaf| self.alone(leaf, format))
    }

    /// From left to right.
    fn chain(&mut self, leaves: &[Leaf], format: Format) -> Option<Leaf> {
        let (first, rest) = leaves.split_first()?;
        let sum = rest.iter().fold(*first, |sum, leaf| {
            Leaf::Value(self.combine(sum, *leaf, format))
        });
        Some(sum)
    }

    /// The first half, the larger one, and the second.
    fn halves(&mut self, leaves: &[Leaf], format: Format) -> Option<Leaf> {
        if leaves.len() < 2 {
            return leaves.first().copied();
        }
        let (first, second) = leaves.split_at(leaves.len().div_ceil(2));
        let (first, second) = (self.halves(first, format)?, self.halves(second, format)?);
        Some(Leaf::Value(self.combine(first, second, format)))
    }

    fn alone(&mut self, leaf: Leaf, format: Format) -> f64 {
        match leaf {
            Leaf::Value(x) => x,
            Leaf::Product(a, b) => self.flush(format, dyadic::mul(format, a, b)),
        }
    }

    fn combine(&mut self, first: Leaf, second: Leaf, format: Format) -> f64 {
        let contract = self.may_contract() && self.run.tape.coin();
        let sum = match (first, second) {
            (other, Leaf::Product(a, b)) | (Leaf::Product(a, b), other) if contract => {
                let other = self.alone(other, format);
                dyadic::fma(format, a, b, other)
            }
            (first, second) => {
                let (x, y) = (self.alone(first, format), self.alone(second, format));
                dyadic::add(format, x, y)
            }
        };
        self.flush(format, sum)
    }
}
