//! docs/operators.md, from what the code supports and the last run's counts. Shared with
//! `tests/operators.rs`, which fails where the page is stale.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What a run of all cases came to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Results {
    /// Whose cases they are.
    pub suite: String,
    /// Cases by what became of them.
    pub total: Counts,
    /// The same of the cases whose model uses an operation, by operation.
    pub operations: BTreeMap<String, Counts>,
}

/// Numbers of cases.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Counts {
    #[serde(default, skip_serializing_if = "is_zero")]
    pub passed: usize,
    /// Those of `passed` whose gradients were certified as well.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gradients: usize,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed: usize,
    /// Not run, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<String, usize>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

const INTRODUCTION: &str = "\
# ONNX operations

What `gradbound` reads: opset 6 and later, IR version 3 and later, functions of the model's own,
`If`, `Loop` and `Scan` written out. Every operation on floats has eps, scale and a gradient (where one
is defined). Where the standard lets the arguments of one operation have several float types (scale and
statistics of a BatchNormalization, the scale of an RMSNormalization, the values of an Attention), one
type is read: others are refused, and a Cast or `--format` mends that.

The figures count the onnx package's own test cases that use an operation. A case passes where every
expected number is within the suite's tolerance of the enclosed specification, every number of the
runtime within its finite eps, and no obligation of any value is violated; where the suite expects a
NaN or an infinity, the runtime must give it and nothing may be claimed. *Gradients* are those of the
passing cases whose gradients with respect to every float input that is reached were certified as well.
Cases without a float output are not counted.

```console
$ python examples/onnx_conformance/write_cases.py DIR
$ cargo run --release --example onnx_conformance -- DIR --write docs/operators.md
```

";

/// The page.
pub fn render(supported: &[(&str, &str)], results: &Results) -> String {
    let mut page = String::from(INTRODUCTION);
    let total = &results.total;
    // Writing to a string does not fail.
    let _ = writeln!(
        page,
        "{}: {} cases with float outputs pass ({} with gradients), {} fail, not run: {}.\n",
        results.suite,
        total.passed,
        total.gradients,
        total.failed,
        reasons(total)
    );
    page.push_str("| operation | supported | passed | gradients | failed | not run |\n");
    page.push_str("|---|---|---|---|---|---|\n");
    for (name, note) in supported {
        let none = Counts::default();
        let counts = results.operations.get(*name).unwrap_or(&none);
        let note = if note.is_empty() { "yes" } else { note };
        let Counts {
            passed,
            gradients,
            failed,
            ..
        } = counts;
        let skipped = reasons(counts);
        let _ = writeln!(
            page,
            "| {name} | {note} | {passed} | {gradients} | {failed} | {skipped} |"
        );
    }
    let is_supported = |name: &str| supported.iter().any(|(own, _)| *own == name);
    let others: Vec<_> = (results.operations.iter())
        .filter(|(name, counts)| {
            !is_supported(name) && (counts.failed > 0 || !counts.skipped.is_empty())
        })
        .collect();
    page.push_str(
        "\n## Not supported\n\n| operation | cases that fail | not run |\n|---|---|---|\n",
    );
    for (name, counts) in others {
        let _ = writeln!(page, "| {name} | {} | {} |", counts.failed, reasons(counts));
    }
    page
}

fn reasons(counts: &Counts) -> String {
    let parts = counts.skipped.iter();
    let parts: Vec<String> = parts.map(|(reason, n)| format!("{n} {reason}")).collect();
    if parts.is_empty() {
        "0".to_owned()
    } else {
        parts.join(", ")
    }
}
