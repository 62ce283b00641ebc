//! The error function of intervals of any precision, which dashu lacks.
//!
//! erf x = (2x/√π)·e^(−x²)·S(x²) with S(z) = Σ (2z)ⁿ / (1·3·5⋯(2n+1)) for n ≥ 0
//! (Abramowitz and Stegun, 7.1.6): every term is positive, so nothing cancels.

use super::precise::{Hi, Lo, Places, Precise, down};
use super::round::Up;
use super::spec::SpecNumber;
use dashu_int::IBig;

/// e^(−x²) is below the last place beyond x² = this times the places; ln 2 rounded up.
const SATURATES: f64 = 0.7;

/// Places beyond the working ones for the terms of the series.
const GUARD: usize = 16;

impl Precise {
    /// erf of each endpoint; it is odd and increasing.
    pub(super) fn erf_image(&self) -> Precise {
        let one = self.like(1.0);
        let at = |x: &Precise| {
            let positive = of_magnitude(&x.abs());
            if x.enclose().lo() < 0.0 {
                positive.neg()
            } else {
                positive
            }
        };
        self.ends(at).max(&one.neg()).min(&one)
    }
}

/// erf x of a single x ≥ 0.
fn of_magnitude(x: &Precise) -> Precise {
    let square = x.mul(x);
    let places = x.places();
    #[expect(clippy::float_arithmetic, reason = "a threshold, far from any edge")]
    let saturates = SATURATES * (places.0 + GUARD) as f64;
    if square.enclose().lo() >= saturates {
        // 1 − erf x ≤ e^(−x²) for x ≥ ½, here below 2^−(places + GUARD).
        let last = i32::try_from(places.0).unwrap_or(i32::MAX);
        let last = x.like(Up::power_of_two(-last).get());
        let one = x.like(1.0);
        return one.hull(&one.sub(&last));
    }
    let Some(series) = series(&square, places) else {
        return Precise::UNKNOWN;
    };
    let pi = x.like(1.0).atan().mul(&x.like(4.0));
    let front = x.add(x).div(&pi.sqrt());
    front.mul(&square.neg().exp()).mul(&series)
}

/// S(z) for a z ≥ 0, in fixed point.
///
/// # Derivation
/// Terms are kept in units of 2^−(places + GUARD), rounded down and up at every step. Once
/// the ratio of neighbouring terms, 2z/(2n+3), is at most ½, all that follow a term add up
/// to at most that term.
fn series(z: &Precise, places: Places) -> Option<Precise> {
    let bits = places.0 + GUARD;
    let (lo, hi) = z.endpoints()?;
    let twice = (units(lo, bits) * 2, (units(&down(hi), bits) + 1) * 2);
    let mut term = (IBig::ONE << bits, IBig::ONE << bits);
    let mut sum = term.clone();
    for n in 1_u32.. {
        let next = IBig::from(2 * n + 1);
        // Two floors lose less than 2 units.
        term.0 = ((term.0 * &twice.0) >> bits) / &next;
        term.1 = ((term.1 * &twice.1) >> bits) / &next + 2;
        sum.0 += &term.0;
        sum.1 += &term.1;
        let halves = &twice.1 * 2 <= IBig::from(2 * n + 3) << bits;
        if halves && term.1 <= IBig::from(8) {
            sum.1 += &term.1;
            break;
        }
    }
    let exponent = -isize::try_from(bits).ok()?;
    let lo = Lo::from_parts(sum.0, exponent).with_precision(places.0);
    let hi = Hi::from_parts(sum.1, exponent).with_precision(places.0);
    Some(Precise(Some((lo.value(), hi.value()))))
}

/// ⌊x·2^bits⌋ of an x ≥ 0.
fn units(x: &Lo, bits: usize) -> IBig {
    let repr = x.repr();
    let shift = repr.exponent().saturating_add_unsigned(bits);
    let significand = repr.significand().clone();
    if shift >= 0 {
        significand << shift.unsigned_abs()
    } else {
        significand >> shift.unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::interval::Interval;

    /// Against CORE-MATH's correctly rounded erf, and against itself in more places.
    #[test]
    fn agrees_with_other_precisions() {
        let mut x = 1e-200_f64;
        while x < 40.0 {
            let at = |places| Precise::from_f64(&Places(places), x).erf();
            let (coarse, fine) = (at(128), at(400));
            let known = Interval::point(x).erf();
            let e = fine.enclose();
            assert!(known.lo() <= e.lo() && e.hi() <= known.hi(), "{x}: {e:?}");
            let both = coarse.sub(&fine).enclose();
            assert!(both.contains_zero(), "{x}: {both:?}");
            assert!(both.width().get() <= e.hi() * 1e-30, "{x}: {both:?}");
            assert_eq!(
                fine.neg().enclose(),
                Precise::from_f64(&Places(400), -x).erf().enclose()
            );
            x *= 1.37;
        }
    }
}
