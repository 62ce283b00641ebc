//! The maximum as a free shift: inside softmax and log-sum-exp.

use super::excluded::Excluded;
use super::max_over::{infer_max, largest, largest_of_contenders, run_max, spec_max};
use super::reduction::Axes;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Drift, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{SpecNumber, Up};
use crate::op::real;
use crate::tensor::{SpecTensor, Tensor, Ty};

/// The maximum over some axes (kept as 1), subtracted only for range: what is computed from
/// it does not depend on it in the end, which [`Settle`](super::Settle) marks.
///
/// The specification takes the shift that the execution took, whatever it is, so the shift
/// carries no error; other executions take another shift, and the specification of what
/// lies between here and the settling drifts with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreeMax(Axes);

impl FreeMax {
    pub(crate) fn over(axes: &[usize]) -> FreeMax {
        FreeMax(Axes::new(axes, true))
    }
}

impl Primitive for FreeMax {
    fn name(&self) -> &'static str {
        "FreeMax"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        infer_max(&self.0, &Excluded::default(), args)
    }
    /// The run's own shift; without a run, the maximum.
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        match cx.run {
            Some(shift) => real(cx.env, shift),
            None => spec_max(&self.0, &Excluded::default(), cx, args[0]),
        }
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        run_max(&self.0, &Excluded::default(), cx, args[0])
    }
    /// ε = 0, and no claim where a score has none, which may be undefined; the shift of another
    /// execution is within 2·max ε of this run's, over the scores that may be the maximum.
    ///
    /// # Derivation
    /// The maximum is 1-Lipschitz in the maximum norm, and every admissible ẑ lies within
    /// its reach (2ε, 0 where determined) of c; a score below another's enclosure is neither
    /// maximum.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let z = &args[0];
        let none = Excluded::default();
        let reach = |i: usize| z.approx.reach(i);
        let drift = largest_of_contenders(&self.0, &none, z, cx.len(), reach);
        let undefined = |i: usize| match z.eps(i) {
            eps if eps.is_finite() && !z.approx.drift.is_open() => Up::ZERO,
            _ => Up::INFINITY,
        };
        let eps = largest(&self.0, cx, z.shape(), &z.bound(undefined));
        Approx {
            drift: Drift::Within(drift),
            ..cx.approx(args, eps)
        }
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let z = &args[0];
        Scaled::new(largest(&self.0, cx, &z.ty.shape, &z.scaled.scale))
    }
    /// No gradient: the result does not depend on the shift.
    fn vjp(&self, _g: &mut Graph, _site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![None])
    }
}
