//! ln x, element by element.

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
use crate::number::{Down, Up};

/// ln x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log;

impl Unary for Log {
    fn exact<N: SpecNumber>(&self, _env: &N::Env, x: &N) -> N {
        x.log()
    }
    fn float<T: Float>(&self, x: T) -> T {
        x.log()
    }
    fn integer(&self, _x: i64) -> Option<i64> {
        None
    }
}

/// The slope of ln is 1/x, largest at the lower end; no claim where that may reach 0.
const SMOOTH: Smooth = Smooth {
    image: |x| x.log(),
    slope: |x| Up::ONE / Down::new(x.lo()),
};

impl Primitive for Log {
    fn name(&self) -> &'static str {
        "Log"
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
        elementary::libm_error(cx, args, &SMOOTH, Function::Log)
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        elementary::scale(cx, args, SMOOTH.image, Function::Log)
    }
    /// δ / x.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(g.div(site.cotangent, site.args[0])?)])
    }
}
