//! A case: a graph, a configuration and inputs of which the run, the specification and an
//! admissible execution may each have another value.

use super::dyadic;
use super::execute::{Execution, execute};
use super::generate::Given;
use super::oracle::{Judgement, Spec};
use super::tape::Tape;
use crate::Config;
use crate::adjoint;
use crate::blocks::Blocks;
use crate::bound::{Approx, Bound};
use crate::graph::{Graph, ValueId};
use crate::interpret::scales::Known;
use crate::interpret::{bounds, runtime, scales};
use crate::number::{Enclosure, Up};
use crate::op::{Op, Primitive, Scaled};
use crate::tensor::{DType, Tensor};

/// About how many values of a graph are bounded in adjoint form.
const MOST_ADJOINTS: usize = 8;

/// What is claimed of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    /// |x̂ − x| ≤ ε.
    Sound,
    /// |x|, |x̂| ≤ B, from the inputs' scales alone and with the run c.
    ScaleSound,
    /// |x̂ − x| ≤ ε in adjoint form, by the primitives' own rules whatever rules are given.
    Adjoint,
}

/// The rules that make the claims: the primitives' own, or others that are put to the test.
#[derive(Clone, Copy)]
pub struct Rules<'r> {
    /// What is known of an operation's result.
    pub error: &'r bounds::Rule<'r>,
    /// The scale of an operation's result.
    pub scale: &'r scales::Rule<'r>,
    /// The executions that they are told of; the case's own without this.
    pub told: Option<Config>,
}

impl Rules<'_> {
    /// The primitives' own.
    pub const TRUE: Rules<'static> = Rules {
        error: &Op::error,
        scale: &Op::scale,
        told: None,
    };
}

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is computed.
    pub graph: Graph,
    /// The executions that the claims speak for.
    pub config: Config,
    /// One for every input of the graph.
    pub inputs: Vec<Given>,
}

/// What is claimed of every value of a run.
pub struct Claims {
    /// The library's own run.
    pub run: Vec<Tensor>,
    /// Values that are said to be determined.
    determined: Vec<bool>,
    claim: Claim,
    /// One bound, or several that must all hold, for every value.
    bounds: Vec<Vec<Bound>>,
    /// The ℓ2 norms of every value's errors, where there are some.
    blocks: Vec<Option<Blocks>>,
    /// Where every value is said to lie, whatever its errors.
    ranges: Vec<Enclosure>,
}

impl Claims {
    /// The bounds of an element that must all hold.
    pub fn at(&self, value: ValueId, at: usize) -> impl Iterator<Item = Up> {
        let bounds = self.bounds.iter();
        bounds.map(move |of_values| of_values[value.index()].at(at))
    }
}

/// How an element fared, against the hardest of its bounds.
pub struct Judged {
    /// Which value.
    pub value: ValueId,
    /// Which element.
    pub at: usize,
    /// The worst judgement of the bounds.
    pub judgement: Judgement,
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

    /// What the rules know of the run c.
    pub fn bounds(&self, rules: &Rules, run: &[Tensor]) -> Vec<Approx> {
        let known: Vec<Approx> = self.inputs.iter().map(|g| g.approx.clone()).collect();
        let config = rules.told.unwrap_or(self.config);
        bounds::eval_by(rules.error, &self.graph, &config, run, &known)
    }

    /// The same with ε in adjoint form, where that is less, of some values all over the graph.
    fn adjoints(&self, run: &[Tensor]) -> Vec<Approx> {
        let given: Vec<Approx> = self.inputs.iter().map(|g| g.approx.clone()).collect();
        let apart = (run.len() / MOST_ADJOINTS).max(1);
        let some = (0..run.len()).rev().step_by(apart);
        let asked = some.filter(|&k| run[k].dtype().is_float()).collect();
        adjoint::refine(&self.graph, &self.config, run, &given, &asked).approx
    }

    /// The specification; its free shifts are those of an execution.
    pub fn spec<'a>(&'a self, computed: &'a [Tensor]) -> Spec<'a> {
        let x: Vec<&[_]> = self.inputs.iter().map(|given| given.x.as_slice()).collect();
        Spec::of(&self.graph, &x, computed)
    }

    /// What is claimed from the scales of the inputs alone, or with the run as well.
    fn scales(&self, rules: &Rules, computed: &[Tensor], run: Option<Known<'_>>) -> Vec<Bound> {
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
        let config = rules.told.unwrap_or(self.config);
        let all = scales::eval_by(rules.scale, &self.graph, &config, &inputs, run);
        all.into_iter().map(|scaled| scaled.scale).collect()
    }

    /// Runs the case and claims what the rules say; scales speak for the inputs of
    /// `computed`. `None` where an operation is not defined for its arguments.
    pub fn claims(&self, claim: Claim, rules: &Rules, computed: &[Tensor]) -> Option<Claims> {
        Some(self.claims_of(claim, rules, computed, self.run()?))
    }

    /// The same of a run that is there.
    pub fn claims_of(
        &self,
        claim: Claim,
        rules: &Rules,
        computed: &[Tensor],
        run: Vec<Tensor>,
    ) -> Claims {
        let known = match claim {
            Claim::Sound | Claim::ScaleSound => self.bounds(rules, &run),
            Claim::Adjoint => self.adjoints(&run),
        };
        let determined = known.iter().map(|a| a.determined).collect();
        let blocks = match claim {
            Claim::Sound => known.iter().map(|a| a.blocks.clone()).collect(),
            Claim::ScaleSound | Claim::Adjoint => Vec::new(),
        };
        let ranges = match claim {
            Claim::Sound => known.iter().map(|a| a.range).collect(),
            Claim::ScaleSound | Claim::Adjoint => Vec::new(),
        };
        let bounds = match claim {
            Claim::Sound | Claim::Adjoint => vec![known.into_iter().map(|a| a.eps).collect()],
            Claim::ScaleSound => {
                let with_run = Known {
                    run: &run,
                    approx: &known,
                };
                vec![
                    self.scales(rules, computed, None),
                    self.scales(rules, computed, Some(with_run)),
                ]
            }
        };
        Claims {
            run,
            determined,
            claim,
            bounds,
            blocks,
            ranges,
        }
    }

    /// A value that is said to be determined but came out differently.
    ///
    /// The exact arithmetic knows no sign of zero, so none of the infinities over it: what is made
    /// of values that are not finite is not compared.
    pub fn another_value(&self, claims: &Claims, computed: &[Tensor]) -> Option<Judged> {
        if claims.claim == Claim::ScaleSound || !claims.determined.contains(&true) {
            return None;
        }
        let mut finite: Vec<bool> = Vec::with_capacity(computed.len());
        for value in self.graph.values() {
            let k = value.index();
            let of_finite = (self.graph.node(value).args().iter()).all(|a| finite[a.index()]);
            let (c, other) = (claims.run[k].to_f64s(), computed[k].to_f64s());
            let both_finite = |i: &usize| c[*i].is_finite() && other[*i].is_finite();
            let differs = |i: &usize| both_finite(i) && c[*i] != other[*i];
            let compared = of_finite && claims.determined[k];
            if let Some(at) = (0..c.len()).find(differs).filter(|_| compared) {
                let what = format!("said to be determined, but {:e} or {:e}", c[at], other[at]);
                return Some(Judged {
                    value,
                    at,
                    judgement: Judgement::Violated(what),
                });
            }
            finite.push(of_finite && (0..c.len()).all(|i| both_finite(&i)));
        }
        None
    }

    /// Judges every element of an execution, one after another, against its bounds and the range
    /// that it is said to lie in, and where the norms of its blocks are claimed every block after
    /// its elements, as long as `visit` asks for more.
    pub fn judge(
        &self,
        claims: &Claims,
        computed: &[Tensor],
        spec: &Spec,
        visit: &mut dyn FnMut(Judged) -> bool,
    ) {
        for value in self.graph.values() {
            let k = value.index();
            let integer = self.graph.ty(value).dtype == DType::I64;
            let mut errors = Vec::new();
            for (at, c) in computed[k].to_f64s().into_iter().enumerate() {
                // Beyond 2^53 a tensor cannot show an integer, which is exact, as f64.
                if integer && c.abs() >= dyadic::power(53) {
                    continue;
                }
                let judged = claims.bounds.iter().map(|bounds| {
                    let bound = bounds[k].at(at);
                    match claims.claim {
                        Claim::Sound | Claim::Adjoint => spec.error(k, at, c, bound),
                        Claim::ScaleSound => spec.scale(k, at, c, bound),
                    }
                });
                let judgement = judged.fold(Judgement::NoClaim, Judgement::worse);
                let range = claims
                    .ranges
                    .get(k)
                    .filter(|_| claims.bounds[0][k].at(at).is_finite());
                let judgement = match range.and_then(|range| spec.outside(k, at, c, *range)) {
                    Some(what) => judgement.worse(Judgement::Violated(what)),
                    None => judgement,
                };
                errors.push(match &judgement {
                    // A share of so little has lost its digits.
                    Judgement::Holds(share) if *share > dyadic::power(-960) => {
                        share * claims.bounds[0][k].at(at).get()
                    }
                    Judgement::Holds(_)
                    | Judgement::NoClaim
                    | Judgement::Undefined
                    | Judgement::Undecided
                    | Judgement::Violated(_) => 0.0,
                });
                if !visit(Judged {
                    value,
                    at,
                    judgement,
                }) {
                    return;
                }
            }
            let blocks = claims.blocks.get(k).and_then(Option::as_ref);
            let beyond = blocks.and_then(|blocks| beyond(blocks, &errors));
            if let Some((at, what)) = beyond {
                let judgement = Judgement::Violated(what);
                if !visit(Judged {
                    value,
                    at,
                    judgement,
                }) {
                    return;
                }
            }
        }
    }

    /// Whether the specification depends on the execution: only these take theirs from it.
    pub fn has_shifts(&self) -> bool {
        let shifts = |op: &Op| matches!(op, Op::FreeMax(_) | Op::Held(_));
        self.graph.nodes().iter().any(|n| shifts(n.op()))
    }

    /// What happened at an element, with everything that it takes to see why.
    pub fn tell(&self, judged: &Judged, computed: &[Tensor]) -> String {
        let what = match &judged.judgement {
            Judgement::Violated(what) => what.clone(),
            Judgement::Holds(share) => format!("{share} of the bound"),
            Judgement::NoClaim => "no claim".to_owned(),
            Judgement::Undefined => "a finite bound where nothing is defined".to_owned(),
            Judgement::Undecided => "too near to the bound to be told".to_owned(),
        };
        let (value, at) = (judged.value.index(), judged.at);
        let mut lines = vec![format!("value {value} element {at}: {what}")];
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
                "  c {:e} eps {:e} determined {}, norms {:?}",
                Exp(&given.c.to_f64s()),
                Exp(&eps),
                given.approx.determined,
                given.approx.blocks
            ));
        }
        lines.join("\n")
    }
}

/// The first block of which the errors' norm is beyond what is claimed, and by how much; errors
/// are no more than they are, but for roundings.
fn beyond(blocks: &Blocks, errors: &[f64]) -> Option<(usize, String)> {
    let each = errors.chunks(blocks.width()).enumerate();
    each.map(|(b, block)| (b * blocks.width(), block))
        .find_map(|(start, block)| {
            let largest = block.iter().fold(0.0_f64, |a, &b| a.max(b));
            if largest == 0.0 {
                return None;
            }
            // Of quotients by the largest, so that no square overflows or vanishes.
            let squares: f64 = block.iter().map(|e| (e / largest) * (e / largest)).sum();
            let norm = largest * squares.sqrt();
            let claimed = blocks.of_element(start).get();
            let what = format!(
                "the errors of {} elements have norm {norm:e}, claimed {claimed:e}",
                block.len()
            );
            (norm * (1.0 - 1e-9) > claimed).then_some((start, what))
        })
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
