//! Exact dyadic numbers m·2^e: what floats are, and what their sums and products are.

use super::interval::Interval;
use dashu_int::ops::{Abs, BitTest, UnsignedAbs};
use dashu_int::{IBig, Sign, UBig};
use num_bigint::BigInt;
use num_rational::BigRational;
use std::cmp::Ordering;

/// m·2^e with an odd m, or 0·2^0.
///
/// Mantissas of up to 128 bits need no memory of their own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dyadic {
    m: IBig,
    e: i64,
}

impl Dyadic {
    /// Zero.
    pub const ZERO: Dyadic = Dyadic {
        m: IBig::ZERO,
        e: 0,
    };

    /// m·2^e.
    pub fn scaled(m: IBig, e: i64) -> Dyadic {
        match m.trailing_zeros() {
            None => Dyadic::ZERO,
            Some(0) => Dyadic { m, e },
            Some(shift) => Dyadic {
                m: m >> shift,
                e: e + shift as i64,
            },
        }
    }

    /// The value of a float; `None` for NaN and infinities.
    pub fn from_f64(x: f64) -> Option<Dyadic> {
        let (m, e) = mantissa(x)?;
        let shift = m.trailing_zeros();
        Some(match m {
            0 => Dyadic::ZERO,
            _ => Dyadic {
                m: IBig::from(m >> shift),
                e: e + i64::from(shift),
            },
        })
    }

    /// An integer.
    pub fn integer(n: i64) -> Dyadic {
        Dyadic::scaled(IBig::from(n), 0)
    }

    /// m, which is odd unless it is 0, and e.
    pub fn mantissa(&self) -> (&IBig, i64) {
        (&self.m, self.e)
    }

    /// m and e where m is of at most 64 bits with its sign.
    pub(crate) fn short(&self) -> Option<(i64, i64)> {
        Some((i64::try_from(&self.m).ok()?, self.e))
    }

    /// The number of bits of |m|.
    pub fn bits(&self) -> u64 {
        self.m.bit_len() as u64
    }

    /// x + y.
    #[must_use]
    pub fn add(&self, y: &Dyadic) -> Dyadic {
        let m = match self.e.cmp(&y.e) {
            Ordering::Equal => &self.m + &y.m,
            Ordering::Less => &self.m + (&y.m << (y.e - self.e) as usize),
            Ordering::Greater => (&self.m << (self.e - y.e) as usize) + &y.m,
        };
        Dyadic::scaled(m, self.e.min(y.e))
    }

    /// x − y.
    #[must_use]
    pub fn sub(&self, y: &Dyadic) -> Dyadic {
        self.add(&y.neg())
    }

    /// x·y.
    #[must_use]
    pub fn mul(&self, y: &Dyadic) -> Dyadic {
        let m = &self.m * &y.m; // a product of odd numbers is odd
        let e = if m.is_zero() { 0 } else { self.e + y.e };
        Dyadic { m, e }
    }

    /// −x.
    #[must_use]
    pub fn neg(&self) -> Dyadic {
        Dyadic {
            m: -&self.m,
            e: self.e,
        }
    }

    /// |x|.
    #[must_use]
    pub fn abs(&self) -> Dyadic {
        Dyadic {
            m: (&self.m).abs(),
            e: self.e,
        }
    }

    /// True below zero.
    pub fn is_negative(&self) -> bool {
        self.m.sign() == Sign::Negative
    }

    /// True at zero.
    pub fn is_zero(&self) -> bool {
        self.m.is_zero()
    }

    /// |x| ≤ y of a y that is not NaN.
    pub fn within(&self, y: f64) -> bool {
        match Dyadic::from_f64(y) {
            Some(y) => self.abs().compare(&y) != Ordering::Greater,
            None => y > 0.0,
        }
    }

    /// m and e, m in decimal.
    pub fn parts(&self) -> (String, i64) {
        (self.m.to_string(), self.e)
    }

    /// From m in decimal and e; `None` where they are beyond any product of floats.
    pub fn from_parts(m: &str, e: i64) -> Option<Dyadic> {
        let small = m.len() < 2000 && e.unsigned_abs() < 10_000;
        let m = m.parse().ok().filter(|_| small)?;
        Some(Dyadic::scaled(m, e))
    }

    /// The order of the two.
    pub fn compare(&self, y: &Dyadic) -> Ordering {
        let difference = self.sub(y);
        if difference.is_zero() {
            Ordering::Equal
        } else if difference.is_negative() {
            Ordering::Less
        } else {
            Ordering::Greater
        }
    }

    /// How far apart the lowest places of the two are: what aligning them costs in bits.
    pub fn apart(&self, y: &Dyadic) -> u64 {
        self.e.abs_diff(y.e)
    }

    /// The same number as a rational.
    pub fn rational(&self) -> BigRational {
        let m = big(&self.m);
        let power = |e: i64| BigInt::from(1) << e.unsigned_abs();
        if self.e < 0 {
            BigRational::new_raw(m, power(self.e)) // m is odd: in lowest terms
        } else {
            BigRational::from_integer(m * power(self.e))
        }
    }

    /// The same number where the denominator is a power of two.
    pub fn of_rational(x: &BigRational) -> Option<Dyadic> {
        let shift = x.denom().trailing_zeros()?;
        let power = x.denom().bits() == shift + 1;
        power.then(|| Dyadic::scaled(little(x.numer()), -(shift as i64)))
    }

    /// An interval of floats around it, at most two floats wide.
    pub fn enclose(&self) -> Interval {
        let down = self.toward_zero();
        let far = match down {
            _ if Dyadic::from_f64(down).as_ref() == Some(self) => down,
            _ if self.is_negative() => down.next_down(),
            _ => down.next_up(),
        };
        match far < down {
            true => Interval::new(far, down),
            false => Interval::new(down, far),
        }
    }

    /// The float nearest to it that is not larger in magnitude; 0 between −λ and λ.
    fn toward_zero(&self) -> f64 {
        let magnitude: UBig = self.m.clone().unsigned_abs();
        let top = self.e + magnitude.bit_len() as i64;
        if top > 1024 {
            return if self.is_negative() {
                f64::MIN
            } else {
                f64::MAX
            };
        }
        // The lowest place that f64 has below this top.
        let lowest = (top - 53).max(-1074);
        let shift = self.e - lowest;
        let kept = if shift >= 0 {
            magnitude << shift as usize
        } else {
            magnitude >> shift.unsigned_abs() as usize
        };
        let kept = u64::try_from(&kept).unwrap_or(0); // at most 53 bits
        let near = scaled(kept, lowest);
        near.copysign(if self.is_negative() { -1.0 } else { 1.0 })
    }
}

/// k·2^e of a k below 2^53 and an e such that a float holds it.
fn scaled(k: u64, e: i64) -> f64 {
    if k == 0 {
        return 0.0;
    }
    let top = i64::from(k.ilog2()) + e;
    let bits = if top < -1022 {
        k << (e + 1074) // subnormal: the pattern is the multiple of the least float
    } else {
        let fraction = (k << (52 - k.ilog2())) & ((1 << 52) - 1);
        (((top + 1023) as u64) << 52) | fraction
    };
    f64::from_bits(bits)
}

/// m and e of a finite float m·2^e.
pub(crate) fn mantissa(x: f64) -> Option<(i64, i64)> {
    if !x.is_finite() {
        return None;
    }
    let bits = x.to_bits();
    let (biased, fraction) = ((bits >> 52) & 0x7ff, (bits & ((1 << 52) - 1)) as i64);
    let (m, e) = if biased == 0 {
        (fraction, -1074)
    } else {
        (fraction | 1 << 52, biased as i64 - 1075)
    };
    Some((if bits >> 63 == 1 { -m } else { m }, e))
}

/// The same integer as the rationals hold it.
fn big(m: &IBig) -> BigInt {
    BigInt::from_signed_bytes_le(&m.to_le_bytes())
}

/// The same integer as dyadic numbers hold it.
fn little(m: &BigInt) -> IBig {
    IBig::from_le_bytes(&m.to_signed_bytes_le())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rational(x: f64) -> BigRational {
        BigRational::from_float(x).unwrap()
    }

    fn any_float() -> impl Strategy<Value = f64> {
        any::<u64>().prop_filter_map("finite", |b| {
            Some(f64::from_bits(b)).filter(|x| x.is_finite())
        })
    }

    proptest! {
        #[test]
        fn agrees_with_rationals(x in any_float(), y in any_float()) {
            let (a, b) = (Dyadic::from_f64(x).unwrap(), Dyadic::from_f64(y).unwrap());
            let (p, q) = (rational(x), rational(y));
            prop_assert_eq!(a.rational(), p.clone());
            prop_assert_eq!(Dyadic::of_rational(&p), Some(a.clone()));
            prop_assert_eq!(a.add(&b).rational(), &p + &q);
            prop_assert_eq!(a.sub(&b).rational(), &p - &q);
            prop_assert_eq!(a.mul(&b).rational(), &p * &q);
            prop_assert_eq!(a.compare(&b), p.cmp(&q));
            prop_assert_eq!(a.add(&b), b.add(&a));
        }

        #[test]
        fn enclosures_are_tight(x in any_float(), y in any_float(), e in -60_i64..60) {
            let product = Dyadic::from_f64(x).unwrap().mul(&Dyadic::from_f64(y).unwrap());
            let moved = Dyadic::from_f64(x).unwrap().mul(&Dyadic::scaled(1.into(), e));
            for number in [product, moved, Dyadic::from_f64(x).unwrap()] {
                let (i, exact) = (number.enclose(), number.rational());
                let below = BigRational::from_float(i.lo()).is_none_or(|lo| lo <= exact);
                let above = BigRational::from_float(i.hi()).is_none_or(|hi| hi >= exact);
                prop_assert!(below && above, "{number:?} in {i:?}");
                prop_assert!(i.lo().next_up() >= i.hi(), "{i:?}");
            }
        }

        #[test]
        fn rationals_that_are_not_dyadic_stay_rational(n in 1_i64.., odd in 1_i64..1000) {
            let third = BigRational::new(n.into(), (2 * odd + 1).into());
            prop_assert_eq!(Dyadic::of_rational(&third).is_some(), third.is_integer());
        }
    }

    #[test]
    fn the_ends_of_the_format_are_enclosed() {
        let least = f64::from_bits(1);
        for x in [0.0, least, -least, f64::MAX, f64::MIN, f64::MIN_POSITIVE] {
            let i = Dyadic::from_f64(x).unwrap().enclose();
            assert_eq!((i.lo(), i.hi()), (x, x));
        }
        let tiny = Dyadic::scaled(1.into(), -3000);
        assert_eq!((tiny.enclose().lo(), tiny.enclose().hi()), (0.0, least));
        let huge = Dyadic::scaled((-1).into(), 3000);
        assert_eq!(huge.enclose().hi(), f64::MIN);
        assert_eq!(huge.enclose().lo(), f64::NEG_INFINITY);
        assert_eq!(Dyadic::from_f64(f64::NAN), None);
    }
}
