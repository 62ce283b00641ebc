//! An attack: many random cases of one fragment, each executed in a random admissible way
//! and judged against the bounds that the library computed from the run c alone.

use crate::tally::{Counts, Tally};
use gradbound::bound::{Approx, Bound, Operand};
use gradbound::config::Subnormals;
use gradbound::graph::ValueId;
use gradbound::graph::grad::Gradients;
use gradbound::number::Up;
use gradbound::op::{Op, Primitive, RuleCx};
use gradbound::tensor::{DType, Tensor};
use gradbound::witness::case::{Case, Claims, Rules};
use gradbound::witness::fragments::{Builder, Fragment};
use gradbound::witness::generate::{self, Given};
use gradbound::witness::oracle::{Judgement, Spec};
use gradbound::witness::tape::Tape;
use proptest::prelude::*;
use proptest::test_runner::{
    Config as Cases, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
};
use std::cell::RefCell;

pub use gradbound::witness::case::Claim;

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
        // Every other case knows more of the errors than each element's, whatever the case.
        let kind = tape
            .read()
            .iter()
            .fold(0_u32, |sum, n| sum.wrapping_add(*n));
        let inputs: Vec<Given> = (inputs.into_iter())
            .map(|given| given.with_norms(kind))
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
        let smaller = |op: &Op, cx: &RuleCx, args: &[Operand], out: &Tensor| {
            let approx = op.error(cx, args, out);
            let less = |i| Up::new(approx.eps.at(i).get() * self.planted);
            Approx {
                eps: Bound::from_fn(out.len(), less),
                ..approx
            }
        };
        let rules = Rules {
            error: if self.planted == 1.0 {
                &Op::error
            } else {
                &smaller
            },
            ..Rules::TRUE
        };
        let claims = case.claims(self.claim, &rules, computed)?;
        if let Some(judged) = case.another_value(&claims, computed) {
            return Some(case.tell(&judged, computed));
        }
        let (spec, of_run) = (case.spec(computed), case.spec(&claims.run));
        let of_run = if case.has_shifts() { &of_run } else { &spec };
        judge_one(case, &claims, computed, &spec, about, outcome)
            .or_else(|| judge_one(case, &claims, &claims.run, of_run, about, outcome))
    }
}

/// Judges one execution against what is claimed.
fn judge_one(
    case: &Case,
    claims: &Claims,
    computed: &[Tensor],
    spec: &Spec,
    about: &About,
    outcome: &mut Outcome,
) -> Option<String> {
    let mut violation = None;
    case.judge(claims, computed, spec, &mut |judged| {
        let output = about.outputs.contains(&judged.value);
        let claims = match judged.judgement {
            Judgement::NoClaim | Judgement::Undefined | Judgement::Undecided => false,
            Judgement::Holds(share) => {
                outcome.largest = outcome.largest.max(share);
                true
            }
            Judgement::Violated(_) => {
                violation = Some(case.tell(&judged, computed));
                return false;
            }
        };
        let compared = usize::from(claims);
        outcome.elements += usize::from(output);
        outcome.claims += usize::from(output && claims);
        about
            .tally
            .count(judged.value, compared, &mut outcome.compared);
        true
    });
    violation
}

/// What a case is about.
struct About {
    outputs: Vec<ValueId>,
    tally: Tally,
}
