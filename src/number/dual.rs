//! Forward-mode duals over any specification number: the independent derivative against
//! which VJPs are tested.

use super::function::Function;
use super::interval::Interval;
use super::spec::{SpecNumber, Steps};

/// A value and its directional derivative.
#[derive(Debug, Clone)]
pub struct Dual<N> {
    /// The value.
    pub value: N,
    /// The derivative along the chosen direction.
    pub tangent: N,
}

impl<N: SpecNumber> Dual<N> {
    fn scaled(&self, value: N, factor: &N) -> Self {
        Dual {
            value,
            tangent: self.tangent.mul(factor),
        }
    }
}

fn is_zero<N: SpecNumber>(x: &N) -> bool {
    let e = x.enclose();
    e.lo() == 0.0 && e.hi() == 0.0
}

/// f′(x), where y = f(x).
fn slope<N: SpecNumber>(function: Function, x: &N, y: &N) -> N {
    let one = x.like(1.0);
    let square = |x: &N| x.mul(x);
    match function {
        Function::Exp => y.clone(),
        Function::Expm1 => y.add(&one),
        Function::Log => one.div(x),
        Function::Log1p => one.div(&one.add(x)),
        Function::Erf => {
            // (2/√π)·e^(−x²), with π = 4·arctan 1.
            let pi = one.atan().mul(&x.like(4.0));
            x.like(2.0).div(&pi.sqrt()).mul(&square(x).neg().exp())
        }
        Function::Sin => x.cos(),
        Function::Cos => x.sin().neg(),
        Function::Tan => one.div(&square(&x.cos())),
        Function::Asin => one.sub(&square(x)).rsqrt(),
        Function::Acos => one.sub(&square(x)).rsqrt().neg(),
        Function::Atan => one.div(&one.add(&square(x))),
        Function::Sinh => x.cosh(),
        Function::Cosh => x.sinh(),
        Function::Tanh => one.sub(&square(y)),
        Function::Asinh => one.add(&square(x)).rsqrt(),
        Function::Acosh => square(x).sub(&one).rsqrt(),
        Function::Atanh => one.div(&one.sub(&square(x))),
        Function::Sigmoid => y.sub(&square(y)),
        Function::Softplus => x.sigmoid(),
        Function::Rsqrt => y.div(&x.add(x)).neg(),
    }
}

impl<N: SpecNumber> SpecNumber for Dual<N> {
    type Env = N::Env;

    fn from_f64(env: &N::Env, x: f64) -> Self {
        Dual {
            value: N::from_f64(env, x),
            tangent: N::from_f64(env, 0.0),
        }
    }
    fn from_i64(env: &N::Env, n: i64) -> Self {
        Dual {
            value: N::from_i64(env, n),
            tangent: N::from_f64(env, 0.0),
        }
    }
    fn add(&self, y: &Self) -> Self {
        Dual {
            value: self.value.add(&y.value),
            tangent: self.tangent.add(&y.tangent),
        }
    }
    fn sub(&self, y: &Self) -> Self {
        Dual {
            value: self.value.sub(&y.value),
            tangent: self.tangent.sub(&y.tangent),
        }
    }
    fn mul(&self, y: &Self) -> Self {
        Dual {
            value: self.value.mul(&y.value),
            tangent: self.tangent.mul(&y.value).add(&y.tangent.mul(&self.value)),
        }
    }
    fn div(&self, y: &Self) -> Self {
        let value = self.value.div(&y.value);
        let tangent = self.tangent.sub(&value.mul(&y.tangent)).div(&y.value);
        Dual { value, tangent }
    }
    fn neg(&self) -> Self {
        Dual {
            value: self.value.neg(),
            tangent: self.tangent.neg(),
        }
    }
    fn abs(&self) -> Self {
        self.max(&self.neg())
    }
    fn max(&self, y: &Self) -> Self {
        let value = self.value.max(&y.value);
        let difference = self.value.sub(&y.value).enclose();
        let tangent = if difference.lo() > 0.0 {
            self.tangent.clone()
        } else if difference.hi() < 0.0 {
            y.tangent.clone()
        } else {
            // A tie (or an undecided one): the mean of both directions.
            let sum = self.tangent.add(&y.tangent);
            sum.mul(&sum.like(0.5))
        };
        Dual { value, tangent }
    }
    fn min(&self, y: &Self) -> Self {
        self.neg().max(&y.neg()).neg()
    }
    fn sqrt(&self) -> Self {
        let value = self.value.sqrt();
        let tangent = self.tangent.div(&value.add(&value));
        Dual { value, tangent }
    }
    fn function(&self, function: Function) -> Self {
        let value = self.value.function(function);
        let slope = slope(function, &self.value, &value);
        self.scaled(value, &slope)
    }
    /// y·x^(y−1)·dx + x^y·ln x·dy, where a factor that is exactly 0 leaves its term out: ln x
    /// need not exist for a constant y, nor x^(−1) for y = 0.
    fn pow(&self, y: &Self) -> Self {
        let value = self.value.pow(&y.value);
        let mut tangent = value.like(0.0);
        if !is_zero(&self.tangent) && !is_zero(&y.value) {
            let lower = self.value.pow(&y.value.sub(&y.value.like(1.0)));
            tangent = tangent.add(&self.tangent.mul(&y.value.mul(&lower)));
        }
        if !is_zero(&y.tangent) {
            tangent = tangent.add(&y.tangent.mul(&value.mul(&self.value.log())));
        }
        Dual { value, tangent }
    }
    fn like(&self, x: f64) -> Self {
        Dual {
            value: self.value.like(x),
            tangent: self.value.like(0.0),
        }
    }
    fn step(&self, env: &N::Env, steps: Steps) -> Self {
        Dual {
            value: self.value.step(env, steps),
            tangent: N::from_f64(env, 0.0),
        }
    }
    fn enclose(&self) -> Interval {
        self.value.enclose()
    }
    fn distance(&self, c: f64) -> Interval {
        self.value.distance(c)
    }
}
