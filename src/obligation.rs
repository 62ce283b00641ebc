//! What each node owes, and the checked evaluation that verifies it on a run.
//!
//! Specification, runtime, bounds and scales are evaluated in lockstep, forward and
//! backward. A claim that f64 intervals cannot decide is retried with double-double balls,
//! then exact rationals where the graph is algebraic and small, then intervals of growing
//! precision; what is still open then is *undecided*, which is a result, not an error.

use crate::bound::{Approx, Bound};
use crate::config::Config;
use crate::error::Result;
use crate::graph::{Graph, Pass};
use crate::interpret::{bounds, runtime, scales, spec};
use crate::number::double_double::Ball;
use crate::number::exact::Rational;
use crate::number::precise::{Places, Precise};
use crate::number::{Enclosure, SpecNumber, Up};
use crate::op::{Primitive, Scaled, real};
use crate::tensor::{SpecTensor, Tensor};
use crate::verdict::{Outcome, Verdict, Witness};
use serde::Serialize;

/// A claim that a node makes about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
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
        let exact = vec![Approx::exact(); inputs.len()];
        let approx = bounds::eval(graph, config, &values, &exact);
        let given: Vec<Scaled> = inputs.iter().map(Scaled::of).collect();
        let known = scales::Known {
            run: &values,
            approx: &approx,
        };
        let scales = scales::eval(graph, config, &given, Some(known));
        Ok(Run {
            values,
            approx,
            scales,
        })
    }
}

/// What a check of one tensor against its bound measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The verdict over all elements, with its witness.
    pub verdict: Verdict,
    /// Where max |quantity| over the tensor lies.
    pub largest: Enclosure,
    /// max over elements of (the quantity's lower end / its bound); 0/0 is 0.
    pub tightness: f64,
    /// max over elements of (the quantity's upper end / its bound); 0/0 is 0.
    pub ratio: f64,
    /// The element with the largest tightness.
    pub worst: Option<Witness>,
}

impl Measured {
    /// True where more precision would not add anything worth having: decided, and the
    /// enclosure of the largest error at most 1 % of the largest bound wide.
    fn is_settled(&self, bound: &Bound) -> bool {
        let finite = bound.largest().is_finite();
        let allowed = Up::new(0.01) * bound.largest();
        let narrow = self.largest.width() <= allowed;
        !finite || (self.verdict.outcome() != Outcome::Undecided && narrow)
    }
}

/// q / b for display and search, 0/0 = 0; never part of a claim.
#[expect(clippy::float_arithmetic, reason = "a figure for people, no bound")]
fn quotient(q: f64, b: Up) -> f64 {
    if q == 0.0 { 0.0 } else { q / b.get() }
}

/// Where an element's specification, its error and its magnitude lie, as far as the rungs
/// climbed so far tell.
#[derive(Debug, Clone, Copy)]
struct Element {
    spec: Enclosure,
    error: Enclosure,
    magnitude: Enclosure,
}

impl Element {
    fn new<N: SpecNumber>(env: &N::Env, x: &N, computed: &Tensor, position: usize) -> Element {
        let c = computed.get(position);
        let spec = x.enclose();
        if !c.is_finite() {
            // A NaN or an infinity is near no real.
            let beyond = Enclosure::new(f64::MAX, f64::INFINITY);
            return Element {
                spec,
                error: beyond,
                magnitude: beyond,
            };
        }
        let error = match computed.integer(position) {
            Some(n) => x.sub(&N::from_i64(env, n)).abs().enclose(),
            None => x.distance(c),
        };
        let runtime = Up::of_element(computed, position).get();
        let larger = |x: f64| if runtime > x { runtime } else { x };
        let size = spec.abs();
        Element {
            spec,
            error,
            magnitude: Enclosure::new(larger(size.lo()), larger(size.hi())),
        }
    }

    /// What both rungs say together.
    fn meet(self, other: Element) -> Element {
        Element {
            spec: self.spec.meet(other.spec),
            error: self.error.meet(other.error),
            magnitude: self.magnitude.meet(other.magnitude),
        }
    }
}

/// A tensor's elements on one rung.
fn elements<N: SpecNumber>(env: &N::Env, spec: &SpecTensor<N>, computed: &Tensor) -> Vec<Element> {
    let all = spec.data.iter().enumerate();
    all.map(|(i, x)| Element::new(env, x, computed, i))
        .collect()
}

/// Holds a quantity of every element against its bound.
fn measure(
    elements: &[Element],
    computed: &Tensor,
    bound: &Bound,
    quantity: impl Fn(&Element) -> Enclosure,
) -> Measured {
    let mut m = Measured {
        verdict: Verdict::Holds,
        largest: Enclosure::point(0.0),
        tightness: 0.0,
        ratio: 0.0,
        worst: None,
    };
    let (mut lo, mut hi) = (0.0, 0.0);
    for (position, element) in elements.iter().enumerate() {
        let q = quantity(element);
        let witness = Witness {
            value: 0,
            position,
            runtime: computed.get(position),
            spec: element.spec,
            quantity: q,
            bound: bound.at(position),
        };
        let (low, high) = (
            quotient(q.lo(), witness.bound),
            quotient(q.hi(), witness.bound),
        );
        if high > m.ratio {
            m.ratio = high;
        }
        if m.worst.is_none() || low > m.tightness {
            m.tightness = low;
            m.worst = Some(witness.clone());
        }
        if q.lo() > lo {
            lo = q.lo();
        }
        if q.hi() > hi {
            hi = q.hi();
        }
        m.verdict = m.verdict.and(witness.judge());
    }
    m.largest = Enclosure::new(lo, hi);
    m
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

/// Exact rationals are tried where all values together have at most this many elements.
const RATIONAL_LIMIT: usize = 20_000;
/// Binary places of the last rungs.
const PLACES: [(usize, &str); 3] = [(192, "192 bits"), (512, "512 bits"), (2048, "2048 bits")];

/// Checks every value of a run, and what others computed, climbing until all is decided or
/// the last rung is reached.
pub fn check(graph: &Graph, run: &Run, inputs: &[Tensor], claimed: &[Claimed]) -> Checks {
    let mut climb = Climb::new(graph, run, inputs, claimed);
    climb.rung::<Enclosure>("f64 intervals", &());
    if climb.is_open() {
        climb.rung::<Ball>("double-double", &());
    }
    let elements: usize = run.values.iter().map(Tensor::len).sum();
    if climb.is_open() && elements <= RATIONAL_LIMIT {
        climb.rung::<Rational>("exact rationals", &());
    }
    for (places, name) in PLACES {
        if climb.is_open() {
            climb.rung::<Precise>(name, &Places(places));
        }
    }
    climb.checks
}

/// The state of an escalation: what is known of the values that are still open.
struct Climb<'a> {
    graph: &'a Graph,
    run: &'a Run,
    inputs: &'a [Tensor],
    claimed: &'a [Claimed],
    checks: Checks,
    open_values: Vec<Open>,
    open_claimed: Vec<Open>,
}

/// A tensor that is not settled: its position, and its elements as known so far.
struct Open {
    position: usize,
    elements: Vec<Element>,
}

impl Open {
    fn all(count: usize) -> Vec<Open> {
        let open = |position| Open {
            position,
            elements: Vec::new(),
        };
        (0..count).map(open).collect()
    }

    /// Adds what a further rung tells, element by element.
    fn learn(&mut self, new: Vec<Element>) {
        if self.elements.is_empty() {
            self.elements = new;
        } else {
            for (old, new) in self.elements.iter_mut().zip(new) {
                *old = old.meet(new);
            }
        }
    }
}

impl<'a> Climb<'a> {
    fn new(graph: &'a Graph, run: &'a Run, inputs: &'a [Tensor], claimed: &'a [Claimed]) -> Self {
        Climb {
            graph,
            run,
            inputs,
            claimed,
            checks: Checks {
                error: Vec::new(),
                scale: Vec::new(),
                claimed: Vec::new(),
                rungs: Vec::new(),
            },
            open_values: Open::all(run.values.len()),
            open_claimed: Open::all(claimed.len()),
        }
    }

    fn is_open(&self) -> bool {
        !self.open_values.is_empty() || !self.open_claimed.is_empty()
    }

    /// Evaluates the specification once more and measures what is still open.
    fn rung<N: SpecNumber>(&mut self, name: &'static str, env: &N::Env) {
        let inputs: Vec<SpecTensor<N>> = self.inputs.iter().map(|t| real(env, t)).collect();
        let specs = spec::eval(self.graph, env, &inputs, Some(&self.run.values));
        self.checks.rungs.push(name);
        let mut open = std::mem::take(&mut self.open_values);
        open.retain_mut(|value| !self.settle_value(env, &specs, value));
        self.open_values = open;
        let mut open = std::mem::take(&mut self.open_claimed);
        open.retain_mut(|claim| !self.settle_claim(env, &specs, claim));
        self.open_claimed = open;
    }

    /// Measures a value's error and scale; true where more precision would add nothing.
    fn settle_value<N: SpecNumber>(
        &mut self,
        env: &N::Env,
        specs: &[SpecTensor<N>],
        open: &mut Open,
    ) -> bool {
        let v = open.position;
        let run = self.run;
        let (c, eps, scale) = (&run.values[v], &run.approx[v].eps, &run.scales[v].scale);
        open.learn(elements(env, &specs[v], c));
        let error = measure(&open.elements, c, eps, |e| e.error);
        let magnitude = measure(&open.elements, c, scale, |e| e.magnitude);
        let doubtful = magnitude.verdict.outcome() == Outcome::Undecided;
        let settled = error.is_settled(eps) && !(doubtful && scale.largest().is_finite());
        put(&mut self.checks.error, v, error);
        put(&mut self.checks.scale, v, magnitude);
        settled
    }

    /// The same for what someone else computed, against the value's ε.
    fn settle_claim<N: SpecNumber>(
        &mut self,
        env: &N::Env,
        specs: &[SpecTensor<N>],
        open: &mut Open,
    ) -> bool {
        let Claimed { value, tensor } = &self.claimed[open.position];
        let eps = &self.run.approx[*value].eps;
        open.learn(elements(env, &specs[*value], tensor));
        let measured = measure(&open.elements, tensor, eps, |e| e.error);
        let settled = measured.is_settled(eps) || !measured.largest.hi().is_finite();
        put(&mut self.checks.claimed, open.position, measured);
        settled
    }
}

/// Stores a measurement at its position, in place of one from an earlier rung.
fn put(all: &mut Vec<Measured>, k: usize, new: Measured) {
    match all.get_mut(k) {
        Some(old) => *old = new,
        None => all.push(new),
    }
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
