//! The place where a free shift has cancelled.

use super::elementwise::{self, Unary};
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{Float, SpecNumber};
use crate::tensor::{SpecTensor, Tensor, Ty};
use crate::bound::Drift;
use crate::op::movement;

/// The identity, by which a lowering states that its value's specification does not depend
/// on the shift that an execution chose (see [`FreeMax`](super::FreeMax)).
///
/// Softmax settles e^(z−s) / Σe^(z−s), log-softmax z − s − ln Σe^(z−s): both are the same
/// real for every s, so the drift of what they are made of ends here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settle;

impl Unary for Settle {
    fn exact<N: SpecNumber>(&self, _env: &N::Env, x: &N) -> N {
        x.clone()
    }
    fn float<T: Float>(&self, x: T) -> T {
        x
    }
    fn integer(&self, x: i64) -> Option<i64> {
        Some(x)
    }
}

impl Primitive for Settle {
    fn name(&self) -> &'static str {
        "Settle"
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
    /// ε and nest pass through; the drift is gone.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let same: Vec<usize> = (0..cx.len()).collect();
        Approx {
            drift: Drift::Settled,
            ..movement::error(cx, &args[0], &same)
        }
    }
    fn scale(&self, _cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        args[0].scaled.clone()
    }
    fn vjp(&self, _g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(site.cotangent)])
    }
}
