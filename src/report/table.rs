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
    if let Some(stated) = &config.confidence {
        line(format!(
            "probable: with probability {} for all values together, if roundings behave like random \
             ones (P1, P2); no certificate",
            stated.confidence.0
        ));
    }
    let mut rows: Vec<Vec<String>> = std::iter::once(HEADER.map(String::from).to_vec())
        .chain(audit.values.iter().map(row))
        .collect();
    if config.confidence.is_none() {
        rows.iter_mut().for_each(|cells| {
            cells.remove(PROBABLE);
        });
    }
    let width = |k: usize| {
        rows.iter()
            .map(|r| r[k].chars().count())
            .fold(0, usize::max)
    };
    let columns = rows[0].len();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in &rows {
        let mut text = String::new();
        for (k, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Names and words to the left, numbers to the right.
            let _ = if k < 2 || k == columns - 1 {
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

/// Where the column stands that is only there where a confidence was asked for.
const PROBABLE: usize = 3;

const HEADER: [&str; 10] = [
    "value",
    "shape",
    "eps",
    "probable",
    "scale",
    "atol",
    "error",
    "error/eps",
    "observed",
    "verdict",
];

fn row(value: &Value) -> Vec<String> {
    let error = value.error.map_or(String::new(), |e| short(e.upper));
    let observed = value
        .observed
        .as_ref()
        .map_or("-".to_string(), |o| short(o.ratio));
    let verdict = match &value.observed {
        Some(o) if o.verdict > value.verdict => format!("observed {}", word(o.verdict)),
        _ => word(value.verdict).to_string(),
    };
    let probable = (value.probable.as_ref()).map_or("-".to_string(), |p| short(p.eps));
    vec![
        printable(&value.name),
        format!("{:?}", value.shape),
        short(value.eps),
        probable,
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
