//! x + y, element by element.

use super::elementwise::{self, Binary};
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{Float, SpecNumber};
use crate::tensor::{SpecTensor, Tensor, Ty};
use crate::op::{add_n, range};

/// Sum of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Add;

impl Binary for Add {
    fn exact<N: SpecNumber>(&self, x: &N, y: &N) -> N {
        x.add(y)
    }
    fn float<T: Float>(&self, x: T, y: T) -> T {
        x.add(y)
    }
    fn integer(&self, x: i64, y: i64) -> Option<i64> {
        x.checked_add(y)
    }
}

impl Primitive for Add {
    fn name(&self) -> &'static str {
        "Add"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        elementwise::infer_binary(args)
    }
    fn spec<N: SpecNumber>(&self, _cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        elementwise::spec_binary(self, args[0], args[1])
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        elementwise::run_binary(self, cx, args[0], args[1])
    }
    /// Error of a rounded sum.
    ///
    /// # Statement
    /// If |x̂−x| ≤ εx and |ŷ−y| ≤ εy then |fl(x̂ + ŷ) − (x + y)| ≤ result.
    /// # Formula
    /// εx + εy + ½ulp(|c| + 2ε + …) for two plain values; a whole nest under `any`
    /// (see [`nest`](crate::op::nest)).
    /// # Derivation
    /// The nest rule with two leaves: one rounding, of the root, which cancellation makes small.
    /// # Assumes
    /// A1 round to nearest even; A2 gradual underflow (else A2').
    /// # Tightness
    /// Test `add_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx {
        Approx {
            range: range::sum(cx, args),
            ..add_n::linear_error(cx, args, out)
        }
    }
    /// The nest of both scales.
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        add_n::linear_scale(cx, args)
    }
    fn vjp(&self, _g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(site.cotangent), Some(site.cotangent)])
    }
}
