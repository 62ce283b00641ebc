//! What an exhaustive search found: exhaustive.json, and a table of it.

use super::check::{Record, word};
use super::tally::{BEYOND, Case};
use crate::audit::Whole;
use crate::error::{Error, Result};
use crate::verdict::Outcome;
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// The record of a search.
#[derive(Debug, Clone, Serialize)]
pub struct Found {
    /// Names the format of this record.
    pub schema: &'static str,
    /// The program's version.
    pub version: &'static str,
    /// The worst verdict.
    pub verdict: &'static str,
    /// Every finished check, one entry for each obligation.
    pub checks: Vec<Record>,
}

impl Found {
    /// The record of the finished checks.
    pub fn new(checks: Vec<Record>) -> Found {
        let mut found = Found {
            schema: "gradbound-exhaustive/1",
            version: env!("CARGO_PKG_VERSION"),
            verdict: "holds",
            checks,
        };
        found.verdict = word(found.verdict());
        found
    }

    /// The worst verdict.
    pub fn verdict(&self) -> Outcome {
        let each = self.checks.iter().map(|r| r.tally.outcome());
        each.max().unwrap_or(Outcome::Holds)
    }
}

/// The record as JSON text.
pub fn json(found: &Found) -> Result<String> {
    serde_json::to_string_pretty(found)
        .map(|text| text + "\n")
        .map_err(|e| Error::new(format!("the record cannot be written as JSON: {e}")))
}

/// Writes a text whole, where an option says.
pub(super) fn write(path: &Path, option: &'static str, text: &str) -> Result<()> {
    Whole::new(path.to_path_buf(), option, text)?.publish()
}

/// One line for every check and obligation, and the witnesses of what does not hold.
pub fn table(found: &Found) -> String {
    let mut text = String::new();
    for r in &found.checks {
        let _ = writeln!(
            text,
            "{:<10} {:>5} {:<18} {:>12} inputs {:>14} compared  largest {}  {:>7.1} s  {}  {}",
            r.op,
            r.format,
            r.obligation,
            r.tally.inputs,
            r.tally.compared,
            largest(r),
            r.seconds,
            r.verdict,
            r.config,
        );
        if let Some(case) = r.witness() {
            let _ = writeln!(text, "    {}", describe(case));
        }
    }
    let inputs: u64 = found.checks.iter().map(|r| r.tally.inputs).sum();
    let compared: u64 = found.checks.iter().map(|r| r.tally.compared).sum();
    let _ = writeln!(
        text,
        "{} checks, {inputs} inputs, {compared} comparisons: {}",
        found.checks.len(),
        found.verdict.to_uppercase()
    );
    text
}

/// The largest share of a bound, or error in ulp.
pub(super) fn largest(record: &Record) -> String {
    match &record.tally.largest {
        None => "-".to_string(),
        Some(case) if case.ratio >= BEYOND => "beyond".to_string(),
        Some(case) if record.obligation == "libm" => format!("{:.7} ulp", case.quantity),
        Some(case) => format!("{:.4}", case.ratio),
    }
}

/// A case in words.
pub(super) fn describe(case: &Case) -> String {
    let reals = if case.reals.is_empty() {
        String::new()
    } else {
        format!(" (reals {:?})", case.reals)
    };
    format!(
        "inputs {}{reals}: result {:e}, spec in [{:e}, {:e}], {:e} against {:e}",
        case.inputs.join(" "),
        case.result,
        case.spec[0],
        case.spec[1],
        case.quantity,
        case.bound
    )
}
