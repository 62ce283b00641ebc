//! Whether a value may leave the range of its format, and what of it the run already did.

use super::record::Num;
use crate::bound::Approx;
use crate::bound::Bound;
use crate::number::{Down, Up};
use crate::tensor::Tensor;
use serde::Serialize;

/// Whether something happens in the executions that are admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Occurs {
    /// In none.
    Never,
    /// Not excluded: perhaps in some other one.
    Possible,
    /// In this run.
    Certain,
}

/// Overflow, underflow and NaN of a float value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RangeStatus {
    /// Whether an element leaves the range: `never` where every ε is finite, `certain` where
    /// the run holds an infinity.
    pub overflow: Occurs,
    /// The largest admissible magnitude over the least that rounds beyond the range; below 1
    /// where nothing overflows, "inf" where an element has no bound.
    pub margin: Num,
    /// Whether an element is below the least normal number, but not an exact zero.
    pub subnormal: Occurs,
    /// Whether the run holds a NaN.
    pub nan: bool,
}

/// The status of a value of the run; `None` for integers and booleans.
///
/// # Derivation
/// |x̂| ≤ B for every admissible x̂; a finite ε is only claimed where no admissible execution
/// overflows on the way, so x̂ is then at most the largest finite number as well. An element
/// is off the subnormal range where |c| − 2ε ≥ λ, or where it is an exact zero.
pub fn status(c: &Tensor, approx: &Approx, scale: &Bound) -> Option<RangeStatus> {
    let format = c.dtype().format()?;
    let (largest, threshold) = (Up::new(format.largest()), format.overflow_threshold());
    let lambda = format.lambda().get();
    let (mut overflow, mut subnormal) = (Occurs::Never, Occurs::Never);
    let (mut most, mut nan) = (Up::ZERO, false);
    for (i, c) in c.to_f64s().into_iter().enumerate() {
        let eps = approx.eps.at(i);
        nan |= c.is_nan();
        if c.is_infinite() {
            overflow = Occurs::Certain;
        }
        if !eps.is_finite() {
            most = Up::INFINITY;
            overflow = overflow.max(Occurs::Possible);
        } else {
            most = most.max(scale.at(i).min(largest));
        }
        subnormal = subnormal.max(below_normal(c, eps, approx.reach(i), lambda));
    }
    Some(RangeStatus {
        overflow,
        margin: Num((most / Down::new(threshold)).get()),
        subnormal,
        nan,
    })
}

fn below_normal(c: f64, eps: Up, reach: Up, lambda: f64) -> Occurs {
    if c != 0.0 && c.abs() < lambda {
        return Occurs::Certain;
    }
    let exact_zero = c == 0.0 && eps == Up::ZERO && reach == Up::ZERO;
    if exact_zero || (Down::magnitude(c) - reach).get() >= lambda {
        return Occurs::Never;
    }
    Occurs::Possible
}

/// From this share of the threshold on, the distance to overflow is worth a word.
const NEAR: f64 = 0.25;

impl RangeStatus {
    /// What a reader should know, where there is something.
    pub fn notable(&self) -> Option<String> {
        let mut all = Vec::new();
        if self.nan {
            all.push("NaN in this run".to_string());
        }
        match self.overflow {
            Occurs::Certain => all.push("infinite in this run".to_string()),
            Occurs::Possible => all.push("overflow is not excluded".to_string()),
            Occurs::Never if self.margin.0 >= NEAR => all.push(format!(
                "up to {} of the overflow threshold",
                crate::number::decimal::up(self.margin.0)
            )),
            Occurs::Never => {}
        }
        if self.subnormal == Occurs::Certain {
            all.push("subnormal in this run".to_string());
        }
        (!all.is_empty()).then(|| all.join(", "))
    }
}
