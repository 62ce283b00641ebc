//! x², element by element.

use super::elementwise::{self, Unary};
use super::mul::{drift, scaling_rounding};
use super::range;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{Float, SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};

/// The product of a value with itself: one computed value, so it is never negative.
///
/// Programs square by a function, or multiply a value by itself. The second kind takes the
/// value as both arguments, and its gradient is what reverse mode makes of a product: δ·x
/// twice, each a term of its own in the accumulation, which may add others between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Square;

impl Unary for Square {
    fn exact<N: SpecNumber>(&self, _env: &N::Env, x: &N) -> N {
        let magnitude = x.abs(); // an enclosure of its square does not go below 0
        magnitude.mul(&magnitude)
    }
    fn float<T: Float>(&self, x: T) -> T {
        x.mul(x)
    }
    fn integer(&self, x: i64) -> Option<i64> {
        x.checked_mul(x)
    }
}

impl Primitive for Square {
    fn name(&self) -> &'static str {
        "Square"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        match args {
            [x, y] if x == y => elementwise::infer_unary(&args[..1]),
            _ => elementwise::infer_unary(args),
        }
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        elementwise::spec_unary(self, cx.env, args[0])
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        elementwise::run_unary(self, cx, args[0])
    }
    /// Error of a rounded square.
    ///
    /// # Statement
    /// If |x̂−x| ≤ ε then |fl(x̂·x̂) − x²| ≤ result, element by element, and both are at least 0.
    /// # Formula
    /// ε·(m(x̂) + m(x)) + ½ulp(m(x̂)²), with m(x̂) = |c| + 2ε and m(x) = |c| + ε; no rounding
    /// where x is exactly 0 or ±2^k, k ≥ 0, in every execution. A drift of x is x²'s as at
    /// [`Mul`](super::Mul).
    /// # Derivation
    /// x̂² − x² = (x̂ − x)(x̂ + x); rounding: [Higham2002, §2.2], monotone, so a square of one
    /// value stays at least 0, contracted into a sum or not.
    /// # Assumes
    /// A1 round to nearest even; A2 gradual underflow (else A2').
    /// # Tightness
    /// Test `square_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let x = &args[0];
        let rounding = |i: usize| {
            let Some(format) = cx.format() else {
                return Up::ZERO;
            };
            let m = x.magnitude(i) * x.magnitude(i);
            if x.is_exactly_c(i) {
                let least = x.least_magnitude(i) * x.least_magnitude(i);
                scaling_rounding(format, x.c(i), least, m)
            } else {
                format.half_ulp(m)
            }
        };
        let eps = x.bound(|i| match x.eps(i) {
            Up::ZERO => rounding(i),
            eps => eps * (x.magnitude(i) + x.spec_magnitude(i)) + rounding(i),
        });
        let exact = x.approx.range.abs();
        Approx {
            drift: drift(cx, x, x),
            blocks: elementwise::norms(x, |i| x.magnitude(i) + x.spec_magnitude(i), rounding),
            range: range::rounded(cx, exact.mul(&exact)),
            ..cx.approx(args, eps)
        }
    }
    /// B² and one rounding.
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        elementwise::scale_each(cx, args, |b| elementwise::rounded(cx, b(0) * b(0)))
    }
    /// 2δ·x; doubling is exact. Of a value times itself: δ·x to both arguments.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let x = site.args[0];
        if site.args.len() == 2 {
            let pulled = g.mul(site.cotangent, x)?;
            return Ok(vec![Some(pulled); 2]);
        }
        let two = g.scalar(2.0, g.ty(x).dtype)?;
        let doubled = g.mul(site.cotangent, two)?;
        Ok(vec![Some(g.mul(doubled, x)?)])
    }
}
