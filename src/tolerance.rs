//! Tolerances: what a test may allow, from an eps and a scale.

use crate::number::{Down, Up};
use crate::verdict::Outcome;

/// An absolute and a relative tolerance with a slack factor: a test may allow
/// slack·(abs + rel·max(‖x‖, ‖x̂‖)), all three dimensionless but `abs`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// In the units of the value.
    pub abs: Up,
    /// Relative to the larger of both norms.
    pub rel: Up,
    /// Factor on the whole.
    pub slack: Up,
}

impl Tolerance {
    /// abs = eps, rel = eps / scale (0 for scale 0, +∞ for an infinite eps), slack 1.
    ///
    /// scale is an upper bound of the norms, so eps / scale is *not* a bound on the
    /// relative error.
    pub fn from_eps_scale(eps: Up, scale: Up) -> Tolerance {
        let rel = if !eps.is_finite() {
            Up::INFINITY
        } else if scale == Up::ZERO {
            Up::ZERO
        } else {
            eps / Down::new(scale.get())
        };
        Tolerance {
            abs: eps,
            rel,
            slack: Up::ONE,
        }
    }

    /// slack·(abs + rel·max(‖x‖, ‖x̂‖)), rounded up.
    pub fn approx_bound(&self, spec_norm: Up, runtime_norm: Up) -> Up {
        self.slack * (self.abs + self.rel * spec_norm.max(runtime_norm))
    }

    /// Whether a distance between two values of these norms is within the tolerance.
    pub fn admits(&self, distance: Up, spec_norm: Up, runtime_norm: Up) -> Outcome {
        if distance <= self.approx_bound(spec_norm, runtime_norm) {
            Outcome::Holds
        } else {
            Outcome::Violated
        }
    }

    /// True where everything this tolerance admits, `other` admits too, whatever the norms.
    pub fn is_at_most(&self, other: &Tolerance) -> bool {
        self.abs <= other.abs && self.rel <= other.rel && self.slack <= other.slack
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn corner_cases_follow_upstream() {
        let t = Tolerance::from_eps_scale(Up::new(0.5), Up::ZERO);
        assert_eq!((t.abs, t.rel, t.slack), (Up::new(0.5), Up::ZERO, Up::ONE));
        let t = Tolerance::from_eps_scale(Up::INFINITY, Up::ONE);
        assert_eq!(t.rel, Up::INFINITY);
    }

    proptest! {
        #[test]
        fn the_bound_is_monotone_and_symmetric(
            (a, b) in (0.0..1e3_f64, 0.0..1e3_f64), (s, t) in (0.1..1e3_f64, 0.0..1e3_f64),
            (x, y) in (0.0..1e3_f64, 0.0..1e3_f64),
        ) {
            let (x, y) = (Up::new(x), Up::new(y));
            let small = Tolerance::from_eps_scale(Up::new(a), Up::new(s));
            let large = Tolerance {
                abs: small.abs + Up::new(b),
                rel: small.rel + Up::new(t),
                slack: Up::new(2.0),
            };
            prop_assert!(small.is_at_most(&large));
            prop_assert!(small.approx_bound(x, y) <= large.approx_bound(x, y));
            prop_assert_eq!(small.approx_bound(x, y), small.approx_bound(y, x));
            prop_assert!(small.approx_bound(x, y) <= small.approx_bound(x.max(y) + Up::ONE, y));
            prop_assert!(small.approx_bound(x, y) >= Up::new(a));
        }
    }
}
