//! Assumed accuracy of the elementary functions: tables in ulp, each an assumption with a
//! source.
//!
//! The square root is not here: IEEE 754 rounds it correctly everywhere.

use crate::error::{Error, Result};
use crate::number::{Format, Up};
use std::fmt;
use std::str::FromStr;

pub use crate::number::Function;

/// A table of assumed accuracies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Libm {
    /// Per function the worst of the documented tables below.
    Portable,
    /// Correctly rounded (sigmoid and softplus: computed from such functions).
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

/// The documented accuracies of one function, in ulp of the true result, the worse of f32
/// and f64.
#[derive(Debug, Clone, Copy)]
struct Row {
    glibc: f64,
    cuda: f64,
    xla_cpu: f64,
    correct: f64,
}

/// A row from the manuals' figures and the measured one.
///
/// Both manuals count the distance from the correctly rounded result, in whole ulp: the
/// true result may be ½ulp further.
#[expect(clippy::float_arithmetic, reason = "small halves, exact")]
const fn row(glibc: f64, cuda: f64, xla_cpu: f64) -> Row {
    Row {
        glibc: glibc + 0.5,
        cuda: cuda + 0.5,
        xla_cpu,
        correct: 0.5,
    }
}

/// XLA's float32 exponential scales by a clamped power of two and loses up to this many ulp
/// where the result is beyond 2^127: measured 5.5.
const NEAR_OVERFLOW: f64 = 6.0;

/// XLA's CPU backend in the other formats, in ulp of the format, rounded up from
/// examples/jax/functions.md; `None` where the float32 figure serves: in float64 as well, or
/// in float32 before a rounding to 16 bits.
///
/// Its 16-bit functions are mostly the float32 ones, rounded once; but some are composed of
/// steps that each round to 16 bits.
fn xla_cpu(function: Function, format: Format) -> Option<f64> {
    use Function::*;
    let figures: &[(Function, f64)] = if format.precision > Format::F32.precision {
        &[
            (Exp, 1.75),
            (Tanh, 8.0),
            (Log1p, 130.0),
            (Atanh, 130.0),
            (Sinh, 500.0),
            (Cosh, 500.0),
        ]
    } else if format.precision < Format::F32.precision {
        &[
            (Expm1, 2.25),
            (Log1p, 2.25),
            (Sigmoid, 2.25),
            (Softplus, 2.5),
            (Tan, 2.0),
            (Asin, 2.0),
            (Acos, 2.0),
            (Asinh, 2.5),
            (Acosh, 3.0),
            (Atanh, 2.5),
            (Rsqrt, 2.0),
        ]
    } else {
        &[]
    };
    let listed = figures.iter().find(|(of, _)| *of == function);
    listed.map(|&(_, ulps)| ulps)
}

/// x^y.
const POWER: Row = row(1.0, 4.0, 2.5);

/// The manuals' figures for a function, and what follows from them where they have none.
///
/// Sources at [`Libm::source`]. With a relative error of r·u, a result is within r ulp; an
/// error of k ulp is at most 2k·u relative.
const fn documented(function: Function) -> Row {
    match function {
        // CUDA's newer guides say 1; XLA's is worse near overflow, see `NEAR_OVERFLOW`.
        Function::Exp => row(1.0, 2.0, 1.1),
        Function::Expm1 => row(1.0, 1.0, 6.5),
        Function::Log => row(1.0, 1.0, 1.25),
        Function::Log1p => row(1.0, 1.0, 2.75),
        Function::Erf => row(1.0, 2.0, 7.0),
        Function::Sin => row(1.0, 2.0, 0.75),
        Function::Cos => row(1.0, 2.0, 0.75),
        Function::Tan => row(1.0, 4.0, 2.25),
        Function::Asin => row(1.0, 2.0, 2.5),
        Function::Acos => row(1.0, 2.0, 2.5),
        Function::Atan => row(1.0, 2.0, 6.0),
        Function::Sinh => row(2.0, 3.0, 26.0),
        Function::Cosh => row(2.0, 2.0, 26.0),
        Function::Tanh => row(2.0, 2.0, 5.0),
        Function::Asinh => row(2.0, 3.0, 3.25),
        Function::Acosh => row(2.0, 4.0, 4.5),
        Function::Atanh => row(2.0, 3.0, 3.0),
        // 1/√x from a rounded root and a rounded quotient: (1 + u)² − 1 relative, 2 ulp and
        // a little; CUDA has a function.
        Function::Rsqrt => Row {
            glibc: 2.1,
            cuda: 2.5,
            xla_cpu: 2.0,
            correct: 0.5,
        },
        // 1/(1 + e^−x), with an exponential of 1.5 (glibc) or 2.5 ulp (CUDA), two roundings
        // more: (2k + 2)·u. This crate's own: `number::runtime`.
        Function::Sigmoid => Row {
            glibc: 5.1,
            cuda: 7.1,
            xla_cpu: 2.75,
            correct: 3.0,
        },
        // max(x, 0) + ln(1 + e^−|x|): ln(1 + e) is no worse conditioned than e, so (2k +
        // 2k′)·u from exp and log1p, and ½ulp of the sum. This crate's own: `number::runtime`.
        Function::Softplus => Row {
            glibc: 6.6,
            cuda: 8.6,
            xla_cpu: 3.25,
            correct: 3.0,
        },
    }
}

/// What this crate's own runtime needs, whatever the table says: its sigmoid and softplus
/// are within 3 ulp in f64 and, computed in f64, within 1 ulp in f32 (`number::runtime`).
fn floor(function: Function, format: Format) -> f64 {
    if function.is_correctly_rounded() {
        0.5
    } else if format.precision > Format::F32.precision {
        3.0
    } else {
        1.0
    }
}

/// A bound on |computed − z| for |z| <= `m` and a routine within `k` ulp in f32 and f64.
fn routine_error(format: Format, m: Up, k: impl Fn(Format) -> f64) -> Up {
    let in_format = |format: Format| {
        let k = k(format);
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

/// K ulp of the format itself at `m`; no claim where that overflows.
fn routine_in(format: Format, m: Up, k: f64) -> Up {
    let e = Up::new(k) * format.ulp(m);
    if (m + e).get() >= format.overflow_threshold() {
        Up::INFINITY
    } else {
        e
    }
}

/// Formats for which functions are computed in the format itself.
fn rounds_once(format: Format) -> bool {
    format.precision >= Format::F32.precision
}

impl Libm {
    fn of(self, row: Row) -> f64 {
        match self {
            Libm::Portable => [row.glibc, row.cuda, row.xla_cpu, row.correct]
                .into_iter()
                .fold(0.0, |worst, k| if k > worst { k } else { worst }),
            Libm::Correct | Libm::CoreMath => row.correct,
            Libm::Ulp(k) => k,
            Libm::Glibc => row.glibc,
            Libm::Cuda => row.cuda,
            Libm::XlaCpu => row.xla_cpu,
        }
    }

    /// Assumed accuracy in ulp of the result, for f32 and f64.
    pub fn ulps(self, function: Function) -> f64 {
        self.of(documented(function))
    }

    /// What the bounds take for f32 or f64: the table's accuracy, and at least what this
    /// crate's own runtime needs (sigmoid and softplus are not rounded correctly).
    pub fn assumed(self, function: Function, format: Format) -> f64 {
        let (table, own) = (self.ulps(function), floor(function, format));
        if table < own { own } else { table }
    }

    /// Assumed accuracy in ulp of a narrower format, where the table admits routines that
    /// are not the f32 ones rounded once.
    pub fn narrow_ulps(self, function: Function, format: Format) -> Option<f64> {
        let listed = matches!(self, Libm::XlaCpu | Libm::Portable);
        xla_cpu(function, format).filter(|_| listed)
    }

    /// Assumed accuracy of x^y in ulp of the result, for f32 and f64.
    pub fn power_ulps(self) -> f64 {
        self.of(POWER)
    }

    /// True where the table leaves the function's result no choice, and this crate's
    /// runtime makes that choice. Results of narrow formats may go through f32 or not: near a tie
    /// these are two.
    pub fn fixes(self, function: Function, format: Format) -> bool {
        self.ulps(function) <= 0.5 && function.is_correctly_rounded() && rounds_once(format)
    }

    /// True where the table leaves x^y no choice.
    pub fn fixes_power(self, format: Format) -> bool {
        self.power_ulps() <= 0.5 && rounds_once(format)
    }

    /// A bound on |computed − f(x)| where |f(x)| <= `m` and x is the float argument.
    ///
    /// # Statement
    /// For f32 and f64: K ulp at `m` (½ulp where the table says correctly rounded). A
    /// 16-bit format computes in f32 and rounds once more: ½ulp of the small format at `m`
    /// plus the f32 error, plus that error. Where XLA's figure for the format is another
    /// (see `xla_cpu`), the larger of both.
    /// # Assumes
    /// A5: the table.
    pub fn error(self, function: Function, format: Format, m: Up) -> Up {
        let near_overflow = matches!(self, Libm::XlaCpu | Libm::Portable)
            && matches!(function, Function::Exp | Function::Expm1)
            && m > Up::power_of_two(Format::F32.e_max);
        let through_f32 = routine_error(format, m, |format| {
            let assumed = self.assumed(function, format);
            if near_overflow && format == Format::F32 && assumed < NEAR_OVERFLOW {
                NEAR_OVERFLOW
            } else {
                assumed
            }
        });
        match self.narrow_ulps(function, format) {
            Some(k) => through_f32.max(routine_in(format, m, k)),
            None => through_f32,
        }
    }

    /// The same for x^y.
    pub fn power_error(self, format: Format, m: Up) -> Up {
        routine_error(format, m, |_| self.power_ulps())
    }

    /// What the table says and where it comes from, for the ledger of assumptions.
    pub fn source(self) -> &'static str {
        match self {
            Libm::Portable => "per function the worst of the tables glibc, cuda, xla-cpu, correct",
            Libm::Correct | Libm::CoreMath => {
                "correctly rounded (CORE-MATH project); sigmoid and softplus within 3 ulp"
            }
            Libm::Ulp(_) => "given on the command line",
            Libm::Glibc => {
                "GNU C library manual, Known Maximum Errors in Math Functions, x86-64, and ½ulp"
            }
            Libm::Cuda => "CUDA C++ Programming Guide, mathematical functions appendix, and ½ulp",
            Libm::XlaCpu => {
                "measured on XLA's CPU backend (jax 0.10.2), rounded up: examples/jax/functions.md"
            }
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
