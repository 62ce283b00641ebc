//! One real, computed by any one of several formulas.

use super::nest::Nest;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, float};
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::{SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};
use std::sync::Arc;

/// The value of its arguments, which are the same real number by different formulas: δ − δy²
/// and (δ + δy)(1 − y), say. Programs differ in which one they evaluate, and each is
/// admissible; this runtime takes the first.
///
/// Whoever appends it owes the identity: `tests/vjp` compares gradients that are made of it
/// with forward mode, first argument or other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnyOf;

/// The largest of the arguments' bounds, element by element.
fn largest<'a>(bounds: impl Iterator<Item = &'a Bound>, len: usize) -> Bound {
    bounds.fold(Bound::Zero, |most, bound| most.zip(bound, len, Up::max))
}

impl Primitive for AnyOf {
    fn name(&self) -> &'static str {
        "AnyOf"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let first = args
            .first()
            .ok_or_else(|| Error::new("needs at least one formula"))?;
        float(first)?;
        match args.iter().find(|ty| ty != &first) {
            None => Ok((*first).clone()),
            Some(other) => Err(Error::new(format!(
                "{first} and {other} are no formulas of one value"
            ))),
        }
    }
    fn spec<N: SpecNumber>(&self, _cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        args[0].clone()
    }
    fn run(&self, _cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        Ok(args[0].clone())
    }
    /// Error of a value that any of several programs computes.
    ///
    /// # Statement
    /// If every execution takes some argument k, and |x̂ₖ − xₖ| ≤ εₖ, all xₖ = x, then
    /// |x̂ − x| ≤ result.
    /// # Formula
    /// max εₖ. The nest of the result has the most roundings, the largest magnitudes and the
    /// largest errors of the arguments' nests. The drift is the first argument's.
    /// # Derivation
    /// |x̂ − x| = |x̂ₖ − xₖ| for the k that is taken. An execution may recompute its formula
    /// inside the reduction that uses the value; the bound of that reduction grows with every
    /// entry of the nest, so the largest entries cover each k. With a free shift s the
    /// arguments are the same real for every s, xₖ(s) = x₁(s): one drift speaks for all.
    /// # Assumes
    /// The arguments are the same real.
    /// # Tightness
    /// Test `any_of_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let len = cx.len();
        let open = args.iter().any(|a| a.approx.drift.is_open());
        let drift = match &args[0].approx.drift {
            Drift::None if open => Drift::Settled,
            first @ (Drift::None | Drift::Within(_) | Drift::Settled) => first.clone(),
        };
        let nested = cx.any_tree() && args.iter().any(|a| a.approx.nest.is_some());
        let nests = || args.iter().map(|a| Nest::of(cx, a));
        let approx = Approx {
            drift,
            nest: nested.then(|| Arc::new(Nest::either(nests(), len))),
            ..cx.approx(args, largest(args.iter().map(|a| &a.approx.eps), len))
        };
        if args.len() > 1 {
            approx.undetermined()
        } else {
            approx
        }
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let len = cx.len();
        let nested = cx.any_tree() && args.iter().any(|a| a.scaled.nest.is_some());
        let nests = || args.iter().map(|a| Nest::of_scale(cx, a));
        Scaled {
            scale: largest(args.iter().map(|a| &a.scaled.scale), len),
            nest: nested.then(|| Arc::new(Nest::either(nests(), len))),
        }
    }
    /// δ, through the first formula: the others are the same function.
    fn vjp(&self, _g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let mut to_args = vec![None; site.args.len()];
        if let Some(first) = to_args.first_mut() {
            *first = Some(site.cotangent);
        }
        Ok(to_args)
    }
}
