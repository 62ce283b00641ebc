//! Exact rationals: the rung that decides every algebraic claim of small size.

use super::function::Function;
use super::interval::Interval;
use super::spec::{SpecNumber, Steps};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};

/// Beyond this many bits a rational is given up, so that no evaluation can exhaust memory.
const MAX_BITS: u64 = 1 << 16;

/// A rational, or `None` where the value is not rational, not defined, or too large.
#[derive(Debug, Clone, PartialEq)]
pub struct Rational(Option<BigRational>);

impl Rational {
    /// The value, where it is known exactly.
    pub fn value(&self) -> Option<&BigRational> {
        self.0.as_ref()
    }

    fn unary(&self, f: impl FnOnce(&BigRational) -> Option<BigRational>) -> Self {
        Rational(self.0.as_ref().and_then(f))
    }

    fn binary(&self, y: &Self, f: impl FnOnce(&BigRational, &BigRational) -> BigRational) -> Self {
        let (Some(a), Some(b)) = (&self.0, &y.0) else {
            return Rational(None);
        };
        let r = f(a, b);
        let small = r.numer().bits() < MAX_BITS && r.denom().bits() < MAX_BITS;
        Rational(small.then_some(r))
    }
}

impl From<BigRational> for Rational {
    fn from(x: BigRational) -> Self {
        Rational(Some(x))
    }
}

fn integer(n: i64) -> BigRational {
    BigRational::from_integer(BigInt::from(n))
}

/// An f64 interval around an exact rational, at most two floats wide.
pub fn enclose_rational(x: &BigRational) -> Interval {
    let Some(near) = x.to_f64() else {
        return Interval::ENTIRE;
    };
    let Some(back) = BigRational::from_float(near) else {
        // Beyond the largest float.
        return if x.is_negative() {
            Interval::new(f64::NEG_INFINITY, f64::MIN)
        } else {
            Interval::new(f64::MAX, f64::INFINITY)
        };
    };
    if back == *x {
        return Interval::point(near);
    }
    let (below, above) = (near.next_down(), near.next_up());
    // `to_f64` is only assumed to be within one float of the truth, and that is checked.
    let within = |bound: f64, order: fn(&BigRational, &BigRational) -> bool| {
        BigRational::from_float(bound).is_none_or(|b| order(&b, x))
    };
    if back < *x && within(above, |b, x| b >= x) {
        Interval::new(near, above)
    } else if back > *x && within(below, |b, x| b <= x) {
        Interval::new(below, near)
    } else {
        Interval::ENTIRE
    }
}

impl SpecNumber for Rational {
    type Env = ();

    fn from_f64((): &(), x: f64) -> Self {
        Rational(BigRational::from_float(x))
    }
    fn from_i64((): &(), n: i64) -> Self {
        Rational(Some(integer(n)))
    }
    fn add(&self, y: &Self) -> Self {
        self.binary(y, |a, b| a + b)
    }
    fn sub(&self, y: &Self) -> Self {
        self.binary(y, |a, b| a - b)
    }
    fn mul(&self, y: &Self) -> Self {
        self.binary(y, |a, b| a * b)
    }
    fn div(&self, y: &Self) -> Self {
        if y.0.as_ref().is_none_or(Zero::is_zero) {
            return Rational(None);
        }
        self.binary(y, |a, b| a / b)
    }
    fn neg(&self) -> Self {
        self.unary(|x| Some(-x))
    }
    fn abs(&self) -> Self {
        self.unary(|x| Some(x.abs()))
    }
    fn max(&self, y: &Self) -> Self {
        self.binary(y, |a, b| if b > a { b.clone() } else { a.clone() })
    }
    fn min(&self, y: &Self) -> Self {
        self.binary(y, |a, b| if b < a { b.clone() } else { a.clone() })
    }
    fn sqrt(&self) -> Self {
        self.unary(|x| {
            if x.is_negative() {
                return None;
            }
            let (n, d) = (x.numer().sqrt(), x.denom().sqrt());
            let perfect = &n * &n == *x.numer() && &d * &d == *x.denom();
            perfect.then(|| BigRational::new(n, d))
        })
    }
    fn function(&self, function: Function) -> Self {
        if function == Function::Rsqrt {
            return self.like(1.0).div(&self.sqrt());
        }
        let point = |(at, value)| {
            let at = BigRational::from_float(at)?;
            self.unary(|x| {
                if *x == at {
                    BigRational::from_float(value)
                } else {
                    None
                }
            })
            .0
        };
        Rational(function.rational_point().and_then(point))
    }
    fn pow(&self, y: &Self) -> Self {
        let n =
            y.0.as_ref()
                .filter(|y| y.is_integer())
                .and_then(ToPrimitive::to_i32);
        self.unary(|x| {
            let n = n?;
            let bits = x.numer().bits().max(x.denom().bits());
            let fits = bits.saturating_mul(u64::from(n.unsigned_abs())) < MAX_BITS;
            (fits && !(n < 0 && x.is_zero())).then(|| x.pow(n))
        })
    }
    fn like(&self, x: f64) -> Self {
        Rational(BigRational::from_float(x))
    }
    fn step(&self, (): &(), steps: Steps) -> Self {
        self.unary(|x| {
            BigRational::from_float(if x.is_positive() {
                steps.above
            } else if x.is_negative() {
                steps.below
            } else {
                steps.at
            })
        })
    }
    fn enclose(&self) -> Interval {
        self.0.as_ref().map_or(Interval::ENTIRE, enclose_rational)
    }
    fn distance(&self, c: f64) -> Interval {
        match (&self.0, BigRational::from_float(c)) {
            (Some(x), Some(c)) => enclose_rational(&(c - x).abs()),
            _ => Interval::new(0.0, f64::INFINITY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn enclosures_of_rationals_are_tight(n in any::<i64>(), d in 1_i64.., e in -300_i32..300) {
            let scale = integer(2).pow(e);
            let x = BigRational::new(n.into(), d.into()) * scale;
            let i = enclose_rational(&x);
            let (lo, hi) = (BigRational::from_float(i.lo()), BigRational::from_float(i.hi()));
            prop_assert!(lo.unwrap() <= x && hi.unwrap() >= x);
            prop_assert!(i.lo().next_up() >= i.hi());
        }
    }
}
