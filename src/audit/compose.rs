//! From checks to the rows of the record.

use super::Request;
use super::prepare::Prepared;
use super::range::status;
use super::record::{
    Born, Internal, Num, ObligationRecord, Observed, PassRecord, ProbableRecord, Range, Share,
    Value, Worst,
};
use super::subjects::Subject;
use super::tolerances::{atol, customary_rtol};
use crate::adjoint::Origins;
use crate::graph::Pass;
use crate::number::{Enclosure, Up};
use crate::obligation::{Checks, Measured, Obligation, Run, without_consequence};
use crate::op::{Op, Primitive};
use crate::probable::Probable;
use crate::tensor::Shape;
use crate::tolerance::Tolerance;
use crate::verdict::{Outcome, Verdict, Witness};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashSet};

/// How many nodes are named of those that an error comes from.
const LARGEST: usize = 10;

/// What the record is made of.
pub(super) struct Parts<'a> {
    pub prepared: &'a Prepared,
    pub request: &'a Request,
    pub run: &'a Run,
    pub checks: &'a Checks,
    pub subjects: &'a [Subject],
    pub origins: &'a BTreeMap<usize, Origins>,
    pub probable: &'a BTreeMap<usize, Probable>,
    /// The first value without a claim.
    pub unclaimed: Option<usize>,
}

impl Parts<'_> {
    /// One row per named value and gradient.
    pub fn values(&self) -> Vec<Value> {
        self.subjects.iter().map(|s| self.value(s)).collect()
    }

    fn value(&self, subject: &Subject) -> Value {
        let k = subject.id.index();
        let (c, eps) = (&self.run.values[k], &self.run.approx[k].eps);
        let scale = self.run.scales[k].scale.largest();
        let tolerance = Tolerance::from_eps_scale(eps.largest(), scale);
        let rtol = customary_rtol(c.dtype());
        let measured = &self.checks.error[k];
        let shape = c.shape();
        let verdict = measured
            .verdict
            .outcome()
            .max(self.checks.scale[k].verdict.outcome());
        Value {
            name: subject.name.clone(),
            pass: subject.pass,
            op: subject.op.clone(),
            shape: shape.to_vec(),
            format: c.dtype().to_string(),
            eps: Num(eps.largest().get()),
            born: self.origins.get(&k).map(|o| self.born(o, shape)),
            probable: self.probable.get(&k).map(|p| ProbableRecord {
                eps: Num(p.eps.largest().get()),
                second_order: Num(p.second_order),
                jumps: Num(p.jumps),
            }),
            scale: Num(scale.get()),
            abs: Num(tolerance.abs.get()),
            rel: Num(tolerance.rel.get()),
            atol: Num(atol(c, eps, rtol).get()),
            rtol: Num(rtol),
            range: status(c, &self.run.approx[k], &self.run.scales[k].scale),
            error: Some(range(measured.largest)),
            tightness: Num(share(measured.largest.lo(), eps.largest())),
            nearest: Num(measured.tightness),
            worst: measured.worst.as_ref().map(|w| worst(w, shape)),
            observed: subject
                .observed
                .map(|k| observed(&self.checks.claimed[k], shape)),
            verdict,
            why: (verdict == Outcome::Undecided).then(|| self.why(k)),
        }
    }

    /// The nodes that an error comes from, the largest shares first.
    fn born(&self, origins: &Origins, shape: &Shape) -> Born {
        let mut by_node: BTreeMap<String, Up> = BTreeMap::new();
        for &(k, share) in &origins.born {
            let op = self.prepared.model.graph.nodes()[k].op();
            *by_node.entry(self.internal_name(k, op)).or_insert(Up::ZERO) += share;
        }
        let mut shares: Vec<(String, Up)> = by_node.into_iter().collect();
        shares.sort_by(|a, b| b.1.get().total_cmp(&a.1.get()));
        Born {
            index: shape.index_of(origins.element),
            eps: Num(origins.eps.get()),
            largest: (shares.into_iter().take(LARGEST))
                .map(|(name, share)| Share {
                    name,
                    eps: Num(share.get()),
                })
                .collect(),
        }
    }

    /// Why a value is undecided: no claim, with the first value that has none, or a width.
    fn why(&self, k: usize) -> String {
        if self.run.approx[k].eps.largest().is_finite() {
            let width = self.checks.error[k].largest.width().get();
            return format!("the last rung left an enclosure of width {width:.3e}");
        }
        let first = self.unclaimed.map_or(k, |first| first.min(k));
        let graph = &self.prepared.model.graph;
        let node = &graph.nodes()[first];
        let finite =
            (0..self.run.values[first].len()).all(|i| self.run.values[first].get(i).is_finite());
        let reason = if !finite {
            "its runtime value overflows or is undefined"
        } else {
            "an admissible execution may overflow, divide by zero or leave its domain"
        };
        format!(
            "no claim since `{}`: {reason}",
            self.internal_name(first, node.op())
        )
    }

    /// The obligations of every node of the model, and the witnesses of violated ones.
    pub fn obligations(&self) -> (Vec<ObligationRecord>, Vec<(String, Json)>) {
        let model = &self.prepared.model;
        let mut tallies: BTreeMap<(u32, usize), Tally> = BTreeMap::new();
        let not_missed = without_consequence(&model.graph, &self.run.approx);
        for (k, node) in model.graph.nodes().iter().enumerate() {
            let origin = node.origin();
            if matches!(node.op(), Op::Input | Op::Constant(_)) || not_missed[k] {
                continue;
            }
            let pass = match origin.pass {
                Pass::Forward => 0,
                Pass::Backward => 2,
                Pass::Accumulate => 4,
            };
            let pair = [&self.checks.error[k], &self.checks.scale[k]];
            for (j, measured) in pair.into_iter().enumerate() {
                let tally = tallies.entry((origin.source, pass + j)).or_default();
                tally.add(k, measured, self.run.values[k].len());
            }
        }
        let all = [Pass::Forward, Pass::Backward, Pass::Accumulate].map(Obligation::of);
        let mut witnesses = Vec::new();
        let records = tallies
            .into_iter()
            .map(|((source, which), tally)| {
                let obligation = all[which / 2][which % 2];
                let node = model.nodes.get(source as usize);
                let (name, op) = match node {
                    Some(n) => (n.name.clone(), n.op.clone()),
                    None => ("inputs".to_string(), "Input".to_string()),
                };
                let witness = tally.witness.map(|(value, w)| {
                    let file = format!("{}.json", witnesses.len() + 1);
                    witnesses.push((file.clone(), self.witness(value, &w, obligation)));
                    format!("witnesses/{file}")
                });
                ObligationRecord {
                    node: name,
                    op,
                    obligation,
                    verdict: tally.verdict.unwrap_or(Outcome::Holds),
                    checked: tally.checked,
                    tightness: Num(tally.tightness),
                    witness,
                }
            })
            .collect();
        (records, witnesses)
    }

    /// A violated obligation in exact bits: the node, its arguments' values, the element.
    fn witness(&self, value: usize, w: &Witness, obligation: Obligation) -> Json {
        let node = &self.prepared.model.graph.nodes()[value];
        let bits = |x: f64| format!("{:#018x}", x.to_bits());
        let arguments: Vec<Json> = node
            .args()
            .iter()
            .map(|a| {
                let t = &self.run.values[a.index()];
                let eps = &self.run.approx[a.index()].eps;
                let values: Vec<String> = t.to_f64s().into_iter().map(bits).collect();
                let eps: Vec<String> = eps.to_vec(t.len()).iter().map(|e| bits(e.get())).collect();
                json!({ "type": t.ty().to_string(), "bits": values, "eps_bits": eps })
            })
            .collect();
        json!({
            "node": self.internal_name(value, node.op()),
            "obligation": obligation,
            "op": format!("{:?}", node.op()),
            "element": w.position,
            "runtime_bits": bits(w.runtime),
            "spec": { "lower": bits(w.spec.lo()), "upper": bits(w.spec.hi()) },
            "bound_bits": bits(w.bound.get()),
            "arguments": arguments,
            "model": self.request.model.display().to_string(),
        })
    }

    /// Values that no name of the model covers.
    pub fn internals(&self) -> Vec<Internal> {
        let model = &self.prepared.model;
        let named: HashSet<usize> = self
            .subjects
            .iter()
            .map(|s| s.id.index())
            .chain(model.inputs.iter().map(|v| v.id.index()))
            .chain(model.initializers.iter().map(|v| v.id.index()))
            .collect();
        let nodes = model.graph.nodes().iter().enumerate();
        nodes
            .filter(|(k, n)| !named.contains(k) && !matches!(n.op(), Op::Input | Op::Constant(_)))
            .map(|(k, node)| Internal {
                name: self.internal_name(k, node.op()),
                shape: self.run.values[k].shape().to_vec(),
                eps: Num(self.run.approx[k].eps.largest().get()),
                scale: Num(self.run.scales[k].scale.largest().get()),
                verdict: self.checks.error[k]
                    .verdict
                    .outcome()
                    .max(self.checks.scale[k].verdict.outcome()),
            })
            .collect()
    }

    /// `OUTPUT/op#k`, after the first output of the node that the value came from.
    fn internal_name(&self, k: usize, op: &Op) -> String {
        if let Some(s) = self.subjects.iter().find(|s| s.id.index() == k) {
            return s.name.clone();
        }
        let model = &self.prepared.model;
        let origin = model.graph.nodes()[k].origin();
        let output = model
            .nodes
            .get(origin.source as usize)
            .and_then(|n| n.outputs.iter().find(|o| !o.is_empty()))
            .map_or("inputs", String::as_str);
        let prefix = if origin.pass == Pass::Forward {
            ""
        } else {
            "grad:"
        };
        format!("{prefix}{output}/{}#{k}", op.name())
    }
}

/// The checks of one obligation of one node, added up.
#[derive(Default)]
struct Tally {
    verdict: Option<Outcome>,
    checked: usize,
    tightness: f64,
    witness: Option<(usize, Witness)>,
}

impl Tally {
    fn add(&mut self, value: usize, measured: &Measured, elements: usize) {
        self.checked += elements;
        if measured.tightness > self.tightness {
            self.tightness = measured.tightness;
        }
        self.verdict = self.verdict.max(Some(measured.verdict.outcome()));
        if let (None, Verdict::Violated(w)) = (&self.witness, &measured.verdict) {
            self.witness = Some((value, w.clone()));
        }
    }
}

/// A figure that bounds nothing; 0/0 is 0.
#[expect(clippy::float_arithmetic, reason = "a figure for people")]
fn share(error: f64, eps: Up) -> f64 {
    if error == 0.0 { 0.0 } else { error / eps.get() }
}

fn range(e: Enclosure) -> Range {
    Range {
        lower: Num(e.lo()),
        upper: Num(e.hi()),
    }
}

fn worst(w: &Witness, shape: &Shape) -> Worst {
    Worst {
        index: shape.index_of(w.position),
        spec: Num(w.spec.mid()),
        runtime: Num(w.runtime),
        eps: Num(w.bound.get()),
    }
}

fn observed(measured: &Measured, shape: &Shape) -> Observed {
    Observed {
        error: range(measured.largest),
        verdict: measured.verdict.outcome(),
        ratio: Num(measured.ratio),
        worst: measured.worst.as_ref().map(|w| worst(w, shape)),
    }
}

impl PassRecord {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            PassRecord::Forward => "forward",
            PassRecord::Backward => "backward",
        }
    }
}
