//! A folder of witnesses: one file each, whole or not at all, named by what it is about and
//! what is in it, so that nothing is kept twice; and a file of how far each search went.

use super::record::Record;
use super::search::{Best, Finished, State, Strategy};
use super::subject::{Score, Subject};
use crate::audit::Whole;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
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

/// How far a search went.
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    schema: String,
    seed: u64,
    episodes: u64,
    trials: u64,
    strategies: Vec<(String, String, u64)>,
    /// Episodes of a round that was not finished: number, strategy, ratio, trials.
    #[serde(default)]
    ahead: Vec<(u64, String, String, u64)>,
}

const SCHEMA: &str = "gradbound-search/1";

impl Corpus {
    /// Opens or makes the folder.
    pub fn open(folder: &Path, subject: &Subject, seed: u64) -> Result<Corpus> {
        std::fs::create_dir_all(folder).map_err(|e| {
            Error::new(format!("cannot be made: {e}"))
                .in_file(folder)
                .remedy("choose a folder that can be written with --corpus DIR")
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
        self.folder.join(format!("{}.progress.json", self.prefix))
    }

    /// The witnesses about the subject, the best first.
    pub fn witnesses(&self) -> Result<Vec<(PathBuf, Record)>> {
        let unreadable = |e: std::io::Error| {
            Error::new(format!("cannot be read: {e}"))
                .in_file(&self.folder)
                .remedy("choose another folder with --corpus DIR")
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
            let ours = name.strip_prefix(&self.prefix).is_some_and(|rest| {
                rest.starts_with('-') && rest.ends_with(".json") && rest.len() == 22
            });
            if ours {
                let record = Record::read(&path)?;
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
        let mut state = State::default();
        let path = self.progress_path();
        if let Ok(text) = std::fs::read_to_string(&path) {
            let bad = |what: String| {
                Error::new(what)
                    .in_file(&path)
                    .remedy("remove the file, or search without --resume")
            };
            let progress: Progress = serde_json::from_str(&text)
                .map_err(|e| bad(format!("is no progress of a search: {e}")))?;
            if progress.schema != SCHEMA {
                return Err(bad(format!("`{}` is not {SCHEMA}", progress.schema)));
            }
            if progress.seed == self.seed {
                state.episodes = progress.episodes;
                state.trials = progress.trials;
                for (name, ratio, trials) in progress.strategies {
                    if let Ok(strategy) = name.parse::<Strategy>() {
                        let ratio = ratio.parse().unwrap_or(-1.0);
                        state.by_strategy.push((strategy, ratio, trials));
                    }
                }
                for (episode, name, ratio, trials) in progress.ahead {
                    if let Ok(strategy) = name.parse::<Strategy>() {
                        state.ahead.push(Finished {
                            episode,
                            strategy,
                            ratio: ratio.parse().unwrap_or(-1.0),
                            trials,
                            undecided: 0,
                        });
                    }
                }
            }
        }
        for (path, record) in self.witnesses()? {
            let (structure, point) = record.restore(subject).map_err(|e| e.in_file(&path))?;
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
        Whole::new(path.clone(), &(text + "\n"))?.publish()?;
        Ok(path)
    }

    /// Writes how far the search went; fails where a witness could not be kept.
    pub fn save(&self, state: &State) -> Result<()> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = kept.error.take() {
            return Err(error);
        }
        let progress = Progress {
            schema: SCHEMA.to_owned(),
            seed: self.seed,
            episodes: state.episodes,
            trials: state.trials,
            strategies: (state.by_strategy.iter())
                .map(|(s, ratio, trials)| (s.name().to_owned(), ratio.to_string(), *trials))
                .collect(),
            ahead: (state.ahead.iter())
                .map(|f| {
                    let (name, ratio) = (f.strategy.name().to_owned(), f.ratio.to_string());
                    (f.episode, name, ratio, f.trials)
                })
                .collect(),
        };
        let text = serde_json::to_string_pretty(&progress)
            .map_err(|e| Error::new(format!("the progress cannot be written as JSON: {e}")))?;
        Whole::new(self.progress_path(), &(text + "\n"))?.publish()
    }
}
