//! Exact rationals: the rung that decides every algebraic claim of small size.

use super::accumulator::Accumulator;
use super::dyadic::Dyadic;
use super::function::Function;
use super::interval::Interval;
use super::spec::{self, Factor, SpecNumber, Steps};
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive};
use std::cmp::Ordering;

/// Beyond this many bits a rational is given up, so that no evaluation can exhaust memory.
const MAX_BITS: u64 = 1 << 16;

/// Beyond this many sums at a time accumulators would take more memory than they are worth.
const MAX_ACCUMULATORS: usize = 1 << 12;

/// A rational, or `None` where the value is not rational, not defined, or too large.
#[derive(Debug, Clone, PartialEq)]
pub struct Rational(Option<Value>);

/// Floats, their sums and their products are dyadic: no common divisors are looked for until
/// something is divided.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Dyadic(Dyadic),
    /// Not dyadic.
    Ratio(BigRational),
}

impl Value {
    fn of(x: BigRational) -> Value {
        match Dyadic::of_rational(&x) {
            Some(dyadic) => Value::Dyadic(dyadic),
            None => Value::Ratio(x),
        }
    }

    fn rational(&self) -> BigRational {
        match self {
            Value::Dyadic(x) => x.rational(),
            Value::Ratio(x) => x.clone(),
        }
    }

    fn is_small(&self) -> bool {
        match self {
            Value::Dyadic(x) => x.bits() < MAX_BITS && x.mantissa().1.unsigned_abs() < MAX_BITS,
            Value::Ratio(x) => x.numer().bits() < MAX_BITS && x.denom().bits() < MAX_BITS,
        }
    }

    fn sign(&self) -> Ordering {
        let (negative, zero) = match self {
            Value::Dyadic(x) => (x.is_negative(), x.is_zero()),
            Value::Ratio(x) => (x.is_negative(), false),
        };
        match (negative, zero) {
            (true, _) => Ordering::Less,
            (_, true) => Ordering::Equal,
            _ => Ordering::Greater,
        }
    }
}

/// An operation on both kinds of values.
struct Binary {
    dyadic: fn(&Dyadic, &Dyadic) -> Dyadic,
    ratio: fn(BigRational, BigRational) -> BigRational,
}

const ADD: Binary = Binary {
    dyadic: Dyadic::add,
    ratio: |x, y| x + y,
};
const SUB: Binary = Binary {
    dyadic: Dyadic::sub,
    ratio: |x, y| x - y,
};
const MUL: Binary = Binary {
    dyadic: Dyadic::mul,
    ratio: |x, y| x * y,
};

impl Rational {
    /// Not known exactly.
    const UNKNOWN: Rational = Rational(None);

    /// The value, where it is known exactly.
    pub fn value(&self) -> Option<BigRational> {
        self.0.as_ref().map(Value::rational)
    }

    /// True where the value is known exactly.
    pub fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// The order of two known values.
    pub fn compare(&self, y: &Self) -> Option<Ordering> {
        match (self.0.as_ref()?, y.0.as_ref()?) {
            (Value::Dyadic(a), Value::Dyadic(b)) => Some(a.compare(b)),
            (a, b) => Some(a.rational().cmp(&b.rational())),
        }
    }

    fn of(x: Option<Value>) -> Self {
        Rational(x.filter(Value::is_small))
    }

    fn unary(&self, f: impl FnOnce(BigRational) -> Option<BigRational>) -> Self {
        Rational::of(self.value().and_then(f).map(Value::of))
    }

    fn binary(&self, y: &Self, f: &Binary) -> Self {
        let (Some(a), Some(b)) = (&self.0, &y.0) else {
            return Rational::UNKNOWN;
        };
        Rational::of(match (a, b) {
            (Value::Dyadic(a), Value::Dyadic(b)) if a.apart(b) < MAX_BITS => {
                Some(Value::Dyadic((f.dyadic)(a, b)))
            }
            (Value::Dyadic(_), Value::Dyadic(_)) => None,
            _ => Some(Value::of((f.ratio)(a.rational(), b.rational()))),
        })
    }

    fn dyadic(&self) -> Option<&Dyadic> {
        match &self.0 {
            Some(Value::Dyadic(x)) => Some(x),
            _ => None,
        }
    }

    fn sign(&self) -> Option<Ordering> {
        self.0.as_ref().map(Value::sign)
    }
}

impl From<BigRational> for Rational {
    fn from(x: BigRational) -> Self {
        Rational(Some(Value::of(x)))
    }
}

impl From<Dyadic> for Rational {
    fn from(x: Dyadic) -> Self {
        Rational(Some(Value::Dyadic(x)))
    }
}

/// Σ of products, exactly; `None` where one is not dyadic.
fn dot<'a>(terms: impl Iterator<Item = (&'a Rational, &'a Rational)>) -> Option<Rational> {
    let mut sum = Accumulator::default();
    for (x, y) in terms {
        sum.add_product(x.dyadic()?, y.dyadic()?);
    }
    Some(Rational::of(Some(Value::Dyadic(sum.total()))))
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
        Rational(Dyadic::from_f64(x).map(Value::Dyadic))
    }
    fn from_i64((): &(), n: i64) -> Self {
        Dyadic::integer(n).into()
    }
    fn add(&self, y: &Self) -> Self {
        self.binary(y, &ADD)
    }
    fn sub(&self, y: &Self) -> Self {
        self.binary(y, &SUB)
    }
    fn mul(&self, y: &Self) -> Self {
        self.binary(y, &MUL)
    }
    fn div(&self, y: &Self) -> Self {
        match (self.value(), y.value()) {
            (Some(a), Some(b)) if y.sign() != Some(Ordering::Equal) => {
                Rational::of(Some(Value::of(a / b)))
            }
            _ => Rational::UNKNOWN,
        }
    }
    fn neg(&self) -> Self {
        Rational(self.0.as_ref().map(|x| match x {
            Value::Dyadic(x) => Value::Dyadic(x.neg()),
            Value::Ratio(x) => Value::Ratio(-x),
        }))
    }
    fn abs(&self) -> Self {
        match self.sign() {
            Some(Ordering::Less) => self.neg(),
            _ => self.clone(),
        }
    }
    fn max(&self, y: &Self) -> Self {
        match self.compare(y) {
            None => Rational::UNKNOWN,
            Some(Ordering::Less) => y.clone(),
            Some(_) => self.clone(),
        }
    }
    fn min(&self, y: &Self) -> Self {
        match self.compare(y) {
            None => Rational::UNKNOWN,
            Some(Ordering::Greater) => y.clone(),
            Some(_) => self.clone(),
        }
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
        match function.rational_point() {
            Some((at, value)) if *self == self.like(at) => self.like(value),
            _ => Rational::UNKNOWN,
        }
    }
    fn pow(&self, y: &Self) -> Self {
        let whole = y.value().filter(BigRational::is_integer);
        let n = whole.as_ref().and_then(ToPrimitive::to_i32);
        let zero = self.sign() == Some(Ordering::Equal);
        self.unary(|x| {
            let n = n?;
            let bits = x.numer().bits().max(x.denom().bits());
            let fits = bits.saturating_mul(u64::from(n.unsigned_abs())) < MAX_BITS;
            (fits && !(n < 0 && zero)).then(|| x.pow(n))
        })
    }
    fn like(&self, x: f64) -> Self {
        Rational::from_f64(&(), x)
    }
    fn step(&self, (): &(), steps: Steps) -> Self {
        match self.sign() {
            None => Rational::UNKNOWN,
            Some(Ordering::Less) => self.like(steps.below),
            Some(Ordering::Equal) => self.like(steps.at),
            Some(Ordering::Greater) => self.like(steps.above),
        }
    }
    fn enclose(&self) -> Interval {
        match &self.0 {
            None => Interval::ENTIRE,
            Some(Value::Dyadic(x)) => x.enclose(),
            Some(Value::Ratio(x)) => enclose_rational(x),
        }
    }
    fn distance(&self, c: f64) -> Interval {
        let distance = self.sub(&self.like(c)).abs();
        match distance.is_known() {
            true => distance.enclose(),
            false => Interval::new(0.0, f64::INFINITY),
        }
    }
    fn product(env: &(), a: Factor<'_, Self>, b: Factor<'_, Self>) -> Vec<Self> {
        let entry = |i: usize, j: usize| {
            dot(a.row(i).zip(b.column(j)))
                .unwrap_or_else(|| spec::sum(env, a.row(i).zip(b.column(j)).map(|(x, y)| x.mul(y))))
        };
        let columns = 0..b.layout.columns;
        let rows = 0..a.layout.rows;
        rows.flat_map(|i| columns.clone().map(move |j| (i, j)))
            .map(|(i, j)| entry(i, j))
            .collect()
    }
    fn totals<'a>(env: &(), n: usize, items: impl Iterator<Item = (usize, &'a Self)>) -> Vec<Self> {
        if n > MAX_ACCUMULATORS {
            return spec::totals(env, n, items);
        }
        let mut sums = vec![(Accumulator::default(), Rational::from(Dyadic::ZERO)); n];
        for (slot, x) in items {
            match x.dyadic() {
                Some(x) => sums[slot].0.add(x),
                None => sums[slot].1 = sums[slot].1.add(x),
            }
        }
        let whole = |(exact, rest): (Accumulator, Rational)| {
            Rational::of(Some(Value::Dyadic(exact.total()))).add(&rest)
        };
        sums.into_iter().map(whole).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn enclosures_of_rationals_are_tight(n in any::<i64>(), d in 1_i64.., e in -300_i32..300) {
            let scale = BigRational::from_integer(2.into()).pow(e);
            let x = BigRational::new(n.into(), d.into()) * scale;
            let i = enclose_rational(&x);
            let (lo, hi) = (BigRational::from_float(i.lo()), BigRational::from_float(i.hi()));
            prop_assert!(lo.unwrap() <= x && hi.unwrap() >= x);
            prop_assert!(i.lo().next_up() >= i.hi());
        }
    }
}
