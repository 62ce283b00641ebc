//! Bounds that an author states instead of deriving them.

use super::call::guarded;
use crate::bound::{Bound, Operand};
use crate::op::{RuleCx, ScaleOperand};
use crate::tensor::Tensor;
use std::sync::Arc;

/// ε of the result.
type Eps = dyn Fn(&RuleCx, &[Operand], &Tensor) -> Bound + Send + Sync;
/// ε of a gradient.
type VjpEps = dyn Fn(&RuleCx, usize, &[Operand], &Operand, &Tensor) -> Bound + Send + Sync;
/// The scale of the result.
type Scale = dyn Fn(&RuleCx, &[ScaleOperand]) -> Bound + Send + Sync;
/// The scale of a gradient.
type VjpScale = dyn Fn(&RuleCx, usize, &[ScaleOperand], &ScaleOperand) -> Bound + Send + Sync;

/// What an author states.
#[derive(Clone, Default)]
pub(super) struct Own {
    pub bound: Option<Arc<Eps>>,
    pub vjp_bound: Option<Arc<VjpEps>>,
    pub scale: Option<Arc<Scale>>,
    pub vjp_scale: Option<Arc<VjpScale>>,
}

/// A stated bound, checked to have a number for every element.
pub(super) fn stated(len: usize, state: impl FnOnce() -> Bound) -> Result<Bound, String> {
    let bound = guarded(|| Ok(state())).map_err(|e| format!("the stated bound gave {e}"))?;
    match &bound {
        Bound::Element(each) if each.len() != len => Err(format!(
            "the stated bound has {} numbers for {len} elements",
            each.len()
        )),
        Bound::Zero | Bound::Tensor(_) | Bound::Element(_) => Ok(bound),
    }
}
