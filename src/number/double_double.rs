//! Double-double balls: about 106 bits, the rung between f64 intervals and slow precision.
//!
//! A ball is a midpoint `hi + lo` and a radius. Every operation keeps the exact rounding
//! errors of its leading terms (TwoSum, FMA products) and adds what it drops to the radius,
//! so nothing rests on an error analysis of double-double arithmetic as a whole.
#![expect(
    clippy::float_arithmetic,
    reason = "error-free transformations; what they drop goes to the radius"
)]
#![expect(clippy::float_cmp, reason = "a hull of steps is a point or is not")]

use super::function::Function;
use super::interval::Interval;
use super::precise::{Places, Precise, radius_around};
use super::round::{Down, Up, sum_excess};
use super::spec::{SpecNumber, Steps};

/// Working places of the elementary functions behind a ball.
const PLACES: Places = Places(128);

/// Below this magnitude an FMA residual may itself underflow.
const RESIDUAL_IS_EXACT: f64 = 1e-250;

/// The reals within `radius` of `hi + lo`; the radius may be +∞ ("anything").
#[derive(Debug, Clone, Copy)]
pub struct Ball {
    hi: f64,
    lo: f64,
    radius: Up,
}

/// s = fl(a + b) and the exact a + b - s.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let s = a + b;
    (s, -sum_excess(a, b, s))
}

/// Half an ulp of x, as the bound on one rounding that produced x.
fn rounding(x: f64) -> Up {
    Up::magnitude(x) * Up::power_of_two(-53)
}

impl Ball {
    const ANYTHING: Ball = Ball {
        hi: 0.0,
        lo: 0.0,
        radius: Up::INFINITY,
    };

    fn new(hi: f64, lo: f64, radius: Up) -> Ball {
        let (hi, lo) = two_sum(hi, lo);
        if hi.is_finite() && lo.is_finite() {
            Ball { hi, lo, radius }
        } else {
            Ball::ANYTHING
        }
    }

    fn exact(x: f64) -> Ball {
        Ball::new(x, 0.0, Up::ZERO)
    }

    /// An upper bound of |x| over the midpoint alone.
    fn mid_magnitude(self) -> Up {
        Up::magnitude(self.hi) + Up::magnitude(self.lo)
    }

    /// A lower bound of |x| over the ball.
    fn least_magnitude(self) -> Down {
        Down::magnitude(self.hi) - (Up::magnitude(self.lo) + self.radius)
    }

    fn magnitude(self) -> Up {
        self.mid_magnitude() + self.radius
    }

    /// Decided sign: 1, -1, 0 for the exact zero, `None` where undecided.
    fn sign(self) -> Option<f64> {
        if self.hi == 0.0 && self.lo == 0.0 && self.radius == Up::ZERO {
            Some(0.0)
        } else if self.least_magnitude().get() > 0.0 {
            Some(self.hi.signum())
        } else {
            None
        }
    }

    fn precise(self) -> Precise {
        if !self.radius.is_finite() {
            return Precise::UNKNOWN;
        }
        let part = |x: f64| Precise::from_f64(&PLACES, x);
        let radius = Interval::new(-self.radius.get(), self.radius.get()).into_precise(PLACES);
        part(self.hi).add(&part(self.lo)).add(&radius)
    }

    fn from_precise(x: &Precise) -> Ball {
        let hi = x.enclose().mid();
        let rest = x.sub(&Precise::from_f64(&PLACES, hi));
        let lo = rest.enclose().mid();
        let radius = radius_around(&rest, &Precise::from_f64(&PLACES, lo));
        Ball::new(hi, lo, radius)
    }
}

impl SpecNumber for Ball {
    type Env = ();

    fn from_f64((): &(), x: f64) -> Self {
        Ball::exact(x)
    }
    fn from_i64((): &(), n: i64) -> Self {
        let hi = n as f64;
        // Both parts are exact: hi is n rounded to 53 bits, the rest has at most 11.
        let lo = (i128::from(n) - hi as i128) as f64;
        Ball::new(hi, lo, Up::ZERO)
    }
    fn add(&self, y: &Self) -> Self {
        let (s, e) = two_sum(self.hi, y.hi);
        let (t, f) = two_sum(self.lo, y.lo);
        let c = e + t;
        let (s1, c1) = two_sum(s, c);
        let d = c1 + f;
        let dropped = if c == 0.0 || e == 0.0 || t == 0.0 {
            Up::ZERO
        } else {
            rounding(c)
        } + if c1 == 0.0 || f == 0.0 {
            Up::ZERO
        } else {
            rounding(d)
        };
        Ball::new(s1, d, self.radius + y.radius + dropped)
    }
    fn sub(&self, y: &Self) -> Self {
        self.add(&y.neg())
    }
    fn mul(&self, y: &Self) -> Self {
        let p = self.hi * y.hi;
        let e = self.hi.mul_add(y.hi, -p);
        let cross = self.hi * y.lo;
        let both = self.lo.mul_add(y.hi, cross);
        let c = e + both;
        let mut dropped = Up::magnitude(self.lo) * Up::magnitude(y.lo);
        if cross != 0.0 || both != 0.0 {
            dropped += rounding(cross) + rounding(both) + rounding(c);
        }
        let zero = (self.hi == 0.0 && self.lo == 0.0) || (y.hi == 0.0 && y.lo == 0.0);
        let low_parts = self.lo != 0.0 || y.lo != 0.0;
        let tiny = |x: f64| x.abs() < RESIDUAL_IS_EXACT;
        if !zero && (tiny(p) || (low_parts && (tiny(cross) || tiny(both)))) {
            dropped += Up::power_of_two(-1070);
        }
        let (a, b) = (self.mid_magnitude(), y.mid_magnitude());
        let mut radius = dropped;
        if self.radius != Up::ZERO || y.radius != Up::ZERO {
            radius += a * y.radius + b * self.radius + self.radius * y.radius;
        }
        Ball::new(p, c, radius)
    }
    fn div(&self, y: &Self) -> Self {
        let least = y.least_magnitude();
        if least.get() <= 0.0 {
            return Ball::ANYTHING;
        }
        let q1 = self.hi / y.hi;
        if !q1.is_finite() {
            return Ball::ANYTHING;
        }
        let rest = self.sub(&y.mul(&Ball::exact(q1)));
        let q2 = rest.hi / y.hi;
        if !q2.is_finite() {
            return Ball::ANYTHING;
        }
        let quotient = Ball::new(q1, q2, Up::ZERO);
        // |a/b - q| = |a - q·b| / |b| for every a, b in the balls.
        let residual = self.sub(&y.mul(&quotient)).magnitude();
        Ball::new(quotient.hi, quotient.lo, residual / least)
    }
    fn neg(&self) -> Self {
        Ball {
            hi: -self.hi,
            lo: -self.lo,
            radius: self.radius,
        }
    }
    fn abs(&self) -> Self {
        match self.sign() {
            Some(s) if s < 0.0 => self.neg(),
            Some(_) => *self,
            None => {
                // |x| of any member lies within magnitude/2 of magnitude/2.
                let half = self.magnitude() * Up::new(0.5);
                Ball::new(half.get(), 0.0, half)
            }
        }
    }
    fn max(&self, y: &Self) -> Self {
        match self.sub(y).sign() {
            Some(s) if s < 0.0 => *y,
            Some(_) => *self,
            None => {
                // max(x, y) = x + max(y - x, 0), and the last term lies in [0, |y - x|].
                let half = self.sub(y).magnitude() * Up::new(0.5);
                self.add(&Ball::new(half.get(), 0.0, half))
            }
        }
    }
    fn min(&self, y: &Self) -> Self {
        self.neg().max(&y.neg()).neg()
    }
    fn sqrt(&self) -> Self {
        match self.sign() {
            Some(0.0) => return *self,
            Some(s) if s > 0.0 => {}
            _ => return Ball::ANYTHING,
        }
        let q1 = self.hi.sqrt();
        let rest = self.sub(&Ball::exact(q1).mul(&Ball::exact(q1)));
        let q2 = rest.hi / (q1 + q1);
        let root = Ball::new(q1, q2, Up::ZERO);
        // |√a - q| = |a - q²| / (√a + q) <= |a - q²| / q.
        let residual = self.sub(&root.mul(&root)).magnitude();
        Ball::new(root.hi, root.lo, residual / root.least_magnitude())
    }
    fn function(&self, function: Function) -> Self {
        Ball::from_precise(&self.precise().function(function))
    }
    fn pow(&self, y: &Self) -> Self {
        Ball::from_precise(&self.precise().pow(&y.precise()))
    }
    fn like(&self, x: f64) -> Self {
        Ball::exact(x)
    }
    fn step(&self, (): &(), steps: Steps) -> Self {
        let hull = match self.sign() {
            Some(s) => Interval::point(s),
            None => Interval::new(-1.0, 1.0),
        }
        .step(&(), steps);
        if hull.lo() == hull.hi() {
            return Ball::exact(hull.lo());
        }
        // Steps are small dyadic numbers; the midpoint of their hull is exact.
        Ball::new(hull.mid(), 0.0, hull.width())
    }
    fn enclose(&self) -> Interval {
        Interval::around(self.hi, self.radius).add(&Interval::point(self.lo))
    }
    fn distance(&self, c: f64) -> Interval {
        if !c.is_finite() || !self.radius.is_finite() {
            return Interval::new(0.0, f64::INFINITY);
        }
        Ball::exact(c).sub(self).enclose().abs()
    }
}

#[cfg(test)]
mod tests {
    use super::super::exact::Rational;
    use super::*;
    use num_rational::BigRational;
    use proptest::prelude::*;

    fn finite() -> impl Strategy<Value = f64> {
        prop_oneof![
            (any::<i64>(), -80_i32..80).prop_map(|(n, e)| n as f64 * f64::from(e).exp2()),
            any::<f64>(),
            Just(0.0),
        ]
        .prop_filter("finite", |x| x.is_finite() && x.abs() < 1e150)
    }

    fn contains(ball: Ball, truth: &Rational) -> bool {
        let Some(truth) = truth.value() else {
            return !ball.radius.is_finite();
        };
        if !ball.radius.is_finite() {
            return true;
        }
        let part = |x| BigRational::from_float(x).unwrap();
        let mid = part(ball.hi) + part(ball.lo);
        num_traits::abs(truth - mid) <= part(ball.radius.get())
    }

    proptest! {
        #[test]
        fn balls_contain_the_truth_and_are_narrow(
            a in finite(), b in finite(), c in finite(), d in finite()
        ) {
            let ball = |x, y: f64| Ball::exact(x).add(&Ball::exact(y * 1e-17));
            let exact = |x, y: f64| Rational::from_f64(&(), x).add(&Rational::from_f64(&(), y * 1e-17));
            let (x, y) = (ball(a, b), ball(c, d));
            let (p, q) = (exact(a, b), exact(c, d));
            prop_assert!(contains(x, &p) && contains(y, &q));
            prop_assert!(contains(x.add(&y), &p.add(&q)));
            prop_assert!(contains(x.sub(&y), &p.sub(&q)));
            prop_assert!(contains(x.mul(&y), &p.mul(&q)));
            prop_assert!(contains(x.max(&y), &p.max(&q)));
            prop_assert!(contains(x.min(&y), &p.min(&q)));
            prop_assert!(contains(x.abs(), &p.abs()));
            let quotient = x.div(&y);
            prop_assert!(!quotient.radius.is_finite() || contains(quotient, &p.div(&q)));
            let product = x.mul(&y);
            if product.hi.abs() > 1e-200 && x.radius == Up::ZERO && y.radius == Up::ZERO {
                prop_assert!(product.radius.get() <= product.hi.abs() * 1e-31);
            }
            let root = x.abs().sqrt();
            if root.radius.is_finite() {
                let square = root.mul(&root);
                prop_assert!(contains(square, &p.abs()));
            }
        }

        #[test]
        fn elementary_functions_agree_with_intervals(x in -700.0..700.0_f64) {
            prop_assume!(x != 0.0);
            let (ball, interval) = (Ball::exact(x), Interval::point(x));
            for (b, i) in [
                (ball.exp(), interval.exp()),
                (ball.tanh(), interval.tanh()),
                (ball.sigmoid(), interval.sigmoid()),
                (ball.abs().log(), interval.abs().log()),
            ] {
                let e = b.enclose();
                prop_assert!(e.lo() <= i.hi() && i.lo() <= e.hi());
                prop_assert!(b.radius.get() <= b.hi.abs() * 1e-28 + 1e-320, "{:?}", b);
            }
        }
    }
}
