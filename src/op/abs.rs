//! |x|, element by element.

use super::elementwise::{self, Unary};
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{Float, SpecNumber};
use crate::tensor::{SpecTensor, Tensor, Ty};
use crate::number::spec::Steps;

/// The absolute value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abs;

impl Unary for Abs {
    fn exact<N: SpecNumber>(&self, _env: &N::Env, x: &N) -> N {
        x.abs()
    }
    fn float<T: Float>(&self, x: T) -> T {
        x.abs()
    }
    fn integer(&self, x: i64) -> Option<i64> {
        x.checked_abs()
    }
}

impl Primitive for Abs {
    fn name(&self) -> &'static str {
        "Abs"
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
    /// No rounding; ||x̂| − |x|| ≤ |x̂ − x|.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        Approx {
            blocks: args[0].approx.blocks.clone(),
            range: args[0].approx.range.abs(),
            ..cx.approx(args, args[0].approx.eps.clone())
        }
    }
    fn scale(&self, _cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        Scaled::new(args[0].scaled.scale.clone())
    }
    /// δ·sign(x), 0 at the kink.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let sign = g.step(site.args[0], Steps::SIGN)?;
        Ok(vec![Some(g.mul(site.cotangent, sign)?)])
    }
}
