//! The scales: a bound on the magnitude of every value, of specification AND runtime.

use super::live::Uses;
use crate::bound::{Approx, Bound};
use crate::config::Config;
use crate::graph::Graph;
use crate::number::Up;
use crate::op::{Op, Primitive, RuleCx, ScaleOperand, Scaled};
use crate::tensor::Tensor;
use smallvec::SmallVec;

/// A run and what is known of it: it tightens propagated scales to |c| + 2ε.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The run's values, in arena order.
    pub run: &'a [Tensor],
    /// Their bounds, in arena order.
    pub approx: &'a [Approx],
}

/// The scale of every value, in arena order, from the inputs' scales; the least of what is
/// propagated and, with a run, |c| + 2ε. Nests serve the values that use them and are let go.
pub fn eval(
    graph: &Graph,
    config: &Config,
    inputs: &[Scaled],
    known: Option<Known<'_>>,
) -> Vec<Scaled> {
    eval_by(&Op::scale, graph, config, inputs, known)
}

/// A rule: the scale of an operation's result.
pub type Rule<'r> = dyn Fn(&Op, &RuleCx, &[ScaleOperand]) -> Scaled + Sync + 'r;

/// The same by other rules than the primitives' own, which an attack puts to the test.
pub fn eval_by(
    rule: &Rule,
    graph: &Graph,
    config: &Config,
    inputs: &[Scaled],
    known: Option<Known<'_>>,
) -> Vec<Scaled> {
    let mut scales: Vec<Scaled> = Vec::with_capacity(graph.len());
    let mut uses = Uses::of(graph, &vec![true; graph.len()]);
    let mut given = inputs.iter();
    for (k, node) in graph.nodes().iter().enumerate() {
        let cx = RuleCx {
            config,
            ty: graph.type_at(k),
        };
        let mut scaled = match (node.op(), given.as_slice()) {
            (Op::Input, [next, ..]) => {
                let next = next.clone();
                given.next();
                next
            }
            (op, _) => {
                let args: SmallVec<[ScaleOperand; 3]> = node
                    .args()
                    .iter()
                    .map(|a| ScaleOperand {
                        ty: graph.ty(*a),
                        scaled: &scales[a.index()],
                    })
                    .collect();
                rule(op, &cx, &args)
            }
        };
        if let Some(known) = known {
            scaled.scale = tightened(&scaled.scale, &known.run[k], &known.approx[k]);
        }
        scales.push(scaled);
        uses.finish(graph, k, |dead| scales[dead].nest = None);
    }
    scales
}

/// min(B, |c| + 2ε + drift) per element, no claim where ε is none: such a value may not even
/// be defined. |x| ≤ |c| + ε (+ drift) and |x̂| ≤ |c| + 2ε
/// (+ drift), also where c is the only admissible value.
fn tightened(scale: &Bound, c: &Tensor, approx: &Approx) -> Bound {
    Bound::from_fn(c.len(), |i| {
        let eps = approx.eps.at(i);
        if !eps.is_finite() {
            return Up::INFINITY;
        }
        let own = c.magnitude(i) + eps + eps + approx.drift.at(i);
        scale.at(i).min(own).min(approx.range.magnitude())
    })
}
