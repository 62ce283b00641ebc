//! An attack: many random cases of one fragment, each executed in a random admissible way
//! and judged against the bounds that the library computed from the run c alone.

use crate::execute::{Execution, execute};
use crate::fragments::{Builder, Fragment};
use crate::generate::{self, Given};
use crate::oracle::{Judgement, Spec};
use crate::tape::Tape;
use gradbound::Config;
use gradbound::bound::{Approx, Bound};
use gradbound::config::Subnormals;
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::{bounds, runtime, scales};
use gradbound::number::Up;
use gradbound::op::{Primitive, Scaled};
use gradbound::tensor::{DType, Tensor};
use proptest::prelude::*;
use proptest::test_runner::{
    Config as Cases, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
};
use std::cell::RefCell;

/// Which claim is attacked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Claim {
    /// |x̂ − x| ≤ ε.
    Sound,
    /// |x|, |x̂| ≤ B from the inputs' scales alone.
    ScaleSound,
}

/// What is attacked, and how.
#[derive(Clone, Copy)]
pub struct Attack {
    pub fragment: Fragment,
    pub dtype: DType,
    pub claim: Claim,
    /// Whether the gradients are attacked, or the value itself.
    pub backward: bool,
    pub subnormals: Subnormals,
    /// Every eps times this; 1, but for planted violations.
    pub planted: f64,
    pub cases: u32,
}

/// How an attack went.
#[derive(Debug, Default, Clone)]
pub struct Outcome {
    /// Judged elements of the values that the fragment is about.
    pub elements: usize,
    /// Of these, those with a finite bound.
    pub claims: usize,
    /// The largest share of a bound that an element reached.
    pub largest: f64,
    /// The first violation, shrunk.
    pub violation: Option<String>,
}

impl Attack {
    pub fn on(fragment: Fragment, dtype: DType) -> Attack {
        Attack {
            fragment,
            dtype,
            claim: Claim::Sound,
            backward: false,
            subnormals: Subnormals::Gradual,
            planted: 1.0,
            cases: 200,
        }
    }

    /// Attacks until a violation is found or all cases are used. The cases are the same in
    /// every run, unless GRADBOUND_ATTACK multiplies their number: then they are fresh.
    pub fn run(self) -> Outcome {
        let outcome = RefCell::new(Outcome::default());
        let more: Option<u32> = std::env::var("GRADBOUND_ATTACK")
            .ok()
            .and_then(|n| n.parse().ok());
        let cases = Cases {
            cases: self.cases * more.unwrap_or(1),
            failure_persistence: None,
            max_shrink_iters: 3000,
            ..Cases::default()
        };
        let mut runner = match more {
            Some(_) => TestRunner::new(cases),
            None => {
                TestRunner::new_with_rng(cases, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
            }
        };
        let length = if self.backward { 700 } else { 400 };
        let tapes = prop::collection::vec(any::<u32>(), length);
        let result = runner.run(&tapes, |tape| {
            match self.case(&mut Tape::new(&tape), &mut outcome.borrow_mut()) {
                None => Ok(()),
                Some(violation) => Err(TestCaseError::fail(violation)),
            }
        });
        let mut outcome = outcome.into_inner();
        if let Err(TestError::Fail(reason, _)) = result {
            outcome.violation = Some(reason.message().to_string());
        }
        outcome
    }

    /// One case; what was violated, where something was.
    fn case(&self, tape: &mut Tape, outcome: &mut Outcome) -> Option<String> {
        let config = generate::config(tape, self.subnormals);
        let mut b = Builder::new(tape, self.dtype);
        let output = (self.fragment)(&mut b).expect("fragments are well formed");
        b.outputs = vec![output];
        if self.backward {
            b.differentiate(output)
                .expect("fragments are differentiable");
        }
        let Builder {
            graph,
            roles,
            outputs,
            ..
        } = b;
        let inputs: Vec<Given> = graph
            .inputs()
            .iter()
            .zip(&roles)
            .map(|(v, role)| generate::input(tape, graph.ty(*v), *role))
            .collect();
        let case = Case {
            graph,
            config,
            inputs,
        };
        let computed = case.execute(tape)?;
        self.judge(&case, &computed, &outputs, outcome)
    }

    /// Judges a drawn execution, and the run c itself, which is an execution like any other.
    fn judge(
        &self,
        case: &Case,
        computed: &[Tensor],
        outputs: &[ValueId],
        outcome: &mut Outcome,
    ) -> Option<String> {
        let run = case.run()?;
        let (claimed, violation) = match self.claim {
            Claim::Sound => {
                let known = case.bounds(&run);
                let violation = case.another_value(&known, &run, computed);
                (known.into_iter().map(|a| a.eps).collect(), violation)
            }
            Claim::ScaleSound => (case.scales(computed), None),
        };
        violation
            .or_else(|| self.judge_one(case, computed, &claimed, outputs, outcome))
            .or_else(|| self.judge_one(case, &run, &claimed, outputs, outcome))
    }

    fn judge_one(
        &self,
        case: &Case,
        computed: &[Tensor],
        claimed: &[Bound],
        outputs: &[ValueId],
        outcome: &mut Outcome,
    ) -> Option<String> {
        let x: Vec<&[_]> = case.inputs.iter().map(|given| given.x.as_slice()).collect();
        let spec = Spec::of(&case.graph, &x, computed);
        // Integers are exact, and beyond 2^53 a tensor cannot show them as f64.
        let float = |v: &ValueId| case.graph.ty(*v).dtype != DType::I64;
        for value in case.graph.values().filter(float) {
            let (k, output) = (value.index(), outputs.contains(&value));
            for (i, c) in computed[k].to_f64s().into_iter().enumerate() {
                let bound = claimed[k].at(i);
                let judged = match self.claim {
                    Claim::Sound => spec.error(k, i, c, self.planted_in(bound)),
                    Claim::ScaleSound => spec.scale(k, i, c, bound),
                };
                outcome.elements += usize::from(output);
                match judged {
                    Judgement::NoClaim => {}
                    Judgement::Holds(share) => {
                        outcome.claims += usize::from(output);
                        outcome.largest = outcome.largest.max(share);
                    }
                    Judgement::Violated(what) => return Some(case.tell(value, i, &what, computed)),
                }
            }
        }
        None
    }

    fn planted_in(&self, eps: Up) -> Up {
        if self.planted == 1.0 {
            eps
        } else {
            Up::new(eps.get() * self.planted)
        }
    }
}

/// One case: a graph, a configuration, and inputs.
pub struct Case {
    pub graph: Graph,
    pub config: Config,
    pub inputs: Vec<Given>,
}

impl Case {
    /// A random admissible execution over admissible inputs.
    pub fn execute(&self, tape: &mut Tape) -> Option<Vec<Tensor>> {
        let fixed: Vec<bool> = self
            .inputs
            .iter()
            .map(|given| matches!(given.approx.eps, Bound::Zero))
            .collect();
        let run = Execution {
            graph: &self.graph,
            config: &self.config,
            fixed_inputs: &fixed,
            tape,
        };
        let inputs: Vec<Tensor> = self.inputs.iter().map(|g| g.admissible.clone()).collect();
        execute(run, &inputs)
    }

    /// The library's own run; `None` where an operation is not defined for its arguments.
    pub fn run(&self) -> Option<Vec<Tensor>> {
        let c: Vec<Tensor> = self.inputs.iter().map(|g| g.c.clone()).collect();
        runtime::eval(&self.graph, &self.config, &c).ok()
    }

    /// What the library claims of the run c.
    pub fn bounds(&self, run: &[Tensor]) -> Vec<Approx> {
        let known: Vec<Approx> = self.inputs.iter().map(|g| g.approx.clone()).collect();
        bounds::eval(&self.graph, &self.config, run, &known)
    }

    /// A value that is said to be determined but came out differently.
    fn another_value(
        &self,
        known: &[Approx],
        run: &[Tensor],
        computed: &[Tensor],
    ) -> Option<String> {
        let values = self.graph.values().filter(|v| known[v.index()].determined);
        for value in values {
            let (c, other) = (
                run[value.index()].to_f64s(),
                computed[value.index()].to_f64s(),
            );
            // The exact arithmetic knows no sign of zero, so none of the infinities over it.
            let finite = |i: &usize| c[*i].is_finite() && other[*i].is_finite();
            let differs = |i: &usize| finite(i) && c[*i] != other[*i];
            if let Some(i) = (0..c.len()).find(differs) {
                let what = format!("said to be determined, but {:e} or {:e}", c[i], other[i]);
                return Some(self.tell(value, i, &what, computed));
            }
        }
        None
    }

    /// What the library claims from the scales of the inputs alone.
    fn scales(&self, computed: &[Tensor]) -> Vec<Bound> {
        let known = self
            .inputs
            .iter()
            .zip(self.graph.inputs())
            .map(|(given, v)| {
                let used = &computed[v.index()];
                Scaled::new(Bound::from_fn(given.c.len(), |i| {
                    let spread = Up::magnitude(given.c.get(i)) + given.approx.eps.at(i);
                    spread.max(Up::magnitude(used.get(i)))
                }))
            });
        let inputs: Vec<Scaled> = known.collect();
        let all = scales::eval(&self.graph, &self.config, &inputs, None);
        all.into_iter().map(|scaled| scaled.scale).collect()
    }

    fn tell(&self, value: ValueId, at: usize, what: &str, computed: &[Tensor]) -> String {
        let mut lines = vec![format!("value {} element {at}: {what}", value.index())];
        lines.push(format!("{:?}", self.config));
        for v in self.graph.values() {
            let node = self.graph.node(v);
            let args: Vec<usize> = node.args().iter().map(|a| a.index()).collect();
            let used = computed[v.index()].to_f64s();
            lines.push(format!(
                "  {} = {}{args:?} {} -> {used:e}",
                v.index(),
                node.op().name(),
                self.graph.ty(v),
                used = Exp(&used)
            ));
        }
        for given in &self.inputs {
            let eps: Vec<f64> = (0..given.c.len())
                .map(|i| given.approx.eps.at(i).get())
                .collect();
            lines.push(format!(
                "  c {:e} eps {:e} determined {}",
                Exp(&given.c.to_f64s()),
                Exp(&eps),
                given.approx.determined
            ));
        }
        lines.join("\n")
    }
}

/// Numbers with exponents, as they are easiest to read back.
struct Exp<'a>(&'a [f64]);

impl std::fmt::LowerExp for Exp<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|x| format!("{x:e}")))
            .finish()
    }
}
