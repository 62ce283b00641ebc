//! A check over a finite set of inputs, in blocks, and its record.

use super::tally::{Case, Tally};
use crate::error::Result;
use crate::verdict::Outcome;
use serde::{Deserialize, Serialize};

/// What a check is about; together these words name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The operation.
    pub op: String,
    /// The format of its inputs.
    pub format: String,
    /// What else was fixed: the inputs' ε, the table of accuracies, flushing.
    pub config: String,
    /// The obligations, one [`Tally`] each.
    pub obligations: Vec<&'static str>,
}

impl About {
    /// The words that name the check.
    pub fn key(&self) -> String {
        format!("{} | {} | {}", self.op, self.format, self.config)
    }
}

/// Something that is checked on every input there is, in blocks that do not depend on each
/// other.
pub trait Check: Sync {
    /// What it is about.
    fn about(&self) -> About;
    /// How many blocks there are.
    fn blocks(&self) -> u64;
    /// Checks one of them: one tally for each obligation.
    fn block(&self, index: u64) -> Result<Vec<Tally>>;
}

/// What a finished check found for one obligation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The operation.
    pub op: String,
    /// The format of its inputs.
    pub format: String,
    /// What was claimed; `libm` for the accuracy of a routine.
    pub obligation: String,
    /// What else was fixed.
    pub config: String,
    /// holds, violated or undecided.
    pub verdict: String,
    /// What was counted.
    #[serde(flatten)]
    pub tally: Tally,
    /// Seconds, for all obligations of the check together.
    pub seconds: f64,
}

impl Record {
    /// The worst case, where the claim does not hold.
    pub fn witness(&self) -> Option<&Case> {
        match self.tally.outcome() {
            Outcome::Holds => None,
            Outcome::Violated => self.tally.largest.as_ref(),
            Outcome::Undecided => self.tally.open.as_ref(),
        }
    }
}

/// A verdict as the record spells it.
pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Holds => "holds",
        Outcome::Violated => "violated",
        Outcome::Undecided => "undecided",
    }
}
