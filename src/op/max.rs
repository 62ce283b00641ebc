//! max(x, y), element by element.

use super::elementwise::{self, Binary};
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{Float, SpecNumber};
use crate::tensor::{SpecTensor, Tensor, Ty};
use super::range;
use crate::bound::Bound;
use crate::number::spec::Steps;

/// The larger of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Max;

impl Binary for Max {
    fn exact<N: SpecNumber>(&self, x: &N, y: &N) -> N {
        x.max(y)
    }
    fn float<T: Float>(&self, x: T, y: T) -> T {
        x.max(y)
    }
    fn integer(&self, x: i64, y: i64) -> Option<i64> {
        Some(x.max(y))
    }
}

impl Primitive for Max {
    fn name(&self) -> &'static str {
        "Max"
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
    /// No rounding: the error of the operand that is decided to be chosen, else the larger.
    ///
    /// # Derivation
    /// max is 1-Lipschitz in the maximum norm: |max(x̂,ŷ) − max(x,y)| ≤ max(εx, εy). So it is for
    /// a drift, and where the enclosures, drift included, are apart every execution chooses alike.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let [x, y] = [&args[0], &args[1]];
        let eps = Bound::from_fn(cx.len(), |i| {
            let (ex, ey) = (x.enclosure(i), y.enclosure(i));
            if ex.lo() > ey.hi() {
                x.eps(i)
            } else if ey.lo() > ex.hi() {
                y.eps(i)
            } else {
                x.eps(i).max(y.eps(i))
            }
        });
        Approx {
            drift: elementwise::drift_of_either(cx, x, y),
            range: range::of_elements(cx.len(), |i| x.enclosure(i).max(&y.enclosure(i))),
            ..cx.approx(args, eps)
        }
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        elementwise::scale_each(cx, args, |b| b(0).max(b(1)))
    }
    /// The cotangent goes to the chosen operand; a tie splits it evenly.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let [x, y] = [site.args[0], site.args[1]];
        let gate = |g: &mut Graph, chosen: ValueId, other: ValueId| {
            let difference = g.sub(chosen, other)?;
            let gate = g.step(difference, Steps::HALF_AT_TIE)?;
            g.mul(site.cotangent, gate)
        };
        let to_x = gate(g, x, y)?;
        let to_y = gate(g, y, x)?;
        Ok(vec![Some(to_x), Some(to_y)])
    }
}
