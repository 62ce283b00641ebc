//! The probabilistic strength: bounds that hold with a stated probability, if roundings behave like
//! random ones. No certificate, and labelled so wherever it is shown.
//!
//! # Statement
//! Under P1 and P2, with probability at least the confidence, |x̂ − x| ≤ eps for every element of
//! every asked value at once, up to terms of third order in the roundings.
//! # The model
//! - P1: what a node loses by rounding (or by an elementary function's error) is a random variable of
//!   mean zero given all that was computed before it, and bounded as the rules bound it.
//! - P2: the order of a sum does not follow its terms: in mean square its partial sums are at most
//!   [`noise::SPREAD`] times what they are in a random order.
//! # Derivation
//! To first order an element's error is S = Σ ρₖeₖ over all roundings eₖ, where |eₖ| ≤ bₖ and ρₖ is
//! its derivative at this run. By P1 S is a sum of martingale differences, so
//! P(|S| > t) ≤ 2·exp(−t²/2V) with V = Σ ρₖ²bₖ² (Azuma; for rounding errors Higham and Mary 2019 and
//! 2020, Connolly, Higham and Mary 2021). V is measured instead of being summed up, for all elements
//! at once: with independent standard normal gₖ, Σ ρₖbₖgₖ is normal of variance V, and m such draws
//! have a mean square below V·q with probability at most (q·e^(1−q))^(m/2) (Chernoff's bound of the
//! chi-square distribution). A draw is a run of the graph in f64 whose every node is moved by bₖgₖ;
//! its negative is run as well, so that half the difference is the term of first order, and half the
//! sum, less the unmoved run, that of second order, of which the largest is added.
//! # What jumps
//! Comparisons, steps and indices keep what this run has. One that eps leaves open may jump: those
//! are drawn apart, and n of them move an element by at most √(n·V) whatever they do (Cauchy and
//! Schwarz).
//! # Failures
//! The failures of measuring and of the tail add up over all elements of asked values and of what
//! decides jumps, to 1 − confidence.
//! # Tested by
//! `tests/probable.rs`: executions in random orders stay within, and come near.
#![allow(
    clippy::float_arithmetic,
    reason = "a probabilistic strength is measured, not rounded outward"
)]

mod jumps;
pub mod noise;
mod quantile;
mod shadow;

use crate::bound::{Approx, Bound};
use crate::config::Config;
use crate::error::Result;
use crate::graph::Graph;
use crate::number::Up;
use crate::tensor::Tensor;
use noise::Noise;
use quantile::Quantiles;
use rayon::prelude::*;
use shadow::Shadow;
use std::collections::{BTreeMap, BTreeSet};

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// The probability that everything stated holds, below 1.
    pub confidence: f64,
    /// Draws; each takes two runs in f64.
    pub draws: u32,
    /// The seed of the draws.
    pub seed: u64,
}

/// Draws where nobody says how many.
pub const DRAWS: u32 = 128;

/// What is stated of a value; no certificate.
#[derive(Debug, Clone)]
pub struct Probable {
    /// |x̂ − x| per element, with the confidence; infinite where nothing is stated.
    pub eps: Bound,
    /// What of the largest is of second order.
    pub second_order: f64,
    /// What of the largest is due to jumps that are not decided.
    pub jumps: f64,
}

/// Draws that are run at once, whatever the number of threads: sums are in this order.
const TOGETHER: u32 = 4;
/// How often jumps may open further jumps.
const ROUNDS: usize = 4;

/// A run and what is certified of it.
#[derive(Debug, Clone, Copy)]
pub struct Certified<'a> {
    /// What is run.
    pub graph: &'a Graph,
    /// The admissible executions.
    pub config: &'a Config,
    /// Every value.
    pub run: &'a [Tensor],
    /// What is known of every value: nothing larger is stated.
    pub known: &'a [Approx],
}

/// Bounds, with a probability, of the asked values of a run.
pub fn bounds(
    certified: Certified,
    asked: &BTreeSet<usize>,
    wanted: Wanted,
) -> Result<BTreeMap<usize, Probable>> {
    let Certified {
        graph,
        config,
        run,
        known: certain,
    } = certified;
    let deciding = jumps::deciding(graph);
    let tracked: BTreeSet<usize> = asked.union(&deciding).copied().collect();
    let elements = tracked.iter().map(|&k| run[k].len()).sum();
    let quantiles = Quantiles::new(wanted, elements);
    let shadow = Shadow::new(graph, run, &tracked);
    let noise = noise::of(graph, config, run);
    let still = shadow.eval(None)?;
    let rounded = measured(&shadow, &noise, wanted, &still)?;
    let by_rounding: BTreeMap<usize, Vec<Part>> = (rounded.into_iter())
        .map(|(k, draws)| (k, draws.into_iter().map(|d| d.part(&quantiles)).collect()))
        .collect();
    let mut stated = by_rounding.clone();
    let mut known = Vec::new();
    for round in 0..=ROUNDS {
        let open = jumps::open(graph, config, run, &|k, i| {
            let stated = stated.get(&k).map_or(f64::INFINITY, |parts| parts[i].all());
            Up::new(stated).min(certain[k].eps.at(i)).get()
        });
        if open == known {
            break;
        }
        if round == ROUNDS {
            // Jumps open jumps: nothing is stated of what any of them reaches.
            stated.values_mut().flatten().for_each(Part::forget_jumps);
            break;
        }
        let jumping = wanted.further(round);
        let count = jumps::count(&open);
        stated.clone_from(&by_rounding);
        for (k, draws) in measured(&shadow, &open, jumping, &still)? {
            let parts = stated.get_mut(&k).into_iter().flatten();
            for (part, drawn) in parts.zip(draws) {
                part.jump(drawn, count, &quantiles);
            }
        }
        known = open;
    }
    let of = |k: &usize| Some((*k, probable(stated.get(k)?, &certain[*k].eps)));
    Ok(asked.iter().filter_map(of).collect())
}

/// What f64 makes of a run's inputs and constants, with the run's decisions: a reference for figures,
/// which bounds nothing.
pub fn in_f64(
    graph: &Graph,
    run: &[Tensor],
    asked: &BTreeSet<usize>,
) -> Result<BTreeMap<usize, Vec<f64>>> {
    Shadow::new(graph, run, asked).eval(None)
}

impl Wanted {
    /// Other draws.
    fn further(self, round: usize) -> Wanted {
        let seed = self.seed.wrapping_add(1 + round as u64);
        Wanted {
            seed: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            ..self
        }
    }
}

/// What draws say of an element.
#[derive(Debug, Clone, Copy, Default)]
struct Drawn {
    /// The mean square of the terms of first order.
    square: f64,
    /// The largest term of second order.
    even: f64,
}

impl Drawn {
    fn part(self, quantiles: &Quantiles) -> Part {
        Part {
            first: quantiles.tail(self.square),
            second: self.even,
            jumps: 0.0,
        }
    }
}

/// What an element's bound is made of.
#[derive(Debug, Clone, Copy)]
struct Part {
    first: f64,
    second: f64,
    jumps: f64,
}

impl Part {
    /// The bound; none where anything is unknown.
    fn all(&self) -> f64 {
        let sum = self.first + self.second + self.jumps;
        if sum.is_nan() { f64::INFINITY } else { sum }
    }

    fn jump(&mut self, drawn: Drawn, count: usize, quantiles: &Quantiles) {
        self.jumps = quantiles.worst(drawn.square, count);
        self.second += drawn.even;
    }

    fn forget_jumps(&mut self) {
        if self.jumps != 0.0 {
            self.jumps = f64::INFINITY;
        }
    }
}

fn probable(parts: &[Part], certain: &Bound) -> Probable {
    let largest = (parts.iter()).max_by(|a, b| a.all().total_cmp(&b.all()));
    let least = |i: usize| certain.at(i).min(Up::new(parts[i].all()));
    Probable {
        eps: Bound::from_fn(parts.len(), least),
        second_order: largest.map_or(0.0, |p| p.second),
        jumps: largest.map_or(0.0, |p| p.jumps),
    }
}

/// Draws of all noise at once, of every tracked value.
fn measured(
    shadow: &Shadow,
    noise: &[Noise],
    wanted: Wanted,
    still: &BTreeMap<usize, Vec<f64>>,
) -> Result<BTreeMap<usize, Vec<Drawn>>> {
    let mut all: BTreeMap<usize, Vec<Drawn>> = (still.iter())
        .map(|(&k, values)| (k, vec![Drawn::default(); values.len()]))
        .collect();
    if noise.iter().all(Noise::is_none) {
        return Ok(all);
    }
    for first in (0..wanted.draws).step_by(TOGETHER as usize) {
        let last = (first + TOGETHER).min(wanted.draws);
        let both: Vec<_> = (first..last)
            .into_par_iter()
            .map(|draw| shadow.both(noise, wanted.seed ^ u64::from(draw) << 32))
            .collect::<Result<_>>()?;
        for [up, down] in both {
            for (k, drawn) in &mut all {
                let ends = up[k].iter().zip(&down[k]).zip(&still[k]);
                for (drawn, ((up, down), still)) in drawn.iter_mut().zip(ends) {
                    let odd = (up - down) / 2.0 / shadow.amplified();
                    let even = (up + down) / 2.0 - still;
                    drawn.square += odd * odd / f64::from(wanted.draws);
                    let even = even.abs() / shadow.amplified() / shadow.amplified();
                    drawn.even = if even <= drawn.even { drawn.even } else { even };
                }
            }
        }
    }
    Ok(all)
}
