//! What a rule may be told that is not so.

use gradbound::Config;
use gradbound::bound::{Approx, Bound, Drift, Operand};
use gradbound::config::{Contract, Schedule, Subnormals};
use gradbound::libm::Libm;
use gradbound::number::{Enclosure, Up};
use gradbound::op::{Op, Primitive, RuleCx, ScaleOperand, Scaled};
use gradbound::tensor::{DType, Tensor, Ty};
use std::sync::Arc;

/// One untruth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lie {
    /// Results round as in f64: u of the wrong format.
    WiderFormat,
    /// Every sum goes by halves.
    ByHalves,
    /// Functions are rounded correctly.
    CorrectFunctions,
    /// Nothing is flushed: subnormals are forgotten, by every value's rule.
    Gradually,
    /// Every execution computes the run's value: |c| for |c| + 2ε.
    RunIsAll,
    /// An argument is known exactly: a term of the propagation is forgotten.
    Exactly(usize),
    /// Half of an argument's ε is forgotten.
    HalfOf(usize),
    /// The first element of an argument is 0, known exactly: n − 1 terms for n.
    OneLess(usize),
    /// The answer, times this.
    Times(f64),
    /// The answer's first element is exact.
    FirstIsExact,
    /// The least ε of all elements for each.
    Least,
    /// A scale speaks for the run alone: its ε is forgotten.
    RunOnly,
    /// What a determined execution lost is the answer, and half of it: executions are fixed.
    HalfOfMeasured,
    /// Half of what is known of blocks of errors.
    HalfNorms,
    /// The norms of errors are what they would be if an argument were known exactly.
    ExactInNorms(usize),
    /// Every execution has the run's value.
    Determined,
    /// The answer does not depend on a free shift.
    NoDrift,
    /// Half of how far other executions' shifts move the answer.
    HalfDrift,
    /// What is added up later has leaves without errors.
    ExactLeaves,
    /// The answer lies between the least and the greatest element of the run.
    RangeOfRun,
}

/// The configuration that leaves sums no choice.
const FIXED: (Schedule, Contract) = (Schedule::Left, Contract::Off);

fn halved(drift: &Drift, len: usize) -> Drift {
    match drift {
        Drift::Within(bound) => Drift::Within(Bound::from_fn(len, |i| part(bound.at(i), 0.5))),
        Drift::None | Drift::Settled => drift.clone(),
    }
}

fn less(approx: &Approx, len: usize, of: impl Fn(usize, Up) -> Up) -> Approx {
    Approx {
        eps: Bound::from_fn(len, |i| of(i, approx.eps.at(i))),
        nest: None,
        ..approx.clone()
    }
}

fn part(eps: Up, factor: f64) -> Up {
    if eps.is_finite() {
        Up::new(eps.get() * factor)
    } else {
        eps
    }
}

impl Lie {
    fn config(self, config: &Config) -> Config {
        let mut config = *config;
        match self {
            Lie::ByHalves => config.schedule = Schedule::Pairwise,
            Lie::CorrectFunctions => config.libm = Libm::Correct,
            _ => {}
        }
        config
    }

    /// An argument as the rule is told of it.
    fn argument(self, k: usize, value: &Tensor, approx: &Approx) -> (Tensor, Approx) {
        let len = value.len();
        let mut told = approx.clone();
        let mut value = value.clone();
        match self {
            Lie::RunIsAll => told.determined = true,
            Lie::Exactly(arg) | Lie::ExactInNorms(arg) if arg == k => told = Approx::exact(),
            Lie::HalfOf(arg) if arg == k => told = less(approx, len, |_, eps| part(eps, 0.5)),
            Lie::OneLess(arg) if arg == k && len > 1 && value.dtype().is_float() => {
                let mut elements = value.to_f64s();
                elements[0] = 0.0;
                let shape = value.shape().clone();
                value = Tensor::from_f64s(shape, value.dtype(), &elements).expect("as before");
                told = less(approx, len, |i, eps| if i == 0 { Up::ZERO } else { eps });
            }
            _ => {}
        }
        (value, told)
    }

    /// What all rules are told of the executions.
    pub fn told(self) -> Option<Config> {
        (self == Lie::Gradually).then(Config::default)
    }

    /// What executions are admitted while the rule lies.
    pub fn admitted(self) -> Config {
        let mut config = Config::default();
        if self == Lie::Gradually {
            config.subnormals = Subnormals::Flush;
        }
        if self == Lie::HalfOfMeasured {
            (config.schedule, config.contract) = FIXED;
        }
        config
    }

    /// The rule of an operation under this lie.
    pub fn error(self, op: &Op, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx {
        let truth = || op.error(cx, args, out);
        let config = self.config(cx.config);
        let wide = Ty::new(cx.ty.shape.clone(), DType::F64);
        let cx = RuleCx {
            config: &config,
            ty: if self == Lie::WiderFormat {
                &wide
            } else {
                cx.ty
            },
        };
        let told: Vec<(Tensor, Approx)> = args
            .iter()
            .enumerate()
            .map(|(k, a)| self.argument(k, a.value, a.approx))
            .collect();
        let given: Vec<Operand> = told
            .iter()
            .map(|(value, approx)| Operand { value, approx })
            .collect();
        let answer = op.error(&cx, &given, out);
        let len = out.len();
        match self {
            Lie::HalfOfMeasured => less(&answer, len, |_, eps| part(eps, 0.5)),
            Lie::HalfNorms
            | Lie::ExactInNorms(_)
            | Lie::Determined
            | Lie::NoDrift
            | Lie::HalfDrift
            | Lie::ExactLeaves
            | Lie::RangeOfRun => self.besides(answer, truth, out),
            Lie::Times(factor) => less(&answer, len, |_, eps| part(eps, factor)),
            Lie::FirstIsExact => less(&answer, len, |i, eps| if i == 0 { Up::ZERO } else { eps }),
            Lie::Least => {
                let all = (0..len).map(|i| answer.eps.at(i));
                let least = all.fold(Up::INFINITY, Up::min);
                less(&answer, len, |_, _| least)
            }
            Lie::RunOnly => less(&answer, len, |_, _| Up::ZERO),
            _ => answer,
        }
    }

    /// An answer whose ε is right, but not what is said besides.
    fn besides(self, answer: Approx, truth: impl Fn() -> Approx, out: &Tensor) -> Approx {
        let len = out.len();
        match self {
            Lie::HalfNorms => Approx {
                blocks: (answer.blocks.as_ref()).map(|b| b.stretched(len, |_| Up::new(0.5))),
                ..answer
            },
            Lie::ExactInNorms(_) => Approx {
                blocks: answer.blocks,
                ..truth()
            },
            Lie::Determined => Approx {
                determined: true,
                ..answer
            },
            Lie::NoDrift => Approx {
                drift: Drift::None,
                ..answer
            },
            Lie::HalfDrift => Approx {
                drift: halved(&answer.drift, len),
                ..answer
            },
            Lie::ExactLeaves => Approx {
                nest: (answer.nest.as_ref()).map(|nest| Arc::new(nest.without_propagation())),
                ..answer
            },
            Lie::RangeOfRun => {
                let values = (0..len).map(|i| Enclosure::point(out.get(i)));
                Approx {
                    range: values.reduce(|a, b| a.hull(b)).unwrap_or_default(),
                    ..answer
                }
            }
            _ => answer,
        }
    }

    /// The scale of an operation under this lie.
    pub fn scale(self, op: &Op, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let told: Vec<Scaled> = args
            .iter()
            .enumerate()
            .map(|(k, a)| match self {
                Lie::HalfOf(arg) if arg == k => {
                    let len = a.ty.shape.len();
                    let half = |i| part(a.scaled.scale.at(i), 0.5);
                    Scaled::new(Bound::from_fn(len, half))
                }
                Lie::Exactly(arg) if arg == k => Scaled::new(Bound::Zero),
                _ => a.scaled.clone(),
            })
            .collect();
        let args: Vec<ScaleOperand> = args
            .iter()
            .zip(&told)
            .map(|(a, scaled)| ScaleOperand { ty: a.ty, scaled })
            .collect();
        let answer = op.scale(cx, &args);
        match self {
            Lie::Times(factor) => {
                let len = cx.ty.shape.len();
                Scaled::new(Bound::from_fn(len, |i| part(answer.scale.at(i), factor)))
            }
            _ => answer,
        }
    }
}
