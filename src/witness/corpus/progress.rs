//! How far a search went, as a file.

use crate::error::{Error, Result};
use crate::witness::search::{Finished, ROUND, State, Strategy};
use serde::{Deserialize, Serialize};
use std::path::Path;

const SCHEMA: &str = "gradbound-search/1";
/// More than any search makes: what counts beyond it was not written by one.
const MOST: u64 = 1 << 48;

/// How far a search went.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Progress {
    schema: String,
    seed: u64,
    episodes: u64,
    trials: u64,
    #[serde(default)]
    undecided: u64,
    strategies: Vec<(String, String, u64)>,
    /// Episodes of a round that was not finished.
    #[serde(default)]
    ahead: Vec<Ahead>,
}

/// Number, strategy, ratio, trials and undecided comparisons of an episode.
#[derive(Debug, Serialize, Deserialize)]
struct Ahead(u64, String, String, u64, #[serde(default)] u64);

impl Progress {
    pub fn of(seed: u64, state: &State) -> Progress {
        Progress {
            schema: SCHEMA.to_owned(),
            seed,
            episodes: state.episodes,
            trials: state.trials,
            undecided: state.undecided,
            strategies: (state.by_strategy.iter())
                .map(|(s, ratio, trials)| (s.name().to_owned(), ratio.to_string(), *trials))
                .collect(),
            ahead: (state.ahead.iter())
                .map(|f| {
                    let (name, ratio) = (f.strategy.name().to_owned(), f.ratio.to_string());
                    Ahead(f.episode, name, ratio, f.trials, f.undecided)
                })
                .collect(),
        }
    }

    /// Of a file; `None` where there is none.
    pub fn read(path: &Path) -> Result<Option<Progress>> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(bad(path, &format!("cannot be read: {e}"))),
        };
        let progress: Progress = serde_json::from_slice(&bytes)
            .map_err(|e| bad(path, &format!("is no progress of a search: {e}")))?;
        match progress.schema == SCHEMA {
            true => Ok(Some(progress)),
            false => Err(bad(path, &format!("`{}` is not {SCHEMA}", progress.schema))),
        }
    }

    pub fn is_of(&self, seed: u64) -> bool {
        self.seed == seed
    }

    /// The state that it was made of, its best point left out.
    pub fn state(self, path: &Path) -> Result<State> {
        let impossible = || bad(path, "has numbers that no search comes to");
        let count = |n: u64| (n <= MOST).then_some(n).ok_or_else(impossible);
        let share = |ratio: &str| {
            let ratio = ratio.parse::<f64>().ok().filter(|r| !r.is_nan());
            ratio.ok_or_else(impossible)
        };
        let mut state = State {
            episodes: count(self.episodes)?,
            trials: count(self.trials)?,
            undecided: count(self.undecided)?,
            ..State::default()
        };
        for (name, ratio, trials) in self.strategies {
            if let Ok(strategy) = name.parse::<Strategy>() {
                state
                    .by_strategy
                    .push((strategy, share(&ratio)?, count(trials)?));
            }
        }
        for Ahead(episode, name, ratio, trials, undecided) in self.ahead {
            let of_round = (state.episodes..state.episodes + ROUND).contains(&episode);
            if !of_round || state.ahead.iter().any(|f| f.episode == episode) {
                return Err(impossible());
            }
            if let Ok(strategy) = name.parse::<Strategy>() {
                state.ahead.push(Finished {
                    episode,
                    strategy,
                    ratio: share(&ratio)?,
                    trials: count(trials)?,
                    undecided: count(undecided)?,
                });
            }
        }
        Ok(state)
    }
}

fn bad(path: &Path, what: &str) -> Error {
    Error::new(what)
        .in_file(path)
        .remedy("remove the file, or search without --resume")
}
