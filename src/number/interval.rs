//! f64 intervals: the first rung of specification evaluation, and the form in which every
//! rung reports what it knows.
//!
//! The four operations and the square root are `inari`'s, outward rounded by the processor;
//! elementary functions are core-math's correctly rounded ones, moved outward by one float
//! (`interval_functions`).
#![expect(
    clippy::float_cmp,
    reason = "a point interval has equal endpoints, to the bit"
)]

use super::function::Function;
use super::midrad;
use super::round::Up;
use super::spec::{self, Factor, SpecNumber, Steps};
use inari::Interval as Inari;

/// A closed interval of reals with f64 endpoints, or the whole line ("anything").
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval(Inari);

impl Default for Interval {
    /// The whole line.
    fn default() -> Self {
        Interval::ENTIRE
    }
}

impl Interval {
    /// The whole line: nothing is known.
    pub const ENTIRE: Interval = Interval(Inari::ENTIRE);

    /// 2/π.
    pub(crate) const FRAC_2_PI: Interval = Interval(Inari::FRAC_2_PI);

    /// 2/√π.
    pub(crate) const FRAC_2_SQRT_PI: Interval = Interval(Inari::FRAC_2_SQRT_PI);

    /// [lo, hi]; the whole line where that is no interval.
    pub fn new(lo: f64, hi: f64) -> Self {
        Interval(Inari::try_from((lo, hi)).unwrap_or(Inari::ENTIRE))
    }

    /// [x, x]; the whole line for NaN and infinities.
    pub fn point(x: f64) -> Self {
        Interval::new(x, x)
    }

    /// [c - r, c + r], rounded outward.
    #[expect(clippy::float_arithmetic, reason = "negation is exact")]
    pub fn around(c: f64, r: Up) -> Self {
        if !c.is_finite() || !r.is_finite() {
            return Interval::ENTIRE;
        }
        let radius = Interval::new(-r.get(), r.get());
        Interval(Interval::point(c).0 + radius.0)
    }

    /// The lower endpoint.
    pub fn lo(self) -> f64 {
        self.0.inf()
    }

    /// The upper endpoint.
    pub fn hi(self) -> f64 {
        self.0.sup()
    }

    /// An upper bound of |x| over the interval.
    pub fn magnitude(self) -> Up {
        Up::new(self.0.mag())
    }

    /// An upper bound of hi - lo.
    pub fn width(self) -> Up {
        Up::new(self.0.wid())
    }

    /// The midpoint, rounded.
    pub fn mid(self) -> f64 {
        self.0.mid()
    }

    /// An upper bound of |x − m| over the interval.
    pub fn radius_about(self, m: f64) -> Up {
        Up::new((self.0 - Interval::point(m).0).mag())
    }

    /// True where 0 may be a member.
    pub fn contains_zero(self) -> bool {
        self.0.contains(0.0)
    }

    /// True where x is a member.
    pub fn contains(self, x: f64) -> bool {
        self.0.contains(x)
    }

    /// The least interval that contains both.
    pub fn hull(self, other: Interval) -> Interval {
        Interval(self.0.convex_hull(other.0))
    }

    /// What both intervals say of one real; this one where they contradict each other, which
    /// no two enclosures of one real do.
    #[must_use]
    pub fn meet(self, other: Interval) -> Interval {
        let both = self.0.intersection(other.0);
        Interval(if both.is_empty() { self.0 } else { both })
    }

    /// The integer that the interval consists of, if it is a single one below 2^53.
    pub fn as_integer(self) -> Option<i64> {
        let x = self.lo();
        (x == self.hi() && x.trunc() == x && x.abs() < 9.0e15).then_some(x as i64)
    }

    fn defined(x: Inari) -> Self {
        Interval(if x.is_empty() { Inari::ENTIRE } else { x })
    }
}

impl SpecNumber for Interval {
    type Env = ();

    fn from_f64((): &(), x: f64) -> Self {
        Interval::point(x)
    }
    fn from_i64((): &(), n: i64) -> Self {
        let x = n as f64;
        if n.unsigned_abs() >> 53 == 0 {
            Interval::point(x)
        } else {
            Interval::new(x.next_down(), x.next_up())
        }
    }
    fn add(&self, y: &Self) -> Self {
        Interval::defined(self.0 + y.0)
    }
    fn sub(&self, y: &Self) -> Self {
        Interval::defined(self.0 - y.0)
    }
    fn mul(&self, y: &Self) -> Self {
        Interval::defined(self.0 * y.0)
    }
    fn div(&self, y: &Self) -> Self {
        if y.contains_zero() {
            return Interval::ENTIRE;
        }
        Interval::defined(self.0 / y.0)
    }
    fn neg(&self) -> Self {
        Interval(-self.0)
    }
    fn abs(&self) -> Self {
        Interval(self.0.abs())
    }
    fn max(&self, y: &Self) -> Self {
        Interval(self.0.max(y.0))
    }
    fn min(&self, y: &Self) -> Self {
        Interval(self.0.min(y.0))
    }
    fn sqrt(&self) -> Self {
        if self.lo() < 0.0 {
            return Interval::ENTIRE;
        }
        Interval::defined(self.0.sqrt())
    }
    fn function(&self, function: Function) -> Self {
        self.image(function)
    }
    fn pow(&self, y: &Self) -> Self {
        self.power(*y)
    }
    fn like(&self, x: f64) -> Self {
        Interval::point(x)
    }
    fn step(&self, (): &(), steps: Steps) -> Self {
        if self.lo() > 0.0 {
            Interval::point(steps.above)
        } else if self.hi() < 0.0 {
            Interval::point(steps.below)
        } else if self.lo() == 0.0 && self.hi() == 0.0 {
            Interval::point(steps.at)
        } else {
            let mut hull = Interval::point(steps.at);
            if self.lo() < 0.0 {
                hull = hull.hull(Interval::point(steps.below));
            }
            if self.hi() > 0.0 {
                hull = hull.hull(Interval::point(steps.above));
            }
            hull
        }
    }
    /// Small products term by term, large ones at GEMM speed.
    fn product(env: &(), a: Factor<'_, Self>, b: Factor<'_, Self>) -> Vec<Self> {
        let terms = [a.layout.rows, a.layout.columns, b.layout.columns];
        if terms.into_iter().fold(1, usize::saturating_mul) < midrad::WORTH_GEMM {
            spec::product(env, a, b)
        } else {
            midrad::product(a, b)
        }
    }
    fn enclose(&self) -> Interval {
        *self
    }
    fn distance(&self, c: f64) -> Interval {
        if !c.is_finite() {
            return Interval::new(0.0, f64::INFINITY);
        }
        Interval::point(c).sub(self).abs()
    }
}
