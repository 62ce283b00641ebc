//! ln Σ exp(x) over axes.

use super::exponentials::{self, Exponents};
use super::reduction::Axes;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use super::softmax::{Softmax, run_sums, SpecSums, spec_sums, to_scores};
use super::Log;
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};

/// ℓ = ln Σⱼ exp(xⱼ) over some axes: e = exp x, d = Σe, ln d.
///
/// With a second argument z the lowering states that x = z − shift for a free shift over the
/// same axes (see [`FreeMax`](super::FreeMax)); ℓ then depends on the shift as x does, until
/// [`Settle`](super::Settle) ends that. A third, boolean argument says which elements take
/// part; of none there is no logarithm, and no claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSumExp(Axes);

impl LogSumExp {
    pub(crate) fn over(axes: &[usize], keep: bool) -> LogSumExp {
        LogSumExp(Axes::new(axes, keep))
    }
}

impl Primitive for LogSumExp {
    fn name(&self) -> &'static str {
        "LogSumExp"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let x = exponentials::infer(args)?;
        let ty = self.0.infer(x)?;
        if self.0.count(&x.shape) == 0 {
            return Err(Error::new("the logarithm of the sum of no exponentials")
                .remedy("reduce over axes that are not empty"));
        }
        Ok(ty)
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let SpecSums { sums, origins, .. } = spec_sums(&self.0, cx.env, args);
        let nothing = || N::from_f64(cx.env, f64::NAN);
        let of = |(s, t): (&Option<N>, &N)| match s {
            Some(s) => s.log().add(t),
            None => nothing(),
        };
        let data: Vec<N> = sums.iter().zip(&origins).map(of).collect();
        SpecTensor::new(cx.ty.shape.clone(), data)
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let (_, total) = run_sums(&self.0, cx, args)?;
        let same: Vec<usize> = (0..total.len()).collect();
        Log.run(cx, &[&total.take(cx.ty.shape.clone(), &same)?])
    }
    /// Error of a computed log-sum-exp.
    ///
    /// # Statement
    /// If |x̂ⱼ − xⱼ| ≤ εⱼ in every admissible execution then |ℓ̂ − ℓ| ≤ result.
    /// # Formula
    /// min(max ε, Σ Pⱼεⱼ) + max(r, −ln L) + libm(|ℓ|), Pⱼ the largest weight exp(xⱼ)/Σexp over
    /// the enclosures' box, r and L of `exponentials`.
    /// # Derivation
    /// ∂ℓ/∂xⱼ is the weight of j, non-negative and summing to 1: mean value theorem. Then
    /// L·D ≤ d̂ ≤ (1+r)·D, and the logarithm's own error at the magnitude that it may have.
    /// The drift moves every x by at most its largest, and ℓ by no more.
    /// # Assumes
    /// A1; A2 (else A2'); A3; A5.
    /// # Tightness
    /// Test `log_sum_exp_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let Some(format) = cx.format() else {
            return Approx::within(Bound::Tensor(Up::INFINITY));
        };
        let x = &args[0];
        let exponents = Exponents::new(args);
        let (targets, rows) = exponents.rows(cx, format, &self.0);
        let mut moved = vec![Up::ZERO; rows.len()];
        let mut drifts = vec![Up::ZERO; rows.len()];
        for i in (0..x.len()).filter(|&i| exponents.keeps(i)) {
            let row = targets[i];
            let weight = Up::new(rows[row].weight(x.enclosure(i)).hi());
            moved[row] += if x.eps(i) == Up::ZERO { Up::ZERO } else { weight * x.eps(i) };
            drifts[row] = drifts[row].max(x.approx.drift.at(i));
        }
        let eps = Bound::from_fn(cx.len(), |k| {
            let row = &rows[k];
            if !row.defined {
                return Up::INFINITY;
            }
            let sum = row.log_error();
            let log = row.log_sum().magnitude() + sum;
            let libm = cx.config.libm.error(Function::Log, format, log);
            moved[k].min(row.largest) + sum + libm
        });
        let drift = match &x.approx.drift {
            Drift::Within(_) => Drift::Within(Bound::from_fn(cx.len(), |k| drifts[k])),
            Drift::None | Drift::Settled => Drift::None,
        };
        let fixed = [Function::Exp, Function::Log].map(|f| cx.config.libm.fixes(f, format));
        let approx = cx.approx(args, eps);
        Approx {
            drift,
            determined: approx.determined && fixed == [true, true],
            ..approx
        }
    }
    /// No claim: without a run nothing keeps Σe from underflowing. The run does.
    fn scale(&self, _cx: &RuleCx, _args: &[ScaleOperand]) -> Scaled {
        Scaled::unbounded()
    }
    /// δ·softmax(x), to z where it is given.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let p = g.push(Softmax(self.0.keeping()), site.args)?;
        let delta = self.0.spread(g, site.cotangent, site.args[0])?;
        let to_z = g.mul(delta, p)?;
        Ok(to_scores(site, to_z))
    }
}
