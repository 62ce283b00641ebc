//! x·y, element by element.

use super::elementwise::{self, Binary};
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{Float, SpecNumber};
use crate::tensor::{SpecTensor, Tensor, Ty};
use crate::bound::{Bound, Drift};
use crate::number::{Down, Format, Up};
use crate::op::nest::half_eta;
use crate::op::range;
use crate::blocks::Blocks;

/// Product of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mul;

impl Binary for Mul {
    fn exact<N: SpecNumber>(&self, x: &N, y: &N) -> N {
        x.mul(y)
    }
    fn float<T: Float>(&self, x: T, y: T) -> T {
        x.mul(y)
    }
    fn integer(&self, x: i64, y: i64) -> Option<i64> {
        x.checked_mul(y)
    }
}

/// |x̂ŷ − xy| per element, before rounding.
///
/// # Derivation
/// Lemma `product`: x̂ŷ − xy = x·ey + y·ex + ex·ey with |x| ≤ |cx| + εx, so at most
/// |cx|εy + |cy|εx + 3εxεy. Where x̂ is determined, x̂ = cx and the last term is εxεy:
/// cx·ey + y·ex ≤ |cx|εy + (|cy| + εy)εx; likewise for ŷ. A drift adds to |x| and |y|.
pub(crate) fn propagated(x: &Operand, y: &Operand, i: usize, j: usize) -> Up {
    let (ex, ey) = (x.eps(i), y.eps(j));
    if ex == Up::ZERO && ey == Up::ZERO {
        return Up::ZERO;
    }
    let (mx, my) = (x.abs(i) + x.approx.drift.at(i), y.abs(j) + y.approx.drift.at(j));
    mx * ey + my * ex + cross_terms(x, y) * ex * ey
}

/// x(s)y(s) − x(s₀)y(s₀) = (x(s) − x(s₀))·y(s) + x(s₀)·(y(s) − y(s₀)).
pub(super) fn drift(cx: &RuleCx, x: &Operand, y: &Operand) -> Drift {
    if !x.approx.drift.is_open() && !y.approx.drift.is_open() {
        return Drift::None;
    }
    Drift::Within(Bound::from_fn(cx.len(), |i| {
        let (dx, dy) = (x.approx.drift.at(i), y.approx.drift.at(i));
        dx * y.spec_magnitude(i) + x.spec_magnitude(i) * dy
    }))
}

/// The same with each factor no larger than its range allows: x̂ŷ − xy = x̂·ey + y·ex, or
/// ŷ·ex + x·ey.
fn within_ranges(x: &Operand, y: &Operand, i: usize) -> Up {
    let (ex, ey) = (x.eps(i), y.eps(i));
    let first = x.magnitude(i) * ey + y.spec_magnitude(i) * ex;
    let second = y.magnitude(i) * ex + x.spec_magnitude(i) * ey;
    first.min(second)
}

/// The norms of x̂ŷ − xy over blocks: at most max|ŷ|·‖x̂ − x‖ + ‖x·(ŷ − y)‖ in each, or the same
/// with x and y exchanged, and the roundings.
fn norms(x: &Operand, y: &Operand, rounding: impl Fn(usize) -> Up) -> Option<Blocks> {
    if x.approx.drift.is_open() || y.approx.drift.is_open() {
        return None;
    }
    let len = x.len();
    let moved = |x: &Operand, y: &Operand| {
        let largest = x.approx.blocks.as_ref()?.stretched(len, |i| y.magnitude(i));
        let other = match &y.approx.blocks {
            Some(blocks) => blocks.stretched(len, |i| x.spec_magnitude(i)),
            None => Blocks::of(largest.width(), len, |i| match y.eps(i) {
                Up::ZERO => Up::ZERO,
                eps => x.spec_magnitude(i) * eps,
            }),
        };
        Some(largest.plus(&other, len))
    };
    let moved = match (moved(x, y), moved(y, x)) {
        (Some(one), Some(other)) => one.zip(&other, len, Up::min),
        (one, other) => one.or(other)?,
    };
    Some(moved.plus_each(len, rounding))
}

/// How often εxεy counts: once where either factor is determined, else three times.
pub(crate) fn cross_terms(x: &Operand, y: &Operand) -> Up {
    if x.approx.determined || y.approx.determined {
        Up::ONE
    } else {
        Up::new(3.0)
    }
}

/// Rounding of a product of magnitude between `least` and `m`, one factor of which is
/// exactly `c`: scaling by a power of two is exact, but for underflow where it shrinks.
pub(crate) fn scaling_rounding(format: Format, c: f64, least: Down, m: Up) -> Up {
    let half_ulp = format.half_ulp(m);
    let power_of_two = c.to_bits().trailing_zeros() >= 52 && c.is_normal();
    if !power_of_two || !half_ulp.is_finite() {
        half_ulp
    } else if c.abs() >= 1.0 || least.get() >= format.lambda().get() {
        Up::ZERO
    } else {
        half_eta(format)
    }
}

impl Primitive for Mul {
    fn name(&self) -> &'static str {
        "Mul"
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
    /// Error of a rounded product.
    ///
    /// # Statement
    /// If |x̂−x| ≤ εx and |ŷ−y| ≤ εy then |fl(x̂ŷ) − xy| ≤ result, element by element.
    /// # Formula
    /// |cx|εy + |cy|εx + 3εxεy + ½ulp(m(x)m(y)), m = |c| + 2ε; no rounding where a factor is
    /// exactly 0 or ±2^k, k ≥ 0.
    /// # Derivation
    /// Lemma `product` at `propagated`; rounding: [Higham2002, §2.2].
    /// # Assumes
    /// A1 round to nearest even; A2 gradual underflow (else A2').
    /// # Tightness
    /// Test `mul_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let [x, y] = [&args[0], &args[1]];
        let rounding = |i: usize| {
            let Some(format) = cx.format() else {
                return Up::ZERO;
            };
            let m = x.magnitude(i) * y.magnitude(i);
            let least = x.least_magnitude(i) * y.least_magnitude(i);
            [x, y]
                .into_iter()
                .filter(|factor| factor.is_exactly_c(i))
                .map(|factor| scaling_rounding(format, factor.c(i), least, m))
                .fold(format.half_ulp(m), Up::min)
        };
        let eps = Bound::from_fn(cx.len(), |i| {
            propagated(x, y, i, i).min(within_ranges(x, y, i)) + rounding(i)
        });
        Approx {
            blocks: norms(x, y, rounding),
            drift: drift(cx, x, y),
            range: range::product(cx, x, y),
            ..cx.approx(args, eps)
        }
    }
    /// BxBy and one rounding.
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        elementwise::scale_each(cx, args, |b| elementwise::rounded(cx, b(0) * b(1)))
    }
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let [x, y] = [site.args[0], site.args[1]];
        Ok(vec![
            Some(g.mul(site.cotangent, y)?),
            Some(g.mul(site.cotangent, x)?),
        ])
    }
}
