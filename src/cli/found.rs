//! What searches found, as a table or JSON.

use crate::obligation::Obligation;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// What a search found.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    pub subject: String,
    pub obligation: Obligation,
    pub format: &'static str,
    pub trials: u64,
    pub trials_per_second: f64,
    /// error / bound of the best witness; null where nothing is claimed.
    pub ratio: Option<f64>,
    pub verdict: &'static str,
    pub strategy: Option<&'static str>,
    pub witness: Option<PathBuf>,
    /// Comparisons that came too near to a bound to be decided; they have no share in `ratio`.
    pub undecided: u64,
}

#[expect(clippy::float_arithmetic, reason = "a figure for people, no bound")]
pub(super) fn per_second(trials: u64, time: Duration) -> f64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 {
        trials as f64 / seconds
    } else {
        0.0
    }
}

pub(super) fn name_of(obligation: Obligation) -> String {
    let value = serde_json::to_value(obligation).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn table(all: &[Found]) -> String {
    let mut lines = vec![format!(
        "{:<16} {:<16} {:<6} {:>10} {:>9} {:>8} {:<9} {}",
        "subject", "obligation", "format", "trials", "trials/s", "ratio", "verdict", "by"
    )];
    for f in all {
        let ratio = f.ratio.map_or("-".to_owned(), |r| format!("{r:.4}"));
        lines.push(format!(
            "{:<16} {:<16} {:<6} {:>10} {:>9.0} {:>8} {:<9} {}",
            f.subject,
            name_of(f.obligation),
            f.format,
            f.trials,
            f.trials_per_second,
            ratio,
            f.verdict,
            f.strategy.unwrap_or("-"),
        ));
        if let (Some(witness), "violated") = (&f.witness, f.verdict) {
            lines.push(format!("  witness: {}", witness.display()));
        }
        if f.undecided > 0 {
            let n = f.undecided;
            lines.push(format!(
                "  too near to a bound to be decided: {n} comparisons"
            ));
        }
    }
    lines.join("\n") + "\n"
}
