//! A step function of x: the gates of kinked primitives' gradients.

use super::elementwise::{self, Unary};
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Drift, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{Float, SpecNumber};
use crate::tensor::{SpecTensor, Tensor, Ty};
use super::range;
use crate::number::{Enclosure, Up};
use crate::number::spec::Steps;

/// A value left of, at and right of zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step(pub Steps);

impl Unary for Step {
    fn exact<N: SpecNumber>(&self, env: &N::Env, x: &N) -> N {
        x.step(env, self.0)
    }
    fn float<T: Float>(&self, x: T) -> T {
        x.step(self.0)
    }
    #[expect(clippy::float_cmp, reason = "an integer equals its truncation")]
    fn integer(&self, x: i64) -> Option<i64> {
        let y = match x.signum() {
            -1 => self.0.below,
            0 => self.0.at,
            _ => self.0.above,
        };
        (y.trunc() == y).then_some(y as i64)
    }
}

impl Step {
    /// What rounding the three values to the format costs: nothing where it holds them.
    fn rounding(self, cx: &RuleCx) -> Up {
        [self.0.below, self.0.at, self.0.above]
            .into_iter()
            .filter(|&v| cx.format().is_some_and(|f| !f.holds(v)))
            .map(|v| cx.half_ulp(Up::magnitude(v)))
            .fold(Up::ZERO, Up::max)
    }
}

impl Primitive for Step {
    fn name(&self) -> &'static str {
        "Step"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        elementwise::infer_unary(args)
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        elementwise::spec_unary(self, cx.env, args[0])
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        elementwise::run_unary(self, cx, args[0])
    }
    /// 0 where the enclosure stays on one side of the jump, else the jump; and the rounding
    /// of a value that the format does not hold.
    ///
    /// # Derivation
    /// x and x̂ lie in [c−2ε, c+2ε]; spec and runtime may take different branches only
    /// where that interval touches 0, and then differ by at most the width of the hull. Where
    /// x̂ = x there is one branch, which may be another one for another execution's shift.
    /// # Tightness
    /// Test `relu_gate_covers_both_branches`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let x = &args[0];
        let rounding = self.rounding(cx);
        let eps = x.bound(|i| {
            if !x.eps(i).is_finite() {
                return Up::INFINITY; // the argument may be undefined
            }
            if x.eps(i) == Up::ZERO {
                return rounding;
            }
            x.enclosure(i).step(&(), self.0).width() + rounding
        });
        let jump = |i: usize| x.enclosure(i).step(&(), self.0).width();
        let drift = match x.approx.drift.is_open() {
            true => Drift::Within(x.bound(jump)),
            false => Drift::None,
        };
        let values = [self.0.below, self.0.at, self.0.above];
        let exact = range::hull(values.into_iter().map(Enclosure::point));
        Approx {
            drift,
            range: range::rounded(cx, exact),
            ..cx.approx(args, eps)
        }
    }
    /// The largest of the three values; no claim where the argument has none.
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let largest = [self.0.below, self.0.at, self.0.above]
            .into_iter()
            .fold(self.rounding(cx), |m, x| m.max(Up::magnitude(x) + self.rounding(cx)));
        elementwise::scale_each(cx, args, |b| if b(0).is_finite() { largest } else { b(0) })
    }
    /// Zero almost everywhere, and by convention at the jump.
    fn vjp(&self, _g: &mut Graph, _site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![None])
    }
}
