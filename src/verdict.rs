//! What a check found: the claim holds, it is violated (with a witness), or nobody can tell.

use crate::number::{Enclosure, Up};
use serde::Serialize;

/// The outcome of a check.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Proven for every element.
    Holds,
    /// Some element fails, and here it is.
    Violated(Witness),
    /// Some element could be decided neither way; the width that was left.
    Undecided(Witness),
}

/// The element that decided a verdict, or the one that nobody could decide.
#[derive(Debug, Clone, PartialEq)]
pub struct Witness {
    /// Position of the tensor in its context.
    pub value: usize,
    /// Row-major position of the element.
    pub position: usize,
    /// What the runtime computed.
    pub runtime: f64,
    /// Where the specification's value lies.
    pub spec: Enclosure,
    /// The quantity that was compared with the bound.
    pub quantity: Enclosure,
    /// The bound that was claimed.
    pub bound: Up,
}

/// A verdict without its witness, as files spell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Every claim holds.
    Holds,
    /// Some claim could not be decided, or there is no claim.
    Undecided,
    /// Some claim is violated.
    Violated,
}

impl Verdict {
    /// The worse of two verdicts; the first witness of equally bad ones stays.
    #[must_use]
    pub fn and(self, other: Verdict) -> Verdict {
        if other.outcome() > self.outcome() {
            other
        } else {
            self
        }
    }

    /// The verdict alone.
    pub fn outcome(&self) -> Outcome {
        match self {
            Verdict::Holds => Outcome::Holds,
            Verdict::Undecided(_) => Outcome::Undecided,
            Verdict::Violated(_) => Outcome::Violated,
        }
    }

    /// True where every element is proven.
    pub fn holds(&self) -> bool {
        *self == Verdict::Holds
    }
}

impl Witness {
    /// The verdict of one element: is `quantity <= bound`? An infinite bound claims nothing.
    pub fn judge(self) -> Verdict {
        if !self.bound.is_finite() {
            Verdict::Undecided(self)
        } else if self.quantity.hi() <= self.bound.get() {
            Verdict::Holds
        } else if self.quantity.lo() > self.bound.get() {
            Verdict::Violated(self)
        } else {
            Verdict::Undecided(self)
        }
    }
}
