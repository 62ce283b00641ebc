//! The adjoint form: a value's ε from what every node before it may lose, each loss times the
//! derivative of the value, instead of step by step.
//!
//! # Statement
//! Let an execution compute x̂ₖ = fₖ(x̂) + δₖ where the specification has xₖ = fₖ(x). Then
//! |x̂ₒ − xₒ| ≤ Σₖ Σᵢ ρₖᵢ·λₖᵢ over the nodes k up to o and their elements i, where |δₖᵢ| ≤ λₖᵢ for
//! every admissible execution, and ρₖᵢ bounds |∂o/∂kᵢ| at every point where all values lie
//! within their ε of the specification.
//! # Derivation
//! Replace the specification's values by the execution's one node after the other, in the
//! graph's order, later nodes being exact functions of earlier ones. The k-th replacement moves
//! node k from fₖ(x̂) to x̂ₖ, and o by a derivative between the two times δₖ. Between them every
//! value is within its ε of the specification: it is what an execution that loses a part of
//! some δⱼ has, and the rules bound those as well. (Where executions are *determined* the rules
//! use that x̂ is c, which is not so between them, and what has a kink may leave its range there;
//! enclosures of derivatives then come from a second evaluation that uses neither.) The
//! derivatives are the graph's own pullbacks of a unit cotangent, evaluated and bounded like every
//! gradient: |ρ̂ − ρ| ≤ ε for each of those points, so ρ ≤ |c| + 2ε and drift. Relu and abs are
//! followed on a line, the run's own or one halfway, and what they differ from it arises there
//! (`role::line`), so that an open gate leaves the derivatives before it as they are; another kink
//! has its pullback's gate in [0, 1] where it is not decided, which contains the slope of every
//! secant.
//! # What jumps
//! A node that jumps, or that has no pullback, keeps the specification's value until its own
//! turn: its whole ε is its λ, and nothing is followed through it.
//! # Copies
//! Where trees or contractions are open, every use of a sum or product may have a copy of its own,
//! made of copies of what that is the sum or product of, and so on, up to what is neither
//! (assumption A8): their losses count by Σ|∂o/∂copy|, pulled back in magnitudes. A sum whose
//! leaves a larger sum takes in its place is not rounded there.
//! # Tightness
//! Test `adjoints_are_nearly_attained`.

mod gates;
mod losses;
mod pull;
mod role;

use crate::bound::{Approx, Bound, Operand};
use crate::config::{Config, Subnormals};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::interpret::live::Uses;
use crate::interpret::{bounds, runtime};
use crate::number::{Enclosure, Up};
use crate::op::{Op, Primitive, RuleCx};
use crate::tensor::Tensor;
use gates::Gates;
use losses::{Loss, Scene};
use pull::{Cotangents, Pulled, pull};
use role::bends;
pub(crate) use role::is_copied;
use std::collections::{BTreeMap, BTreeSet};

/// What an element's error is made of.
#[derive(Debug, Clone)]
pub struct Origins {
    /// The element whose ε is the largest of its tensor's.
    pub element: usize,
    /// Its bound in adjoint form; ε may be less by the rules.
    pub eps: Up,
    /// The values where something is lost, and how much of that reaches the element.
    pub born: Vec<(usize, Up)>,
}

/// What is known of a run where some values' ε were taken in adjoint form.
#[derive(Debug, Clone, Default)]
pub struct Refined {
    /// What is known of every value, the asked ones' ε being the least of both.
    pub approx: Vec<Approx>,
    /// Of what the asked values' errors are made.
    pub origins: BTreeMap<usize, Origins>,
}

/// Bounds a run over `inputs` as the caller knows them, with the ε of the `asked` values in adjoint
/// form, and that of what decides gates before them.
///
/// Under flush, and of values without a claim, the adjoint form says nothing.
pub fn refine(
    graph: &Graph,
    config: &Config,
    run: &[Tensor],
    inputs: &[Approx],
    asked: &BTreeSet<usize>,
) -> Refined {
    let mut sweep = Sweep::new(graph, config, run);
    let mut given = inputs.iter();
    let wanted: Vec<bool> = (0..graph.len()).map(|k| asked.contains(&k)).collect();
    let before = Uses::of(graph, &wanted);
    let gates = Gates::of(graph);
    let mut origins = BTreeMap::new();
    for (k, node) in graph.nodes().iter().enumerate() {
        let is_input = matches!(node.op(), Op::Input);
        sweep.next(if is_input { given.next() } else { None });
        if config.subnormals == Subnormals::Flush || !before.is_needed(k) {
            continue;
        }
        let elements: Vec<usize> = match asked.contains(&k) {
            true => (0..run[k].len()).collect(),
            false => gates.open(graph, &sweep.scene(), k),
        };
        let refined = sweep.refine(k, &elements);
        if let (true, Some(largest)) = (asked.contains(&k), refined) {
            origins.insert(k, largest);
        }
    }
    Refined {
        approx: sweep.known,
        origins,
    }
}

/// What is known of a run so far, value by value.
struct Sweep<'a> {
    graph: &'a Graph,
    config: &'a Config,
    values: Vec<Tensor>,
    run: &'a [Tensor],
    known: Vec<Approx>,
    /// The same for values that no execution has, but what lies between two: where executions are
    /// fixed or something has a kink, that is less.
    loose: Option<Vec<Approx>>,
    losses: Vec<Loss>,
}

impl<'a> Sweep<'a> {
    fn new(graph: &'a Graph, config: &'a Config, run: &'a [Tensor]) -> Sweep<'a> {
        let kinked = graph.nodes().iter().any(|n| bends(n.op()));
        Sweep {
            graph,
            config,
            values: Vec::with_capacity(graph.len()),
            run,
            known: Vec::with_capacity(graph.len()),
            loose: (config.is_fixed() || kinked).then(Vec::new),
            losses: Vec::new(),
        }
    }

    /// The next value, by the rules, or as it is given.
    fn next(&mut self, given: Option<&Approx>) {
        let k = self.values.len();
        self.values.push(self.run[k].clone());
        let (graph, config) = (self.graph, self.config);
        let next = bounds::next(&Op::error, graph, config, &self.values, &self.known, given);
        self.known.push(next);
        if let Some(loose) = &mut self.loose {
            let next = bounds::next(&between, graph, config, &self.values, loose, given);
            loose.push(next);
        }
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            graph: self.graph,
            config: self.config,
            values: &self.values,
            known: &self.known,
        }
    }

    /// The last value's ε at these elements, in adjoint form where that is less; of what the
    /// largest is made.
    fn refine(&mut self, k: usize, elements: &[usize]) -> Option<Origins> {
        let eps = &self.known[k].eps;
        if elements.is_empty() || eps.is_zero() || !eps.largest().is_finite() {
            return None;
        }
        for j in self.losses.len()..=k {
            let loss = self.scene().loss(j);
            self.losses.push(loss);
        }
        let pulled = pull(&self.scene(), &self.losses, k).ok()?;
        let needed = pulled.needed(&self.losses);
        let mut eps = self.known[k].eps.to_vec(self.values[k].len());
        let mut largest: Option<Origins> = None;
        for &element in elements {
            let born = self.born(&pulled, &needed, element).ok()?;
            let sum: Up = born.iter().map(|b| b.1).sum();
            eps[element] = eps[element].min(sum);
            if largest
                .as_ref()
                .is_none_or(|known| eps[known.element] < eps[element])
            {
                largest = Some(Origins {
                    element,
                    eps: sum,
                    born,
                });
            }
        }
        self.cap(k, &eps);
        largest
    }

    /// What reaches one element of the last value of all that is lost.
    fn born(&mut self, pulled: &Pulled, needed: &Uses, element: usize) -> Result<Vec<(usize, Up)>> {
        let begins = pulled.begins;
        let evaluated = self.extend(pulled, needed, element);
        let known = self.loose.as_ref().unwrap_or(&self.known);
        let values = &self.values;
        let operand = |id: ValueId| Operand {
            value: &values[id.index()],
            approx: &known[id.index()],
        };
        let born = evaluated.map(|()| {
            let each = pulled.cotangents.iter().filter(|c| c.matters(&self.losses));
            each.map(|c| (c.at, charge(c, &self.losses[c.at], operand)))
                .collect()
        });
        self.values.truncate(begins);
        self.known.truncate(begins);
        if let Some(loose) = &mut self.loose {
            loose.truncate(begins);
        }
        born
    }

    /// Evaluates and bounds the pullback of a unit cotangent.
    fn extend(&mut self, pulled: &Pulled, needed: &Uses, element: usize) -> Result<()> {
        let graph = &pulled.graph;
        let ty = graph.type_at(pulled.begins);
        let mut unit = vec![0.0; ty.shape.len()];
        unit[element] = 1.0;
        let seed = Tensor::from_f64s(ty.shape.clone(), ty.dtype, &unit)?;
        self.values.push(seed);
        let known = self.loose.as_mut().unwrap_or(&mut self.known);
        known.push(Approx::exact());
        let idle = self.values[pulled.begins].clone();
        for k in pulled.begins + 1..graph.len() {
            if !needed.is_needed(k) {
                self.values.push(idle.clone());
                known.push(Approx::default());
                continue;
            }
            let value = runtime::next(graph, self.config, &self.values)?;
            self.values.push(value);
            let next = bounds::next(&between, graph, self.config, &self.values, known, None);
            known.push(next);
        }
        Ok(())
    }

    /// Nothing lies further from the specification than this.
    fn cap(&mut self, k: usize, eps: &[Up]) {
        let len = eps.len();
        let bound = Bound::per_element(eps);
        let all = self.loose.iter_mut().map(|loose| &mut loose[k]);
        for known in all.chain(std::iter::once(&mut self.known[k])) {
            known.eps = known.eps.zip(&bound, len, Up::min);
            known.blocks = known.blocks.as_ref().map(|b| b.within(&known.eps, len));
        }
    }
}

/// A rule for what lies between executions: c is not the only value where executions are fixed,
/// and what has a kink may be beside its range, on its line.
fn between(op: &Op, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx {
    let mut approx = op.error(cx, args, out);
    if bends(op) {
        approx.range = Enclosure::ENTIRE;
    }
    match cx.config.is_fixed() {
        true => approx.undetermined(),
        false => approx,
    }
}

/// Σ |ρ|·λ over the elements of one value.
fn charge<'a>(at: &Cotangents, loss: &Loss, operand: impl Fn(ValueId) -> Operand<'a>) -> Up {
    let weighted = |x: Operand, loss: &Bound| -> Up {
        let each = (0..x.len()).map(|i| match loss.at(i) {
            Up::ZERO => Up::ZERO,
            lost => x.magnitude(i) * lost,
        });
        each.sum()
    };
    let each = [
        (Some(at.total), &loss.once),
        (at.copies.map(|c| c.0), &loss.copied),
        (at.copies.and_then(|c| c.1), &loss.stored),
    ];
    let lost = each.into_iter().filter(|(_, loss)| !loss.is_zero());
    lost.filter_map(|(by, loss)| Some(weighted(operand(by?), loss)))
        .sum()
}

impl Cotangents {
    /// Whether something is lost there.
    fn matters(&self, losses: &[Loss]) -> bool {
        !losses[self.at].is_none()
    }

    /// What must be known of it.
    fn wanted<'a>(&'a self, losses: &'a [Loss]) -> impl Iterator<Item = ValueId> + 'a {
        let loss = &losses[self.at];
        let once = (!loss.once.is_zero()).then_some(self.total);
        let copied = self.copies.filter(|_| !loss.copied.is_zero()).map(|c| c.0);
        let stored = self.copies.filter(|_| !loss.stored.is_zero());
        [once, copied, stored.and_then(|c| c.1)]
            .into_iter()
            .flatten()
    }
}

impl Pulled {
    /// What must be evaluated.
    fn needed(&self, losses: &[Loss]) -> Uses {
        let mut wanted = vec![false; self.graph.len()];
        for c in self.cotangents.iter().filter(|c| c.matters(losses)) {
            c.wanted(losses).for_each(|id| wanted[id.index()] = true);
        }
        Uses::of(&self.graph, &wanted)
    }
}
