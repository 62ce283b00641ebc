//! `gradbound search --replay`: a witness is judged again.

use super::found::name_of;
use super::search::{Args, subjects};
use super::{print, status};
use crate::error::{Error, Result};
use crate::witness::record::Record;
use crate::witness::subject::Subject;
use std::path::Path;

/// Judges a witness again.
pub(super) fn run(path: &Path, args: &Args) -> Result<u8> {
    let record = Record::read(path)?;
    let subject = match (&record.model, &args.model) {
        (None, _) => record.subject().map_err(|e| e.in_file(path))?,
        (Some(_), None) => {
            return Err(Error::new("the witness is about a model")
                .in_file(path)
                .remedy("give the model and its --inputs as well"));
        }
        (Some(hash), Some(_)) => {
            let all = subjects(args)?;
            let same = |s: &Subject| {
                s.name() == record.op
                    && s.obligation == record.obligation
                    && s.model() == Some(hash.as_str())
            };
            all.into_iter().find(same).ok_or_else(|| {
                Error::new("the witness is about another model, value or format")
                    .in_file(path)
                    .remedy("give the model and the options of the search that found it")
            })?
        }
    };
    let score = record.replay(&subject).map_err(|e| e.in_file(path))?;
    let Some(score) = score else {
        print("not defined for its arguments\n")?;
        return Ok(status::UNDECIDED);
    };
    let verdict = if score.violation.is_some() {
        "violated"
    } else if score.ratio < 0.0 {
        "no claim"
    } else {
        "holds"
    };
    let what = score.violation.as_deref().unwrap_or("");
    print(&format!(
        "{} {} {}: {verdict}, ratio {} (the file says {})\n{what}{}",
        record.op,
        name_of(record.obligation),
        record.format,
        score.ratio,
        record.ratio,
        if what.is_empty() { "" } else { "\n" }
    ))?;
    Ok(match verdict {
        "violated" => status::VIOLATED,
        "holds" => status::HOLDS,
        _ => status::UNDECIDED,
    })
}
