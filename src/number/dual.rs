//! Forward-mode duals over any specification number: the independent derivative against
//! which VJPs are tested.

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

    fn one(like: &N) -> N {
        // x⁰ written without an environment: 1 - (x - x) would widen, so divide.
        like.exp().div(&like.exp())
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
            let one = Self::one(&sum.sub(&sum));
            sum.div(&one.add(&one))
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
    fn exp(&self) -> Self {
        let value = self.value.exp();
        self.scaled(value.clone(), &value)
    }
    fn log(&self) -> Self {
        Dual {
            value: self.value.log(),
            tangent: self.tangent.div(&self.value),
        }
    }
    fn tanh(&self) -> Self {
        let value = self.value.tanh();
        let squared = value.mul(&value).mul(&self.tangent);
        Dual {
            tangent: self.tangent.sub(&squared),
            value,
        }
    }
    fn sigmoid(&self) -> Self {
        let value = self.value.sigmoid();
        let slope = value.sub(&value.mul(&value));
        self.scaled(value, &slope)
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
