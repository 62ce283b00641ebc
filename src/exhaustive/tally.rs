//! What was counted: comparisons, violations, and the case nearest to its bound.

use crate::verdict::Outcome;
use serde::{Deserialize, Serialize};

/// A result that is no number is farther from every real than any number.
pub const BEYOND: f64 = f64::MAX;

/// One comparison, in exact bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The run's inputs: the bits of each, in hexadecimal.
    pub inputs: Vec<String>,
    /// The reals that the specification took, where they are not the inputs themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reals: Vec<f64>,
    /// What an admissible execution gives.
    pub result: f64,
    /// Where the specification's value lies.
    pub spec: [f64; 2],
    /// A lower bound of what was compared (an upper one for the accuracy of a routine).
    pub quantity: f64,
    /// What it was compared with.
    pub bound: f64,
    /// Their quotient, 0/0 = 0; at most `BEYOND`.
    pub ratio: f64,
}

/// The quotient that a [`Case`] records; a figure for people, never part of a claim.
#[expect(clippy::float_arithmetic, reason = "a figure for people, no bound")]
pub fn ratio(quantity: f64, bound: f64) -> f64 {
    let quotient = if quantity == 0.0 {
        0.0
    } else {
        quantity / bound
    };
    if quotient < BEYOND { quotient } else { BEYOND }
}

/// What all comparisons for one obligation came to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Inputs (or tuples of them) that were tried: all that there are.
    pub inputs: u64,
    /// Inputs about which nothing is claimed: outside the domain, beyond the range.
    pub without_claim: u64,
    /// Results that were compared with a finite bound.
    pub compared: u64,
    /// Comparisons that f64 intervals left open and higher precision decided.
    pub refined: u64,
    /// Comparisons that came out against the claim.
    pub violations: u64,
    /// Comparisons that no precision decided.
    pub undecided: u64,
    /// The case nearest to its bound, or farthest beyond it.
    pub largest: Option<Case>,
    /// The first undecided case.
    pub open: Option<Case>,
}

impl Tally {
    /// Adds a decided case.
    pub fn decided(&mut self, outcome: Outcome, ratio: f64, case: impl FnOnce() -> Case) {
        self.compared += 1;
        match outcome {
            Outcome::Holds => {}
            Outcome::Violated => self.violations += 1,
            Outcome::Undecided => {
                self.undecided += 1;
                if self.open.is_none() {
                    self.open = Some(case());
                }
                return;
            }
        }
        if self.largest.as_ref().is_none_or(|c| ratio > c.ratio) {
            self.largest = Some(case());
        }
    }

    /// What this part and the next say together.
    #[must_use]
    pub fn and(self, next: Tally) -> Tally {
        let largest = match (self.largest, next.largest) {
            (Some(a), Some(b)) => Some(if b.ratio > a.ratio { b } else { a }),
            (a, b) => a.or(b),
        };
        Tally {
            inputs: self.inputs + next.inputs,
            without_claim: self.without_claim + next.without_claim,
            compared: self.compared + next.compared,
            refined: self.refined + next.refined,
            violations: self.violations + next.violations,
            undecided: self.undecided + next.undecided,
            largest,
            open: self.open.or(next.open),
        }
    }

    /// The worst of the comparisons.
    pub fn outcome(&self) -> Outcome {
        if self.violations > 0 {
            Outcome::Violated
        } else if self.undecided > 0 {
            Outcome::Undecided
        } else {
            Outcome::Holds
        }
    }
}
