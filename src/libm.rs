//! Assumed accuracy of the elementary functions: tables in ulp, each an assumption with a
//! source.
//!
//! The square root is not here: IEEE 754 rounds it correctly everywhere.

use crate::error::{Error, Result};
use crate::number::{Format, Up};
use std::fmt;
use std::str::FromStr;

/// An elementary function whose accuracy is assumed, not derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// e^x.
    Exp,
    /// ln x.
    Log,
    /// tanh x.
    Tanh,
    /// 1 / (1 + e^-x).
    Sigmoid,
}

/// A table of assumed accuracies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Libm {
    /// Per function the worst of the documented tables below.
    Portable,
    /// Correctly rounded (the sigmoid: computed from a correctly rounded exponential).
    Correct,
    /// The same number of ulp for every function.
    Ulp(f64),
    /// The GNU C library, x86-64: "Known Maximum Errors in Math Functions" of its manual.
    Glibc,
    /// CUDA: the accuracy tables of the CUDA C++ Programming Guide, mathematical functions.
    Cuda,
    /// XLA's CPU backend, measured over float32 (jax 0.10.2) and rounded up.
    XlaCpu,
    /// CORE-MATH: correctly rounded.
    CoreMath,
}

/// What this crate's own runtime needs, whatever the table says: its sigmoid is within 3
/// ulp in f64 and, computed in f64, within 1 ulp in f32 (number/runtime.rs).
fn floor(function: Function, format: Format) -> f64 {
    match function {
        Function::Exp | Function::Log | Function::Tanh => 0.5,
        Function::Sigmoid if format.precision > Format::F32.precision => 3.0,
        Function::Sigmoid => 1.0,
    }
}

/// One row of accuracies, in ulp of the result: exp, log, tanh, sigmoid.
#[derive(Debug, Clone, Copy)]
struct Row([f64; 4]);

/// glibc: exp 1, log 1, tanh 2 (both formats). The sigmoid is not in its manual: with a
/// 1-ulp exponential, 1/(1+e^-x) has at most u·(2 + 1 + 1) relative error, 4 ulp.
const GLIBC: Row = Row([1.0, 1.0, 2.0, 4.0]);
/// CUDA: expf 1 (2 in older guides), logf 1, tanhf 2; double exp 1, log 1, tanh 2; the
/// sigmoid as above from an exponential of 2 ulp.
const CUDA: Row = Row([2.0, 1.0, 2.0, 6.0]);
/// Measured maxima: exp 0.96, log 1.06, tanh 3.8, sigmoid 2.2.
const XLA_CPU: Row = Row([1.0, 1.1, 4.0, 2.5]);
/// Correct rounding; the sigmoid's 3 ulp are derived in `number::runtime`.
const CORRECT: Row = Row([0.5, 0.5, 0.5, 3.0]);

impl Row {
    fn get(self, function: Function) -> f64 {
        self.0[function as usize]
    }
}

impl Libm {
    /// Assumed accuracy in ulp of the result, for f32 and f64.
    pub fn ulps(self, function: Function) -> f64 {
        match self {
            Libm::Portable => [GLIBC, CUDA, XLA_CPU, CORRECT]
                .into_iter()
                .map(|row| row.get(function))
                .fold(0.0, |worst, k| if k > worst { k } else { worst }),
            Libm::Correct | Libm::CoreMath => CORRECT.get(function),
            Libm::Ulp(k) => k,
            Libm::Glibc => GLIBC.get(function),
            Libm::Cuda => CUDA.get(function),
            Libm::XlaCpu => XLA_CPU.get(function),
        }
    }

    /// True where the table leaves the function's result no choice, and this crate's
    /// runtime makes that choice.
    pub fn fixes(self, function: Function) -> bool {
        self.ulps(function) <= 0.5 && function != Function::Sigmoid
    }

    /// A bound on |computed − f(x)| where |f(x)| <= `m` and x is the float argument.
    ///
    /// # Statement
    /// For f32 and f64: K ulp at `m` (½ulp where the table says correctly rounded). A
    /// 16-bit format computes in f32 and rounds once more: ½ulp of the small format at `m`
    /// plus the f32 error, plus that error.
    /// # Assumes
    /// A5: the table.
    pub fn error(self, function: Function, format: Format, m: Up) -> Up {
        let in_format = |format: Format| {
            let own = floor(function, format);
            let k = self.ulps(function);
            let k = if k < own { own } else { k };
            if k <= 0.5 {
                format.half_ulp(m)
            } else {
                Up::new(k) * format.ulp(m)
            }
        };
        if format.precision >= Format::F32.precision {
            let e = in_format(format);
            if (m + e).get() >= format.overflow_threshold() {
                return Up::INFINITY;
            }
            return e;
        }
        let e = in_format(Format::F32);
        e + format.half_ulp(m + e)
    }

    /// What the table says and where it comes from, for the ledger of assumptions.
    pub fn source(self) -> &'static str {
        match self {
            Libm::Portable => "per function the worst of the tables glibc, cuda, xla-cpu, correct",
            Libm::Correct | Libm::CoreMath => {
                "correctly rounded exp, log, tanh (CORE-MATH project); sigmoid within 3 ulp"
            }
            Libm::Ulp(_) => "given on the command line",
            Libm::Glibc => "GNU C library manual, Known Maximum Errors in Math Functions",
            Libm::Cuda => "CUDA C++ Programming Guide, mathematical functions appendix",
            Libm::XlaCpu => "measured on XLA's CPU backend, float32 (jax 0.10.2), rounded up",
        }
    }
}

impl FromStr for Libm {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self> {
        if let Some(k) = s.strip_prefix("ulp:") {
            let k: f64 = k
                .parse()
                .ok()
                .filter(|k: &f64| k.is_finite() && *k >= 0.5)
                .ok_or_else(|| {
                    Error::new(format!("`{s}` names no accuracy"))
                        .remedy("use ulp:K with a number K of at least 0.5, for example ulp:2")
                })?;
            return Ok(Libm::Ulp(k));
        }
        Ok(match s {
            "portable" => Libm::Portable,
            "correct" => Libm::Correct,
            "glibc" => Libm::Glibc,
            "cuda" => Libm::Cuda,
            "xla-cpu" => Libm::XlaCpu,
            "core-math" => Libm::CoreMath,
            _ => {
                return Err(Error::new(format!("`{s}` names no libm table"))
                    .remedy("use portable, correct, ulp:K, glibc, cuda, xla-cpu or core-math"));
            }
        })
    }
}

impl fmt::Display for Libm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Libm::Portable => f.write_str("portable"),
            Libm::Correct => f.write_str("correct"),
            Libm::Ulp(k) => write!(f, "ulp:{k}"),
            Libm::Glibc => f.write_str("glibc"),
            Libm::Cuda => f.write_str("cuda"),
            Libm::XlaCpu => f.write_str("xla-cpu"),
            Libm::CoreMath => f.write_str("core-math"),
        }
    }
}
