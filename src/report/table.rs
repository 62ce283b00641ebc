//! The table on the terminal.

use crate::audit::Audit;
use crate::audit::record::{Born, Num, Value};
use crate::number::decimal;
use crate::verdict::Outcome;
use std::fmt::Write as _;

/// The audit as a table, the verdict first.
pub fn table(audit: &Audit) -> String {
    let mut out = String::new();
    let config = &audit.config;
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!(
        "{}: {}",
        audit.model.path,
        word(audit.verdict).to_uppercase()
    ));
    line(format!(
        "{} with {} accumulation, schedule {}, contraction {}, libm {}, subnormals {}",
        config.format,
        config.accumulate,
        config.schedule,
        config.contract,
        config.libm,
        config.subnormals
    ));
    let rows: Vec<[String; 9]> = std::iter::once(HEADER.map(String::from))
        .chain(audit.values.iter().map(row))
        .collect();
    let width = |k: usize| {
        rows.iter()
            .map(|r| r[k].chars().count())
            .fold(0, usize::max)
    };
    let widths: Vec<usize> = (0..HEADER.len()).map(width).collect();
    for row in &rows {
        let mut text = String::new();
        for (k, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Names and words to the left, numbers to the right.
            let _ = if k < 2 || k == 8 {
                write!(text, "{cell:<width$}  ")
            } else {
                write!(text, "{cell:>width$}  ")
            };
        }
        line(text.trim_end().to_string());
    }
    for value in &audit.values {
        if let Some(why) = &value.why {
            line(format!("undecided: {}: {why}", printable(&value.name)));
        }
    }
    for value in &audit.values {
        if let Some(what) = value.range.as_ref().and_then(|r| r.notable()) {
            line(format!("range: {}: {what}", printable(&value.name)));
        }
    }
    for value in &audit.values {
        if let Some(born) = &value.born {
            line(format!("born: {}", shares(value, born)));
        }
    }
    if let Some(blame) = &audit.blame {
        line(format!("blame: {}: {}", printable(&blame.value), blame.why));
    }
    line(format!(
        "{} obligations checked, {} assumptions, {:.2} s ({:.4} s plain)",
        audit.obligations.len(),
        audit.assumptions.len(),
        audit.timing.total_s,
        audit.timing.plain_s
    ));
    out
}

/// How many nodes a line names.
const NAMED: usize = 4;

/// An element, its bound in adjoint form, and the nodes with the largest shares of it.
fn shares(value: &Value, born: &Born) -> String {
    let named = born.largest.iter().filter(|s| s.eps.0 > 0.0).take(NAMED);
    let each = named.map(|s| format!("{} {}", printable(&s.name), short(s.eps)));
    format!(
        "{}{:?}: {}, of which {}",
        printable(&value.name),
        born.index,
        short(born.eps),
        each.collect::<Vec<_>>().join(", ")
    )
}

const HEADER: [&str; 9] = [
    "value",
    "shape",
    "eps",
    "scale",
    "atol",
    "error",
    "error/eps",
    "observed",
    "verdict",
];

fn row(value: &Value) -> [String; 9] {
    let error = value.error.map_or(String::new(), |e| short(e.upper));
    let observed = value
        .observed
        .as_ref()
        .map_or("-".to_string(), |o| short(o.ratio));
    let verdict = match &value.observed {
        Some(o) if o.verdict > value.verdict => format!("observed {}", word(o.verdict)),
        _ => word(value.verdict).to_string(),
    };
    [
        printable(&value.name),
        format!("{:?}", value.shape),
        short(value.eps),
        short(value.scale),
        short(value.atol),
        error,
        nearest(value.nearest),
        observed,
        verdict,
    ]
}

/// A name without the control characters that a hostile model could put into a terminal.
fn printable(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// A figure that bounds nothing.
fn nearest(x: Num) -> String {
    if x.0 == 0.0 {
        "0".to_string()
    } else {
        format!("{:.2e}", x.0)
    }
}

/// An upper bound, rounded up.
fn short(x: Num) -> String {
    decimal::up(x.0)
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Holds => "holds",
        Outcome::Undecided => "undecided",
        Outcome::Violated => "violated",
    }
}
