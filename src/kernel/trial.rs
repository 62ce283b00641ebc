//! One obligation of a kernel in one format: draws structures and inputs, runs the author's
//! code, and hands what it returned to the oracle.

use super::Kernel;
use super::call::guarded;
use super::input::{Extents, Role, admits};
use super::own::stated;
use super::tell;
use crate::bound::{Approx, Bound, Operand};
use crate::error::Error;
use crate::graph::grad::append_backward;
use crate::graph::{Graph, ValueId};
use crate::number::Up;
use crate::obligation::Obligation;
use crate::op::{RuleCx, ScaleOperand, Scaled};
use crate::tensor::{DType, Tensor};
use crate::witness::case::{Case, Claim, Claims, Rules};
use crate::witness::generate;
use crate::witness::oracle::{Judgement, Spec};
use crate::witness::point::{Input, Point};
use crate::witness::subject::{Opaque, Score, Structure};
use crate::witness::tape::Tape;
use std::cell::OnceCell;
use std::sync::atomic::{AtomicU64, Ordering};

/// An obligation of a kernel.
#[derive(Debug)]
pub(super) struct Trial {
    pub kernel: Kernel,
    pub obligation: Obligation,
    pub dtype: DType,
    /// Whether all inputs are known exactly, so that only the kernel's own roundings are left.
    pub exact: bool,
    pub tally: Tally,
}

/// What was claimed in all trials so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Elements with a finite bound.
    pub claimed: AtomicU64,
    /// Elements without.
    pub unclaimed: AtomicU64,
    /// Elements whose meaning is not known closely enough for their finite bound.
    pub undecided: AtomicU64,
    /// Trials outside the domain, or where the meaning is not defined.
    pub outside: AtomicU64,
}

/// A point as tensors, with everything that bounds are made of.
struct Prepared<'s> {
    structure: &'s Structure,
    case: Case,
    /// The library's own run over c.
    run: Vec<Tensor>,
    /// That run with x̂ for the inputs.
    used: Vec<Tensor>,
}

impl Trial {
    pub fn new(kernel: &Kernel, obligation: Obligation, dtype: DType, exact: bool) -> Trial {
        Trial {
            kernel: kernel.clone(),
            obligation,
            dtype,
            exact,
            tally: Tally::default(),
        }
    }

    pub fn is_backward(&self) -> bool {
        matches!(
            self.obligation,
            Obligation::VjpSound | Obligation::VjpScaleSound
        )
    }

    fn claim(&self) -> Claim {
        match self.obligation {
            Obligation::Sound | Obligation::VjpSound | Obligation::AddSound => Claim::Sound,
            Obligation::FwdScaleSound | Obligation::VjpScaleSound | Obligation::AddScaleSound => {
                Claim::ScaleSound
            }
        }
    }

    fn meaning(&self, graph: &mut Graph) -> crate::Result<ValueId> {
        let args = graph.inputs().to_vec();
        let meaning = self.kernel.meaning.as_ref().ok_or_else(|| {
            Error::new("the kernel has no meaning").remedy("say what it means by Kernel::spec")
        })?;
        let built = guarded(|| Ok(meaning(graph, &args)));
        built.unwrap_or_else(|e| Err(Error::new(format!("its meaning gave {e}"))))
    }

    /// The author's code over some inputs: the result, or the gradients.
    fn call(&self, inputs: &[Tensor], structure: &Structure) -> Result<Vec<Tensor>, String> {
        let missing = "the kernel has no code: give it by Kernel::runtime";
        let results = match (self.is_backward(), &self.kernel.backward) {
            (true, Some(backward)) => {
                let (cotangent, inputs) = inputs.split_last().ok_or(missing)?;
                guarded(|| backward(inputs, cotangent))?
            }
            _ => {
                let forward = self.kernel.forward.as_ref().ok_or(missing)?;
                let ty = structure.graph.ty(structure.targets[0]);
                vec![guarded(|| forward(inputs, ty))?]
            }
        };
        if results.len() != structure.targets.len() {
            return Err(format!(
                "{} gradients for {} inputs of floats",
                results.len(),
                structure.targets.len()
            ));
        }
        for (result, target) in results.iter().zip(&structure.targets) {
            let ty = structure.graph.ty(*target);
            if result.ty() != *ty {
                return Err(format!("{} where the meaning is {ty}", result.ty()));
            }
        }
        Ok(results)
    }

    /// The author's own bound of a target's elements, where there is one.
    fn own(&self, at: &Prepared, target: usize) -> Result<Option<Bound>, String> {
        let value = at.structure.targets[target];
        let ty = at.structure.graph.ty(value);
        let cx = RuleCx {
            config: &at.structure.config,
            ty,
        };
        let len = ty.shape.len();
        let own = &self.kernel.own;
        let input = at.input_of(target);
        let bound = match self.obligation {
            Obligation::Sound => own.bound.as_ref().map(|f| {
                let out = self.call(&at.of_run(), at.structure)?;
                stated(len, || f(&cx, &at.operands(&at.known()), &out[0]))
            }),
            Obligation::VjpSound => own.vjp_bound.as_ref().map(|f| {
                let out = self.call(&at.of_run(), at.structure)?;
                let known = at.known();
                let all = at.operands(&known);
                let (cotangent, args) = all.split_last().ok_or("no cotangent")?;
                stated(len, || f(&cx, input, args, cotangent, &out[target]))
            }),
            Obligation::FwdScaleSound => own
                .scale
                .as_ref()
                .map(|f| at.with_scales(|args| stated(len, || f(&cx, args)))),
            Obligation::VjpScaleSound => own.vjp_scale.as_ref().map(|f| {
                at.with_scales(|all| {
                    let (cotangent, args) = all.split_last().ok_or("no cotangent")?;
                    stated(len, || f(&cx, input, args, cotangent))
                })
            }),
            Obligation::AddSound | Obligation::AddScaleSound => None,
        };
        bound.transpose()
    }

    /// The bounds that the primitives derive.
    fn derived(&self, at: &Prepared) -> Claims {
        let run = at.run.clone();
        at.case.claims_of(self.claim(), &Rules::TRUE, &at.used, run)
    }

    fn judged(&self, at: &Prepared) -> Result<Score, String> {
        let admissible: Vec<Tensor> = (at.case.inputs.iter())
            .map(|given| given.admissible.clone())
            .collect();
        let results = self.call(&admissible, at.structure)?;
        let reals: Vec<&[_]> = at.case.inputs.iter().map(|g| g.x.as_slice()).collect();
        let spec = Spec::of_reals(&at.structure.graph, &reals);
        let mut score = Score::nothing();
        let derived = OnceCell::new();
        for (target, result) in results.iter().enumerate() {
            let own = self.own(at, target)?;
            let value = at.structure.targets[target];
            for (i, computed) in result.to_f64s().into_iter().enumerate() {
                let judge = |bound: Up| match self.claim() {
                    Claim::Sound | Claim::Adjoint => spec.error(value.index(), i, computed, bound),
                    Claim::ScaleSound => spec.scale(value.index(), i, computed, bound),
                };
                let judgement = match &own {
                    Some(bound) => judge(bound.at(i)),
                    None => (derived.get_or_init(|| self.derived(at)).at(value, i))
                        .map(judge)
                        .fold(Judgement::NoClaim, Judgement::worse),
                };
                self.count(&judgement, own.is_some());
                self.learn(&mut score, at, (target, i), computed, judgement);
            }
        }
        Ok(score)
    }

    /// A derived bound speaks of what is defined; whether an author's own does is to be seen.
    fn count(&self, judgement: &Judgement, own: bool) {
        let counter = match judgement {
            Judgement::NoClaim => &self.tally.unclaimed,
            Judgement::Undefined if !own => &self.tally.unclaimed,
            Judgement::Undefined | Judgement::Undecided => &self.tally.undecided,
            Judgement::Holds(_) | Judgement::Violated(_) => &self.tally.claimed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn learn(
        &self,
        score: &mut Score,
        at: &Prepared,
        (target, i): (usize, usize),
        computed: f64,
        judgement: Judgement,
    ) {
        let value = at.structure.targets[target];
        match judgement {
            Judgement::NoClaim | Judgement::Undefined => {}
            Judgement::Undecided => score.undecided += 1,
            Judgement::Holds(share) if share > score.ratio => {
                score.ratio = share;
                score.at = Some((value, i));
            }
            Judgement::Violated(what) if score.violation.is_none() => {
                let ty = at.structure.graph.ty(value);
                let of = match self.is_backward() {
                    true => format!("the gradient of input {}", at.input_of(target)),
                    false => "the result".to_owned(),
                };
                let index = ty.shape.index_of(i);
                let bits = tell::bits(ty.dtype, computed);
                score.ratio = f64::INFINITY;
                score.at = Some((value, i));
                score.violation = Some(format!(
                    "{of}, element {index:?}: {what}\n  computed bits {bits}"
                ));
            }
            Judgement::Holds(_) | Judgement::Violated(_) => {}
        }
    }

    fn prepare<'s>(&self, structure: &'s Structure, point: &Point) -> Option<Prepared<'s>> {
        let case = Case {
            graph: structure.graph.clone(),
            config: structure.config,
            inputs: point.given(&structure.graph)?,
        };
        let inside = case.inputs.iter().enumerate().all(|(k, given)| {
            let exact =
                structure.exact || (self.kernel.inputs.get(k)).is_some_and(|i| i.is_exact());
            admits(structure.roles[k], exact, given)
        });
        if !inside {
            return None;
        }
        let run = case.run()?;
        let mut used = run.clone();
        for (given, value) in case.inputs.iter().zip(structure.graph.inputs()) {
            used[value.index()] = given.admissible.clone();
        }
        Some(Prepared {
            structure,
            case,
            run,
            used,
        })
    }
}

impl Prepared<'_> {
    fn of_run(&self) -> Vec<Tensor> {
        self.case.inputs.iter().map(|g| g.c.clone()).collect()
    }

    /// What is known of every value of the run.
    fn known(&self) -> Vec<Approx> {
        self.case.bounds(&Rules::TRUE, &self.run)
    }

    fn operands<'k>(&'k self, known: &'k [Approx]) -> Vec<Operand<'k>> {
        let inputs = self.structure.graph.inputs().iter();
        inputs
            .map(|v| Operand {
                value: &self.run[v.index()],
                approx: &known[v.index()],
            })
            .collect()
    }

    /// The input that a target is the gradient of.
    fn input_of(&self, target: usize) -> usize {
        let graph = &self.structure.graph;
        let floats = graph.inputs().iter().enumerate();
        let mut floats = floats.filter(|(_, v)| graph.ty(**v).dtype.is_float());
        floats.nth(target).map_or(target, |(k, _)| k)
    }

    fn with_scales<T>(&self, f: impl FnOnce(&[ScaleOperand]) -> T) -> T {
        let scaled: Vec<Scaled> = (self.case.inputs.iter())
            .map(|given| {
                Scaled::new(Bound::from_fn(given.c.len(), |i| {
                    let spread = given.c.magnitude(i) + given.approx.eps.at(i);
                    spread.max(given.admissible.magnitude(i))
                }))
            })
            .collect();
        let graph = &self.structure.graph;
        let each = graph.inputs().iter().zip(&scaled);
        let operands: Vec<ScaleOperand> = each
            .map(|(v, scaled)| ScaleOperand {
                ty: graph.ty(*v),
                scaled,
            })
            .collect();
        f(&operands)
    }
}

impl Opaque for Trial {
    fn name(&self) -> &str {
        &self.kernel.name
    }

    fn dtype(&self) -> DType {
        self.dtype
    }

    fn structure(&self, tape: &mut Tape) -> crate::Result<Structure> {
        let (mut graph, mut roles) = (Graph::new(), Vec::new());
        let mut extents = Extents::default();
        for input in &self.kernel.inputs {
            let (ty, role) = input.draw(&mut extents, self.dtype, tape)?;
            graph.input(ty);
            roles.push(role);
        }
        let output = self.meaning(&mut graph)?;
        let mut targets = vec![output];
        if self.is_backward() {
            let inputs = graph.inputs().to_vec();
            let ty = graph.ty(output).clone();
            let cotangent = graph.input(ty);
            let any = || tape.pick(&[Role::Moderate, Role::Any]);
            roles.push(self.kernel.cotangent.unwrap_or_else(any));
            let gradients = append_backward(&mut graph, &[(output, cotangent)], None)?;
            targets.clear();
            for input in inputs {
                let ty = graph.ty(input).clone();
                if !ty.dtype.is_float() {
                    continue;
                }
                targets.push(match gradients.of(input) {
                    Some(gradient) => gradient,
                    None => graph.constant(Tensor::full(ty.shape, ty.dtype, 0.0)?),
                });
            }
        }
        Ok(Structure {
            graph,
            config: self.kernel.config,
            roles,
            targets,
            claim: self.claim(),
            exact: self.exact,
            numbers: Vec::new(),
            kernel: None,
        })
    }

    fn inputs(&self, structure: &Structure, tape: &mut Tape) -> Vec<Input> {
        let small = generate::all_small(tape, self.dtype);
        let each = structure.graph.inputs().iter().zip(&structure.roles);
        each.enumerate()
            .map(|(k, (value, role))| {
                let ty = structure.graph.ty(*value);
                let given = generate::input_of_kernel(tape, ty, *role, small);
                let exact = (self.kernel.inputs.get(k)).is_some_and(|input| input.is_exact());
                if structure.exact || exact {
                    Input::of(&generate::exactly(&given.c))
                } else {
                    Input::of(&given)
                }
            })
            .collect()
    }

    fn judge(&self, structure: &Structure, point: &Point) -> Option<Score> {
        let Some(at) = self.prepare(structure, point) else {
            self.tally.outside.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        let score = self.judged(&at);
        Some(score.unwrap_or_else(|failed| Score {
            failed: Some(failed),
            ..Score::nothing()
        }))
    }
}
