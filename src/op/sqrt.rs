//! √x, element by element.

use super::elementwise::{self, Unary};
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{Float, SpecNumber};
use crate::tensor::{SpecTensor, Tensor, Ty};
use super::elementary::{self, Curve};
use super::range;
use crate::number::{Down, Enclosure, Up};

/// The square root, correctly rounded everywhere by IEEE 754.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sqrt;

impl Unary for Sqrt {
    fn exact<N: SpecNumber>(&self, _env: &N::Env, x: &N) -> N {
        x.sqrt()
    }
    fn float<T: Float>(&self, x: T) -> T {
        x.sqrt()
    }
    fn integer(&self, _x: i64) -> Option<i64> {
        None
    }
}

/// |√x̂ − √x| = |x̂ − x| / (√x̂ + √x) ≤ ε / (2√lo); the image caps that near 0.
const CURVE: Curve = Curve {
    image: &|x| x.sqrt(),
    slope: &|x| Up::new(0.5) / Down::new(x.lo()).sqrt(),
};

impl Primitive for Sqrt {
    fn name(&self) -> &'static str {
        "Sqrt"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        elementary::infer(args)
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        elementwise::spec_unary(self, cx.env, args[0])
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        elementwise::run_unary(self, cx, args[0])
    }
    /// See `elementary::error`, with ½ulp for the correctly rounded root, which is monotone and moves
    /// each end of the range by its own half ulp.
    ///
    /// # Tightness
    /// Test `sqrt_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let approx = elementary::enclosed(cx, args, &CURVE, |m| cx.half_ulp(m));
        Approx {
            range: range::rounded(cx, approx.range).max(&Enclosure::point(0.0)),
            ..approx
        }
    }
    /// No claim: a bound on |x| does not keep x from being negative. The run does.
    fn scale(&self, _cx: &RuleCx, _args: &[ScaleOperand]) -> Scaled {
        Scaled::unbounded()
    }
    /// ½δ / y (which δ / 2y equals) or, as JAX has it, δ·(½ / y), with y = √x.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let half = g.scalar(0.5, g.ty(site.value).dtype)?;
        let halved = g.mul(site.cotangent, half)?;
        let divided = g.div(halved, site.value)?;
        let (y, delta) = (g.held(site.value)?, g.held(site.cotangent)?);
        let slope = g.div(half, y)?;
        let multiplied = g.mul(delta, slope)?;
        Ok(vec![Some(g.any_of(divided, &[multiplied])?)])
    }
}
