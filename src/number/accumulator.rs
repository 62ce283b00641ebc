//! Exact sums of floats and of products of floats.
//!
//! A sum is kept as an integer in base 2^32 whose digits may be anything that an i64 holds, so that an
//! addition touches the few digits it reaches and carries nothing [Neal 2015, Fast exact
//! summation using small and large superaccumulators]. Products of two f64 fit; what lies
//! outside (products of products) is added apart.

use super::dyadic::{self, Dyadic};
use dashu_int::{IBig, UBig};

/// The place of the lowest digit: below the least product of two floats, 2^-2148.
const LOWEST: i64 = -2176;
/// Digits: up to 2^2432, above 2^300 times the largest product of two floats.
const DIGITS: usize = 144;
/// An addition moves a digit by less than 2^33, so this many leave an i64 room.
const ADDITIONS: u32 = 1 << 29;

/// Σ of what was added, exactly.
#[derive(Debug, Clone)]
pub struct Accumulator {
    digits: Box<[i64; DIGITS]>,
    /// The digits that are not known to be 0.
    used: std::ops::Range<usize>,
    /// Additions that may still be made before digits are carried.
    left: u32,
    /// What does not fit the digits.
    apart: Dyadic,
}

impl Default for Accumulator {
    fn default() -> Self {
        Accumulator {
            digits: Box::new([0; DIGITS]),
            used: 0..0,
            left: ADDITIONS,
            apart: Dyadic::ZERO,
        }
    }
}

impl Accumulator {
    /// Adds a float; false, and nothing added, for NaN and infinities.
    pub fn add_f64(&mut self, x: f64) -> bool {
        let Some((m, e)) = dyadic::mantissa(x) else {
            return false;
        };
        self.put(m.into(), e);
        true
    }

    /// Adds x·y; false, and nothing added, where one is NaN or infinite.
    pub fn add_product_f64(&mut self, x: f64, y: f64) -> bool {
        let (Some((m, e)), Some((n, f))) = (dyadic::mantissa(x), dyadic::mantissa(y)) else {
            return false;
        };
        self.put(i128::from(m) * i128::from(n), e + f);
        true
    }

    /// Adds a number.
    pub fn add(&mut self, x: &Dyadic) {
        match x.short() {
            Some((m, e)) if fits(e) => self.put(m.into(), e),
            _ => self.apart = self.apart.add(x),
        }
    }

    /// Adds x·y.
    pub fn add_product(&mut self, x: &Dyadic, y: &Dyadic) {
        match (x.short(), y.short()) {
            (Some((m, e)), Some((n, f))) if fits(e.saturating_add(f)) => {
                self.put(i128::from(m) * i128::from(n), e + f);
            }
            _ => self.apart = self.apart.add(&x.mul(y)),
        }
    }

    /// Adds m·2^e of at most 126 bits.
    fn put(&mut self, m: i128, e: i64) {
        if m == 0 {
            return;
        }
        if self.left == 0 {
            self.carry();
        }
        self.left -= 1;
        let place = (e - LOWEST) as usize;
        let (first, shift) = (place / 32, place % 32);
        let magnitude = m.unsigned_abs();
        let low = u128::from(magnitude as u64) << shift;
        let high = (magnitude >> 64) << shift; // lies two digits above
        let digit = |x: u128, k: usize| (x >> (32 * k)) as u32;
        let pieces = [
            i64::from(digit(low, 0)),
            i64::from(digit(low, 1)),
            i64::from(digit(low, 2)) + i64::from(digit(high, 0)),
            i64::from(digit(high, 1)),
            i64::from(digit(high, 2)),
        ];
        // Four of 32 bits and one of 33, as `ADDITIONS` supposes.
        for (slot, piece) in self.digits[first..first + 5].iter_mut().zip(pieces) {
            *slot += if m < 0 { -piece } else { piece };
        }
        self.used = if self.used.is_empty() {
            first..first + 5
        } else {
            self.used.start.min(first)..self.used.end.max(first + 5)
        };
    }

    /// Brings all digits but the highest into 0..2^32.
    fn carry(&mut self) {
        for k in self.used.start..DIGITS - 1 {
            let over = self.digits[k] >> 32;
            self.digits[k] -= over << 32;
            self.digits[k + 1] += over;
            if over != 0 {
                self.used.end = self.used.end.max(k + 2);
            }
        }
        self.left = ADDITIONS;
    }

    /// The sum so far.
    pub fn total(&self) -> Dyadic {
        let used = &self.digits[self.used.clone()];
        let mut bytes = Vec::with_capacity(4 * used.len());
        let mut over = 0_i64;
        for digit in used {
            let whole = digit + over;
            bytes.extend((whole as u32).to_le_bytes());
            over = whole >> 32;
        }
        let low = IBig::from(UBig::from_le_bytes(&bytes));
        let high = IBig::from(over) << (32 * used.len());
        let place = LOWEST + 32 * self.used.start as i64;
        Dyadic::scaled(high + low, place).add(&self.apart)
    }
}

/// Whether 126 bits from 2^e on lie within the digits.
fn fits(e: i64) -> bool {
    (LOWEST..LOWEST + 32 * (DIGITS as i64 - 6)).contains(&e)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn float() -> impl Strategy<Value = f64> {
        let any = any::<u64>().prop_map(f64::from_bits);
        let near = (-40_i32..40, -9_i32..9).prop_map(|(e, m)| f64::from(m) * 2_f64.powi(e));
        prop_oneof![any, near]
    }

    proptest! {
        #[test]
        fn sums_of_products_are_exact(pairs in prop::collection::vec((float(), float()), 0..40)) {
            let mut sum = Accumulator::default();
            let mut expected = Dyadic::ZERO;
            for (x, y) in pairs {
                let added = sum.add_product_f64(x, y);
                let both = (Dyadic::from_f64(x), Dyadic::from_f64(y));
                prop_assert_eq!(added, both.0.is_some() && both.1.is_some());
                if let (Some(a), Some(b)) = both {
                    expected = expected.add(&a.mul(&b));
                    sum.add(&a);
                    sum.add_product(&a, &a.mul(&b)); // may be beyond the digits
                    expected = expected.add(&a).add(&a.mul(&a.mul(&b)));
                }
                prop_assert_eq!(sum.total(), expected.clone());
                if added {
                    sum.carry();
                    prop_assert_eq!(sum.total(), expected.clone());
                }
            }
        }
    }

    /// The largest and the least terms, and carries through every digit.
    #[test]
    fn reaches_from_end_to_end() {
        let least = f64::from_bits(1);
        let mut sum = Accumulator::default();
        for _ in 0..1000 {
            sum.add_product_f64(f64::MAX, f64::MAX);
            sum.add_product_f64(least, -least);
        }
        let square = |x: f64| {
            let x = Dyadic::from_f64(x).unwrap();
            x.mul(&x).mul(&Dyadic::integer(1000))
        };
        let expected = square(f64::MAX).sub(&square(least));
        assert_eq!(sum.total(), expected);
        sum.carry();
        assert_eq!(sum.total(), expected);
        for _ in 0..1000 {
            sum.add_product_f64(f64::MAX, f64::MIN);
        }
        sum.carry();
        assert_eq!(sum.total(), square(least).neg());
        assert!(!sum.add_f64(f64::INFINITY) && sum.add_f64(0.0));
    }
}
