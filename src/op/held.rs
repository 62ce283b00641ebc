//! A value as an execution has it: what formulas of the same value are compared from.

use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{SpecNumber, Up};
use crate::op::real;
use crate::tensor::{SpecTensor, Tensor, Ty};

/// The identity on a value whose specification is what the execution at hand has computed:
/// it carries no error, and drifts. What is computed from held values carries the roundings
/// of its own formula only, which is what [`AnyOf`](super::AnyOf) asks of a formula.
///
/// A value that is added to something may be recomputed inside that sum, and then is another
/// one there; so only factors, divisors and arguments of functions are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held;

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
    /// ε = 0, but for an argument without a claim, which may be undefined; another
    /// execution's value is within 2ε of this run's, and drift.
    ///
    /// # Derivation
    /// By definition x(s) = x̂ for the execution s, and every admissible x̂ lies within its
    /// reach of c.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let x = &args[0];
        let eps = if x.approx.eps.largest().is_finite() {
            Bound::Zero
        } else {
            x.bound(|i| if x.eps(i).is_finite() { Up::ZERO } else { Up::INFINITY })
        };
        Approx {
            drift: Drift::Within(x.bound(|i| x.approx.reach(i))),
            range: x.approx.range,
            ..cx.approx(args, eps)
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
