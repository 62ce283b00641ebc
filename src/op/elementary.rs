//! The smooth one-argument functions: what they share, and the error rule of all of them.
//!
//! A function is a primitive by its [`Smooth`] in a file of its own: its name, its slope
//! over an interval, and its VJP. Its image over an interval is the number layer's.

use super::elementwise::{self, Unary};
use super::range;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, float};
use crate::bound::{Approx, Drift, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, Float, SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};

/// An elementary function as a primitive.
pub(crate) trait Smooth {
    /// The primitive's name.
    const NAME: &'static str;
    /// The function.
    const FUNCTION: Function;
    /// |f′| over an interval, from above; +∞ at a pole.
    fn slope(x: Enclosure) -> Up;
    /// What pulls a cotangent back to the argument.
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId>;
}

struct Scalar(Function);

impl Unary for Scalar {
    fn exact<N: SpecNumber>(&self, _env: &N::Env, x: &N) -> N {
        x.function(self.0)
    }
    fn float<T: Float>(&self, x: T) -> T {
        x.function(self.0)
    }
    fn integer(&self, _x: i64) -> Option<i64> {
        None
    }
}

impl<S: Smooth> Primitive for S {
    fn name(&self) -> &'static str {
        S::NAME
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        infer(args)
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        elementwise::spec_unary(&Scalar(S::FUNCTION), cx.env, args[0])
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        elementwise::run_unary(&Scalar(S::FUNCTION), cx, args[0])
    }
    /// See `error`, with the rounding that the configuration's table assumes.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let libm = cx.config.libm;
        let curve = Curve {
            image: &|x| x.function(S::FUNCTION),
            slope: &S::slope,
        };
        let approx = error(cx, args, &curve, |m| match cx.format() {
            Some(format) => libm.error(S::FUNCTION, format, m),
            None => Up::INFINITY,
        });
        Approx {
            determined: approx.determined
                && (cx.format()).is_some_and(|format| libm.fixes(S::FUNCTION, format)),
            ..approx
        }
    }
    /// The image of [−B, B], plus what the table adds.
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let each = |b: Up| {
            // An argument without a claim may be undefined, and so may a bounded function of it.
            if !b.is_finite() {
                return b;
            }
            let m = Enclosure::around(0.0, b).function(S::FUNCTION).magnitude();
            let error = cx
                .format()
                .map_or(Up::INFINITY, |f| cx.config.libm.error(S::FUNCTION, f, m));
            m + error
        };
        elementwise::scale_each(cx, args, |b| each(b(0)))
    }
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(S::pull_back(g, site)?)])
    }
}

/// One float argument.
pub(crate) fn infer(args: &[&Ty]) -> Result<Ty> {
    let ty = elementwise::infer_unary(args)?;
    float(&ty)?;
    Ok(ty)
}

/// A smooth function for the error rule: its image and slope over an enclosure.
pub(crate) struct Curve<'a> {
    /// f over an interval, enclosed; the whole line where f is not defined on all of it.
    pub image: &'a dyn Fn(Enclosure) -> Enclosure,
    /// |f′| over an interval, from above; +∞ at a pole.
    pub slope: &'a dyn Fn(Enclosure) -> Up,
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
/// # Tightness
/// Test `smooth_functions_are_nearly_attained`.
/// # Errors
/// None: a pole, an infinite image or an overflow gives +∞, "no claim".
pub(crate) fn error(
    cx: &RuleCx,
    args: &[Operand],
    curve: &Curve,
    rounding: impl Fn(Up) -> Up,
) -> Approx {
    let approx = enclosed(cx, args, curve, &rounding);
    Approx {
        range: range::widened(approx.range, rounding),
        ..approx
    }
}

/// The same, with the range of f itself, which the caller widens.
pub(super) fn enclosed(
    cx: &RuleCx,
    args: &[Operand],
    curve: &Curve,
    rounding: impl Fn(Up) -> Up,
) -> Approx {
    let x = &args[0];
    let moved = |by: Up, enclosure: Enclosure, image: Enclosure| {
        if by == Up::ZERO {
            return Up::ZERO;
        }
        ((curve.slope)(enclosure) * by).min(image.width())
    };
    let eps = x.bound(|i| {
        if !x.eps(i).is_finite() {
            return Up::INFINITY; // the argument may be undefined, whatever f's range
        }
        let enclosure = x.enclosure(i);
        let image = (curve.image)(enclosure);
        moved(x.eps(i), enclosure, image) + rounding(image.magnitude())
    });
    let drift = match &x.approx.drift {
        Drift::Within(bound) => Drift::Within(x.bound(|i| {
            let enclosure = x.enclosure(i);
            moved(bound.at(i), enclosure, (curve.image)(enclosure))
        })),
        Drift::None | Drift::Settled => Drift::None,
    };
    let blocks = elementwise::norms(
        x,
        |i| match x.eps(i) {
            Up::ZERO => Up::ZERO,
            eps if eps.is_finite() => (curve.slope)(x.enclosure(i)),
            none => none, // the argument may be undefined
        },
        |i| rounding((curve.image)(x.enclosure(i)).magnitude()),
    );
    // Elements without a claim are none of whom a range speaks.
    let claimed = (0..x.len()).filter(|&i| x.eps(i).is_finite());
    Approx {
        blocks,
        drift,
        range: range::hull(claimed.map(|i| (curve.image)(x.enclosure(i)))),
        ..cx.approx(args, eps)
    }
}
