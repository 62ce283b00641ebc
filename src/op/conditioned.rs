//! The conditioning of a composite: how far errors of its argument can move it as a whole.

use super::normalized::Normalized;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use super::smooth::Smooth;
use crate::blocks::Blocks;
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::{Enclosure, SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};

/// The identity on its first argument, a function f of x that a lowering has composed of
/// primitives. Their rules follow an error of x along every path by itself and add up what
/// in f cancels; this bounds it by the derivative of f.
///
/// Arguments: the value, the same formula of what is [`Held`](super::Held) of x, which carries
/// the roundings of the formula only, and x. Whoever appends it owes that both are f of x.
#[derive(Debug, Clone, PartialEq)]
pub enum Conditioned {
    /// A function of one element.
    Smooth(Smooth),
    /// A part of a normalization.
    Normalized(Normalized),
}

impl Conditioned {
    /// |f(x̂) − f(x)| per element of the result, for every admissible x̂.
    fn moved(&self, x: &Operand) -> Bound {
        match self {
            Conditioned::Smooth(f) => f.moved(x),
            Conditioned::Normalized(f) => f.moved(x),
        }
    }

    /// The norms of f(x̂) − f(x) over blocks.
    fn moved_norms(&self, x: &Operand) -> Option<Blocks> {
        match self {
            Conditioned::Smooth(f) => f.moved_norms(x),
            Conditioned::Normalized(f) => f.moved_norms(x),
        }
    }

    /// A bound on the value and on what any execution computes, which is within `computed` of
    /// f at the execution's own x̂.
    fn limit(&self, cx: &RuleCx, x: &Operand, computed: Up) -> Up {
        match self {
            Conditioned::Smooth(_) => Up::INFINITY,
            Conditioned::Normalized(f) => f.limit(cx, x, computed),
        }
    }
}

impl Primitive for Conditioned {
    fn name(&self) -> &'static str {
        "Conditioned"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [value, held, x] = arity::<3>(args)?;
        float(value)?;
        let expected = match self {
            Conditioned::Smooth(_) => x.clone(),
            Conditioned::Normalized(f) => f.infer(x)?,
        };
        if value == held && *value == expected {
            return Ok(expected);
        }
        Err(Error::new(format!(
            "{value} and {held} are not both {self:?} of {x}"
        )))
    }
    fn spec<N: SpecNumber>(&self, _cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        args[0].clone()
    }
    fn run(&self, _cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        Ok(args[0].clone())
    }
    /// The least of two errors of the value.
    ///
    /// # Statement
    /// If |x̂ − x| ≤ ε, |ŷ − f(x)| ≤ ε₁ by the rules of the primitives, and by the same rules the
    /// value ŷ that is computed of x̂ is within ε₂ of f(x̂), then |ŷ − f(x)| ≤ result.
    /// # Formula
    /// min(ε₁, ε₂ + sup |f(x̂) − f(x)|), the latter as `Smooth` and `Normalized` have it; in ℓ2 likewise.
    /// Both f(x) and ŷ lie within sup |f| + max ε₂ of 0, and a normalization's within what its
    /// squares leave (`Normalized::limit`).
    /// # Derivation
    /// ŷ − f(x) = (ŷ − f(x̂)) + (f(x̂) − f(x)); and |ŷ| ≤ |f(x̂)| + ε₂.
    /// # Assumes
    /// The arguments are what they are said to be; nothing besides.
    /// # Tightness
    /// Test `conditioned_values_are_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let [value, held, x] = [&args[0], &args[1], &args[2]];
        // What is held drifts; the value that it is compared with need not.
        let own = Approx {
            drift: match &value.approx.drift {
                Drift::None => Drift::Settled,
                drift @ (Drift::Within(_) | Drift::Settled) => drift.clone(),
            },
            ..value.approx.clone()
        };
        // A shift that is still open moves x and its function alike, which is not followed here.
        let open = x.approx.drift.is_open() || value.approx.drift.is_open();
        if open || x.approx.eps.is_zero() {
            return own;
        }
        let moved = self.moved(x);
        let len = value.len();
        let together = self.moved_norms(x).map(|moved| match &held.approx.blocks {
            Some(rounded) => moved.plus(rounded, len),
            None => moved.plus_each(len, |i| held.eps(i)),
        });
        let blocks = match (together, &own.blocks) {
            (Some(one), Some(other)) => Some(one.zip(other, len, Up::min)),
            (one, other) => one.or_else(|| other.clone()),
        };
        let eps = value.bound(|i| {
            let least = value.eps(i).min(held.eps(i) + moved.at(i));
            blocks.as_ref().map_or(least, |b| least.min(b.of_element(i)))
        });
        let limit = self.limit(cx, x, held.approx.eps.largest());
        // The value's own range speaks of the elements that its primitives have a claim of.
        let gained = |i: usize| !value.eps(i).is_finite() && eps.at(i).is_finite();
        let known = match (0..value.len()).any(gained) {
            true => Enclosure::ENTIRE,
            false => own.range,
        };
        Approx {
            range: known.meet(Enclosure::around(0.0, limit)),
            eps: if eps.is_zero() { Bound::Zero } else { eps },
            blocks,
            ..own
        }
    }
    fn scale(&self, _cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        args[0].scaled.clone()
    }
    /// δ, to the value as its primitives compute it.
    fn vjp(&self, _g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(site.cotangent), None, None])
    }
}

/// 0 where nothing moves; no claim is never a number times 0.
pub(super) fn times(factor: Up, eps: Up) -> Up {
    if eps == Up::ZERO { eps } else { factor * eps }
}
