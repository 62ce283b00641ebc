//! tanh x, element by element.

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

/// tanh x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tanh;

impl Unary for Tanh {
    fn exact<N: SpecNumber>(&self, _env: &N::Env, x: &N) -> N {
        x.tanh()
    }
    fn float<T: Float>(&self, x: T) -> T {
        x.tanh()
    }
    fn integer(&self, _x: i64) -> Option<i64> {
        None
    }
}

/// The slope of tanh is 1 − tanh², largest where |x| is least; over an interval that
/// contains 0 it is 1.
const SMOOTH: Smooth = Smooth {
    image: |x| x.tanh(),
    slope,
};

impl Primitive for Tanh {
    fn name(&self) -> &'static str {
        "Tanh"
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
        elementary::libm_error(cx, args, &SMOOTH, Function::Tanh)
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        elementary::scale(cx, args, SMOOTH.image, Function::Tanh)
    }
    /// δ − δ·y², δ·(1 − y²) (as PyTorch has it) or (δ + δy)·(1 − y) (as JAX has it), with
    /// y = tanh x.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let (y, delta) = (site.value, site.cotangent);
        let one = g.scalar(1.0, g.ty(y).dtype)?;
        let squared = g.mul(y, y)?;
        let lost = g.mul(delta, squared)?;
        let expanded = g.sub(delta, lost)?;
        let slope = g.sub(one, squared)?;
        let multiplied = g.mul(delta, slope)?;
        let part = g.mul(delta, y)?;
        let above = g.add(delta, part)?;
        let below = g.sub(one, y)?;
        let factored = g.mul(above, below)?;
        Ok(vec![Some(g.any_of(&[expanded, multiplied, factored])?)])
    }
}

/// sup (1 − tanh²) = sup (1 − t)(1 + t) over the image.
fn slope(x: Enclosure) -> Up {
    let t = x.abs().tanh();
    let one = Enclosure::point(1.0);
    one.sub(&t).mul(&one.add(&t)).magnitude()
}
