//! −x, element by element.

use super::elementwise::{self, Unary};
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{Enclosure, Float, SpecNumber};
use crate::tensor::{SpecTensor, Tensor, Ty};
use crate::op::movement;

/// The negated value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neg;

impl Unary for Neg {
    fn exact<N: SpecNumber>(&self, _env: &N::Env, x: &N) -> N {
        x.neg()
    }
    fn float<T: Float>(&self, x: T) -> T {
        x.neg()
    }
    fn integer(&self, x: i64) -> Option<i64> {
        x.checked_neg()
    }
}

impl Primitive for Neg {
    fn name(&self) -> &'static str {
        "Neg"
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
    /// No rounding: ε, drift and nest pass through.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let same: Vec<usize> = (0..cx.len()).collect();
        let approx = movement::error(cx, &args[0], &same);
        let leaf = approx.nest.is_none();
        Approx {
            range: if leaf { approx.range.neg() } else { Enclosure::ENTIRE },
            ..approx
        }
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let same: Vec<usize> = (0..cx.len()).collect();
        movement::scale(cx, &args[0], &same)
    }
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(g.neg(site.cotangent)?)])
    }
}
