//! A folder of witnesses: one file each, whole or not at all, named by what it is about and
//! what is in it, so that nothing is kept twice; and a file of how far each search went.

mod progress;

use super::record::Record;
use super::search::{Best, State, Strategy};
use super::subject::{Score, Subject};
use crate::audit::Whole;
use crate::error::{Error, Result};
use progress::Progress;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A folder of witnesses about one subject under one seed; those of others are left alone.
pub struct Corpus {
    folder: PathBuf,
    prefix: String,
    /// The subject's identity, which the prefix ends in.
    search: String,
    seed: u64,
    kept: Mutex<Kept>,
}

/// What was kept.
#[derive(Default)]
struct Kept {
    /// How the best of it went.
    best: Option<Score>,
    /// What went wrong with keeping.
    error: Option<Error>,
}

/// What chooses the folder.
const OPTION: &str = "--corpus DIR";

impl Corpus {
    /// Opens or makes the folder.
    pub fn open(folder: &Path, subject: &Subject, seed: u64) -> Result<Corpus> {
        std::fs::create_dir_all(folder).map_err(|e| {
            Error::new(format!("cannot be made: {e}"))
                .in_file(folder)
                .remedy(format!("choose a folder that can be written with {OPTION}"))
        })?;
        let obligation = serde_json::to_value(subject.obligation).unwrap_or_default();
        let search = subject.identity();
        let words = [
            subject.name(),
            obligation.as_str().unwrap_or(""),
            subject.dtype().map_or("", |d| d.name()),
            &search,
        ];
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let prefix: Vec<String> = words
            .iter()
            .map(|w| w.chars().map(plain).collect())
            .collect();
        Ok(Corpus {
            folder: folder.to_owned(),
            prefix: prefix.join("-"),
            search,
            seed,
            kept: Mutex::default(),
        })
    }

    fn progress_path(&self) -> PathBuf {
        let (prefix, seed) = (&self.prefix, self.seed);
        self.folder
            .join(format!("{prefix}.seed{seed}.progress.json"))
    }

    /// How far a search with the same seed went. Earlier versions kept one file for all seeds,
    /// whose last one it says.
    fn progress(&self) -> Result<Option<State>> {
        let path = self.progress_path();
        if let Some(progress) = Progress::read(&path)? {
            return match progress.is_of(self.seed) {
                true => progress.state(&path).map(Some),
                false => Err(Error::new("is of another seed than its name says")
                    .in_file(&path)
                    .remedy("remove the file, or search without --resume")),
            };
        }
        let path = self.folder.join(format!("{}.progress.json", self.prefix));
        let earlier = Progress::read(&path)?.filter(|p| p.is_of(self.seed));
        earlier.map(|progress| progress.state(&path)).transpose()
    }

    /// The witnesses about the subject, the best first.
    pub fn witnesses(&self) -> Result<Vec<(PathBuf, Record)>> {
        let unreadable = |e: std::io::Error| {
            Error::new(format!("cannot be read: {e}"))
                .in_file(&self.folder)
                .remedy(format!("choose another folder with {OPTION}"))
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
            let ours = name.strip_prefix(&self.prefix).is_some_and(|rest| {
                rest.starts_with('-') && rest.ends_with(".json") && rest.len() == 22
            });
            if ours {
                let record = Record::read(&path).map_err(|e| unusable(e, &path))?;
                if record.search == self.search {
                    found.push((path, record));
                }
            }
        }
        found.sort_by(|a, b| b.1.share().total_cmp(&a.1.share()));
        Ok(found)
    }

    /// Where an earlier search with the same seed was, its best point judged again.
    pub fn resume(&self, subject: &Subject) -> Result<State> {
        let mut state = self.progress()?.unwrap_or_default();
        for (path, record) in self.witnesses()? {
            let (structure, point) = record.restore(subject).map_err(|e| unusable(e, &path))?;
            let Some(score) = structure.judge(&point, &super::case::Rules::TRUE) else {
                continue;
            };
            if state.best.as_ref().is_none_or(|b| score.beats(&b.score)) {
                state.best = Some(Best {
                    structure: Arc::new(structure),
                    point,
                    score,
                    strategy: record.strategy.parse().unwrap_or(Strategy::Random),
                    trials: record.trials,
                });
            }
        }
        if let (Some(best), Ok(mut kept)) = (&state.best, self.kept.lock()) {
            kept.best = Some(best.score.clone());
        }
        Ok(state)
    }

    /// Keeps a point at once where it is better than all that were kept.
    pub fn keep(&self, subject: &Subject, best: &Best) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let claims = best.score.ratio >= 0.0;
        if !claims || kept.best.as_ref().is_some_and(|k| !best.score.beats(k)) {
            return;
        }
        match self.write(&Record::of(subject, best)) {
            Ok(_) => kept.best = Some(best.score.clone()),
            Err(e) => kept.error = Some(e),
        }
    }

    /// Writes a witness and says where.
    pub fn write(&self, record: &Record) -> Result<PathBuf> {
        let name = format!("{}-{}.json", self.prefix, record.key());
        let path = self.folder.join(name);
        let text = serde_json::to_string_pretty(record)
            .map_err(|e| Error::new(format!("the witness cannot be written as JSON: {e}")))?;
        Whole::new(path.clone(), OPTION, &(text + "\n"))?.publish()?;
        Ok(path)
    }

    /// Writes how far the search went; fails where a witness could not be kept.
    pub fn save(&self, state: &State) -> Result<()> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = kept.error.take() {
            return Err(error);
        }
        let progress = Progress::of(self.seed, state);
        let text = serde_json::to_string_pretty(&progress)
            .map_err(|e| Error::new(format!("the progress cannot be written as JSON: {e}")))?;
        Whole::new(self.progress_path(), OPTION, &(text + "\n"))?.publish()
    }
}

/// Of a witness in the folder, which nobody gave by name.
fn unusable(e: Error, path: &Path) -> Error {
    e.in_file(path).rather(format!(
        "remove the file, or choose another folder with {OPTION}"
    ))
}
