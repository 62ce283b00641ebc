//! Blame: the observed value that its own observed inputs do not explain.
//!
//! For a violated value the primitives between it and the nearest named values are
//! evaluated on their own, from the observed values (exact, as they stand) and, where there
//! are none, from this run's values within their certified enclosures. What that fragment
//! allows, its own rounding included, is what the inputs explain.

use super::subjects::Subject;
use crate::bound::{Approx, Bound};
use crate::config::{Config, Contract};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::interpret::{bounds, runtime, spec};
use crate::number::{Enclosure, SpecNumber, Up};
use crate::obligation::{Claimed, Run};
use crate::tensor::{SpecTensor, Tensor};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// What is known around the values of a run.
pub struct Scene<'a> {
    /// The graph, forward and backward.
    pub graph: &'a Graph,
    /// The configuration.
    pub config: &'a Config,
    /// This run.
    pub run: &'a Run,
    /// Observed tensors by value; several names may share one (the cotangent that an addition
    /// hands on, say), and need not have been observed alike.
    pub observed: HashMap<ValueId, Vec<&'a Tensor>>,
    /// Values that have a name.
    pub named: HashSet<ValueId>,
}

impl<'a> Scene<'a> {
    /// Collects what is known around the subjects.
    pub fn new(
        graph: &'a Graph,
        config: &'a Config,
        run: &'a Run,
        subjects: &[Subject],
        claimed: &'a [Claimed],
    ) -> Self {
        let mut observed: HashMap<ValueId, Vec<&Tensor>> = HashMap::new();
        for subject in subjects {
            if let Some(k) = subject.observed {
                observed
                    .entry(subject.id)
                    .or_default()
                    .push(&claimed[k].tensor);
            }
        }
        Scene {
            graph,
            config,
            run,
            observed,
            named: subjects.iter().map(|s| s.id).collect(),
        }
    }

    /// The largest factor by which `tensor`, observed for `value`, leaves what its inputs
    /// explain; at most 1 where they explain it.
    pub fn unexplained(&self, value: ValueId, tensor: &Tensor) -> Result<f64> {
        let cone = Cone::of(self.graph, value, &self.named);
        let leaves: Vec<Leaf> = cone.leaves.iter().map(|&v| self.leaf(v)).collect();
        let inputs: Vec<Tensor> = leaves.iter().map(|l| l.value.clone()).collect();
        let run = runtime::eval(&cone.graph, self.config, &inputs)?;
        let known: Vec<Approx> = leaves.iter().map(|l| l.approx.clone()).collect();
        let eps = bounds::eval(&cone.graph, self.config, &run, &known);
        let given: Vec<SpecTensor<Enclosure>> = leaves.iter().map(Leaf::enclosure).collect();
        let spec = spec::eval(&cone.graph, &(), &given, Some(&run));
        let (spec, eps) = (&spec[cone.output.index()], &eps[cone.output.index()].eps);
        let mut worst = 0.0;
        for (i, x) in spec.data.iter().enumerate() {
            let away = x.distance(tensor.get(i)).lo();
            let ratio = ratio(away, tensor.get(i), eps.at(i));
            if ratio > worst {
                worst = ratio;
            }
        }
        Ok(worst)
    }

    fn leaf(&self, value: ValueId) -> Leaf {
        let c = &self.run.values[value.index()];
        let approx = &self.run.approx[value.index()];
        let alternatives = self.observed.get(&value).map_or(&[][..], Vec::as_slice);
        let first = alternatives.first().and_then(|t| t.cast(c.dtype()).ok());
        let Some(observed) = first else {
            return Leaf {
                value: c.clone(),
                approx: approx.clone(),
            };
        };
        // An observed sum may have been fused with what follows it, so its leaves still
        // count there; its own error does not.
        let nest = approx
            .nest
            .as_ref()
            .map(|n| Arc::new(n.without_propagation()));
        let eps = Bound::from_fn(observed.len(), |i| self.room(&observed, alternatives, i));
        // Where executions are fixed, what follows from a given number is one number as well.
        let determined = self.config.is_fixed() && eps.is_zero();
        Leaf {
            value: observed,
            approx: Approx {
                nest,
                determined,
                ..Approx::within(eps)
            },
        }
    }

    /// How far what was really used may be from the first observed tensor of a value: as far
    /// as another observed under another name, and by half an ulp where a product may have
    /// been contracted into its use and was only rounded for the one who looked.
    fn room(&self, observed: &Tensor, alternatives: &[&Tensor], i: usize) -> Up {
        let c = observed.get(i);
        let apart = |t: &&Tensor| Enclosure::point(t.get(i)).distance(c).magnitude();
        let apart = alternatives.iter().map(apart).fold(Up::ZERO, Up::max);
        match observed.dtype().format() {
            Some(format) if self.config.contract == Contract::Any => {
                apart + format.half_ulp(Up::magnitude(c))
            }
            _ => apart,
        }
    }
}

#[expect(clippy::float_arithmetic, reason = "a figure that ranks suspects")]
fn ratio(away: f64, observed: f64, eps: Up) -> f64 {
    if !observed.is_finite() {
        return f64::INFINITY;
    }
    if away == 0.0 { 0.0 } else { away / eps.get() }
}

/// A value that a fragment starts from.
struct Leaf {
    value: Tensor,
    approx: Approx,
}

impl Leaf {
    /// Where the value lies that the fragment was really given.
    fn enclosure(&self) -> SpecTensor<Enclosure> {
        let each = |i: usize| {
            let reach = self.approx.reach(i).max(self.approx.eps.at(i));
            if reach == Up::ZERO {
                Enclosure::point(self.value.get(i))
            } else {
                Enclosure::around(self.value.get(i), reach)
            }
        };
        let data: Vec<Enclosure> = (0..self.value.len()).map(each).collect();
        SpecTensor::new(self.value.shape().clone(), data)
    }
}

/// The primitives between a value and the nearest named values before it.
struct Cone {
    graph: Graph,
    /// The original's values that the inputs stand for, in order.
    leaves: Vec<ValueId>,
    output: ValueId,
}

impl Cone {
    fn of(graph: &Graph, value: ValueId, named: &HashSet<ValueId>) -> Cone {
        // Walk back from the value; arena order makes the collected ids topological.
        let mut inside: BTreeMap<ValueId, bool> = BTreeMap::new();
        let mut stack = vec![value];
        while let Some(v) = stack.pop() {
            let is_leaf = v != value && named.contains(&v);
            if inside.insert(v, is_leaf).is_none() && !is_leaf {
                stack.extend(graph.node(v).args());
            }
        }
        let mut part = Graph::new();
        let mut leaves = Vec::new();
        let mut moved: HashMap<ValueId, ValueId> = HashMap::new();
        for (v, is_leaf) in inside {
            let is_input = graph.inputs().contains(&v);
            let new = if is_leaf || is_input {
                leaves.push(v);
                part.input(graph.ty(v).clone())
            } else {
                part.copy_node(graph, v, |arg| moved[&arg])
            };
            moved.insert(v, new);
        }
        Cone {
            output: moved[&value],
            graph: part,
            leaves,
        }
    }
}
