//! Elementary functions of f64 intervals: correctly rounded floats at the endpoints, moved
//! outward by one float, and what lies between them where a function is not monotone.
#![expect(clippy::float_arithmetic, reason = "counts quarter turns, outward")]
#![expect(
    clippy::float_cmp,
    reason = "a point interval has equal endpoints, to the bit"
)]

use super::function::Function;
use super::interval::Interval;
use super::spec::SpecNumber;

/// Beyond this many quarter turns a range is taken to contain all of them.
const MANY_TURNS: f64 = 1e12;

/// The neighbours of a correctly rounded result.
fn around(y: f64) -> Interval {
    Interval::new(y.next_down(), y.next_up())
}

/// ln(1 + e^x) = max(x, 0) + ln(1 + e^−|x|), at a float.
fn softplus_at(x: f64) -> Interval {
    let x = Interval::point(x);
    let rest = x.abs().neg().exp().log1p();
    x.max(&Interval::point(0.0)).add(&rest)
}

impl Interval {
    /// The image under an elementary function; the whole line where the interval is not
    /// inside its domain.
    pub(super) fn image(self, function: Function) -> Interval {
        let (lo, hi) = (self.lo(), self.hi());
        let from = |least: f64, largest: f64| self.monotone(function).within(least, largest);
        match function {
            Function::Exp => from(0.0, f64::INFINITY),
            Function::Expm1 => from(-1.0, f64::INFINITY),
            Function::Log if lo > 0.0 => self.monotone(function),
            Function::Log1p if lo > -1.0 => self.monotone(function),
            Function::Erf | Function::Tanh => from(-1.0, 1.0),
            Function::Sin => self.wave(function, 1.0),
            Function::Cos => self.wave(function, 0.0),
            Function::Tan => {
                let turns = self.quarter_turns();
                let pole = turns.reaches(1.0) || turns.reaches(3.0);
                if pole && lo != hi {
                    Interval::ENTIRE
                } else {
                    self.monotone(function)
                }
            }
            Function::Asin if lo >= -1.0 && hi <= 1.0 => self.monotone(function),
            Function::Acos if lo >= -1.0 && hi <= 1.0 => from(0.0, f64::INFINITY),
            Function::Atan | Function::Sinh | Function::Asinh => self.monotone(function),
            Function::Cosh => self.abs().monotone(function).within(1.0, f64::INFINITY),
            Function::Acosh if lo >= 1.0 => from(0.0, f64::INFINITY),
            Function::Atanh if lo > -1.0 && hi < 1.0 => self.monotone(function),
            Function::Sigmoid => {
                let one = Interval::point(1.0);
                let reciprocal = one.add(&self.neg().exp());
                one.div(&reciprocal).within(0.0, 1.0)
            }
            Function::Softplus => {
                let image = softplus_at(lo).hull(softplus_at(hi));
                image.within(0.0, f64::INFINITY)
            }
            Function::Rsqrt if lo > 0.0 => from(0.0, f64::INFINITY),
            Function::Log
            | Function::Log1p
            | Function::Asin
            | Function::Acos
            | Function::Acosh
            | Function::Atanh
            | Function::Rsqrt => Interval::ENTIRE,
        }
    }

    /// f at a float: exact at the function's rational point.
    fn at(function: Function, x: f64) -> Interval {
        match (function.exactly_at(x), function.correctly_rounded()) {
            (Some(y), _) => Interval::point(y),
            (None, Some(f)) => around(f(x)),
            (None, None) => Interval::ENTIRE,
        }
    }

    /// The image under a function that is monotone on the interval.
    fn monotone(self, function: Function) -> Interval {
        Interval::at(function, self.lo()).hull(Interval::at(function, self.hi()))
    }

    /// The part in [least, largest], in which the whole image is known to lie.
    fn within(self, least: f64, largest: f64) -> Interval {
        self.meet(Interval::new(least, largest))
    }

    /// 2x/π.
    fn quarter_turns(self) -> Interval {
        self.mul(&Interval::FRAC_2_PI)
    }

    /// True where some n ≡ `phase` mod 4 may be a member of this range of quarter turns.
    ///
    /// # Derivation
    /// n is the least such integer that is not below lo. Rounding lo − phase to nearest can
    /// only move it onto a multiple of 4, never past one, so n is never too large.
    fn reaches(self, phase: f64) -> bool {
        if self.magnitude().get() > MANY_TURNS {
            return true;
        }
        let n = ((self.lo() - phase) / 4.0).ceil() * 4.0 + phase;
        n <= self.hi()
    }

    /// The image under sin or cos, whose maxima lie at `phase` quarter turns and whose
    /// minima two further.
    ///
    /// # Derivation
    /// A continuous function takes its extrema over an interval at the ends or at a local
    /// extremum within; a float is no multiple of π/2 but 0, so a point needs no search.
    fn wave(self, function: Function, phase: f64) -> Interval {
        let unit = Interval::new(-1.0, 1.0);
        if !(self.lo().is_finite() && self.hi().is_finite()) {
            return unit;
        }
        let mut image = self.monotone(function);
        if self.lo() != self.hi() {
            let turns = self.quarter_turns();
            for (phase, extremum) in [(phase, 1.0), (phase + 2.0, -1.0)] {
                if turns.reaches(phase) {
                    image = image.hull(Interval::point(extremum));
                }
            }
        }
        image.meet(unit)
    }

    /// x^y; 1 for y = 0, the whole line where it is not defined everywhere.
    ///
    /// # Derivation
    /// For x > 0 it is e^(y·ln x), and y·ln x is bilinear in y and ln x, so that both
    /// extrema lie at corners; at x = 0 the limit 0 for y > 0 is also the value. For an
    /// integer y: monotone in |x| where even, in x where odd, with a pole at 0 where
    /// negative.
    pub(super) fn power(self, y: Interval) -> Interval {
        if let Some(n) = y.as_integer() {
            return self.integer_power(n, y.lo());
        }
        if !(self.lo() > 0.0 || (self.lo() >= 0.0 && y.lo() > 0.0)) {
            return Interval::ENTIRE;
        }
        let corner = |x: f64, y: f64| around(core_math::pow(x, y));
        let at = |x: f64| match x {
            0.0 | 1.0 => Interval::point(x),
            x => corner(x, y.lo()).hull(corner(x, y.hi())),
        };
        at(self.lo()).hull(at(self.hi())).within(0.0, f64::INFINITY)
    }

    /// x^n, with the exponent as an integer and as a float.
    fn integer_power(self, n: i64, exponent: f64) -> Interval {
        if n == 0 {
            return Interval::point(1.0);
        }
        if n < 0 && self.contains_zero() {
            return Interval::ENTIRE;
        }
        let even = n % 2 == 0;
        let x = if even { self.abs() } else { self };
        let at = |x: f64| match x {
            0.0 | 1.0 => Interval::point(x),
            x => around(core_math::pow(x, exponent)),
        };
        let image = at(x.lo()).hull(at(x.hi()));
        if even {
            image.within(0.0, f64::INFINITY)
        } else {
            image
        }
    }
}
