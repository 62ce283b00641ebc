//! max(x, 0), element by element.

use super::elementwise::{self, Unary};
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{Float, SpecNumber};
use crate::tensor::{SpecTensor, Tensor, Ty};
use crate::number::{Enclosure, Up};
use crate::number::spec::Steps;

/// The rectifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relu;

impl Unary for Relu {
    fn exact<N: SpecNumber>(&self, env: &N::Env, x: &N) -> N {
        x.max(&N::from_f64(env, 0.0))
    }
    fn float<T: Float>(&self, x: T) -> T {
        x.max(T::ZERO)
    }
    fn integer(&self, x: i64) -> Option<i64> {
        Some(x.max(0))
    }
}

impl Primitive for Relu {
    fn name(&self) -> &'static str {
        "Relu"
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
    /// No rounding: ε passes through, and is 0 where every admissible x̂ is negative.
    ///
    /// # Derivation
    /// relu is 1-Lipschitz, in ℓ2 as well, and both results lie in [0, max(0, hi)] for x, x̂ ≤ hi.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let x = &args[0];
        let eps = x.bound(|i| x.eps(i).min(Up::new(x.enclosure(i).hi())));
        Approx {
            blocks: x.approx.blocks.clone(),
            range: x.approx.range.max(&Enclosure::point(0.0)),
            ..cx.approx(args, eps)
        }
    }
    fn scale(&self, _cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        Scaled::new(args[0].scaled.scale.clone())
    }
    /// δ·step(x): 0 at the kink, as JAX and PyTorch have it.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let gate = g.step(site.args[0], Steps::RELU_GATE)?;
        Ok(vec![Some(g.mul(site.cotangent, gate)?)])
    }
}
