//! 1 / (1 + e^−x), element by element.

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
use crate::number::{Enclosure, Up};

/// 1 / (1 + e^−x).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sigmoid;

impl Unary for Sigmoid {
    fn exact<N: SpecNumber>(&self, _env: &N::Env, x: &N) -> N {
        x.sigmoid()
    }
    fn float<T: Float>(&self, x: T) -> T {
        x.sigmoid()
    }
    fn integer(&self, _x: i64) -> Option<i64> {
        None
    }
}

/// The slope of the sigmoid is y(1 − y).
const SMOOTH: Smooth = Smooth {
    image: |x| x.sigmoid(),
    slope,
};

impl Primitive for Sigmoid {
    fn name(&self) -> &'static str {
        "Sigmoid"
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
        elementary::libm_error(cx, args, &SMOOTH, Function::Sigmoid)
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        elementary::scale(cx, args, SMOOTH.image, Function::Sigmoid)
    }
    /// δ·y − δ·y·y, δ·(y·(1 − y)) (as JAX has it) or (δ·(1 − y))·y (as PyTorch has it), with
    /// y = sigmoid x.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let scaled = g.mul(site.cotangent, site.value)?;
        let lost = g.mul(scaled, site.value)?;
        let expanded = g.sub(scaled, lost)?;
        let one = g.scalar(1.0, g.ty(site.value).dtype)?;
        let other = g.sub(one, site.value)?;
        let slope = g.mul(site.value, other)?;
        let by_slope = g.mul(site.cotangent, slope)?;
        let part = g.mul(site.cotangent, other)?;
        let in_turn = g.mul(part, site.value)?;
        Ok(vec![Some(g.any_of(&[expanded, by_slope, in_turn])?)])
    }
}

/// sup y(1 − y) = sup σ(|x|)·σ(−|x|), decreasing in |x|.
fn slope(x: Enclosure) -> Up {
    let nearest = Enclosure::point(x.abs().lo());
    nearest.sigmoid().mul(&nearest.neg().sigmoid()).magnitude()
}
