//! Elementary functions of intervals of any precision: dashu's at the endpoints, moved
//! outward, and what it lacks by enclosed series and identities.

use super::function::Function;
use super::precise::{Hi, Lo, Precise, down, up};
use super::round::Up;
use super::spec::SpecNumber;
use dashu_float::FBig;
use dashu_int::IBig;

/// Arguments of exp and its relatives beyond this are left to "anything", or to a limit.
const MAX_EXP: f64 = 1e4;
/// And below this.
const LEAST_EXP: f64 = -1e4;

/// A sine of more than 2^this is left to [−1, 1]: its reduction takes that many places.
const MAX_TURNS: i32 = 1000;

/// Integer powers up to this are products, exact where the places allow it.
const MAX_PRODUCTS: u64 = 64;

/// Dispatches to a dashu function at both endpoints.
macro_rules! dashu {
    ($self:expr, $function:expr, $name:ident) => {
        $self.increasing($function, FBig::$name, FBig::$name)
    };
}

impl Precise {
    /// The image under an elementary function; anything where the interval is not inside
    /// its domain.
    pub(super) fn image(&self, function: Function) -> Precise {
        if self.0.is_none() {
            return Precise::UNKNOWN;
        }
        if let Some(near) = self.near_rational_point(function) {
            return near;
        }
        let e = self.enclose();
        let one = || self.like(1.0);
        let inside = || self.at_least(-1) && self.neg().at_least(-1);
        match function {
            Function::Exp => self.exponential(function, 0.0),
            Function::Expm1 => self.exponential(function, -1.0),
            Function::Log if self.above(0) => dashu!(self, function, ln),
            Function::Log1p if self.above(-1) => dashu!(self, function, ln_1p),
            Function::Erf => self.erf_image(),
            Function::Sin => self.wave(function, FBig::sin, FBig::sin),
            Function::Cos => self.wave(function, FBig::cos, FBig::cos),
            Function::Tan if !self.cos().enclose().contains_zero() => {
                dashu!(self, function, tan)
            }
            Function::Asin if inside() => dashu!(self, function, asin),
            Function::Acos if inside() => self.decreasing(function, FBig::acos, FBig::acos),
            Function::Atan => dashu!(self, function, atan),
            Function::Sinh if e.magnitude().get() < MAX_EXP => dashu!(self, function, sinh),
            Function::Cosh if e.magnitude().get() < MAX_EXP => {
                self.abs().increasing(function, FBig::cosh, FBig::cosh)
            }
            Function::Tanh => self.tanh_or_limit(),
            Function::Asinh => dashu!(self, function, asinh),
            Function::Acosh if self.at_least(1) => dashu!(self, function, acosh),
            Function::Atanh if self.above(-1) && self.neg().above(-1) => {
                dashu!(self, function, atanh)
            }
            Function::Sigmoid => one().div(&one().add(&self.neg().exp())),
            Function::Softplus => {
                // max(x, 0) + ln(1 + e^−|x|); only the sum is monotone.
                let rest = |x: &Precise| x.abs().neg().exp().log1p();
                self.ends(|x| x.max(&x.like(0.0)).add(&rest(x)))
            }
            Function::Rsqrt if self.above(0) => one().div(&self.sqrt()),
            Function::Log
            | Function::Log1p
            | Function::Tan
            | Function::Asin
            | Function::Acos
            | Function::Sinh
            | Function::Cosh
            | Function::Acosh
            | Function::Atanh
            | Function::Rsqrt => Precise::UNKNOWN,
        }
    }

    /// The image at a rational point, or so near to one at 0 that the first terms of the
    /// series give every place.
    ///
    /// # Derivation
    /// |f(x) − f(0) − f′(0)·x| ≤ x² for |x| ≤ ½ and the functions below: the rests of their
    /// series start with at most x²/2 or |x|³/3, and their further terms fall faster than
    /// those of Σ|x|ⁿ/2.
    fn near_rational_point(&self, function: Function) -> Option<Precise> {
        let (lo, hi) = self.0.as_ref()?;
        let (at, value) = function.rational_point()?;
        let at = Lo::try_from(at).ok()?;
        if *hi == up(&at) && *lo == at {
            return Some(self.like(value));
        }
        let places = i32::try_from(self.places().0).unwrap_or(i32::MAX);
        if self.enclose().magnitude() > Up::power_of_two(-places) {
            return None;
        }
        let linear = match function {
            Function::Expm1
            | Function::Log1p
            | Function::Sin
            | Function::Tan
            | Function::Asin
            | Function::Atan
            | Function::Sinh
            | Function::Tanh
            | Function::Asinh
            | Function::Atanh => self.clone(),
            Function::Cos | Function::Cosh => self.like(1.0),
            Function::Exp
            | Function::Log
            | Function::Erf
            | Function::Acos
            | Function::Acosh
            | Function::Sigmoid
            | Function::Softplus
            | Function::Rsqrt => return None,
        };
        let square = self.abs().mul(&self.abs());
        Some(linear.add(&square.neg().hull(&square)))
    }

    /// The image under an increasing function, moved outward by 16 units of the last place.
    fn increasing(
        &self,
        function: Function,
        f: impl Fn(&Lo) -> Lo,
        g: impl Fn(&Hi) -> Hi,
    ) -> Precise {
        let image = |(lo, hi): &(Lo, Hi)| (below(function, lo, f), above(function, hi, g));
        Precise(self.0.as_ref().map(image)).in_range()
    }

    /// The same for a decreasing function.
    fn decreasing(
        &self,
        function: Function,
        f: impl Fn(&Lo) -> Lo,
        g: impl Fn(&Hi) -> Hi,
    ) -> Precise {
        let image =
            |(lo, hi): &(Lo, Hi)| (below(function, &down(hi), f), above(function, &up(lo), g));
        Precise(self.0.as_ref().map(image)).in_range()
    }

    /// The hull of what an increasing function comes to at both endpoints.
    pub(super) fn ends(&self, at: impl Fn(&Precise) -> Precise) -> Precise {
        let Some((lo, hi)) = &self.0 else {
            return Precise::UNKNOWN;
        };
        let point = |lo: Lo, hi: Hi| at(&Precise(Some((lo, hi))));
        point(lo.clone(), up(lo)).hull(&point(down(hi), hi.clone()))
    }

    /// The least interval that contains both.
    pub(super) fn hull(&self, other: &Precise) -> Precise {
        let both = self.0.as_ref().zip(other.0.as_ref());
        Precise(both.map(|((a, b), (c, d))| {
            let lo = if c < a { c } else { a };
            let hi = if d > b { d } else { b };
            (lo.clone(), hi.clone())
        }))
    }

    /// True where every member is greater than n.
    fn above(&self, n: i32) -> bool {
        let n = Lo::from(IBig::from(n));
        self.0.as_ref().is_some_and(|(lo, _)| *lo > n)
    }

    /// True where no member is less than n.
    fn at_least(&self, n: i32) -> bool {
        let n = Lo::from(IBig::from(n));
        self.0.as_ref().is_some_and(|(lo, _)| *lo >= n)
    }

    /// exp or expm1, whose limit at −∞ is `limit`: e^x < 10^−4000 beyond the range.
    fn exponential(&self, function: Function, limit: f64) -> Precise {
        let e = self.enclose();
        if e.hi() < LEAST_EXP {
            let limit = self.like(limit);
            return limit.add(&self.like(0.0).hull(&self.like(f64::MIN_POSITIVE)));
        }
        if e.magnitude().get() > MAX_EXP {
            return Precise::UNKNOWN;
        }
        if function == Function::Exp {
            dashu!(self, function, exp)
        } else {
            dashu!(self, function, exp_m1)
        }
    }

    /// tanh, within 2e^−20000 of ±1 beyond the range.
    fn tanh_or_limit(&self) -> Precise {
        let e = self.enclose();
        if e.magnitude().get() <= MAX_EXP {
            return dashu!(self, Function::Tanh, tanh);
        }
        let one = self.like(1.0);
        let limit = one.hull(&self.like(1.0_f64.next_down()));
        if e.lo() > MAX_EXP {
            limit
        } else if e.hi() < LEAST_EXP {
            limit.neg()
        } else {
            one.neg().hull(&one)
        }
    }

    /// sin or cos: at the lower end, ± the width of the interval.
    ///
    /// # Derivation
    /// Both have slopes of at most 1 and values in [−1, 1].
    fn wave(&self, function: Function, f: impl Fn(&Lo) -> Lo, g: impl Fn(&Hi) -> Hi) -> Precise {
        let one = self.like(1.0);
        let Some((lo, hi)) = &self.0 else {
            return Precise::UNKNOWN;
        };
        let magnitude = self.enclose().magnitude();
        if magnitude > Up::power_of_two(MAX_TURNS) {
            return one.neg().hull(&one);
        }
        let end = Precise(Some((lo.clone(), up(lo))));
        let width = Precise(Some((down(hi), hi.clone()))).sub(&end).abs();
        let image = end.increasing(function, f, g);
        let image = image.add(&width.neg().hull(&width));
        image.max(&one.neg()).min(&one)
    }

    /// x^y by products for small integers, else as ±e^(y·ln|x|).
    pub(super) fn power(&self, y: &Precise) -> Precise {
        if self.0.is_none() || y.0.is_none() {
            return Precise::UNKNOWN;
        }
        if let Some(n) = y.enclose().as_integer() {
            return self.integer_power(n, y);
        }
        if self.above(0) {
            return y.mul(&self.log()).exp();
        }
        if !self.at_least(0) || y.enclose().lo() <= 0.0 {
            return Precise::UNKNOWN;
        }
        if self.is_zero() {
            return self.clone();
        }
        // x reaches 0, where the power is 0, and grows from there in x; y is on either side.
        let largest = self.ends(|end| {
            if end.is_zero() {
                end.clone()
            } else {
                end.power(y)
            }
        });
        largest.hull(&self.like(0.0))
    }

    /// x^n: monotone in |x| for an even n and in x for an odd one, with a pole at 0 for a
    /// negative one.
    fn integer_power(&self, n: i64, y: &Precise) -> Precise {
        if n == 0 {
            return self.like(1.0);
        }
        let x = if n % 2 == 0 { self.abs() } else { self.clone() };
        let magnitude = n.unsigned_abs();
        if magnitude <= MAX_PRODUCTS {
            let product = x.ends(|end| end.product(magnitude));
            return if n > 0 {
                product
            } else {
                self.like(1.0).div(&product)
            };
        }
        let of_magnitude = |x: &Precise| match (x.is_zero(), n > 0) {
            (true, true) => x.clone(),
            (true, false) => Precise::UNKNOWN,
            (false, _) => y.mul(&x.abs().log()).exp(),
        };
        let at = |x: &Precise| {
            let power = of_magnitude(x);
            if x.at_least(0) { power } else { power.neg() }
        };
        if n < 0 && x.enclose().contains_zero() {
            return Precise::UNKNOWN;
        }
        x.ends(at)
    }

    /// x·x·…, n ≥ 1 factors, by squaring.
    fn product(&self, n: u64) -> Precise {
        let half = if n > 1 {
            self.product(n / 2)
        } else {
            self.like(1.0)
        };
        let square = half.mul(&half);
        if n % 2 == 1 { square.mul(self) } else { square }
    }
}

/// f(x) from below: exact at a rational point, else 16 units of the last place below what
/// dashu gives.
fn below(function: Function, x: &Lo, f: impl Fn(&Lo) -> Lo) -> Lo {
    let places = x.precision();
    let exact = exactly_at(function, x.to_f64().value());
    if let Some(y) = exact.filter(|(at, _)| *at == *x) {
        return y.1.with_precision(places).value();
    }
    let y = f(x).with_precision(places).value();
    let step = y.ulp() << 4;
    y - step
}

/// f(x) from above.
fn above(function: Function, x: &Hi, f: impl Fn(&Hi) -> Hi) -> Hi {
    let places = x.precision();
    let exact = exactly_at(function, x.to_f64().value());
    if let Some(y) = exact.filter(|(at, _)| up(at) == *x) {
        return up(&y.1.with_precision(places).value());
    }
    let y = f(x).with_precision(places).value();
    let step = y.ulp() << 4;
    y + step
}

/// The function's rational point, where x is its argument.
fn exactly_at(function: Function, x: f64) -> Option<(Lo, Lo)> {
    let y = function.exactly_at(x)?;
    Lo::try_from(x).ok().zip(Lo::try_from(y).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::precise::Places;

    /// Numbers below f64's least are greater than 0: functions that need that have their image.
    #[test]
    fn numbers_below_the_range_of_f64_have_powers() {
        let x = |lo: f64| {
            let end = Precise::from_endpoints(Places(64), lo, 1e-300);
            end.mul(&end) // from lo² to 1e-600
        };
        let quarter = x(1e-300).like(0.25);
        let root = x(1e-300).pow(&quarter).enclose();
        assert!(root.lo() <= 1e-150 && 1e-150 <= root.hi() && root.width().get() < 1e-160);
        let to_zero = x(0.0).pow(&quarter).enclose();
        assert!(to_zero.lo() == 0.0 && (1e-150..1.1e-150).contains(&to_zero.hi()));
        let logarithm = x(1e-300).function(Function::Log).enclose();
        assert!(logarithm.lo() < -1381.5 && -1381.6 < logarithm.lo());
        let inverse = x(1e-300).function(Function::Rsqrt).enclose();
        assert!(inverse.contains(1e300) && inverse.hi() < 1.1e300);
    }
}
