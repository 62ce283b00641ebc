//! The home of outward rounding: [`Up`] never understates, [`Down`] never overstates.
//!
//! Both are magnitudes, so they are non-negative; `Up` may be +∞ ("no claim"), neither is
//! ever NaN. The direction is in the type: `Up + Up` and `Up * Up` round up,
//! `Up / Down` rounds up, `Down - Up` rounds down and stops at 0. An operation whose
//! direction would be wrong does not exist.
#![expect(
    clippy::float_arithmetic,
    reason = "the one place that rounds bounds; every result is corrected outward"
)]

use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Div, Mul, Sub};

/// An upper bound of a non-negative real; +∞ is allowed, NaN is not.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[repr(transparent)]
pub struct Up(f64);

/// A lower bound of a non-negative real; finite or +∞, never NaN.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Down(f64);

/// Below this, the residual of a product may itself underflow.
const RESIDUAL_IS_EXACT: f64 = 1e-270;

/// Counts below 2^53 are exact floats.
const MAX_EXACT_COUNT: f64 = 9_007_199_254_740_992.0;

impl Up {
    /// The bound of an exact value.
    pub const ZERO: Up = Up(0.0);
    /// One.
    pub const ONE: Up = Up(1.0);
    /// No claim.
    pub const INFINITY: Up = Up(f64::INFINITY);

    /// An upper bound of `x` itself; NaN and negative numbers become +∞ and 0.
    pub fn new(x: f64) -> Up {
        if x.is_nan() {
            Up::INFINITY
        } else if x > 0.0 {
            Up(x)
        } else {
            Up::ZERO
        }
    }

    /// An upper bound of |x|; +∞ for NaN.
    pub fn magnitude(x: f64) -> Up {
        Up::new(x.abs())
    }

    /// An upper bound of a count.
    pub fn count(n: usize) -> Up {
        let x = n as f64;
        // A count above 2^53 may have been rounded down.
        Up(if n >> 53 == 0 { x } else { x.next_up() })
    }

    /// A count less one, not below 0.
    pub fn less_one(self) -> Up {
        let less = self.0 - 1.0;
        Up::new(if less < MAX_EXACT_COUNT { less } else { self.0 })
    }

    /// 2^exponent: exact, or the least positive float below the range, +∞ above it.
    pub fn power_of_two(exponent: i32) -> Up {
        if exponent > 1023 {
            Up::INFINITY
        } else if exponent >= -1022 {
            Up(f64::from_bits(((exponent + 1023) as u64) << 52))
        } else {
            Up(f64::from_bits(1_u64 << (exponent + 1074).max(0)))
        }
    }

    /// The float itself.
    pub fn get(self) -> f64 {
        self.0
    }

    /// False for "no claim".
    pub fn is_finite(self) -> bool {
        self.0 < f64::INFINITY
    }

    /// The larger of two bounds.
    pub fn max(self, other: Up) -> Up {
        if other.0 > self.0 { other } else { self }
    }

    /// The smaller of two bounds, where both speak for the same thing.
    pub fn min(self, other: Up) -> Up {
        if other.0 < self.0 { other } else { self }
    }

    /// An upper bound of (1 + u)^n - 1.
    ///
    /// # Derivation
    /// (1 + u)^n - 1 <= n·u / (1 - n·u) for n·u < 1, and for n·u <= 1/4 the sharper
    /// n·u·(1 + n·u·(1/2 + n·u)): the series Σ C(n,k) u^k has C(n,k)·u^k <= (nu)^k / k!,
    /// and Σ_{k>=2} t^k/k! <= t²/2 + t³ for t <= 1/4. Beyond nu = 1/4 no sharpness is
    /// needed: e^(nu) by repeated squaring of the bound at nu/2.
    pub fn growth(u: Up, n: Up) -> Up {
        let t = u * n;
        if t.0 <= 0.25 {
            t + t * t * (Up(0.5) + t)
        } else if t.0 <= 600.0 {
            let half = Up::growth(u, Up(n.0 * 0.5));
            half * (Up(2.0) + half)
        } else {
            Up::INFINITY
        }
    }

    /// An upper bound of the square root.
    pub fn sqrt(self) -> Up {
        let r = self.0.sqrt();
        Up(
            if r.mul_add(r, -self.0) < 0.0 || self.0 < RESIDUAL_IS_EXACT && self.0 > 0.0 {
                r.next_up()
            } else {
                r
            },
        )
    }
}

impl Eq for Up {}

impl PartialOrd for Up {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Up {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialEq<f64> for Up {
    fn eq(&self, other: &f64) -> bool {
        self.0 == *other
    }
}

impl PartialOrd<f64> for Up {
    fn partial_cmp(&self, other: &f64) -> Option<Ordering> {
        self.0.partial_cmp(other)
    }
}

/// fl(a + b) - (a + b), exact barring overflow (Knuth's TwoSum).
pub(crate) fn sum_excess(a: f64, b: f64, s: f64) -> f64 {
    let bb = s - a;
    -((a - (s - bb)) + (b - bb))
}

impl Add for Up {
    type Output = Up;
    fn add(self, rhs: Up) -> Up {
        let s = self.0 + rhs.0;
        // The test is written so that the NaN of an infinite sum leaves +∞ as it is.
        Up(if sum_excess(self.0, rhs.0, s) < 0.0 {
            s.next_up()
        } else {
            s
        })
    }
}

impl AddAssign for Up {
    fn add_assign(&mut self, rhs: Up) {
        *self = *self + rhs;
    }
}

impl Mul for Up {
    type Output = Up;
    fn mul(self, rhs: Up) -> Up {
        let p = self.0 * rhs.0;
        if p.is_nan() {
            return Up::INFINITY; // 0·∞ claims nothing
        }
        let exact = if p >= RESIDUAL_IS_EXACT {
            self.0.mul_add(rhs.0, -p) <= 0.0
        } else {
            self.0 == 0.0 || rhs.0 == 0.0
        };
        Up(if exact { p } else { p.next_up() })
    }
}

impl Div<Down> for Up {
    type Output = Up;
    fn div(self, rhs: Down) -> Up {
        if rhs.0 <= 0.0 {
            return Up::INFINITY; // 0/0 claims nothing either
        }
        if self.0 == 0.0 {
            return Up::ZERO;
        }
        let q = self.0 / rhs.0;
        if q.is_nan() {
            return Up::INFINITY;
        }
        let covers = q >= RESIDUAL_IS_EXACT
            && self.0 >= RESIDUAL_IS_EXACT
            && q.mul_add(rhs.0, -self.0) >= 0.0;
        Up(if covers { q } else { q.next_up() })
    }
}

impl std::iter::Sum for Up {
    fn sum<I: Iterator<Item = Up>>(iter: I) -> Up {
        iter.fold(Up::ZERO, Add::add)
    }
}

impl Down {
    /// One.
    pub const ONE: Down = Down(1.0);

    /// A lower bound of |x|; 0 for NaN.
    pub fn magnitude(x: f64) -> Down {
        Down::new(x.abs())
    }

    /// A lower bound of x itself; negative numbers and NaN become 0.
    pub fn new(x: f64) -> Down {
        Down(if x > 0.0 { x } else { 0.0 })
    }

    /// The float itself.
    pub fn get(self) -> f64 {
        self.0
    }

    /// A lower bound of the square root.
    pub fn sqrt(self) -> Down {
        let r = self.0.sqrt();
        Down::new(r.next_down())
    }
}

impl Sub<Up> for Down {
    type Output = Down;
    fn sub(self, rhs: Up) -> Down {
        let s = self.0 - rhs.0;
        if s.is_nan() {
            return Down(0.0); // ∞ - ∞
        }
        Down::new(if sum_excess(self.0, -rhs.0, s) > 0.0 {
            s.next_down()
        } else {
            s
        })
    }
}

impl Add for Down {
    type Output = Down;
    fn add(self, rhs: Down) -> Down {
        Down::new((self.0 + rhs.0).next_down())
    }
}

impl Mul for Down {
    type Output = Down;
    fn mul(self, rhs: Down) -> Down {
        Down::new((self.0 * rhs.0).next_down())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_rational::BigRational;
    use proptest::prelude::*;

    fn exact(x: f64) -> BigRational {
        BigRational::from_float(x).expect("finite")
    }

    fn magnitudes() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<u64>().prop_map(|bits| f64::from_bits(bits >> 1)),
            Just(0.0),
            (0_i32..80).prop_map(|e| (f64::from(e) - 40.0).exp2()),
            (1_u64..64).prop_map(f64::from_bits),
        ]
        .prop_filter("finite", |x| x.is_finite())
    }

    proptest! {
        #[test]
        fn up_never_understates_and_stays_within_one_step(a in magnitudes(), b in magnitudes()) {
            let results = [
                (Up(a) + Up(b), exact(a) + exact(b)),
                (Up(a) * Up(b), exact(a) * exact(b)),
            ];
            for (up, truth) in results {
                if up.is_finite() {
                    prop_assert!(exact(up.0) >= truth);
                    prop_assert!(up.0 == 0.0 || exact(up.0.next_down().next_down()) < truth || exact(up.0) == truth);
                }
            }
            let q = Up(a) / Down(b);
            if b > 0.0 && q.is_finite() {
                prop_assert!(exact(q.0) * exact(b) >= exact(a));
            }
            let r = Up(a).sqrt();
            prop_assert!(exact(r.0) * exact(r.0) >= exact(a));
            let r = Down(a).sqrt();
            prop_assert!(exact(r.0) * exact(r.0) <= exact(a));
        }

        #[test]
        fn down_never_overstates(a in magnitudes(), b in magnitudes()) {
            let d = Down(a) - Up(b);
            prop_assert!(d.0 == 0.0 || exact(d.0) <= exact(a) - exact(b));
        }

        #[test]
        fn growth_covers_the_power(n in 0_usize..300, p in 4_i32..30) {
            let u = Up::power_of_two(-p);
            let one = exact(1.0);
            let truth = (0..n).fold(one.clone(), |acc, _| acc * (&one + exact(u.0))) - one;
            let bound = Up::growth(u, Up::count(n));
            prop_assert!(!bound.is_finite() || exact(bound.0) >= truth);
            if u.0 * (n as f64) < 0.01 {
                prop_assert!(exact(bound.0) <= truth * exact(1.01));
            }
        }
    }

    #[test]
    fn exact_results_stay_exact() {
        assert_eq!(Up(1.0) + Up(2.0), Up(3.0));
        assert_eq!(Up(0.0) * Up(2.0), Up::ZERO);
        assert_eq!(Up(6.0) / Down(2.0), Up(3.0));
        assert_eq!(Up(9.0).sqrt(), Up(3.0));
    }

    #[test]
    fn nothing_is_ever_nan() {
        assert_eq!(Up::ZERO * Up::INFINITY, Up::INFINITY);
        assert_eq!(Up::ZERO / Down(0.0), Up::INFINITY);
        assert_eq!(Up::INFINITY + Up::INFINITY, Up::INFINITY);
        assert_eq!(Down(f64::INFINITY) - Up::INFINITY, Down(0.0));
        assert_eq!(Up::new(f64::NAN), Up::INFINITY);
    }
}
