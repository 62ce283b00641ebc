//! x / y, element by element.

use super::elementwise::{self, Binary};
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::blocks::Blocks;
use crate::bound::{Approx, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{Float, SpecNumber};
use crate::tensor::{DType, SpecTensor, Tensor, Ty};
use super::range;
use crate::bound::{Bound, Drift};
use crate::config::{Schedule, Subnormals};
use crate::number::{Down, Format, Up};
use super::mul::scaling_rounding;

/// Quotient of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Div;

impl Binary for Div {
    fn exact<N: SpecNumber>(&self, x: &N, y: &N) -> N {
        x.div(y)
    }
    fn float<T: Float>(&self, x: T, y: T) -> T {
        x.div(y)
    }
    fn integer(&self, x: i64, y: i64) -> Option<i64> {
        // ONNX leaves integer division by zero undefined; truncation is C's meaning.
        x.checked_div(y)
    }
}

/// |x̂/ŷ − x/y| before rounding, and a bound on |x̂/ŷ|.
///
/// # Derivation
/// x̂/ŷ − x/y = (ex − (x/y)·ey)/ŷ, so at most (εx + q·εy)/|ŷ| with |x/y| ≤ q =
/// (|cx| + εx)/(|cy| − εy) and |ŷ| ≥ |cy| − reach. Drift widens the reach of ŷ and q.
fn quotient(x: &Operand, y: &Operand, i: usize) -> (Up, Up) {
    let least_runtime = y.least_magnitude(i);
    let least_spec = y.least_spec_magnitude(i);
    let spec = x.spec_magnitude(i) / least_spec;
    let propagated = if x.eps(i) == Up::ZERO && y.eps(i) == Up::ZERO {
        Up::ZERO
    } else {
        (x.eps(i) + spec * y.eps(i)) / least_runtime
    };
    let runtime = (x.magnitude(i) / least_runtime).min(spec + propagated);
    // Where the divisor is known by its range alone, both quotients are bounded by it.
    (propagated.min(runtime + spec), runtime)
}

/// Rounding of a quotient of magnitude at most `q`, of a dividend between `least` and `x`,
/// by a divisor that is exactly `d`: powers of two are exact, by division or by the
/// reciprocal, but for underflow of the quotient and overflow of the reciprocal.
pub(crate) fn constant_rounding(
    cx: &RuleCx,
    format: Format,
    d: f64,
    (least, x): (Down, Up),
    q: Up,
) -> Up {
    let power_of_two = d.to_bits().trailing_zeros() >= 52 && d.is_normal();
    let divisor = (Down::magnitude(d), Up::magnitude(d));
    let general = reciprocal_rounding(cx, format, divisor, x, q);
    if power_of_two && d.abs() < subnormal_reciprocals(format) && general.is_finite() {
        let shrunk = least * Down::magnitude(d.recip());
        return scaling_rounding(format, d.recip(), shrunk, q);
    }
    general
}

/// The least magnitude whose reciprocal may be subnormal, 1/λ: not 2^(e_max−1), since the narrow
/// formats have more exponents above 1 than below.
fn subnormal_reciprocals(format: Format) -> f64 {
    f64::exp2(f64::from(-format.e_min))
}

/// Rounding of a quotient of magnitude at most `q`, of a dividend of at most `x`, by a
/// constant of a magnitude in the given range.
///
/// Under `any` a constant divisor may be replaced by its rounded reciprocal:
/// fl(x·fl(1/d)) − x/d is at most u|q| from the reciprocal, then ½ulp of a product of
/// magnitude at most q(1+u); a subnormal reciprocal costs |x|·η more, |x|·λ where it may be
/// flushed; one that overflows leaves no claim.
fn reciprocal_rounding(
    cx: &RuleCx,
    format: Format,
    (least, most): (Down, Up),
    x: Up,
    q: Up,
) -> Up {
    if cx.config.schedule != Schedule::Any {
        return format.half_ulp(q);
    }
    if (Up::ONE / least).get() >= format.overflow_threshold() {
        return Up::INFINITY;
    }
    let off = format.unit() * q;
    let lost = match cx.config.subnormals {
        Subnormals::Gradual => format.eta(),
        Subnormals::Flush => format.lambda(),
    };
    let subnormal = if most.get() < subnormal_reciprocals(format) {
        Up::ZERO
    } else {
        x * lost
    };
    off + subnormal + format.half_ulp(q + off + subnormal)
}

impl Primitive for Div {
    fn name(&self) -> &'static str {
        "Div"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        elementwise::infer_binary(args)
    }
    /// Integers are divided as integers, truncated towards zero.
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        if cx.ty.dtype.is_float() {
            return elementwise::spec_binary(self, args[0], args[1]);
        }
        let truncated = |(x, y): (&N, &N)| {
            let quotient = x.as_integer().zip(y.as_integer());
            match quotient.and_then(|(x, y)| x.checked_div(y)) {
                Some(q) => N::from_i64(cx.env, q),
                None => N::from_f64(cx.env, f64::NAN),
            }
        };
        let pairs = args[0].data.iter().zip(args[1].data.iter());
        SpecTensor::new(cx.ty.shape.clone(), pairs.map(truncated).collect::<Vec<N>>())
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        elementwise::run_binary(self, cx, args[0], args[1])
    }
    /// Error of a rounded quotient.
    ///
    /// # Statement
    /// If |x̂−x| ≤ εx, |ŷ−y| ≤ εy and [cy−2εy, cy+2εy] stays off 0, then
    /// |fl(x̂/ŷ) − x/y| ≤ result; else +∞, "no claim".
    /// # Formula
    /// (εx + qεy)/(|cy|−2εy) + ½ulp(bound on |x̂/ŷ|), q = (|cx|+εx)/(|cy|−εy); for an exact or
    /// constant divisor under `any` `constant_rounding` in place of the ½ulp.
    /// # Derivation
    /// At `quotient` and `constant_rounding`.
    /// # Assumes
    /// A1 round to nearest even; A2 gradual underflow (else A2').
    /// # Tightness
    /// Test `div_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let [x, y] = [&args[0], &args[1]];
        let rounding = |i: usize| {
            let Some(format) = cx.format() else {
                // A jump of the integer quotient is not bounded here.
                return if x.eps(i) + y.eps(i) == Up::ZERO {
                    Up::ZERO
                } else {
                    Up::INFINITY
                };
            };
            let (_, q) = quotient(x, y, i);
            let x_range = (x.least_magnitude(i), x.magnitude(i));
            if y.is_exactly_c(i) {
                constant_rounding(cx, format, y.c(i), x_range, q)
            } else if y.approx.constant {
                let y_range = (y.least_magnitude(i), y.magnitude(i));
                reciprocal_rounding(cx, format, y_range, x.magnitude(i), q)
            } else {
                format.half_ulp(q)
            }
        };
        let each = |i: usize| match cx.format() {
            Some(_) => quotient(x, y, i).0 + rounding(i),
            None => rounding(i),
        };
        Approx {
            blocks: norms(x, y, rounding),
            drift: drift(cx, x, y),
            range: range::quotient(x, y),
            ..cx.approx(args, Bound::from_fn(cx.len(), each))
        }
    }
    /// No claim: a bound on |y| from above says nothing about |x/y|. The run does.
    fn scale(&self, _cx: &RuleCx, _args: &[ScaleOperand]) -> Scaled {
        Scaled::unbounded()
    }
    /// δ/y; and −(δ·(x/y))/y, −δ·((x/y)/y) (as PyTorch has it) or −(δ·(1/y²))·x (as JAX has
    /// it; not in f16, whose range y² leaves for quite ordinary y).
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let y = site.args[1];
        let dx = g.div(site.cotangent, y)?;
        let scaled = g.mul(site.cotangent, site.value)?;
        let in_turn = g.div(scaled, y)?;
        let q = g.held(site.value)?;
        let [delta, x, y] = [g.held(site.cotangent)?, g.held(site.args[0])?, g.held(y)?];
        let slope = g.div(q, y)?;
        let mut others = vec![g.mul(delta, slope)?];
        let dtype = g.ty(y).dtype;
        if dtype != DType::F16 {
            let square = g.mul(y, y)?;
            let one = g.scalar(1.0, dtype)?;
            let reciprocal = g.div(one, square)?;
            let scaled = g.mul(delta, reciprocal)?;
            others.push(g.mul(scaled, x)?);
        }
        let dy = g.any_of(in_turn, &others)?;
        Ok(vec![Some(dx), Some(g.neg(dy)?)])
    }
}

/// The norms of x̂/ŷ − x/y over blocks, (‖x̂ − x‖ + ‖(x/y)·(ŷ − y)‖)·max 1/|ŷ| in each, and the
/// roundings.
fn norms(x: &Operand, y: &Operand, rounding: impl Fn(usize) -> Up) -> Option<Blocks> {
    if x.approx.drift.is_open() || y.approx.drift.is_open() {
        return None;
    }
    let len = x.len();
    let inverse = |i: usize| {
        let least = y.least_magnitude(i);
        if least.get() > 0.0 { Up::ONE / least } else { Up::INFINITY }
    };
    let of_y = |i: usize| {
        let least = y.least_spec_magnitude(i);
        if least.get() > 0.0 { x.spec_magnitude(i) / least * inverse(i) } else { Up::INFINITY }
    };
    let width = x.approx.blocks.as_ref().or(y.approx.blocks.as_ref())?.width();
    let of = |z: &Operand| match &z.approx.blocks {
        Some(blocks) => blocks.clone(),
        None => Blocks::of(width, len, |i| z.eps(i)),
    };
    let moved = of(x).stretched(len, inverse).plus(&of(y).stretched(len, of_y), len);
    Some(moved.plus_each(len, rounding))
}

/// The same derivation as `quotient`, with drifts in place of errors.
fn drift(cx: &RuleCx, x: &Operand, y: &Operand) -> Drift {
    if !x.approx.drift.is_open() && !y.approx.drift.is_open() {
        return Drift::None;
    }
    Drift::Within(Bound::from_fn(cx.len(), |i| {
        let (dx, dy) = (x.approx.drift.at(i), y.approx.drift.at(i));
        let least = y.least_spec_magnitude(i);
        (dx + x.spec_magnitude(i) / least * dy) / least
    }))
}
