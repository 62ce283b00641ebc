//! An attack: many random cases of one fragment, each executed in a random admissible way
//! and judged against the bounds that the library computed from the run c alone.

use crate::tally::{Counts, Tally};
use gradbound::Config;
use gradbound::bound::{Approx, Bound};
use gradbound::config::Subnormals;
use gradbound::graph::grad::Gradients;
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::scales::Known;
use gradbound::interpret::{bounds, runtime, scales};
use gradbound::number::Up;
use gradbound::op::{Op, Primitive, Scaled};
use gradbound::tensor::{DType, Tensor};
use gradbound::witness::dyadic;
use gradbound::witness::execute::{Execution, execute};
use gradbound::witness::fragments::{Builder, Fragment};
use gradbound::witness::generate::{self, Given};
use gradbound::witness::oracle::{Judgement, Spec};
use gradbound::witness::tape::Tape;
use proptest::prelude::*;
use proptest::test_runner::{
    Config as Cases, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
};
use std::cell::RefCell;

/// Which claim is attacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// |x̂ − x| ≤ ε.
    Sound,
    /// |x|, |x̂| ≤ B, from the inputs' scales alone and with the run c.
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
    /// How many elements were compared with a finite bound, the run's among them.
    pub compared: Counts,
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
        let length = if self.backward { 900 } else { 400 };
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
        let config = generate::config(tape, self.subnormals, self.dtype);
        let mut b = Builder::new(tape, self.dtype);
        let output = (self.fragment)(&mut b).expect("fragments are well formed");
        b.outputs = vec![output];
        let (mut gradients, mut fanned) = (Gradients::default(), false);
        if self.backward {
            fanned = b.tape.coin();
            gradients = b
                .differentiate(output, fanned)
                .expect("fragments are differentiable");
        }
        let Builder {
            graph,
            roles,
            outputs,
            ..
        } = b;
        let about = About {
            tally: Tally::of(&graph, &outputs, &gradients, fanned),
            outputs,
        };
        let small = generate::all_small(tape, self.dtype);
        let inputs: Vec<Given> = graph
            .inputs()
            .iter()
            .zip(&roles)
            .map(|(v, role)| generate::input(tape, graph.ty(*v), *role, small))
            .collect();
        let case = Case {
            graph,
            config,
            inputs,
        };
        let computed = case.execute(tape)?;
        self.judge(&case, &computed, &about, outcome)
    }

    /// Judges a drawn execution, and the run c itself, which is an execution like any other.
    fn judge(
        &self,
        case: &Case,
        computed: &[Tensor],
        about: &About,
        outcome: &mut Outcome,
    ) -> Option<String> {
        let run = case.run()?;
        let known = case.bounds(&run);
        let (claimed, violation) = match self.claim {
            Claim::Sound => {
                let violation = case.another_value(&known, &run, computed);
                (vec![known.into_iter().map(|a| a.eps).collect()], violation)
            }
            Claim::ScaleSound => {
                let known = Known {
                    run: &run,
                    approx: &known,
                };
                let claimed = vec![
                    case.scales(computed, None),
                    case.scales(computed, Some(known)),
                ];
                (claimed, None)
            }
        };
        if violation.is_some() {
            return violation;
        }
        let spec = case.spec(computed);
        // Only these take their specification from the execution.
        let shifts = |op: &Op| matches!(op, Op::FreeMax(_) | Op::Held(_));
        let of_run = (case.graph.nodes().iter().any(|n| shifts(n.op()))).then(|| case.spec(&run));
        let of_run = of_run.as_ref().unwrap_or(&spec);
        self.judge_one(case, computed, &spec, &claimed, about, outcome)
            .or_else(|| self.judge_one(case, &run, of_run, &claimed, about, outcome))
    }

    /// Judges one execution against one bound or several.
    fn judge_one(
        &self,
        case: &Case,
        computed: &[Tensor],
        spec: &Spec,
        claimed: &[Vec<Bound>],
        about: &About,
        outcome: &mut Outcome,
    ) -> Option<String> {
        for value in case.graph.values() {
            let (k, output) = (value.index(), about.outputs.contains(&value));
            let integer = case.graph.ty(value).dtype == DType::I64;
            let mut compared = 0;
            for (i, c) in computed[k].to_f64s().into_iter().enumerate() {
                // Beyond 2^53 a tensor cannot show an integer, which is exact, as f64.
                if integer && c.abs() >= dyadic::power(53) {
                    continue;
                }
                let mut claims = false;
                for bounds in claimed {
                    let bound = bounds[k].at(i);
                    let judged = match self.claim {
                        Claim::Sound => spec.error(k, i, c, self.planted_in(bound)),
                        Claim::ScaleSound => spec.scale(k, i, c, bound),
                    };
                    match judged {
                        Judgement::NoClaim => {}
                        Judgement::Holds(share) => {
                            claims = true;
                            outcome.largest = outcome.largest.max(share);
                        }
                        Judgement::Violated(what) => {
                            return Some(case.tell(value, i, &what, computed));
                        }
                    }
                }
                compared += usize::from(claims);
                outcome.elements += usize::from(output);
                outcome.claims += usize::from(output && claims);
            }
            about.tally.count(value, compared, &mut outcome.compared);
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

/// What a case is about.
struct About {
    outputs: Vec<ValueId>,
    tally: Tally,
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

    fn spec(&self, computed: &[Tensor]) -> Spec {
        let x: Vec<&[_]> = self.inputs.iter().map(|given| given.x.as_slice()).collect();
        Spec::of(&self.graph, &x, computed)
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

    /// What the library claims from the scales of the inputs alone, or with the run as well.
    fn scales(&self, computed: &[Tensor], run: Option<Known<'_>>) -> Vec<Bound> {
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
        let all = scales::eval(&self.graph, &self.config, &inputs, run);
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
