//! The table that is printed.

use crate::case::Case;
use crate::judge::{Failure, Fate};
use crate::page::{Counts, Results};
use crate::reason::{self, Reason};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What the page of operations counts.
pub fn results(all: &[(&Case, &Fate)]) -> Results {
    let mut results = Results {
        suite: "onnx 1.23.2".to_owned(),
        ..Results::default()
    };
    for (case, fate) in all {
        if **fate == Fate::Skipped(Reason::NoFloatOutput) {
            continue;
        }
        count(&mut results.total, fate);
        for operation in reason::operations(&case.proto) {
            count(results.operations.entry(operation).or_default(), fate);
        }
    }
    results
}

fn count(counts: &mut Counts, fate: &Fate) {
    match fate {
        Fate::Passed { gradients } => {
            counts.passed += 1;
            counts.gradients += usize::from(*gradients);
        }
        Fate::Failed(_) => counts.failed += 1,
        Fate::Skipped(reason) => *counts.skipped.entry(reason.to_string()).or_default() += 1,
    }
}

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
            Fate::Passed { gradients: true } => "passed, gradients certified".to_owned(),
            Fate::Passed { gradients: false } => "passed".to_owned(),
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
