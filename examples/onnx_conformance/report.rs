//! The table that is printed.

use crate::case::Case;
use crate::judge::{Failure, Fate};
use crate::reason::Reason;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Failures one by one, then counts by reason.
pub fn text(results: &[(&Case, &Fate)]) -> String {
    let mut text = String::new();
    for (case, fate) in results {
        if let Fate::Failed(Failure { stage, message }) = fate {
            let message = message.replace('\n', " ");
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}: {}: {message}", case.name, stage.describe());
        }
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, fate) in results {
        let key = match fate {
            Fate::Passed => "passed".to_owned(),
            Fate::Skipped(Reason::NoFloatOutput) => "not counted: no float output".to_owned(),
            Fate::Skipped(reason) => format!("skipped: {reason}"),
            Fate::Failed(failure) => format!("failed: {}", failure.stage.describe()),
        };
        *counts.entry(key).or_default() += 1;
    }
    for (key, count) in counts {
        let _ = writeln!(text, "{count:>6}  {key}");
    }
    text
}
