//! A value as an execution has it: what formulas of the same value are compared from.

use super::nest::Nest;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::config::Contract;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{SpecNumber, Up};
use crate::op::real;
use crate::tensor::{SpecTensor, Tensor, Ty};
use std::sync::Arc;

/// The identity on a value whose specification is what the execution at hand has computed:
/// it carries no error, and drifts. What is computed from held values carries the roundings
/// of its own formula only, which is what [`AnyOf`](super::AnyOf) asks of a formula.
///
/// A value that is added to something may be recomputed inside that sum, and then is another
/// one there: what is held as a summand carries the difference, and keeps its nest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// True for a value that is added to others; else it is a factor, a divisor or the argument
    /// of a function.
    pub(crate) summand: bool,
}

impl Held {
    /// How far a summand may be, inside the sum that recomputes it, from what is stored.
    fn recomputed(self, cx: &RuleCx, x: &Operand) -> Bound {
        let fixed = !cx.any_tree() && cx.config.contract == Contract::Off;
        let Some(format) = cx.format().filter(|_| self.summand && !fixed) else {
            return Bound::Zero;
        };
        let moved = Nest::of(cx, x).recomputed(cx, format, |i| x.magnitude(i));
        x.bound(|i| if x.is_exactly_c(i) { Up::ZERO } else { moved.at(i) })
    }
}

impl Primitive for Held {
    fn name(&self) -> &'static str {
        "Held"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        float(x)?;
        Ok(x.clone())
    }
    /// The run's own value; without a run, the argument.
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        match cx.run {
            Some(value) => real(cx.env, value),
            None => args[0].clone(),
        }
    }
    fn run(&self, _cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        Ok(args[0].clone())
    }
    /// ε = 0, but for a summand (and an argument without a claim, which may be undefined);
    /// another execution's value is within 2ε of this run's, and drift.
    ///
    /// # Statement
    /// With x(s) = x̂, what the execution s stored: any other value that s computes of the same
    /// x inside a sum is within the result of it.
    /// # Derivation
    /// A factor is loaded: it is x̂, and every admissible x̂ lies within its reach of c. A
    /// summand may be recomputed from the leaves of its nest, whose exact sum x̂ is within
    /// `Nest::recomputed` of; the nest of the sum that it enters bounds the rest, so it is
    /// handed on, with that in place of the leaves' own errors. A value that is the same
    /// number in every execution is exact, in a sum as well.
    /// # Assumes
    /// As [`nest`](crate::op::nest).
    /// # Tightness
    /// Test `any_of_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let x = &args[0];
        let moved = self.recomputed(cx, x);
        let eps = x.bound(|i| if x.eps(i).is_finite() { moved.at(i) } else { Up::INFINITY });
        let nest = (x.approx.nest.as_ref()).filter(|_| self.summand && cx.any_tree());
        let len = cx.len();
        Approx {
            drift: Drift::Within(x.bound(|i| x.approx.reach(i))),
            range: x.approx.range,
            nest: nest.map(|n| Arc::new(n.without_propagation().with_error(&eps, len))),
            ..cx.approx(args, if eps.is_zero() { Bound::Zero } else { eps })
        }
    }
    fn scale(&self, _cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        args[0].scaled.clone()
    }
    /// None: what is held serves the comparison of formulas, and [`AnyOf`](super::AnyOf)
    /// sends its cotangent to the formula that is not made of held values.
    fn vjp(&self, _g: &mut Graph, _site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![None])
    }
}
