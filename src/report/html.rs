//! The report as one self-contained page.

use crate::audit::Audit;
use crate::audit::record::PassRecord;
use crate::error::{Error, Result};
use crate::number::decimal;
use crate::verdict::Outcome;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde::Serialize;

/// Renders the page; every name in it comes from a model file and is escaped.
pub fn html(audit: &Audit) -> Result<String> {
    page(audit).map_err(|e| Error::new(format!("the report cannot be rendered: {e:#}")))
}

fn page(audit: &Audit) -> std::result::Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.add_filter("up", |x: &Value| figure(x, decimal::up));
    environment.add_filter("near", |x: &Value| figure(x, |x| format!("{x:.2e}")));
    environment.add_filter("exact", |x: &Value| figure(x, |x| format!("{x:?}")));
    environment.add_filter("raw", |x: &Value| number(x).map(|x| format!("{x:?}")));
    environment.add_filter("shell", |word: &str| shell(word));
    environment.add_template("report", include_str!("report.html"))?;
    let count = Count::of(audit);
    let blame = audit.blame.as_ref();
    let blamed = blame.and_then(|b| audit.values.iter().position(|v| v.name == b.value));
    environment
        .get_template("report")?
        .render(minijinja::context! { audit, count, blamed })
}

/// How many of what, for the sentences at the top of the page.
#[derive(Serialize)]
struct Count {
    forward: usize,
    backward: usize,
    observed: usize,
    values: Tally,
    outside: Tally,
    obligations: Tally,
}

/// How many verdicts are not "holds".
#[derive(Serialize)]
struct Tally {
    violated: usize,
    undecided: usize,
}

impl Count {
    fn of(audit: &Audit) -> Count {
        let pass = |pass| audit.values.iter().filter(move |v| v.pass == pass).count();
        let observed = || audit.values.iter().filter_map(|v| v.observed.as_ref());
        Count {
            forward: pass(PassRecord::Forward),
            backward: pass(PassRecord::Backward),
            observed: observed().count(),
            values: Tally::of(audit.values.iter().map(|v| v.verdict)),
            outside: Tally::of(observed().map(|o| o.verdict)),
            obligations: Tally::of(audit.obligations.iter().map(|o| o.verdict)),
        }
    }
}

impl Tally {
    fn of(verdicts: impl Iterator<Item = Outcome> + Clone) -> Tally {
        let count = |which| verdicts.clone().filter(|v| *v == which).count();
        Tally {
            violated: count(Outcome::Violated),
            undecided: count(Outcome::Undecided),
        }
    }
}

/// A record's number, which is a word where it is not finite; None where there is none.
fn number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some(word) => word.parse().ok(),
        None => f64::try_from(value.clone()).ok(),
    }
}

/// A number as people read it.
fn figure(value: &Value, finite: impl Fn(f64) -> String) -> String {
    match number(value) {
        None => "–".to_string(),
        Some(0.0) => "0".to_string(),
        Some(f64::INFINITY) => "∞".to_string(),
        Some(f64::NEG_INFINITY) => "−∞".to_string(),
        Some(x) => finite(x),
    }
}

/// A word as a POSIX shell reads it back.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:+,=@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_string()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
