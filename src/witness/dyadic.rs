//! Float arithmetic from the definition: exact dyadic numbers, rounded once to nearest even.
//!
//! Nothing here is the library's: an execution in this arithmetic agrees with the library's
//! only because both follow IEEE 754. Formats of at most 24 digits go through f64, which the
//! exact arithmetic checks.

use crate::number::Format;
use crate::number::dyadic::Dyadic;
use dashu_base::SquareRoot;
use dashu_int::ops::{BitTest, UnsignedAbs};
use dashu_int::{IBig, Sign, UBig};

/// 2^e for an e that f64 can hold; infinite above.
pub fn power(e: i64) -> f64 {
    if e > 1023 {
        f64::INFINITY
    } else if e >= -1022 {
        f64::from_bits(((e + 1023) as u64) << 52)
    } else {
        f64::from_bits(1 << (e + 1074))
    }
}

/// ⌊log2 |x|⌋ of a finite x other than 0.
pub fn exponent(x: f64) -> i64 {
    let bits = x.to_bits() & !(1 << 63);
    match bits >> 52 {
        0 => i64::from(bits.ilog2()) - 1074,
        biased => biased as i64 - 1023,
    }
}

/// The distance between neighbouring values of the format at x.
pub fn ulp(format: Format, x: f64) -> f64 {
    let least = i64::from(format.e_min);
    let e = if x == 0.0 {
        least
    } else {
        exponent(x).max(least)
    };
    power(e - i64::from(format.precision) + 1)
}

/// The value of a finite float.
pub fn exact(x: f64) -> Dyadic {
    Dyadic::from_f64(x).expect("a finite float")
}

/// The value of the format nearest to x.
pub fn nearest(format: Format, x: &Dyadic) -> f64 {
    let (m, e) = x.mantissa();
    nearest_to(format, m, e, false)
}

/// The value of the format nearest to m·2^e, or to a number just above it in magnitude
/// where `more` is set (m then has more bits than the format).
fn nearest_to(format: Format, m: &IBig, e: i64, more: bool) -> f64 {
    let a: UBig = m.clone().unsigned_abs();
    if a.is_zero() {
        return 0.0;
    }
    let top = e + a.bit_len() as i64 - 1;
    let lowest = top.max(i64::from(format.e_min)) - i64::from(format.precision) + 1;
    let kept = if lowest <= e {
        assert!(!more, "a quotient or root with too few bits");
        a << (e - lowest) as usize
    } else {
        let shift = (lowest - e) as usize;
        let (rest, kept) = a.split_bits(shift);
        let half = UBig::ONE << (shift - 1);
        let up = rest > half || (rest == half && (more || kept.bit(0)));
        if up { kept + 1_u32 } else { kept }
    };
    let kept = u64::try_from(&kept).expect("at most 54 bits");
    let sign = if m.sign() == Sign::Negative {
        -1.0
    } else {
        1.0
    };
    let magnitude = kept as f64 * power(lowest);
    if magnitude > format.largest() {
        return beyond(format, sign);
    }
    sign * magnitude
}

/// What a result beyond the largest number becomes: an infinity, NaN in OCP's formats without.
fn beyond(format: Format, sign: f64) -> f64 {
    let without = [Format::E4M3, Format::E3M2, Format::E2M3, Format::E2M1];
    if without.contains(&format) {
        f64::NAN
    } else {
        f64::INFINITY.copysign(sign)
    }
}

/// x rounded to the format; NaN stays, and so do infinities where the format has them.
pub fn round(format: Format, x: f64) -> f64 {
    if x.is_infinite() {
        return beyond(format, x);
    }
    if x.is_nan() || x == 0.0 {
        return x + 0.0;
    }
    if fits(format, &[x]) {
        let lowest = exponent(x).max(i64::from(format.e_min)) - i64::from(format.precision) + 1;
        let rounded = (x * power(-lowest)).round_ties_even() * power(lowest) + 0.0;
        let overflows = rounded.abs() > format.largest();
        return if overflows {
            beyond(format, x)
        } else {
            rounded
        };
    }
    nearest(format, &exact(x))
}

/// Whether f64 holds twice the digits of the format and more, and is far from its own limits
/// with these operands: then a result in f64, rounded to odd, rounds to the format as the
/// exact one does [Boldo & Melquiond 2008].
fn fits(format: Format, operands: &[f64]) -> bool {
    let near = |x: &f64| *x == 0.0 || exponent(*x).abs() < 300;
    format.precision <= 24 && operands.iter().all(near)
}

/// The f64 with an odd last digit that a result lies next to, where `rest` of it is missing.
fn to_odd(result: f64, rest: f64) -> f64 {
    if rest == 0.0 || result.to_bits() & 1 == 1 {
        result
    } else if rest > 0.0 {
        result.next_up()
    } else {
        result.next_down()
    }
}

/// x + y, rounded once.
pub fn add(format: Format, x: f64, y: f64) -> f64 {
    if !x.is_finite() || !y.is_finite() {
        return x + y;
    }
    if fits(format, &[x, y]) {
        return add_wide(format, x, y);
    }
    nearest(format, &exact(x).add(&exact(y)))
}

/// x·y, rounded once.
pub fn mul(format: Format, x: f64, y: f64) -> f64 {
    if !x.is_finite() || !y.is_finite() {
        return x * y;
    }
    if fits(format, &[x, y]) {
        let product = x * y;
        return round(format, to_odd(product, x.mul_add(y, -product)));
    }
    nearest(format, &exact(x).mul(&exact(y)))
}

/// x·y + z, rounded once.
pub fn fma(format: Format, x: f64, y: f64, z: f64) -> f64 {
    if ![x, y, z].iter().all(|x| x.is_finite()) {
        return x.mul_add(y, z);
    }
    let product = x * y;
    if fits(format, &[x, y, z]) && x.mul_add(y, -product) == 0.0 {
        return add_wide(format, product, z);
    }
    let exact = exact(x).mul(&exact(y)).add(&exact(z));
    nearest(format, &exact)
}

/// The sum of two f64 that are far from the limits, rounded once.
fn add_wide(format: Format, x: f64, y: f64) -> f64 {
    let sum = x + y;
    let of_y = sum - x;
    let rest = (x - (sum - of_y)) + (y - of_y);
    round(format, to_odd(sum, rest))
}

/// x / y, rounded once.
pub fn div(format: Format, x: f64, y: f64) -> f64 {
    if !x.is_finite() || !y.is_finite() || x == 0.0 || y == 0.0 {
        return x / y;
    }
    if fits(format, &[x, y]) {
        let quotient = x / y;
        let rest = quotient.mul_add(-y, x);
        let rest = if y < 0.0 { -rest } else { rest };
        return round(format, to_odd(quotient, rest));
    }
    quotient(format, &exact(x), &exact(y))
}

/// x / y, rounded once, from the first 128 bits and whether there are more.
fn quotient(format: Format, x: &Dyadic, y: &Dyadic) -> f64 {
    const EXTRA: i64 = 128;
    let ((m, e), (n, f)) = (x.mantissa(), y.mantissa());
    let wide: IBig = m << EXTRA as usize;
    let quotient = &wide / n;
    let more = &quotient * n != wide;
    nearest_to(format, &quotient, e - f - EXTRA, more)
}

/// √x, rounded once.
pub fn sqrt(format: Format, x: f64) -> f64 {
    if !x.is_finite() || x <= 0.0 {
        return x.sqrt();
    }
    if fits(format, &[x]) {
        let root = x.sqrt();
        return round(format, to_odd(root, root.mul_add(-root, x)));
    }
    let x = exact(x);
    let (m, e) = x.mantissa();
    let extra = 128 + e.rem_euclid(2);
    let wide: UBig = m.clone().unsigned_abs() << extra as usize;
    let root = wide.sqrt();
    let more = &root * &root != wide;
    nearest_to(format, &root.into(), (e - extra) / 2, more)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The arithmetic that judges must itself agree with the processor's, which follows
    /// the same standard, in the formats that the processor has.
    #[test]
    fn agrees_with_the_processor() {
        let mut state = 7_u64;
        let mut draw = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            state
        };
        for _ in 0..3000 {
            let pick =
                |bits: u64| f64::from_bits(bits & !(0x7ff << 52) | (0x3e0 + (bits >> 58)) << 52);
            let (x, y, z) = (pick(draw()), pick(draw()), pick(draw()));
            let (f, h) = (x as f32, z as f32);
            assert_eq!(add(Format::F64, x, y), x + y);
            assert_eq!(mul(Format::F64, x, y), x * y);
            assert_eq!(div(Format::F64, x, y), x / y);
            assert_eq!(fma(Format::F64, x, y, z), x.mul_add(y, z));
            assert_eq!(sqrt(Format::F64, x.abs()), x.abs().sqrt());
            assert_eq!(round(Format::F32, x), f64::from(f));
            let wide = |x: f32| f64::from(x);
            let w = f32::from_bits(draw() as u32 & 0x80ff_ffff);
            assert_eq!(
                mul(Format::F32, wide(f), wide(w)),
                wide(f * w),
                "{f:e} {w:e}"
            );
            assert_eq!(div(Format::F32, wide(w), wide(f)), wide(w / f));
            assert_eq!(
                fma(Format::F32, wide(f), wide(w), wide(h)),
                wide(f.mul_add(w, h))
            );
        }
    }

    /// What goes through f64 is what exact arithmetic gives, at ties, next to them, among
    /// subnormals and where operands are of very different size.
    #[test]
    fn agrees_with_exact_arithmetic() {
        let mut rng = fastrand::Rng::with_seed(11);
        let formats = [
            Format::F32,
            Format::F16,
            Format::BF16,
            Format::E4M3,
            Format::E2M1,
        ];
        for format in formats {
            let mut draw = || {
                let span = if rng.bool() {
                    3
                } else {
                    format.e_max + format.precision
                };
                let e = i64::from(rng.i32(-span..=span));
                let near_a_power = rng.bool();
                let m = if near_a_power {
                    1 << 20
                } else {
                    rng.i32(-(1 << 24)..1 << 24)
                };
                let m = m + rng.i32(-2..=2);
                nearest(format, &Dyadic::scaled(m.into(), e - 20))
            };
            for _ in 0..4000 {
                let (x, y, z) = (draw(), draw(), draw());
                if ![x, y, z].iter().all(|x| x.is_finite()) {
                    continue;
                }
                let (a, b, c) = (exact(x), exact(y), exact(z));
                let shown = |x: f64| Some(x).filter(|x| !x.is_nan());
                let near = |x: &Dyadic| shown(nearest(format, x));
                assert_eq!(shown(add(format, x, y)), near(&a.add(&b)), "{x:e} + {y:e}");
                assert_eq!(shown(mul(format, x, y)), near(&a.mul(&b)), "{x:e} * {y:e}");
                let fused = near(&a.mul(&b).add(&c));
                assert_eq!(shown(fma(format, x, y, z)), fused, "{x:e} * {y:e} + {z:e}");
                let wide = x + y;
                assert_eq!(shown(round(format, wide)), near(&exact(wide)), "{wide:e}");
                if y != 0.0 && x != 0.0 {
                    let quotient = div(format, x, y);
                    let nearest = super::quotient(format, &a, &b);
                    assert_eq!(shown(quotient), shown(nearest), "{x:e} / {y:e}");
                }
            }
        }
    }

    #[test]
    fn rounds_to_sixteen_bits_once() {
        let just_above_a_tie = 1.0 + 2f64.powi(-11) + 2f64.powi(-40);
        assert_eq!(round(Format::F16, just_above_a_tie), 1.0 + 2f64.powi(-10));
        assert_eq!(round(Format::F16, 65520.0), f64::INFINITY);
        assert_eq!(round(Format::F16, 65519.0), 65504.0);
        assert_eq!(round(Format::BF16, 1.0 + 2f64.powi(-8)), 1.0);
        assert_eq!(round(Format::E4M3, 464.0), 448.0);
        assert!(round(Format::E4M3, 464.5).is_nan());
        assert_eq!(round(Format::E5M2, 1e6), f64::INFINITY);
        assert!(round(Format::E2M1, f64::INFINITY).is_nan());
        assert_eq!(round(Format::E2M1, 5.0), 4.0);
        assert_eq!(round(Format::F16, 2f64.powi(-25)), 0.0);
        assert_eq!(round(Format::F16, 2f64.powi(-25) * 1.5), 2f64.powi(-24));
    }
}
