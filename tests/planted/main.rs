//! Faults that are planted in the rules, and what finds them: the attack shown to work.
//!
//! Every fault is made by one mechanism: a rule is called as it stands, but for one primitive
//! it is told something untrue (another format, another configuration, an argument that is
//! better known than it is, a summand fewer), or its answer is altered. The search of
//! `gradbound search` then has to find a witness, and must find none against the true rules.
#![allow(clippy::disallowed_methods, reason = "figures of a search, no bounds")]

mod besides;
mod catalogue;
mod lie;
mod page;
mod pullback;

use catalogue::{Fault, faults};
use gradbound::bound::Operand;
use gradbound::op::{Op, Primitive, RuleCx, ScaleOperand};
use gradbound::tensor::Tensor;
use gradbound::witness::case::Rules;
use gradbound::witness::search::{Budget, Search, State, Strategy};
use gradbound::witness::subject::Subject;
use rayon::prelude::*;

/// What the page says of a fault.
pub struct Row {
    pub name: String,
    /// The search with all strategies.
    pub all: State,
    /// The search that only draws.
    pub random: Option<State>,
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/planted.md");
const STALE: &str =
    "docs/planted.md is stale: GRADBOUND_WRITE=1 cargo test --release --test planted";

/// Trials until a fault counts as not found.
const TRIALS: u64 = 40_000;
/// Trials of random draws alone.
const RANDOM_TRIALS: u64 = 4_000;
/// Trials without which the true rules do not count as attacked.
const TRUE_TRIALS: u64 = 1_200;

fn subject(fault: &Fault) -> Subject {
    let config = Some(fault.lie.admitted());
    Subject::operation(
        fault.of,
        fault.obligation,
        fault.dtype,
        config,
        fault.exact,
        8,
    )
    .unwrap_or_else(|e| panic!("{}: {e}", fault.name()))
}

fn attack(subject: &Subject, rules: Rules, strategies: &[Strategy], trials: u64) -> State {
    let search = Search {
        subject,
        strategies,
        seed: 1,
        rules,
        live: &|_| {},
    };
    let budget = Budget {
        trials: Some(trials),
        first: true,
        ..Budget::default()
    };
    search.run(State::default(), budget, &mut |_| true)
}

/// The search against a planted fault.
fn planted(fault: &Fault, strategies: &[Strategy], trials: u64) -> State {
    let is_it = |op: &Op| op.primitive() == fault.primitive;
    let error = |op: &Op, cx: &RuleCx, args: &[Operand], out: &Tensor| match is_it(op) {
        true => fault.lie.error(op, cx, args, out),
        false => op.error(cx, args, out),
    };
    let scale = |op: &Op, cx: &RuleCx, args: &[ScaleOperand]| match is_it(op) {
        true => fault.lie.scale(op, cx, args),
        false => op.scale(cx, args),
    };
    let rules = Rules {
        error: &error,
        scale: &scale,
        told: fault.lie.told(),
    };
    attack(&subject(fault), rules, strategies, trials)
}

fn violation(state: &State) -> Option<&str> {
    state.best.as_ref()?.score.violation.as_deref()
}

/// The faults to plant: all, in a build that is fast enough for it.
fn chosen() -> Vec<Fault> {
    let step = if cfg!(debug_assertions) { 16 } else { 1 };
    faults().into_iter().step_by(step).collect()
}

/// Every fault is found; docs/planted.md says by which strategy and after how many trials.
#[test]
fn every_planted_fault_is_found() {
    let write = std::env::var_os("GRADBOUND_WRITE").is_some();
    let faults = if write { faults() } else { chosen() };
    let found: Vec<Row> = (faults.par_iter())
        .map(|fault| Row {
            name: fault.name(),
            all: planted(fault, &Strategy::ALL, TRIALS),
            random: write.then(|| planted(fault, &[Strategy::Random], RANDOM_TRIALS)),
        })
        .collect();
    if write {
        std::fs::write(PAGE, page::text(&found, &pullback::all()))
            .expect("the page can be written");
    }
    let missed: Vec<String> = (found.iter())
        .filter(|row| violation(&row.all).is_none())
        .map(|row| {
            let best = row.all.best.as_ref().map_or(-1.0, |b| b.score.ratio);
            format!("{} (nearest {best:.4})", row.name)
        })
        .collect();
    assert!(
        missed.is_empty(),
        "{} missed:\n{}",
        missed.len(),
        missed.join("\n")
    );
}

#[test]
fn the_page_lists_every_fault() {
    let faults = faults();
    assert!(faults.len() >= 100, "only {} faults", faults.len());
    let page = std::fs::read_to_string(PAGE).expect("docs/planted.md");
    let rows = page.lines().filter(|l| l.starts_with("| `")).count();
    assert_eq!(rows, faults.len(), "{STALE}");
    for fault in faults {
        assert!(
            page.contains(&format!("| `{}` |", fault.name())),
            "{}: {STALE}",
            fault.name()
        );
    }
}

/// The true rules of everything that has a fault stand against the same search.
#[test]
fn the_true_rules_hold() {
    let mut subjects: Vec<(String, Subject)> = Vec::new();
    for fault in chosen() {
        let key = fault.subject_key();
        if subjects.iter().all(|(k, _)| *k != key) {
            subjects.push((key, subject(&fault)));
        }
    }
    subjects.par_iter().for_each(|(key, subject)| {
        let state = attack(subject, Rules::TRUE, &Strategy::ALL, TRUE_TRIALS);
        assert_eq!(violation(&state), None, "{key}");
    });
}
