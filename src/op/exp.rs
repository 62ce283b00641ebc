//! e^x, element by element.

use super::elementwise::{self, Unary};
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{Float, SpecNumber};
use crate::tensor::{SpecTensor, Tensor, Ty};
use super::elementary::{self, Smooth};
use super::rule::float;
use crate::libm::Function;

/// e^x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exp;

impl Unary for Exp {
    fn exact<N: SpecNumber>(&self, _env: &N::Env, x: &N) -> N {
        x.exp()
    }
    fn float<T: Float>(&self, x: T) -> T {
        x.exp()
    }
    fn integer(&self, _x: i64) -> Option<i64> {
        None
    }
}

/// exp is its own derivative.
const SMOOTH: Smooth = Smooth {
    image: |x| x.exp(),
    slope: |x| x.exp().magnitude(),
};

impl Primitive for Exp {
    fn name(&self) -> &'static str {
        "Exp"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let ty = elementwise::infer_unary(args)?;
        float(&ty)?;
        Ok(ty)
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        elementwise::spec_unary(self, cx.env, args[0])
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        elementwise::run_unary(self, cx, args[0])
    }
    /// See `elementary::error`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        elementary::libm_error(cx, args, &SMOOTH, Function::Exp)
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        elementary::scale(cx, args, SMOOTH.image, Function::Exp)
    }
    /// δ·e^x.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(g.mul(site.cotangent, site.value)?)])
    }
}
