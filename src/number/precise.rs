//! Intervals of any precision: the last rung of specification evaluation.
//!
//! Endpoints are `dashu-float` numbers that round outward. dashu's four operations and its
//! square root are directed; its elementary functions (`precise_functions`) are assumed to be
//! within one unit of the last of `precision` places and are moved outward by 2^4 of them
//! (assumption A7).

use super::dyadic::Dyadic;
use super::function::Function;
use super::interval::Interval;
use super::round::Up;
use super::spec::{SpecNumber, Steps};
use dashu_float::FBig;
use dashu_float::round::mode;
use dashu_int::IBig;

/// A float that rounds towards -∞.
pub(super) type Lo = FBig<mode::Down, 2>;
/// A float that rounds towards +∞.
pub(super) type Hi = FBig<mode::Up, 2>;

/// Endpoints with an exponent beyond this are left to "anything": the values of a run are
/// far inside, and sums of numbers that far apart would take memory without end.
const MAX_EXPONENT: isize = 40_000;

/// An interval with endpoints of a chosen precision, or "anything".
#[derive(Debug, Clone)]
pub struct Precise(pub(super) Option<(Lo, Hi)>);

/// Binary places of every endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places(pub usize);

fn lo_of(x: f64, places: usize) -> Option<Lo> {
    if !x.is_finite() {
        return None; // dashu has infinities, and panics when they meet an operation
    }
    let exact = Lo::try_from(x).ok()?;
    Some(exact.with_precision(places.max(53)).value())
}

impl Precise {
    /// Anything.
    pub const UNKNOWN: Precise = Precise(None);

    /// [lo, hi] from exact f64 endpoints.
    pub fn from_endpoints(places: Places, lo: f64, hi: f64) -> Self {
        let lo = lo_of(lo, places.0);
        let hi = lo_of(hi, places.0).map(Lo::with_rounding);
        Precise(lo.zip(hi))
    }

    /// Around a dyadic number.
    pub fn of_dyadic(places: Places, x: &Dyadic) -> Self {
        let (m, e) = x.mantissa();
        let lo = Lo::from_parts(m.clone(), e as isize);
        let hi = Hi::from_parts(m.clone(), e as isize);
        let places = places.0.max(53);
        let rounded = (
            lo.with_precision(places).value(),
            hi.with_precision(places).value(),
        );
        Precise(Some(rounded)).in_range()
    }

    /// The endpoints, where something is known.
    pub fn endpoints(&self) -> Option<(&Lo, &Hi)> {
        self.0.as_ref().map(|(lo, hi)| (lo, hi))
    }

    fn binary(&self, y: &Self, f: impl FnOnce(&(Lo, Hi), &(Lo, Hi)) -> (Lo, Hi)) -> Self {
        Precise(self.0.as_ref().zip(y.0.as_ref()).map(|(a, b)| f(a, b))).in_range()
    }

    /// The same interval, or anything where an endpoint has left the range.
    pub(super) fn in_range(self) -> Self {
        let fits = |exponent: isize| exponent.abs() < MAX_EXPONENT;
        let all = |(lo, hi): &(Lo, Hi)| fits(lo.repr().exponent()) && fits(hi.repr().exponent());
        Precise(self.0.filter(all))
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|(lo, hi)| *lo == Lo::ZERO && *hi == Hi::ZERO)
    }

    /// The working places; 53 where nothing is known.
    pub(super) fn places(&self) -> Places {
        Places(self.0.as_ref().map_or(53, |(lo, _)| lo.precision()))
    }
}

fn lo_min(a: Lo, b: Lo) -> Lo {
    if b < a { b } else { a }
}

fn hi_max(a: Hi, b: Hi) -> Hi {
    if b > a { b } else { a }
}

pub(super) fn up(x: &Lo) -> Hi {
    x.clone().with_rounding()
}

pub(super) fn down(x: &Hi) -> Lo {
    x.clone().with_rounding()
}

/// Hull of the four endpoint results of an operation that is monotone in each argument.
fn corners(
    (a, b): &(Lo, Hi),
    (c, d): &(Lo, Hi),
    f: impl Fn(&Lo, &Lo) -> Lo,
    g: impl Fn(&Hi, &Hi) -> Hi,
) -> (Lo, Hi) {
    let (b_lo, d_lo, a_hi, c_hi) = (down(b), down(d), up(a), up(c));
    let lo = [f(a, &d_lo), f(&b_lo, c), f(&b_lo, &d_lo)]
        .into_iter()
        .fold(f(a, c), lo_min);
    let hi = [g(&a_hi, d), g(b, &c_hi), g(b, d)]
        .into_iter()
        .fold(g(&a_hi, &c_hi), hi_max);
    (lo, hi)
}

/// [-hi, -lo].
fn negated((lo, hi): &(Lo, Hi)) -> (Lo, Hi) {
    (-down(hi), -up(lo))
}

fn is_negative(x: &Lo) -> bool {
    *x < Lo::ZERO
}

fn to_f64_down(x: &Lo) -> f64 {
    let near = x.to_f64().value();
    match Lo::try_from(near) {
        Ok(back) if back <= *x => near,
        Ok(_) => near.next_down(),
        Err(_) if near > 0.0 => f64::MAX,
        Err(_) => f64::NEG_INFINITY,
    }
}

#[expect(clippy::float_arithmetic, reason = "negation is exact")]
fn to_f64_up(x: &Hi) -> f64 {
    -to_f64_down(&-down(x))
}

impl SpecNumber for Precise {
    type Env = Places;

    fn from_f64(env: &Places, x: f64) -> Self {
        Precise::from_endpoints(*env, x, x)
    }
    fn from_i64(env: &Places, n: i64) -> Self {
        let lo = Lo::from(IBig::from(n))
            .with_precision(env.0.max(64))
            .value();
        let hi = up(&lo);
        Precise(Some((lo, hi)))
    }
    fn add(&self, y: &Self) -> Self {
        self.binary(y, |(a, b), (c, d)| (a + c, b + d))
    }
    fn sub(&self, y: &Self) -> Self {
        self.binary(y, |(a, b), (c, d)| (a - down(d), b - up(c)))
    }
    fn mul(&self, y: &Self) -> Self {
        self.binary(y, |x, y| corners(x, y, |a, b| a * b, |a, b| a * b))
    }
    fn div(&self, y: &Self) -> Self {
        match &y.0 {
            Some((c, d)) if *c > Lo::ZERO || *d < Hi::ZERO => {
                self.binary(y, |x, y| corners(x, y, |a, b| a / b, |a, b| a / b))
            }
            _ => Precise::UNKNOWN,
        }
    }
    fn neg(&self) -> Self {
        Precise(self.0.as_ref().map(negated))
    }
    fn abs(&self) -> Self {
        Precise(self.0.as_ref().map(|x| {
            let flipped = negated(x);
            if !is_negative(&x.0) {
                x.clone()
            } else if !is_negative(&flipped.0) {
                flipped
            } else {
                // A zero of the endpoints' own precision: dashu's ZERO has none.
                let zero = Lo::ZERO.with_precision(x.0.precision()).value();
                (zero, hi_max(x.1.clone(), flipped.1))
            }
        }))
    }
    fn max(&self, y: &Self) -> Self {
        self.binary(y, |(a, b), (c, d)| {
            let lo = if c > a { c } else { a };
            (lo.clone(), hi_max(b.clone(), d.clone()))
        })
    }
    fn min(&self, y: &Self) -> Self {
        self.neg().max(&y.neg()).neg()
    }
    fn sqrt(&self) -> Self {
        match &self.0 {
            Some((lo, _)) if !is_negative(lo) => {
                if self.is_zero() {
                    return self.clone();
                }
                Precise(self.0.as_ref().map(|(lo, hi)| (lo.sqrt(), hi.sqrt())))
            }
            _ => Precise::UNKNOWN,
        }
    }
    fn function(&self, function: Function) -> Self {
        self.image(function)
    }
    fn pow(&self, y: &Self) -> Self {
        self.power(y)
    }
    fn like(&self, x: f64) -> Self {
        let places = self.places();
        Precise::from_endpoints(places, x, x)
    }
    fn step(&self, env: &Places, steps: Steps) -> Self {
        let Some((lo, hi)) = &self.0 else {
            return Interval::ENTIRE.step(&(), steps).into_precise(*env);
        };
        let sign = |positive: bool, zero: bool| {
            if positive {
                1.0
            } else if zero {
                0.0
            } else {
                -1.0
            }
        };
        Interval::new(
            sign(*lo > Lo::ZERO, *lo == Lo::ZERO),
            sign(*hi > Hi::ZERO, *hi == Hi::ZERO),
        )
        .step(&(), steps)
        .into_precise(*env)
    }
    fn enclose(&self) -> Interval {
        self.0.as_ref().map_or(Interval::ENTIRE, |(lo, hi)| {
            Interval::new(to_f64_down(lo), to_f64_up(hi))
        })
    }
    fn distance(&self, c: f64) -> Interval {
        let c = self.like(c);
        let d = c.sub(self).abs().enclose();
        Interval::new(d.lo().clamp_below_zero(), d.hi())
    }
}

impl Interval {
    /// The same interval with endpoints of the given precision.
    pub fn into_precise(self, places: Places) -> Precise {
        Precise::from_endpoints(places, self.lo(), self.hi())
    }
}

/// Distances are non-negative, also where nothing is known.
trait ClampBelowZero {
    fn clamp_below_zero(self) -> Self;
}

impl ClampBelowZero for f64 {
    fn clamp_below_zero(self) -> f64 {
        if self > 0.0 { self } else { 0.0 }
    }
}

/// An upper bound of the interval's radius around `c`, for conversions to balls.
pub(crate) fn radius_around(x: &Precise, c: &Precise) -> Up {
    x.sub(c).abs().enclose().magnitude()
}
