//! The elementary functions of f32 on all of their 2^32 arguments, against a table of
//! accuracies: what the tables assume is a fact for the routines that are measured here.
//!
//! The oracle is CORE-MATH's f64 function, taken as within one unit of its last place, which
//! is 2^-29 of an f32's: an argument whose error is that near to the limit is decided by
//! intervals of 192 bits, whose functions are not CORE-MATH's.

use super::check::{About, Check};
use super::patterns::hex;
use super::tally::{BEYOND, Case, Tally, ratio};
use crate::error::{Error, Result};
use crate::libm::{Function, Libm};
use crate::number::format::exponent;
use crate::number::precise::{Places, Precise};
use crate::number::{Enclosure, Float, Format, SpecNumber, Up};
use crate::tensor::DType;
use crate::verdict::Outcome;
use std::fmt;
use std::str::FromStr;

/// Arguments in a block: 2^18 of neighbouring bit patterns.
const BLOCK: u64 = 1 << 18;

/// Places of the intervals that decide what f64 leaves open.
const PLACES: Places = Places(192);

/// Whose functions are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Routine {
    /// This crate's runtime.
    #[default]
    Own,
    /// What Rust's standard library calls on this machine: the C library's.
    System,
}

impl FromStr for Routine {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self> {
        match s {
            "own" => Ok(Routine::Own),
            "system" => Ok(Routine::System),
            _ => Err(Error::new(format!("`{s}` is no value of --routine"))
                .remedy("use one of: own system")),
        }
    }
}

impl fmt::Display for Routine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Routine::Own => "own",
            Routine::System => "system",
        })
    }
}

/// The C library's function, where the standard library calls it (its inverse hyperbolic
/// functions are formulas of its own, and erf is not stable).
fn system(function: Function) -> Option<fn(f32) -> f32> {
    Some(match function {
        Function::Exp => f32::exp,
        Function::Expm1 => f32::exp_m1,
        Function::Log => f32::ln,
        Function::Log1p => f32::ln_1p,
        Function::Sin => f32::sin,
        Function::Cos => f32::cos,
        Function::Tan => f32::tan,
        Function::Asin => f32::asin,
        Function::Acos => f32::acos,
        Function::Atan => f32::atan,
        Function::Sinh => f32::sinh,
        Function::Cosh => f32::cosh,
        Function::Tanh => f32::tanh,
        Function::Erf
        | Function::Asinh
        | Function::Acosh
        | Function::Atanh
        | Function::Sigmoid
        | Function::Softplus
        | Function::Rsqrt => return None,
    })
}

/// One function on every f32.
pub struct Sweep {
    function: Function,
    routine: Routine,
    libm: Libm,
    /// The accuracy that is checked, in ulp of the true result.
    limit: f64,
    computed: Box<dyn Fn(f32) -> f32 + Send + Sync>,
}

impl Sweep {
    /// The function by a routine, which may not have it, against a table.
    pub fn new(function: Function, routine: Routine, libm: Libm) -> Option<Sweep> {
        let computed: Box<dyn Fn(f32) -> f32 + Send + Sync> = match routine {
            Routine::Own => Box::new(move |x: f32| Float::function(x, function)),
            Routine::System => Box::new(system(function)?),
        };
        Some(Sweep {
            limit: libm.assumed(function, Format::F32),
            function,
            routine,
            libm,
            computed,
        })
    }

    /// The same routine with every result moved one float away from zero: one that the
    /// checks must find wrong.
    #[cfg(test)]
    fn spoiled(function: Function, libm: Libm) -> Sweep {
        Sweep {
            function,
            routine: Routine::Own,
            libm,
            limit: libm.assumed(function, Format::F32),
            computed: Box::new(move |x: f32| {
                f32::from_bits(Float::function(x, function).to_bits() + 1)
            }),
        }
    }

    /// Where f(x) lies, by f64 functions.
    fn oracle(&self, x: f64) -> Enclosure {
        match self.function.correctly_rounded() {
            Some(f) => {
                let y = f(x);
                if y.is_nan() {
                    Enclosure::ENTIRE
                } else {
                    Enclosure::new(y.next_down(), y.next_up())
                }
            }
            None => Enclosure::point(x).function(self.function),
        }
    }

    fn judge(&self, x: f32, tally: &mut Tally) {
        let y = f64::from((self.computed)(x));
        let z = self.oracle(f64::from(x));
        let threshold = Format::F32.overflow_threshold();
        let beyond = z.magnitude().get() >= threshold;
        let undefined = z.lo().is_infinite() && z.hi().is_infinite();
        let case = |z: Enclosure, error: f64| Case {
            inputs: vec![hex(DType::F32, f64::from(x))],
            reals: Vec::new(),
            result: if y.is_finite() { y } else { BEYOND },
            spec: [z.lo(), z.hi()].map(|end| {
                if end.is_finite() {
                    end
                } else {
                    end.signum_max()
                }
            }),
            quantity: error,
            bound: self.limit,
            ratio: ratio(error, self.limit),
        };
        if beyond || undefined {
            tally.without_claim += 1;
            if undefined && y.is_finite() {
                // Outside the domain a number is a wrong answer.
                tally.decided(Outcome::Violated, BEYOND, || case(z, BEYOND));
            }
            return;
        }
        if !y.is_finite() {
            let reach = z.magnitude() + Up::new(self.limit) * Format::F32.ulp(z.magnitude());
            if reach.get() >= threshold {
                tally.without_claim += 1;
            } else {
                tally.decided(Outcome::Violated, BEYOND, || case(z, BEYOND));
            }
            return;
        }
        if has_other_sign(y, z) {
            tally.decided(Outcome::Violated, BEYOND, || case(z, BEYOND));
            return;
        }
        let near = ulps(y, z);
        if near <= self.limit {
            tally.decided(Outcome::Holds, ratio(near, self.limit), || case(z, near));
            return;
        }
        tally.refined += 1;
        let (outcome, error, z) = self.refine(x, y);
        tally.decided(outcome, ratio(error, self.limit), || case(z, error));
    }

    /// The verdict by intervals of many places, and an upper bound of the error in ulp.
    #[expect(clippy::float_arithmetic, reason = "powers of two divide exactly")]
    fn refine(&self, x: f32, y: f64) -> (Outcome, f64, Enclosure) {
        let z = Precise::from_f64(&PLACES, f64::from(x)).function(self.function);
        let (distance, z) = (z.distance(y), z.enclose());
        let size = z.abs();
        let [small, large] = [size.lo(), size.hi()].map(|m| last_place(m).get());
        let ulps = Enclosure::new(distance.lo() / large, distance.hi() / small);
        let outcome = if ulps.hi() <= self.limit {
            Outcome::Holds
        } else if ulps.lo() > self.limit {
            Outcome::Violated
        } else {
            Outcome::Undecided
        };
        (outcome, ulps.hi(), z)
    }
}

/// An f64 infinity as the largest number, which JSON has.
trait SignumMax {
    fn signum_max(self) -> f64;
}

impl SignumMax for f64 {
    fn signum_max(self) -> f64 {
        BEYOND.copysign(self)
    }
}

/// True where a result is on the other side of zero than f(x), which the tables exclude too.
fn has_other_sign(y: f64, z: Enclosure) -> bool {
    (y < 0.0 && z.lo() > 0.0) || (y > 0.0 && z.hi() < 0.0)
}

/// ulp of an f32 at a magnitude.
fn last_place(m: f64) -> Up {
    Up::power_of_two(exponent(m).max(Format::F32.e_min) - Format::F32.precision + 1)
}

/// An upper bound of |y − z| in ulp of z.
///
/// The ulp is that of the enclosure's end nearer to zero, the smaller one where a power of
/// two lies within.
#[expect(
    clippy::float_arithmetic,
    reason = "one rounding, moved outward; powers of two divide exactly"
)]
fn ulps(y: f64, z: Enclosure) -> f64 {
    let [low, high] = [y - z.lo(), y - z.hi()].map(f64::abs);
    let farther = if low > high { low } else { high };
    farther.next_up() / last_place(z.abs().lo()).get()
}

impl Check for Sweep {
    fn about(&self) -> About {
        About {
            op: format!("{:?}", self.function),
            format: DType::F32.to_string(),
            config: format!(
                "{} routine, libm {} ({} ulp)",
                self.routine, self.libm, self.limit
            ),
            obligations: vec!["libm"],
        }
    }

    fn blocks(&self) -> u64 {
        (1 << 32) / BLOCK
    }

    fn block(&self, index: u64) -> Result<Vec<Tally>> {
        let mut tally = Tally::default();
        for bits in index * BLOCK..(index + 1) * BLOCK {
            let x = f32::from_bits(bits as u32);
            tally.inputs += 1;
            if x.is_finite() {
                self.judge(x, &mut tally);
            } else {
                tally.without_claim += 1;
            }
        }
        Ok(vec![tally])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks around 0, 1, −1, the ends of the range, and where results overflow.
    const BLOCKS: [u64; 8] = [
        0,
        0x3f80_0000 / BLOCK,
        0x4040_0000 / BLOCK,
        0x42b0_0000 / BLOCK,
        0x7f7f_ffff / BLOCK,
        0x8000_0000 / BLOCK,
        0xbf80_0000 / BLOCK,
        0xc2ae_0000 / BLOCK,
    ];

    #[test]
    fn the_runtime_is_correctly_rounded_and_a_neighbour_is_not() {
        for function in [Function::Exp, Function::Tanh, Function::Rsqrt] {
            for block in BLOCKS {
                let sweep = Sweep::new(function, Routine::Own, Libm::Correct).unwrap();
                let tally = sweep.block(block).unwrap().remove(0);
                assert_eq!(
                    tally.outcome(),
                    Outcome::Holds,
                    "{function:?} {block}: {tally:?}"
                );
            }
            let (sweep, mut tally) = (Sweep::spoiled(function, Libm::Correct), Tally::default());
            for bits in 0x3f80_0000..0x3f80_0400 {
                sweep.judge(f32::from_bits(bits), &mut tally);
            }
            assert!(
                tally.violations > 1000,
                "{function:?}: {}",
                tally.violations
            );
        }
    }

    /// The sigmoid is within the 3 ulp of its table, and not within 0.49.
    #[test]
    fn a_limit_that_is_too_small_is_violated() {
        let mut sweep = Sweep::new(Function::Sigmoid, Routine::Own, Libm::Correct).unwrap();
        let holds = sweep.block(BLOCKS[1]).unwrap().remove(0);
        assert_eq!((holds.outcome(), sweep.limit), (Outcome::Holds, 3.0));
        sweep.limit = 0.49;
        let violated = sweep.block(BLOCKS[1]).unwrap().remove(0);
        assert_eq!(violated.outcome(), Outcome::Violated);
        assert!(violated.largest.unwrap().quantity > 0.49);
    }
}
