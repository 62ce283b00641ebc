//! Dot products of the smallest formats on all of their inputs, in every tree, order and
//! contraction that the configuration admits.
//!
//! No symmetry is used: both zeros, all signs and all orders of the factors are inputs of
//! their own. Products and sums of these formats are whole multiples of η² below 2^31 of them,
//! so that everything here is exact arithmetic on integers, and rounding is a table.

use super::check::{About, Check};
use super::patterns::{Patterns, hex, patterns};
use super::tally::{BEYOND, Case, Tally, ratio};
use crate::config::{Config, Contract, Schedule};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::Up;
use crate::obligation::Run;
use crate::tensor::{DType, Shape, Tensor, Ty};
use crate::verdict::Outcome;
use smallvec::SmallVec;
use std::sync::OnceLock;

/// What is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    /// This many products: two or three.
    Dot(usize),
    /// Two products, and a term that is added to them.
    Biased,
}

impl Sum {
    fn products(self) -> usize {
        match self {
            Sum::Dot(n) => n,
            Sum::Biased => 2,
        }
    }
}

/// Rows of A in a block.
const ROWS: u64 = 4;

/// A number in units of η², or none: an overflow.
type Units = Option<i32>;

/// Rounding to a format by table.
struct Rounded {
    largest: i32,
    table: Vec<Units>,
}

impl Rounded {
    /// Of every number of up to `largest` units.
    fn new(dtype: DType, unit: f64, largest: i32) -> Result<Rounded> {
        let all: Vec<f64> = (-largest..=largest).map(|n| scaled(n, unit)).collect();
        let rounded = Tensor::from_f64s(Shape::from([all.len()]), dtype, &all)?;
        let units = |x: &f64| x.is_finite().then(|| in_units(*x, unit));
        Ok(Rounded {
            largest,
            table: rounded.to_f64s().iter().map(units).collect(),
        })
    }

    fn of(&self, x: i32) -> Units {
        self.table[(x + self.largest) as usize]
    }
}

#[expect(
    clippy::float_arithmetic,
    reason = "few bits and a power of two: exact"
)]
fn scaled(n: i32, unit: f64) -> f64 {
    f64::from(n) * unit
}

#[expect(
    clippy::float_arithmetic,
    reason = "a multiple of a power of two: exact"
)]
fn in_units(x: f64, unit: f64) -> i32 {
    (x / unit) as i32
}

/// A term of the sum: a product may be fused into the addition that takes it.
#[derive(Clone, Copy)]
struct Leaf {
    units: i32,
    fusable: bool,
}

/// Sums in one format under one configuration.
pub struct Dots {
    sum: Sum,
    dtype: DType,
    config: Config,
    /// What the bound is multiplied with: 1 but where a test plants an unsound one.
    share: f64,
    prepared: OnceLock<Result<Prepared>>,
}

struct Prepared {
    patterns: Patterns,
    unit: f64,
    graph: Graph,
    output: ValueId,
    /// Every column of factors, as B.
    columns: Tensor,
    accumulator: Rounded,
    storage: Rounded,
}

impl Dots {
    /// The sum in a format that is small enough.
    pub fn new(sum: Sum, dtype: DType, config: Config) -> Dots {
        Dots {
            sum,
            dtype,
            config,
            share: 1.0,
            prepared: OnceLock::new(),
        }
    }

    fn count(&self) -> u64 {
        patterns(self.dtype).map_or(1, |p| p.count)
    }

    /// How many vectors of factors there are.
    fn vectors(&self) -> u64 {
        (0..self.sum.products()).fold(1, |all, _| all * self.count())
    }

    fn prepared(&self) -> Result<&Prepared> {
        let prepared = self.prepared.get_or_init(|| self.prepare());
        prepared.as_ref().map_err(Clone::clone)
    }

    fn prepare(&self) -> Result<Prepared> {
        let small = || Error::new(format!("{} has too many values to try all", self.dtype));
        let patterns = patterns(self.dtype).ok_or_else(small)?;
        let format = self.dtype.format().ok_or_else(small)?;
        let (n, columns) = (self.sum.products(), self.vectors() as usize);
        let unit = (format.eta() * format.eta()).get();
        let term = in_units(format.largest(), unit);
        let factor = in_units(format.largest(), format.eta().get());
        let largest = 3 * if factor * factor > term {
            factor * factor
        } else {
            term
        };
        let mut graph = Graph::new();
        let a = graph.input(Ty::new(Shape::from([ROWS as usize, n]), self.dtype));
        let b = graph.input(Ty::new(Shape::from([n, columns]), self.dtype));
        let mut output = graph.matmul(a, b)?;
        if self.sum == Sum::Biased {
            let bias = graph.input(graph.ty(output).clone());
            output = graph.add(output, bias)?;
        }
        let factors: Vec<f64> = (0..n)
            .flat_map(|k| (0..columns as u64).map(move |c| (k, c)))
            .map(|(k, c)| self.vector(patterns, c)[k])
            .collect();
        let accumulator = if self.config.accumulator(format) == format {
            self.dtype
        } else {
            DType::F32
        };
        Ok(Prepared {
            patterns,
            unit,
            graph,
            output,
            columns: Tensor::from_f64s(Shape::from([n, columns]), self.dtype, &factors)?,
            accumulator: Rounded::new(accumulator, unit, largest)?,
            storage: Rounded::new(self.dtype, unit, largest)?,
        })
    }

    /// The n-th vector of factors, the first factor changing first.
    fn vector(&self, patterns: Patterns, n: u64) -> SmallVec<[f64; 3]> {
        let mut rest = n;
        let mut all = SmallVec::new();
        for _ in 0..self.sum.products() {
            all.push(patterns.value(rest % patterns.count));
            rest /= patterns.count;
        }
        all
    }

    /// The results of all admissible executions, in units.
    fn results(&self, p: &Prepared, leaves: &[Leaf]) -> SmallVec<[Units; 8]> {
        let mut all = SmallVec::new();
        let stored = |x: Units| x.and_then(|x| p.storage.of(x));
        let mut keep = |x: Units| {
            if !all.contains(&x) {
                all.push(x);
            }
        };
        match *leaves {
            [x, y] => self.pair(p, x, y).into_iter().for_each(|s| keep(stored(s))),
            [x, y, z] => {
                let orders = [(x, y, z), (x, z, y), (y, z, x)];
                let orders = &orders[..if self.config.schedule == Schedule::Any {
                    3
                } else {
                    1
                }];
                for &(x, y, z) in orders {
                    for s in self.pair(p, x, y) {
                        self.join(p, s, z).into_iter().for_each(|t| keep(stored(t)));
                    }
                }
                if self.sum == Sum::Biased {
                    // A dot of its own, stored, and an addition in the storage format.
                    for s in self.pair(p, x, y) {
                        let sum = stored(s).and_then(|s| p.storage.of(s + z.units));
                        keep(sum);
                    }
                }
            }
            _ => {}
        }
        all
    }

    /// fl(x + y), with either product fused where that is admitted.
    fn pair(&self, p: &Prepared, x: Leaf, y: Leaf) -> SmallVec<[Units; 3]> {
        let round = |leaf: Leaf| p.accumulator.of(leaf.units);
        let mut all = self.join(p, round(x), y);
        if self.config.contract == Contract::Any && x.fusable {
            all.push(round(y).and_then(|y| p.accumulator.of(x.units + y)));
        }
        all
    }

    /// fl(s + z), with the product z fused where that is admitted.
    fn join(&self, p: &Prepared, s: Units, z: Leaf) -> SmallVec<[Units; 3]> {
        let mut all = SmallVec::new();
        let rounded = p.accumulator.of(z.units);
        all.push(s.zip(rounded).and_then(|(s, z)| p.accumulator.of(s + z)));
        if self.config.contract == Contract::Any && z.fusable {
            all.push(s.and_then(|s| p.accumulator.of(s + z.units)));
        }
        all
    }

    /// Bounds and scales of one block: its rows by all columns, with a bias where there is one.
    fn claims(&self, p: &Prepared, rows: &[SmallVec<[f64; 3]>], bias: f64) -> Result<Run> {
        let (n, columns) = (self.sum.products(), self.vectors() as usize);
        let a: Vec<f64> = rows.iter().flatten().copied().collect();
        let mut inputs = vec![
            Tensor::from_f64s(Shape::from([rows.len(), n]), self.dtype, &a)?,
            p.columns.clone(),
        ];
        if self.sum == Sum::Biased {
            let shape = Shape::from([rows.len(), columns]);
            inputs.push(Tensor::full(shape, self.dtype, bias)?);
        }
        Run::new(&p.graph, &self.config, &inputs)
    }
}

/// One input of a sum: its terms, and the pattern values for a witness.
struct Input<'a> {
    leaves: &'a [Leaf],
    values: &'a dyn Fn() -> Vec<f64>,
}

/// Holds every result against both claims.
fn compare(check: &Dots, p: &Prepared, input: &Input, claims: [Up; 2], tallies: &mut [Tally]) {
    let exact: i32 = input.leaves.iter().map(|l| l.units).sum();
    let z = scaled(exact, p.unit);
    for y in check.results(p, input.leaves) {
        let [error, size] = match y {
            None => [BEYOND, BEYOND],
            Some(y) => {
                let larger = if y.abs() > exact.abs() { y } else { exact };
                [(y - exact).abs(), larger.abs()].map(|n| scaled(n, p.unit))
            }
        };
        for ((quantity, bound), tally) in [error, size].into_iter().zip(claims).zip(&mut *tallies) {
            if !bound.is_finite() {
                continue;
            }
            let share = ratio(quantity, bound.get());
            let outcome = if quantity <= bound.get() {
                Outcome::Holds
            } else {
                Outcome::Violated
            };
            tally.decided(outcome, share, || Case {
                inputs: (input.values)()
                    .iter()
                    .map(|&x| hex(check.dtype, x))
                    .collect(),
                reals: Vec::new(),
                result: y.map_or(BEYOND, |y| scaled(y, p.unit)),
                spec: [z, z],
                quantity,
                bound: bound.get(),
                ratio: share,
            });
        }
    }
}

impl Check for Dots {
    fn about(&self) -> About {
        let op = match self.sum {
            Sum::Dot(n) => format!("MatMul(length {n})"),
            Sum::Biased => "MatMul(length 2, and a bias)".to_string(),
        };
        About {
            op,
            format: self.dtype.to_string(),
            config: format!(
                "accumulate {}, schedule {}, contraction {}",
                self.config.accumulate, self.config.schedule, self.config.contract
            ),
            obligations: vec!["sound", "fwd_scale_sound"],
        }
    }

    fn blocks(&self) -> u64 {
        let biases = if self.sum == Sum::Biased {
            self.count()
        } else {
            1
        };
        biases * self.vectors() / ROWS
    }

    fn block(&self, index: u64) -> Result<Vec<Tally>> {
        let p = self.prepared()?;
        let per_bias = self.vectors() / ROWS;
        let first = index % per_bias * ROWS;
        let bias = p.patterns.value(index / per_bias);
        let rows: Vec<_> = (first..first + ROWS)
            .map(|r| self.vector(p.patterns, r))
            .collect();
        let run = self.claims(p, &rows, bias)?;
        let out = p.output.index();
        let columns = self.vectors();
        let tried = Tally {
            inputs: ROWS * columns,
            ..Tally::default()
        };
        let mut tallies = vec![tried.clone(), tried];
        for (i, a) in rows.iter().enumerate() {
            for c in 0..columns {
                let at = i * columns as usize + c as usize;
                let eps = run.approx[out].eps.at(at);
                let eps = if self.share < 1.0 {
                    Up::new(self.share) * eps
                } else {
                    eps
                };
                let claims = [eps, run.scales[out].scale.at(at)];
                for (claim, tally) in claims.iter().zip(&mut tallies) {
                    tally.without_claim += u64::from(!claim.is_finite());
                }
                let b = self.vector(p.patterns, c);
                let product = |(x, y): (&f64, &f64)| Leaf {
                    units: product(*x, *y, p.unit),
                    fusable: true,
                };
                let mut leaves: SmallVec<[Leaf; 3]> = a.iter().zip(&b).map(product).collect();
                let mut more = Vec::new();
                if self.sum == Sum::Biased {
                    leaves.push(Leaf {
                        units: in_units(bias, p.unit),
                        fusable: false,
                    });
                    more.push(bias);
                }
                let values = || [a.as_slice(), b.as_slice(), more.as_slice()].concat();
                let input = Input {
                    leaves: &leaves,
                    values: &values,
                };
                compare(self, p, &input, claims, &mut tallies);
            }
        }
        Ok(tallies)
    }
}

#[expect(clippy::float_arithmetic, reason = "few bits: exact in f64")]
fn product(x: f64, y: f64, unit: f64) -> i32 {
    in_units(x * y, unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Accumulate;

    fn outcome(check: &Dots) -> Outcome {
        let blocks = (0..check.blocks()).map(|b| check.block(b).unwrap().remove(0));
        blocks.fold(Tally::default(), Tally::and).outcome()
    }

    /// Every dot of two and of a bias in FP4 holds, and a quarter of its bound does not.
    #[test]
    fn a_bound_that_is_too_small_is_violated() {
        for accumulate in [Accumulate::Same, Accumulate::F32] {
            for sum in [Sum::Dot(2), Sum::Biased] {
                let config = Config {
                    accumulate,
                    ..Config::default()
                };
                let mut check = Dots::new(sum, DType::E2M1, config);
                assert_eq!(outcome(&check), Outcome::Holds);
                check.share = 0.25;
                assert_eq!(outcome(&check), Outcome::Violated);
            }
        }
    }
}
