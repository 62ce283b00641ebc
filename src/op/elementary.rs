//! The error rule shared by the smooth one-argument functions.

use super::rule::RuleCx;
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::libm::Function;
use crate::number::{Enclosure, Up};

/// A smooth increasing function for the error rule: its image and slope over an enclosure.
pub(crate) struct Smooth {
    /// f over an interval, enclosed; the whole line where f is not defined on all of it.
    pub image: fn(Enclosure) -> Enclosure,
    /// |f′| over an interval, from above; +∞ at a pole.
    pub slope: fn(Enclosure) -> Up,
}

/// Error of a computed smooth function.
///
/// # Statement
/// If x and every x̂ lie in I = [c−2ε, c+2ε] then |f̂(x̂) − f(x)| ≤ result.
/// # Formula
/// min(sup|f′|(I)·ε, width f(I)) + rounding(sup|f|(I)).
/// # Derivation
/// Mean value theorem on I, where x and x̂ both lie; both values lie in f(I).
/// # Assumes
/// A5: the computed function is within its table's ulp of f at the same float argument.
/// # Errors
/// None: a pole, an infinite image or an overflow gives +∞, "no claim".
pub(crate) fn error(
    cx: &RuleCx,
    args: &[Operand],
    smooth: &Smooth,
    rounding: impl Fn(Up) -> Up,
) -> Approx {
    let x = &args[0];
    let moved = |by: Up, enclosure: Enclosure| {
        if by == Up::ZERO {
            return Up::ZERO;
        }
        ((smooth.slope)(enclosure) * by).min((smooth.image)(enclosure).width())
    };
    let eps = x.bound(|i| {
        let enclosure = x.enclosure(i);
        if !x.eps(i).is_finite() {
            return Up::INFINITY; // the argument may be undefined, whatever f's range
        }
        let image = (smooth.image)(enclosure);
        moved(x.eps(i), enclosure) + rounding(image.magnitude())
    });
    let drift = match &x.approx.drift {
        Drift::Within(bound) => Drift::Within(x.bound(|i| moved(bound.at(i), x.enclosure(i)))),
        Drift::None | Drift::Settled => Drift::None,
    };
    Approx {
        drift,
        ..cx.approx(args, eps)
    }
}

/// The same with the rounding that the configuration's table assumes for the function.
pub(crate) fn libm_error(
    cx: &RuleCx,
    args: &[Operand],
    smooth: &Smooth,
    function: Function,
) -> Approx {
    let libm = cx.config.libm;
    let approx = error(cx, args, smooth, |m| match cx.format() {
        Some(format) => libm.error(function, format, m),
        None => Up::INFINITY,
    });
    Approx {
        determined: approx.determined && libm.fixes(function),
        ..approx
    }
}

/// A scale from the image of [−B, B], plus what the table adds.
pub(crate) fn scale(
    cx: &RuleCx,
    args: &[super::ScaleOperand],
    image: fn(Enclosure) -> Enclosure,
    function: Function,
) -> super::Scaled {
    let x = &args[0];
    let each = |b: Up| {
        // An argument without a claim may be undefined, and so may a bounded function of it.
        if !b.is_finite() {
            return b;
        }
        let m = image(Enclosure::around(0.0, b)).magnitude();
        let error = cx
            .format()
            .map_or(Up::INFINITY, |f| cx.config.libm.error(function, f, m));
        m + error
    };
    super::Scaled::new(match &x.scaled.scale {
        Bound::Element(b) => Bound::from_fn(b.len(), |i| each(b[i])),
        uniform @ (Bound::Zero | Bound::Tensor(_)) => Bound::uniform(each(uniform.at(0))),
    })
}
