//! Products of many factors, in some tree.

use super::State;
use crate::config::Schedule;
use crate::number::Format;
use crate::witness::dyadic;
use crate::witness::formula::{Expr, Sym};

impl State<'_, '_> {
    /// A product in some tree, in the accumulator's format.
    pub(super) fn product(&mut self, e: &Sym, format: Format) -> f64 {
        let within = self.run.config.accumulator(format);
        let mut factors = Vec::new();
        self.factors(e, &mut factors);
        let product = self.multiplied(factors, within);
        self.flush(format, dyadic::round(format, product))
    }

    /// The product of at least one factor in a tree that the schedule admits.
    fn multiplied(&mut self, mut factors: Vec<f64>, within: Format) -> f64 {
        match self.run.config.schedule {
            Schedule::Pairwise if factors.len() > 1 => {
                let second = factors.split_off(factors.len().div_ceil(2));
                factors = vec![
                    self.multiplied(factors, within),
                    self.multiplied(second, within),
                ];
            }
            Schedule::Blocked(n) if factors.len() > n.get() && n.get() > 1 => {
                let blocks = factors.chunks(n.get()).map(<[f64]>::to_vec);
                let blocks: Vec<Vec<f64>> = blocks.collect();
                factors = (blocks.into_iter())
                    .map(|block| self.chained(block, within))
                    .collect();
            }
            Schedule::Any | Schedule::Left | Schedule::Pairwise | Schedule::Blocked(_) => {}
        }
        self.chained(factors, within)
    }

    /// From left to right; under `any` whichever two next.
    fn chained(&mut self, mut factors: Vec<f64>, within: Format) -> f64 {
        while factors.len() > 1 {
            let (i, j) = self.pair(factors.len());
            let product = dyadic::mul(within, factors[i], factors[j]);
            factors[i.min(j)] = self.flush(within, product);
            factors.remove(i.max(j));
        }
        factors[0]
    }

    fn factors(&mut self, e: &Sym, into: &mut Vec<f64>) {
        let mut pending = vec![e];
        while let Some(e) = pending.pop() {
            match e.expr() {
                Expr::Mul(a, b) => pending.extend([b, a]),
                Expr::Element { value, at } => into.push(self.load(*value, *at)),
                _ => unreachable!("a product of elements"),
            }
        }
    }
}
