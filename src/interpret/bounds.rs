//! The bounds: ε of every value of a run, for every admissible execution.

use crate::bound::{Approx, Bound, Drift, Operand};
use crate::config::{Config, Granularity, Subnormals};
use crate::graph::{Graph, ValueId};
use crate::number::{Down, Enclosure, Up};
use crate::op::{Op, Primitive, RuleCx};
use crate::tensor::Tensor;
use smallvec::SmallVec;

/// What is known of every value of `run`, in arena order; `inputs` as the caller knows
/// them ([`Approx::exact`] for exact ones).
pub fn eval(graph: &Graph, config: &Config, run: &[Tensor], inputs: &[Approx]) -> Vec<Approx> {
    eval_by(&Op::error, graph, config, run, inputs)
}

/// A rule: what is known of an operation's result.
pub type Rule<'r> = dyn Fn(&Op, &RuleCx, &[Operand], &Tensor) -> Approx + Sync + 'r;

/// The same by other rules than the primitives' own, which an attack puts to the test.
pub fn eval_by(
    rule: &Rule,
    graph: &Graph,
    config: &Config,
    run: &[Tensor],
    inputs: &[Approx],
) -> Vec<Approx> {
    let mut known: Vec<Approx> = Vec::with_capacity(graph.len());
    let mut given = inputs.iter();
    for node in graph.nodes() {
        let is_input = matches!(node.op(), Op::Input);
        let input = if is_input { given.next() } else { None };
        known.push(next(rule, graph, config, run, &known, input));
    }
    known
}

/// What is known of the value after those that are known already; of an input, what is `given`.
pub(crate) fn next(
    rule: &Rule,
    graph: &Graph,
    config: &Config,
    run: &[Tensor],
    known: &[Approx],
    given: Option<&Approx>,
) -> Approx {
    let k = known.len();
    let node = &graph.nodes()[k];
    let cx = RuleCx {
        config,
        ty: graph.type_at(k),
    };
    if let Some(given) = given {
        return finish(&cx, given.clone(), &run[k], true);
    }
    let operand = |a: &ValueId| Operand {
        value: &run[a.index()],
        approx: &known[a.index()],
    };
    let args: SmallVec<[Operand; 3]> = node.args().iter().map(operand).collect();
    local_by(rule, node.op(), &cx, &args, &run[k])
}

/// What is known of an exact input.
pub(crate) fn given(cx: &RuleCx, value: &Tensor) -> Approx {
    finish(cx, Approx::exact(), value, true)
}

/// What is known of one operation's result.
pub(crate) fn local(op: &Op, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx {
    local_by(&Op::error, op, cx, args, out)
}

fn local_by(rule: &Rule, op: &Op, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx {
    let constants = args.iter().all(|a| a.approx.constant);
    let approx = Approx {
        constant: constants && !matches!(op, Op::Input),
        ..apply(rule, op, cx, args, out)
    };
    finish(cx, approx, out, matches!(op, Op::Constant(_)))
}

/// One node's rule; a drift that the rule does not follow ends in "no claim".
fn apply(rule: &Rule, op: &Op, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx {
    let approx = rule(op, cx, args, out);
    let open = args.iter().any(|a| a.approx.drift.is_open());
    if open && approx.drift == Drift::None {
        return Approx::within(Bound::Tensor(Up::INFINITY));
    }
    approx
}

/// What holds for every value, whatever made it: flushing, no claim beyond the range, the
/// granularity. What is `given` was computed by no run.
fn finish(cx: &RuleCx, approx: Approx, c: &Tensor, given: bool) -> Approx {
    let mut approx = approx;
    if cx.format().is_none() {
        return approx;
    }
    if let Some(blocks) = approx.blocks.take() {
        let len = c.len();
        approx.eps = Bound::from_fn(len, |i| approx.eps.at(i).min(blocks.of_element(i)));
        approx.blocks = Some(blocks.within(&approx.eps, len));
    }
    if cx.config.subnormals == Subnormals::Flush {
        approx = flushed(cx, approx, c, given);
    }
    let width = approx.range.width();
    if width.is_finite() && approx.eps.largest() > width {
        // x and x̂ both lie in the range, where there is a claim at all.
        let within = |i: usize| match approx.eps.at(i) {
            eps if eps.is_finite() => eps.min(width),
            none => none,
        };
        approx.eps = Bound::from_fn(c.len(), within);
    }
    if (0..c.len()).any(|i| !c.get(i).is_finite()) {
        approx.blocks = None;
        approx.eps = Bound::from_fn(c.len(), |i| {
            if c.get(i).is_finite() {
                approx.eps.at(i)
            } else {
                Up::INFINITY
            }
        });
    }
    if cx.config.granularity == Granularity::Tensor {
        approx.eps = approx.eps.collapsed();
    }
    approx
}

/// ε under flush: a value that may be subnormal may be replaced by zero, once, wherever it
/// is produced or used.
///
/// # Derivation
/// |0 − x| ≤ |x̂| + |x̂ − x| < λ + ε for a subnormal x̂. A value flushed at its use was
/// either flushed when it was stored, which changes nothing, or is flushed now: the same
/// bound covers both, so every value pays λ once, inputs and weights included.
fn flushed(cx: &RuleCx, approx: Approx, c: &Tensor, given: bool) -> Approx {
    let Some(format) = cx.format() else {
        return approx;
    };
    let lambda = format.lambda();
    let may_flush = |i: usize| {
        // A run that flushes leaves zeros that need not be zeros of the specification.
        let flushed_here = cx.config.flushes() && !given;
        let zero = !flushed_here
            && c.get(i) == 0.0
            && approx.eps.at(i) == Up::ZERO
            && !approx.drift.is_open();
        let least = Down::magnitude(c.get(i)) - approx.reach(i).max(approx.eps.at(i));
        !zero && least.get() < lambda.get()
    };
    if !(0..c.len()).any(may_flush) {
        return approx;
    }
    let lost = |i: usize| if may_flush(i) { lambda } else { Up::ZERO };
    let eps = Bound::from_fn(c.len(), |i| approx.eps.at(i) + lost(i));
    let blocks = approx.blocks.as_ref();
    let blocks = blocks.map(|blocks| blocks.plus_each(c.len(), lost));
    let near_zero = |x: f64| Up::magnitude(x) < lambda;
    let range = if near_zero(approx.range.lo()) || near_zero(approx.range.hi()) {
        approx.range.hull(Enclosure::point(0.0))
    } else {
        approx.range
    };
    Approx {
        eps,
        blocks,
        range,
        ..approx.undetermined()
    }
}
