//! The mean over axes: a sum, divided by the count.

use super::range;
use super::measured::at_most_measured;
use super::reduction::Axes;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use super::share::{Share, count_rounding, open_division};
use super::sum::{Finish, run_sum, scale_nest, spec_sum, sum_drift, sum_nest};
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::{Down, SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};

/// The mean over some axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mean(Axes);

impl Mean {
    pub(crate) fn over(axes: &[usize], keep: bool) -> Mean {
        Mean(Axes::new(axes, keep))
    }

    pub(crate) fn axes(&self) -> &Axes {
        &self.0
    }
}

/// A count below 2^24, as the type rule has checked.
fn count_of(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Primitive for Mean {
    fn name(&self) -> &'static str {
        "Mean"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        float(x)?;
        let ty = self.0.infer(x)?;
        match self.0.count(&x.shape) {
            0 => Err(Error::new("the mean of no elements").remedy("reduce over axes that are not empty")),
            n if n >> 24 != 0 => Err(Error::new(format!("the mean of {n} elements"))
                .remedy("reduce over fewer than 2^24 elements at once")),
            _ => Ok(ty),
        }
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let count = N::from_i64(cx.env, self.0.count(&args[0].shape) as i64);
        let sums = spec_sum(&self.0, cx, args[0]);
        let means: Vec<N> = sums.iter().map(|s| s.div(&count)).collect();
        SpecTensor::new(cx.ty.shape.clone(), means)
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        run_sum(&self.0, cx, args[0], Finish::DivideBy(self.0.count(args[0].shape())))
    }
    /// Error of a rounded mean: that of the sum, divided, and the division's own.
    ///
    /// # Formula
    /// ε(Σ)/n + count_rounding(n).
    /// # Derivation
    /// [`nest`](crate::op::nest) for the sum; `share::count_rounding` for a division by n or
    /// a product with its rounded reciprocal.
    /// # Assumes
    /// A1; A2 (else A2'); A3.
    /// # Tightness
    /// Test `sum_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx {
        let x = &args[0];
        let n = self.0.count(x.shape());
        let drift = sum_drift(&self.0, cx, x);
        let nest = sum_nest(&self.0, cx, x);
        let Some(storage) = cx.format() else {
            return cx.approx(args, Bound::Tensor(Up::INFINITY));
        };
        let count = count_of(n);
        let n = Down::new(f64::from(count));
        // The run's sum is n times its mean, but for the division's and the storing's
        // roundings: at most 2u each, or half the least subnormal (the least normal numbers where
        // the run flushes).
        let lost = if cx.config.flushes() {
            storage.lambda() + cx.config.accumulator(storage).lambda()
        } else {
            storage.eta()
        };
        let sum_of_run = |i: usize| {
            let mean = Up::magnitude(out.get(i));
            let rounded = Up::new(4.0) * storage.unit() * mean + lost;
            Up::new(f64::from(count)) * (mean + rounded)
        };
        let sum_eps = nest.eps_at(cx, &drift, sum_of_run);
        let division = |i: usize| {
            let off = sum_eps.at(i) / n;
            let sum = nest.magnitude().at(i) + sum_eps.at(i);
            // |x̂ before dividing|/n: within 2ε of the run's, whose own roundings come back.
            let q = (sum_of_run(i) + drift.at(i)) / n + off + off;
            count_rounding(cx, count, (Down::new(0.0), sum), q)
        };
        let each = |i: usize| sum_eps.at(i) / n + division(i);
        let of_sum = nest.norms_at(cx, &drift, sum_of_run);
        let share = |_| Up::ONE / n;
        let blocks = of_sum.map(|b| b.stretched(cx.len(), share).plus_each(cx.len(), division));
        let part = |i: usize| drift.at(i) / n;
        let approx = Approx {
            drift: match &drift {
                Drift::Within(_) => Drift::Within(Bound::from_fn(cx.len(), part)),
                Drift::None | Drift::Settled => Drift::None,
            },
            range: range::shared(x),
            blocks,
            ..cx.approx(args, Bound::from_fn(cx.len(), each))
        };
        let propagated = |i: usize| nest.propagated().at(i) / n;
        let approx = open_division(cx, count, approx);
        at_most_measured(self, cx, args, out, (approx, propagated))
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let sum = scale_nest(&self.0, cx, &args[0]).scale(cx);
        let count = count_of(self.0.count(&args[0].ty.shape));
        let each = |i: usize| {
            let q = sum.at(i) / Down::new(f64::from(count));
            let once = count_rounding(cx, count, (Down::new(0.0), sum.at(i)), q);
            q + once + once
        };
        Scaled::new(Bound::from_fn(cx.len(), each))
    }
    /// δ/n, repeated.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let count = count_of(self.0.count(&g.ty(site.args[0]).shape));
        let shared = g.push(Share(count), &[site.cotangent])?;
        Ok(vec![Some(self.0.spread(g, shared, site.args[0])?)])
    }
}
