//! Climbing from f64 intervals to any precision until every claim is decided.

use super::measure::{Element, elements, measure, measure_norms};
use super::{Checks, Claimed, Measured, Run};
use crate::graph::Graph;
use crate::interpret::spec;
use crate::number::double_double::Ball;
use crate::number::exact::Rational;
use crate::number::precise::{Places, Precise};
use crate::number::{Enclosure, SpecNumber, Up};
use crate::op::real;
use crate::tensor::{SpecTensor, Tensor};
use crate::verdict::Outcome;
use std::collections::BTreeMap;

/// Exact rationals are tried where all values together have at most this many elements.
const RATIONAL_LIMIT: usize = 20_000;
/// Errors are wanted to a size of their own where all values together have at most this many elements:
/// double-double takes hundreds of times as long as f64.
const SIZED_LIMIT: usize = 1 << 20;
/// Binary places of the last rungs.
const PLACES: [(usize, &str); 3] = [(192, "192 bits"), (512, "512 bits"), (2048, "2048 bits")];

/// Checks every value of a run, and what others computed, climbing until all is decided or
/// the last rung is reached.
pub fn check(graph: &Graph, run: &Run, inputs: &[Tensor], claimed: &[Claimed]) -> Checks {
    check_to(graph, run, inputs, claimed, &BTreeMap::new())
}

/// The same, where the errors of some values of a small graph are wanted to a hundredth of a size of
/// their own, as far as double-double decides them: beyond, digits cost more than they tell.
pub fn check_to(
    graph: &Graph,
    run: &Run,
    inputs: &[Tensor],
    claimed: &[Claimed],
    sizes: &BTreeMap<usize, Up>,
) -> Checks {
    let mut climb = Climb::new(graph, run, inputs, claimed);
    let elements: usize = run.values.iter().map(Tensor::len).sum();
    climb.sizes = (elements <= SIZED_LIMIT).then_some(sizes);
    climb.rung::<Enclosure>("f64 intervals", &());
    if climb.is_open() {
        climb.sizes = None;
        climb.rung::<Ball>("double-double", &());
    }
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
    /// How large errors are wanted to a hundredth of, while that is still looked for.
    sizes: Option<&'a BTreeMap<usize, Up>>,
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
                error: vec![Measured::unmeasured(); run.values.len()],
                scale: vec![Measured::unmeasured(); run.values.len()],
                claimed: vec![Measured::unmeasured(); claimed.len()],
                rungs: Vec::new(),
            },
            sizes: None,
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
        self.checks.rungs.push(name);
        let (mut values, mut claims) = (Slots::of(self.graph), Slots::of(self.graph));
        for open in std::mem::take(&mut self.open_values) {
            values.file(open.position, open);
        }
        for open in std::mem::take(&mut self.open_claimed) {
            claims.file(self.claimed[open.position].value, open);
        }
        let wanted: Vec<bool> = (0..self.graph.len())
            .map(|v| values.has(v) || claims.has(v))
            .collect();
        let (graph, run) = (self.graph, self.run);
        spec::walk(
            graph,
            env,
            &inputs,
            Some(&run.values),
            &wanted,
            |v, spec| {
                for mut open in values.take(v) {
                    if !self.settle_value(env, spec, &mut open) {
                        self.open_values.push(open);
                    }
                }
                for mut open in claims.take(v) {
                    if !self.settle_claim(env, spec, &mut open) {
                        self.open_claimed.push(open);
                    }
                }
            },
        );
    }

    /// Measures a value's error and scale; true where more precision would add nothing.
    fn settle_value<N: SpecNumber>(
        &mut self,
        env: &N::Env,
        spec: &SpecTensor<N>,
        open: &mut Open,
    ) -> bool {
        let v = open.position;
        let run = self.run;
        let (c, eps, scale) = (&run.values[v], &run.approx[v].eps, &run.scales[v].scale);
        open.learn(elements(env, spec, c));
        let error = measure(&open.elements, c, eps, |e| e.error);
        let error = match &run.approx[v].blocks {
            Some(blocks) => error.with(measure_norms(&open.elements, c, blocks)),
            None => error,
        };
        let magnitude = measure(&open.elements, c, scale, |e| e.magnitude);
        let size = self.sizes.and_then(|sizes| sizes.get(&v));
        let sized = size.is_none_or(|size| error.largest.width() <= Up::new(0.01) * *size);
        let settled = error.is_settled(eps) && sized && !magnitude.doubtful;
        self.checks.error[v] = error;
        self.checks.scale[v] = magnitude;
        settled
    }

    /// The same for what someone else computed, against the value's ε.
    fn settle_claim<N: SpecNumber>(
        &mut self,
        env: &N::Env,
        spec: &SpecTensor<N>,
        open: &mut Open,
    ) -> bool {
        let Claimed { value, tensor } = &self.claimed[open.position];
        let eps = &self.run.approx[*value].eps;
        open.learn(elements(env, spec, tensor));
        let measured = measure(&open.elements, tensor, eps, |e| e.error);
        // No precision makes the error of an observed NaN or infinity finite.
        let violated = measured.verdict.outcome() == Outcome::Violated;
        let beyond = violated && !measured.largest.hi().is_finite();
        let settled = measured.is_settled(eps) || beyond;
        self.checks.claimed[open.position] = measured;
        settled
    }
}

/// What is open, by the value of the graph that it waits for.
struct Slots(Vec<Vec<Open>>);

impl Slots {
    fn of(graph: &Graph) -> Slots {
        Slots((0..graph.len()).map(|_| Vec::new()).collect())
    }

    fn file(&mut self, value: usize, open: Open) {
        self.0[value].push(open);
    }

    fn has(&self, value: usize) -> bool {
        !self.0[value].is_empty()
    }

    fn take(&mut self, value: usize) -> Vec<Open> {
        std::mem::take(&mut self.0[value])
    }
}
