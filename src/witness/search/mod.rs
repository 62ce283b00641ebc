//! The search for witnesses: it maximizes error/bound, one obligation at a time.

mod stairs;
mod strategy;

pub use strategy::Strategy;

use super::case::{Case, Rules};
use super::point::Point;
use super::subject::{Score, Structure, Subject};
use super::tape::Tape;
use rayon::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Trials of one episode: what a strategy may use before another one has its turn.
const EPISODE: u64 = 400;
/// Elements that an episode of slow trials looks at, about: what a kill may lose.
const WORK: u64 = 1 << 16;
/// Trials of an episode, however slow they are: a start and some steps from it.
const LEAST: u64 = 8;
/// Episodes of a round; what they find is put together after each round, in order, so that
/// the number of threads changes nothing.
pub(super) const ROUND: u64 = 10;
/// Draws that a strategy may choose its start from.
const DRAWS: usize = 16;

/// How long to search.
#[derive(Debug, Clone, Copy, Default)]
pub struct Budget {
    /// At most this many trials.
    pub trials: Option<u64>,
    /// At most this long.
    pub time: Option<Duration>,
    /// Whether the first violation, or the first failure of somebody's code, ends it.
    pub first: bool,
}

/// A search.
pub struct Search<'s> {
    /// What is attacked.
    pub subject: &'s Subject,
    /// By which strategies, in turn.
    pub strategies: &'s [Strategy],
    /// From which seed.
    pub seed: u64,
    /// The rules under attack.
    pub rules: Rules<'s>,
    /// Sees every point that is better than its round's start and its episode's others, at
    /// once.
    pub live: &'s (dyn Fn(&Best) + Sync),
}

/// The best point so far.
#[derive(Debug, Clone)]
pub struct Best {
    /// Its graph.
    pub structure: Arc<Structure>,
    /// The point.
    pub point: Point,
    /// How it went.
    pub score: Score,
    /// Who found it.
    pub strategy: Strategy,
    /// After how many trials, those of its round's earlier episodes included.
    pub trials: u64,
}

/// Where a search stands.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Episodes that were finished.
    pub episodes: u64,
    /// Trials that were made.
    pub trials: u64,
    /// The best point of all.
    pub best: Option<Best>,
    /// The best ratio of each strategy, negative where nothing was claimed, and its trials.
    pub by_strategy: Vec<(Strategy, f64, u64)>,
    /// Episodes of a round that is not finished; their trials are not in the numbers above.
    pub ahead: Vec<Finished>,
    /// Comparisons with a bound that nothing decided.
    pub undecided: u64,
}

/// What an episode came to.
#[derive(Debug, Clone, Copy)]
pub struct Finished {
    /// Its number.
    pub episode: u64,
    /// Who searched.
    pub strategy: Strategy,
    /// The best ratio, negative where nothing was claimed.
    pub ratio: f64,
    /// Trials that it made.
    pub trials: u64,
    /// Comparisons that nothing decided.
    pub undecided: u64,
}

impl Search<'_> {
    /// Trials of one episode, the fewer the longer one takes. By what a trial looks at, not by a
    /// clock: the same search has the same episodes on any machine.
    fn length(&self) -> u64 {
        (WORK / self.subject.work().max(1)).clamp(LEAST, EPISODE)
    }

    /// Goes on from a state until the budget is used up; `observe` sees every episode's end, and
    /// ends the search after the round by `false`.
    pub fn run(
        &self,
        mut state: State,
        budget: Budget,
        observe: &mut (dyn FnMut(&State) -> bool + Send),
    ) -> State {
        let (begun, length) = (Instant::now(), self.length());
        let deadline = budget.time.map(|t| begun + t);
        let over = || deadline.is_some_and(|end| Instant::now() >= end);
        let used = |state: &State| {
            budget.trials.is_some_and(|n| state.trials >= n)
                || over()
                || budget.first && (state.best.as_ref()).is_some_and(|b| b.score.is_fault())
        };
        while !used(&state) {
            let first = state.episodes;
            let left = budget.trials.map_or(u64::MAX, |n| n - state.trials);
            let episodes = ROUND.min(left.div_ceil(length));
            let made = |n: &u64| state.ahead.iter().any(|f| f.episode == *n);
            let missing: Vec<u64> = (first..first + episodes).filter(|n| !made(n)).collect();
            let best = state.best.as_ref();
            let seen = Mutex::new((state.clone(), &mut *observe, true));
            let round: Vec<(Finished, Option<Best>)> = missing
                .into_par_iter()
                .filter_map(|n| {
                    if over() {
                        return None;
                    }
                    let before = (n - first) * length;
                    let given = length.min(left - before.min(left));
                    let episode = self.episode(n, given, deadline, best);
                    let finished = episode.finished(n);
                    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    let (state, observe, on) = &mut *seen;
                    state.ahead.push(finished);
                    state.improve(episode.found.clone());
                    *on = observe(state) && *on;
                    Some((finished, episode.found))
                })
                .collect();
            let (_, _, on) = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
            for finished in std::mem::take(&mut state.ahead) {
                state.learn(finished, None);
            }
            for (finished, found) in round {
                state.learn(finished, found);
            }
            if !on {
                break;
            }
        }
        state
    }

    /// The nth episode; every other time around, from the best point so far.
    fn episode(
        &self,
        n: u64,
        given: u64,
        deadline: Option<Instant>,
        best: Option<&Best>,
    ) -> Episode<'_> {
        let strategies = self.strategies.len().max(1) as u64;
        let strategy = self.strategies[(n % strategies) as usize];
        let again = (n / strategies) % 2 == 1;
        let seed = self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ n;
        let mut episode = Episode {
            search: self,
            strategy,
            start: best.map(|b| b.score.clone()),
            rng: fastrand::Rng::with_seed(seed),
            given,
            left: given,
            undecided: 0,
            deadline,
            best: best.filter(|_| again).map(|best| Best {
                trials: 0,
                ..best.clone()
            }),
            found: None,
        };
        strategy.go(&mut episode);
        episode
    }
}

impl State {
    /// All trials, those of a round that is not finished included.
    pub fn made(&self) -> u64 {
        self.trials + self.ahead.iter().map(|f| f.trials).sum::<u64>()
    }

    /// All comparisons that nothing decided, those of such a round included.
    pub fn open(&self) -> u64 {
        self.undecided + self.ahead.iter().map(|f| f.undecided).sum::<u64>()
    }

    fn learn(&mut self, finished: Finished, found: Option<Best>) {
        let (strategy, ratio, made) = (finished.strategy, finished.ratio, finished.trials);
        match self.by_strategy.iter_mut().find(|s| s.0 == strategy) {
            Some((_, best, trials)) => {
                *best = if ratio > *best { ratio } else { *best };
                *trials += made;
            }
            None => self.by_strategy.push((strategy, ratio, made)),
        }
        self.improve(found);
        self.episodes = self.episodes.max(finished.episode + 1);
        self.trials += made;
        self.undecided += finished.undecided;
    }

    /// Takes a point where it is better than all before.
    fn improve(&mut self, found: Option<Best>) {
        let best = self.best.as_ref();
        let better = |found: &Best| best.is_none_or(|best| found.score.beats(&best.score));
        if let Some(found) = found.filter(better) {
            self.best = Some(Best {
                trials: self.trials + found.trials,
                ..found
            });
        }
    }
}

/// Some trials of one strategy.
pub(super) struct Episode<'s> {
    search: &'s Search<'s>,
    strategy: Strategy,
    /// The best of all when the round began.
    start: Option<Score>,
    rng: fastrand::Rng,
    /// Trials that it began with.
    given: u64,
    left: u64,
    /// Comparisons that nothing decided.
    undecided: u64,
    /// When no further one is begun.
    deadline: Option<Instant>,
    /// Where the strategy stands.
    best: Option<Best>,
    /// The best that it found itself.
    found: Option<Best>,
}

impl Episode<'_> {
    /// What it came to as the nth.
    fn finished(&self, n: u64) -> Finished {
        Finished {
            episode: n,
            strategy: self.strategy,
            ratio: self.found.as_ref().map_or(-1.0, |b| b.score.ratio),
            trials: self.given - self.left,
            undecided: self.undecided,
        }
    }

    /// Where the strategy stands; `None` where no trial is left.
    fn best(&self) -> Option<(Arc<Structure>, Point)> {
        let best = self.best.as_ref().filter(|_| self.left > 0)?;
        Some((Arc::clone(&best.structure), best.point.clone()))
    }

    fn ratio(&self) -> f64 {
        self.best.as_ref().map_or(-1.0, |b| b.score.ratio)
    }

    /// A fresh structure and point, changed; false when no trial is left.
    fn draw(&mut self, change: impl Fn(&Structure, &mut Point, &mut fastrand::Rng)) -> bool {
        let mut tape = Tape::fresh(self.rng.u64(..));
        let Ok(structure) = self.search.subject.structure(&mut tape) else {
            return self.spend();
        };
        let mut tape = Tape::fresh(self.rng.u64(..));
        let inputs = self.search.subject.inputs(&structure, &mut tape);
        let mut point = Point {
            inputs,
            choices: Vec::new(),
        };
        change(&structure, &mut point, &mut self.rng);
        if point.choices.is_empty() {
            point.choices = executed(&structure, &point, self.rng.u64(..));
        }
        self.judge(Arc::new(structure), point)
    }

    /// A start: the best of some draws, where the strategy stands nowhere yet or is stuck.
    fn settle(&mut self) -> bool {
        if self.best.is_some() && self.left == self.given {
            return true;
        }
        self.best = None;
        for _ in 0..DRAWS {
            if !self.draw(|_, _, _| {}) {
                return false;
            }
        }
        self.best.is_some()
    }

    /// Judges a point of the present structure; it stays where it is no worse.
    fn try_point(&mut self, point: Point) -> bool {
        match &self.best {
            Some(best) => {
                let structure = Arc::clone(&best.structure);
                self.judge(structure, point)
            }
            None => self.spend(),
        }
    }

    fn spend(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left > 0 && self.deadline.is_none_or(|end| Instant::now() < end)
    }

    fn judge(&mut self, structure: Arc<Structure>, point: Point) -> bool {
        if self.left == 0 {
            return false;
        }
        let more = self.spend();
        let Some(score) = structure.judge(&point, &self.search.rules) else {
            return more;
        };
        self.undecided += score.undecided;
        let worse = |than: &Best| than.score.beats(&score);
        let new = Best {
            structure,
            point,
            strategy: self.strategy,
            trials: self.given - self.left,
            score: score.clone(),
        };
        if self.found.as_ref().is_none_or(|b| score.beats(&b.score)) {
            if self.start.as_ref().is_none_or(|start| score.beats(start)) {
                (self.search.live)(&new);
            }
            self.found = Some(new.clone());
        }
        if !self.best.as_ref().is_some_and(worse) {
            self.best = Some(new);
        }
        more
    }
}

/// The choices of a random execution of a point.
fn executed(structure: &Structure, point: &Point, seed: u64) -> Vec<u32> {
    if structure.kernel.is_some() {
        return Vec::new(); // its own code leaves nothing to choose
    }
    let Some(inputs) = point.given(&structure.graph) else {
        return Vec::new();
    };
    let case = Case {
        graph: structure.graph.clone(),
        config: structure.config,
        inputs,
    };
    let mut tape = Tape::fresh(seed);
    let _ = case.execute(&mut tape);
    tape.read().to_vec()
}
