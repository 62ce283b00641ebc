//! Running checks block by block, so that a run that is killed goes on where it was.

use super::check::{About, Check, Record, word};
use super::tally::Tally;
use crate::audit::Whole;
use crate::error::{Error, Result};
use crate::import::file;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The file that holds the state of a run.
const FILE: &str = "exhaustive.progress.json";

/// What the progress file is called in itself.
const SCHEMA: &str = "gradbound-exhaustive-progress/2";

/// Blocks between two looks at the clock take about this long.
const STRIDE: Duration = Duration::from_millis(100);

/// The state is written this often.
const INTERVAL: Duration = Duration::from_millis(500);

/// A check that is under way.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Part {
    next: u64,
    seconds: f64,
    tallies: Vec<Tally>,
}

/// What is done, and what is under way; both by the names of the checks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    schema: String,
    version: String,
    /// The digest of the program: another build may have other rules.
    build: String,
    /// Finished checks, in the order in which they were finished.
    pub done: Vec<Record>,
    parts: BTreeMap<String, Part>,
    #[serde(skip)]
    path: PathBuf,
}

/// What is shown of a run.
#[derive(Debug, Clone)]
pub struct Glance {
    /// The check.
    pub name: String,
    /// Inputs that were tried in it so far, in this run.
    pub inputs: u64,
    /// The share of its blocks that is done.
    pub share: f64,
    /// Inputs in a second.
    pub rate: f64,
}

impl State {
    /// A fresh state in a folder, or with `resume` the one that lies there.
    pub fn open(folder: &Path, resume: bool) -> Result<State> {
        let path = folder.join(FILE);
        std::fs::create_dir_all(folder).map_err(|e| {
            Error::new(format!("cannot be made: {e}"))
                .in_file(folder)
                .remedy("choose another folder with --out DIR")
        })?;
        if resume && path.exists() {
            return State::read(path);
        }
        Ok(State {
            schema: SCHEMA.to_string(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            build: build()?,
            done: Vec::new(),
            parts: BTreeMap::new(),
            path,
        })
    }

    fn read(path: PathBuf) -> Result<State> {
        let bad = |what: String| {
            Error::new(what)
                .in_file(&path)
                .remedy("remove the file, or leave --resume out to begin anew")
        };
        let text =
            std::fs::read_to_string(&path).map_err(|e| bad(format!("cannot be read: {e}")))?;
        let mut state: State = serde_json::from_str(&text)
            .map_err(|e| bad(format!("is no state of an exhaustive search: {e}")))?;
        if state.schema != SCHEMA || state.version != env!("CARGO_PKG_VERSION") {
            return Err(bad(format!(
                "was written by version {} of this program",
                state.version
            )));
        }
        if state.build != build()? {
            return Err(bad(
                "was written by another build of this program, whose rules may be others"
                    .to_string(),
            ));
        }
        state.path = path.clone();
        Ok(state)
    }

    fn write(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| Error::new(format!("the state cannot be written as JSON: {e}")))?;
        Whole::new(self.path.clone(), "--out DIR", &(text + "\n"))?.publish()
    }

    fn has(&self, about: &About) -> bool {
        let same =
            |r: &Record| r.op == about.op && r.format == about.format && r.config == about.config;
        self.done.iter().any(same)
    }

    /// Makes the checks that are not done yet, one after the other, each on all threads, and drops
    /// each with the tables that it has made.
    pub fn run(&mut self, checks: Vec<Box<dyn Check>>, look: &dyn Fn(&Glance)) -> Result<()> {
        let mut written = Instant::now();
        for check in checks {
            let about = check.about();
            if self.has(&about) {
                continue;
            }
            self.one(check.as_ref(), &about, look, &mut written)?;
        }
        self.write()
    }

    fn one(
        &mut self,
        check: &dyn Check,
        about: &About,
        look: &dyn Fn(&Glance),
        written: &mut Instant,
    ) -> Result<()> {
        let (key, blocks) = (about.key(), check.blocks());
        let mut part = self.parts.remove(&key).unwrap_or_default();
        part.tallies
            .resize(about.obligations.len(), Tally::default());
        let (begun, before) = (Instant::now(), inputs(&part));
        let earlier = part.seconds;
        let threads = rayon::current_num_threads() as u64;
        let mut width = threads;
        while part.next < blocks {
            let from = Instant::now();
            let end = blocks.min(part.next + width);
            let results: Result<Vec<_>> = (part.next..end)
                .into_par_iter()
                .map(|b| check.block(b))
                .collect();
            for tallies in results? {
                let all = part.tallies.into_iter().zip(tallies);
                part.tallies = all.map(|(sum, next)| sum.and(next)).collect();
            }
            part.next = end;
            if from.elapsed() < STRIDE {
                width *= 2;
            } else if from.elapsed() > STRIDE * 3 {
                width = threads.max(width / 2);
            }
            part.seconds = sum(earlier, begun.elapsed());
            look(&glance(&key, &part, blocks, before, begun.elapsed()));
            if written.elapsed() >= INTERVAL {
                self.parts.insert(key.clone(), part.clone());
                self.write()?;
                *written = Instant::now();
            }
        }
        self.parts.remove(&key);
        self.finish(about, part);
        Ok(())
    }

    fn finish(&mut self, about: &About, part: Part) {
        for (obligation, tally) in about.obligations.iter().zip(part.tallies) {
            self.done.push(Record {
                op: about.op.clone(),
                format: about.format.clone(),
                obligation: (*obligation).to_string(),
                config: about.config.clone(),
                verdict: word(tally.outcome()).to_string(),
                tally,
                seconds: part.seconds,
            });
        }
    }
}

/// The digest of the program that is running.
fn build() -> Result<String> {
    let path = std::env::current_exe()
        .map_err(|e| Error::new(format!("the program's own file cannot be found: {e}")))?;
    Ok(file::open(&path)?.sha256)
}

fn inputs(part: &Part) -> u64 {
    part.tallies.first().map_or(0, |t| t.inputs)
}

#[expect(clippy::float_arithmetic, reason = "seconds for people")]
fn sum(earlier: f64, since: Duration) -> f64 {
    earlier + since.as_secs_f64()
}

#[expect(clippy::float_arithmetic, reason = "figures for people")]
fn glance(key: &str, part: &Part, blocks: u64, before: u64, since: Duration) -> Glance {
    let now = inputs(part);
    Glance {
        name: key.to_string(),
        inputs: now,
        share: part.next as f64 / blocks as f64,
        rate: (now - before) as f64 / since.as_secs_f64(),
    }
}
