//! What comparing an element of a value says something about: the value's own primitive, the
//! primitives whose VJPs contribute to it, and those whose contributions are added up in it.

use gradbound::graph::grad::Gradients;
use gradbound::graph::{Graph, ValueId};
use gradbound::op::{Op, Primitive, VjpSite};
use std::collections::BTreeMap;

/// Where an obligation lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// In the value of an operation, wherever it stands.
    Value,
    /// In what an operation's VJP contributes to the gradient of an argument.
    Vjp,
    /// In the sum of that contribution and others.
    Accumulation,
}

/// What a graph is about, as the key of its elements beside those of the primitives inside.
pub const WHOLE: &str = "";

/// Numbers of elements, by operation and part.
pub type Counts = BTreeMap<(&'static str, Part), usize>;

/// By value of a graph, what its elements count for.
pub struct Tally(Vec<Vec<(&'static str, Part)>>);

impl Tally {
    /// Of a graph that is about `outputs`; `gradients` are those that the graph appends.
    pub fn of(graph: &Graph, outputs: &[ValueId], gradients: &Gradients, fanned: bool) -> Tally {
        let mut tally = Tally(vec![Vec::new(); graph.len()]);
        for value in graph.values() {
            tally.add(value, graph.node(value).op().primitive(), Part::Value);
        }
        let contributions = contributions(graph, gradients);
        // A seeded input has the seed as one more term.
        let seeds = |v: ValueId| usize::from(fanned && matches!(graph.node(v).op(), Op::Input));
        let terms = |v: ValueId| contributions.iter().filter(|c| c.1 == v).count() + seeds(v);
        for (name, argument) in &contributions {
            let Some(gradient) = gradients.of(*argument) else {
                continue;
            };
            tally.add(gradient, name, Part::Vjp);
            let sums = terms(*argument) > 1;
            if sums {
                tally.add(gradient, name, Part::Accumulation);
            }
            if outputs.contains(&gradient) {
                tally.add(gradient, WHOLE, Part::Vjp);
                if sums {
                    tally.add(gradient, WHOLE, Part::Accumulation);
                }
            }
        }
        if contributions.is_empty() {
            for output in outputs {
                tally.add(*output, WHOLE, Part::Value);
            }
        }
        tally
    }

    fn add(&mut self, value: ValueId, name: &'static str, part: Part) {
        let all = &mut self.0[value.index()];
        if !all.contains(&(name, part)) {
            all.push((name, part));
        }
    }

    /// Counts elements of a value.
    pub fn count(&self, value: ValueId, elements: usize, into: &mut Counts) {
        for key in &self.0[value.index()] {
            *into.entry(*key).or_default() += elements;
        }
    }
}

/// Every primitive with a gradient, by name, and each argument that its VJP contributes to.
fn contributions(graph: &Graph, gradients: &Gradients) -> Vec<(&'static str, ValueId)> {
    let mut again = graph.clone();
    let mut all = Vec::new();
    for value in graph.values() {
        let Some(cotangent) = gradients.of(value) else {
            continue;
        };
        let node = graph.node(value);
        let site = VjpSite {
            value,
            args: node.args(),
            cotangent,
        };
        let pulled = node.op().vjp(&mut again, &site).expect("a second time");
        let contributing = node.args().iter().zip(pulled).filter(|(_, c)| c.is_some());
        all.extend(contributing.map(|(arg, _)| (node.op().primitive(), *arg)));
    }
    all
}
