//! What is attacked: an obligation of an operation, or of the values of a given graph.

pub mod model;
mod opaque;

pub use opaque::Opaque;

use super::case::{Case, Claim, Rules};
use super::fragments::{Builder, Fragment};
use super::generate::{self, Role};
use super::oracle::Judgement;
use super::point::{Input, Point};
use super::tape::Tape;
use crate::Config;
use crate::config::Subnormals;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::obligation::Obligation;
use crate::tensor::{DType, Tensor};
use std::sync::Arc;

/// An obligation under attack.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The obligation.
    pub obligation: Obligation,
    /// Whose.
    pub of: Of,
}

/// Whose obligation.
#[derive(Debug, Clone)]
pub enum Of {
    /// An operation's, in graphs that are drawn.
    Operation {
        /// Its name.
        name: String,
        /// The smallest graphs that contain it.
        fragments: &'static [Fragment],
        /// The type of floats.
        dtype: DType,
        /// The executions that are admitted; drawn where it is not given.
        config: Option<Config>,
        /// Whether all inputs are known exactly, so that only roundings are left.
        exact: bool,
        /// Of reductions that are of any length.
        length: usize,
    },
    /// Of some values of a graph over exact inputs.
    Graph {
        /// Its name.
        name: String,
        /// The SHA-256 of the model.
        model: String,
        /// The graph, with its backward pass.
        graph: Box<Graph>,
        /// One for every input.
        inputs: Vec<Tensor>,
        /// The values.
        targets: Vec<ValueId>,
        /// The executions that are admitted.
        config: Config,
    },
    /// Of somebody's own code.
    Kernel(Arc<dyn Opaque>),
}

/// What stays as it is while a point of it is searched.
#[derive(Debug, Clone)]
pub struct Structure {
    /// What is computed.
    pub graph: Graph,
    /// The executions that the claims speak for.
    pub config: Config,
    /// What each input may be.
    pub roles: Vec<Role>,
    /// The values that the search is about.
    pub targets: Vec<ValueId>,
    /// What is claimed of them.
    pub claim: Claim,
    /// Whether all inputs are known exactly.
    pub exact: bool,
    /// The numbers that it was drawn from.
    pub numbers: Vec<u32>,
    /// What runs and is judged in the place of random executions of the graph.
    pub kernel: Option<Arc<dyn Opaque>>,
}

/// How a trial went.
#[derive(Debug, Clone)]
pub struct Score {
    /// The largest share of a bound among the targets; negative where nothing is claimed.
    pub ratio: f64,
    /// Where: the value and the element.
    pub at: Option<(ValueId, usize)>,
    /// What was violated, at any value.
    pub violation: Option<String>,
    /// How many elements of all values that are computed were compared with a finite bound.
    pub checks: usize,
    /// How many elements came so near to a finite bound that nothing decided.
    pub undecided: u64,
    /// What code that is attacked as it stands said where it returned no result.
    pub failed: Option<String>,
}

impl Score {
    /// True where it is worth more than the other to a search.
    pub fn beats(&self, other: &Score) -> bool {
        let found = |s: &Score| (s.violation.is_some(), s.failed.is_some());
        (found(self), self.ratio) > (found(other), other.ratio)
    }

    /// Nothing claimed yet.
    pub fn nothing() -> Score {
        Score {
            checks: 0,
            undecided: 0,
            ratio: -1.0,
            at: None,
            violation: None,
            failed: None,
        }
    }

    /// True where there is something to report: a violation or a failure.
    pub fn is_fault(&self) -> bool {
        self.violation.is_some() || self.failed.is_some()
    }
}

impl Subject {
    /// The name of what is attacked.
    pub fn name(&self) -> &str {
        match &self.of {
            Of::Operation { name, .. } | Of::Graph { name, .. } => name,
            Of::Kernel(kernel) => kernel.name(),
        }
    }

    /// The SHA-256 of the model that it is of.
    pub fn model(&self) -> Option<&str> {
        match &self.of {
            Of::Operation { .. } | Of::Kernel(_) => None,
            Of::Graph { model, .. } => Some(model),
        }
    }

    /// Of its reductions that are of any length; 0 for a model.
    pub fn length(&self) -> usize {
        match &self.of {
            Of::Operation { length, .. } => *length,
            Of::Graph { .. } | Of::Kernel(_) => 0,
        }
    }

    /// About how many elements a trial looks at, or how long its sums are.
    pub(super) fn work(&self) -> u64 {
        match &self.of {
            Of::Operation { length, .. } => *length as u64,
            Of::Graph { graph, .. } => model::terms(graph) as u64,
            Of::Kernel(_) => 1,
        }
    }

    /// Whether some graph of it has a value that the obligation is about: integers have no
    /// gradient.
    pub fn has_targets(&self) -> bool {
        (0..16).any(|seed| {
            let structure = self.structure(&mut Tape::fresh(seed));
            structure.is_ok_and(|s| !s.targets.is_empty())
        })
    }

    /// The type of floats; that of the first target of a graph.
    pub fn dtype(&self) -> Option<DType> {
        match &self.of {
            Of::Operation { dtype, .. } => Some(*dtype),
            Of::Graph { graph, targets, .. } => targets.first().map(|v| graph.ty(*v).dtype),
            Of::Kernel(kernel) => Some(kernel.dtype()),
        }
    }

    /// A graph of it.
    pub fn structure(&self, tape: &mut Tape) -> Result<Structure> {
        let (backward, fanned, claim) = match self.obligation {
            Obligation::Sound => (false, false, Claim::Sound),
            Obligation::FwdScaleSound => (false, false, Claim::ScaleSound),
            Obligation::VjpSound => (true, false, Claim::Sound),
            Obligation::VjpScaleSound => (true, false, Claim::ScaleSound),
            Obligation::AddSound => (true, true, Claim::Sound),
            Obligation::AddScaleSound => (true, true, Claim::ScaleSound),
        };
        match &self.of {
            Of::Operation {
                fragments,
                dtype,
                config,
                exact,
                length,
                ..
            } => {
                let drawn = generate::config(tape, Subnormals::Gradual, *dtype);
                let fragment = tape.pick(fragments);
                let mut b = Builder::new(tape, *dtype);
                b.length = *length;
                let output = fragment(&mut b)?;
                b.outputs = vec![output];
                if backward {
                    b.differentiate(output, fanned)?;
                }
                let Builder {
                    graph,
                    roles,
                    outputs,
                    ..
                } = b;
                Ok(Structure {
                    graph,
                    config: config.unwrap_or(drawn),
                    roles,
                    targets: outputs,
                    claim,
                    exact: *exact,
                    numbers: tape.read().to_vec(),
                    kernel: None,
                })
            }
            Of::Graph {
                graph,
                targets,
                config,
                ..
            } => Ok(Structure {
                graph: (**graph).clone(),
                config: *config,
                roles: Vec::new(),
                targets: targets.clone(),
                claim,
                exact: true,
                numbers: Vec::new(),
                kernel: None,
            }),
            Of::Kernel(kernel) => {
                let structure = kernel.structure(tape)?;
                Ok(Structure {
                    numbers: tape.read().to_vec(),
                    kernel: Some(Arc::clone(kernel)),
                    ..structure
                })
            }
        }
    }

    /// Inputs of a graph of it.
    pub fn inputs(&self, structure: &Structure, tape: &mut Tape) -> Vec<Input> {
        let graph = &structure.graph;
        match &self.of {
            Of::Graph { inputs, .. } => inputs.iter().cloned().map(Input::Fixed).collect(),
            Of::Operation { dtype, .. } => {
                let small = generate::all_small(tape, *dtype);
                let each = graph.inputs().iter().zip(&structure.roles);
                let given = |(v, role): (&ValueId, &Role)| {
                    let given = generate::input(tape, graph.ty(*v), *role, small);
                    if structure.exact {
                        Input::of(&generate::exactly(&given.c))
                    } else {
                        Input::of(&given)
                    }
                };
                each.map(given).collect()
            }
            Of::Kernel(kernel) => kernel.inputs(structure, tape),
        }
    }
}

impl Structure {
    /// Judges one point; `None` where an operation is not defined for its arguments.
    pub fn judge(&self, point: &Point, rules: &Rules) -> Option<Score> {
        if let Some(kernel) = &self.kernel {
            return kernel.judge(self, point);
        }
        let case = Case {
            graph: self.graph.clone(),
            config: self.config,
            inputs: point.given(&self.graph)?,
        };
        let mut tape = Tape::new(&point.choices);
        let computed = case.execute(&mut tape)?;
        let claims = case.claims(self.claim, rules, &computed)?;
        let mut score = Score::nothing();
        if let Some(judged) = case.another_value(&claims, &computed) {
            score.ratio = f64::INFINITY;
            score.at = Some((judged.value, judged.at));
            score.violation = Some(case.tell(&judged, &computed));
            return Some(score);
        }
        let spec = case.spec(&computed);
        case.judge(&claims, &computed, &spec, &mut |judged| {
            let target = self.targets.contains(&judged.value);
            match &judged.judgement {
                Judgement::NoClaim | Judgement::Undefined => {}
                Judgement::Undecided => score.undecided += 1,
                Judgement::Holds(share) => {
                    score.checks += usize::from(!self.graph.inputs().contains(&judged.value));
                    if target && *share > score.ratio {
                        score.ratio = *share;
                        score.at = Some((judged.value, judged.at));
                    }
                }
                Judgement::Violated(_) => {
                    score.ratio = f64::INFINITY;
                    score.at = Some((judged.value, judged.at));
                    score.violation = Some(case.tell(&judged, &computed));
                    return false;
                }
            }
            true
        });
        Some(score)
    }
}
