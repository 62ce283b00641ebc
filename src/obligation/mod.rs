//! What each node owes, and the checked evaluation that verifies it on a run.
//!
//! Specification, runtime, bounds and scales are evaluated in lockstep, forward and
//! backward. A claim that f64 intervals cannot decide is retried with double-double balls,
//! then exact rationals where the graph is algebraic and small, then intervals of growing
//! precision; what is still open then is *undecided*, which is a result, not an error.

mod consequence;
mod escalate;
mod measure;

pub use consequence::without_consequence;
pub use escalate::{check, check_to};
pub use measure::Measured;

use crate::adjoint::{self, Origins};
use crate::bound::Approx;
use crate::config::Config;
use crate::error::Result;
use crate::graph::{Graph, Pass};
use crate::interpret::{bounds, runtime, scales};
use crate::op::{Primitive, Scaled};
use crate::tensor::Tensor;
use crate::verdict::{Outcome, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A claim that a node makes about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obligation {
    /// Forward: |runtime − spec| ≤ eps.
    Sound,
    /// Forward: |spec| and |runtime| ≤ scale.
    FwdScaleSound,
    /// Pullback: |runtime − spec| ≤ eps.
    VjpSound,
    /// Pullback: |spec| and |runtime| ≤ scale.
    VjpScaleSound,
    /// Accumulation: |runtime − spec| ≤ eps.
    AddSound,
    /// Accumulation: |spec| and |runtime| ≤ scale.
    AddScaleSound,
}

impl Obligation {
    /// Every obligation that a node has.
    pub const ALL: [Obligation; 6] = [
        Obligation::Sound,
        Obligation::FwdScaleSound,
        Obligation::VjpSound,
        Obligation::VjpScaleSound,
        Obligation::AddSound,
        Obligation::AddScaleSound,
    ];

    /// The eps and the scale obligation of a pass.
    pub fn of(pass: Pass) -> [Obligation; 2] {
        match pass {
            Pass::Forward => [Obligation::Sound, Obligation::FwdScaleSound],
            Pass::Backward => [Obligation::VjpSound, Obligation::VjpScaleSound],
            Pass::Accumulate => [Obligation::AddSound, Obligation::AddScaleSound],
        }
    }
}

/// A run with everything that is known of it: one entry per value of the graph.
#[derive(Debug, Clone)]
pub struct Run {
    /// What native floats computed.
    pub values: Vec<Tensor>,
    /// eps and what belongs to it.
    pub approx: Vec<Approx>,
    /// Scales.
    pub scales: Vec<Scaled>,
}

impl Run {
    /// Executes, bounds and scales a graph over exact inputs.
    pub fn new(graph: &Graph, config: &Config, inputs: &[Tensor]) -> Result<Run> {
        let values = runtime::eval(graph, config, inputs)?;
        Ok(Run::of(graph, config, inputs, values))
    }

    /// Bounds and scales what native floats computed from exact inputs.
    pub fn of(graph: &Graph, config: &Config, inputs: &[Tensor], values: Vec<Tensor>) -> Run {
        let exact = vec![Approx::exact(); inputs.len()];
        let approx = bounds::eval(graph, config, &values, &exact);
        Run::scaled(graph, config, inputs, (values, approx))
    }

    /// The same with the ε of the `asked` values in adjoint form, and what those are made of.
    pub fn refined(
        graph: &Graph,
        config: &Config,
        inputs: &[Tensor],
        values: Vec<Tensor>,
        asked: &BTreeSet<usize>,
    ) -> (Run, BTreeMap<usize, Origins>) {
        let exact = vec![Approx::exact(); inputs.len()];
        let refined = adjoint::refine(graph, config, &values, &exact, asked);
        let run = Run::scaled(graph, config, inputs, (values, refined.approx));
        (run, refined.origins)
    }

    fn scaled(
        graph: &Graph,
        config: &Config,
        inputs: &[Tensor],
        (values, approx): (Vec<Tensor>, Vec<Approx>),
    ) -> Run {
        let given: Vec<Scaled> = inputs.iter().map(Scaled::of).collect();
        let known = scales::Known {
            run: &values,
            approx: &approx,
        };
        let scales = scales::eval(graph, config, &given, Some(known));
        Run {
            values,
            approx,
            scales,
        }
    }
}

/// A tensor that someone else computed for a value of the graph.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Position of the value in the arena.
    pub value: usize,
    /// What was computed.
    pub tensor: Tensor,
}

/// All checks of a run.
#[derive(Debug, Clone)]
pub struct Checks {
    /// eps of every value.
    pub error: Vec<Measured>,
    /// scale of every value.
    pub scale: Vec<Measured>,
    /// The claimed tensors against the eps of their values, in the order given.
    pub claimed: Vec<Measured>,
    /// The rungs that were climbed, by name.
    pub rungs: Vec<&'static str>,
}

/// An obligation that failed, or could not be decided, at a node of a graph.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Position of the node in the arena.
    pub value: usize,
    /// The primitive.
    pub op: &'static str,
    /// What it owed.
    pub obligation: Obligation,
    /// The verdict, with the witness.
    pub verdict: Verdict,
}

/// Every obligation of the graph that does not hold on this run, in arena order.
pub fn failures(graph: &Graph, checks: &Checks) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (value, node) in graph.nodes().iter().enumerate() {
        let pair = [&checks.error[value], &checks.scale[value]];
        for (obligation, measured) in Obligation::of(node.origin().pass).into_iter().zip(pair) {
            if !measured.verdict.holds() {
                failures.push(Failure {
                    value,
                    op: node.op().name(),
                    obligation,
                    verdict: measured.verdict.clone(),
                });
            }
        }
    }
    failures
}

/// Runs a graph with every obligation checked and stops at the first that fails.
pub fn checked_eval(
    graph: &Graph,
    config: &Config,
    inputs: &[Tensor],
) -> Result<std::result::Result<Run, Failure>> {
    let run = Run::new(graph, config, inputs)?;
    let checks = check(graph, &run, inputs, &[]);
    let violated = failures(graph, &checks)
        .into_iter()
        .find(|f| f.verdict.outcome() == Outcome::Violated);
    Ok(match violated {
        Some(failure) => Err(failure),
        None => Ok(run),
    })
}
