//! One real, computed by any one of several formulas.

use super::nest::Nest;
use super::range;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, float};
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::error::{Error, Result};
use crate::graph::grad::gradients_between;
use crate::graph::{Graph, ValueId};
use crate::number::{SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};
use std::sync::Arc;

/// The first of its arguments; or, by another formula for the same real number, any of the
/// others: δ(1 − y²) and δ(1 − y) + δ(1 − y)y, say. Programs differ in which one they
/// evaluate, and each is admissible; this runtime takes the first.
///
/// The other formulas are made of [`Held`](super::Held) values (a value that is not held is
/// sound, and counts its error twice). Whoever appends them owes the identity: `tests/vjp`
/// demands it of every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnyOf {
    /// How many of the last arguments are no formulas, but what the formulas are computed from:
    /// the gradient of each is any of those that the formulas have. Without them the first
    /// formula alone is differentiated.
    pub(crate) of: usize,
}

impl AnyOf {
    /// The formulas among the arguments.
    pub(crate) fn formulas<'a, T>(&self, args: &'a [T]) -> &'a [T] {
        args.split_at(args.len().saturating_sub(self.of)).0
    }

    /// Every formula's gradient with respect to what they are computed from, as any of them.
    fn any_gradient(self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let formulas = self.formulas(site.args);
        let from = &site.args[formulas.len()..];
        let Some((&first, others)) = formulas.split_first() else {
            return Ok(vec![None; site.args.len()]);
        };
        let own = gradients_between(g, first, site.cotangent, from)?;
        let held = g.held_summand(site.cotangent)?;
        let mut by_others = Vec::with_capacity(others.len());
        for &other in others {
            by_others.push(gradients_between(g, other, held, from)?);
        }
        let mut to_args = vec![None; formulas.len()];
        for (k, gradient) in own.into_iter().enumerate() {
            let rest: Vec<ValueId> = by_others.iter().filter_map(|all| all[k]).collect();
            to_args.push(gradient.map(|own| g.any_of(own, &rest)).transpose()?);
        }
        Ok(to_args)
    }
}

/// The largest of the arguments' bounds, element by element.
fn largest<'a>(bounds: impl Iterator<Item = &'a Bound>, len: usize) -> Bound {
    bounds.fold(Bound::Zero, |most, bound| most.zip(bound, len, Up::max))
}

impl Primitive for AnyOf {
    fn name(&self) -> &'static str {
        "AnyOf"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let args = self.formulas(args);
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
    /// If |x̂₁ − x| ≤ ε₁ and every other formula fₖ, f̂ₖ as computed, is within εₖ of fₖ at the
    /// execution's own values of what is held, then every execution is within the result of x.
    /// # Formula
    /// ε₁ + max εₖ. The nest of the result has the most roundings, the largest magnitudes and
    /// the largest errors of the arguments' nests, ε₁ added to the others' errors. The drift
    /// is the first argument's.
    /// # Derivation
    /// f̂ₖ − x = (f̂ₖ − fₖ(ŷ)) + (f(ŷ) − f(y)) for the held ŷ, since fₖ = f: its own roundings,
    /// and the propagation of errors through f, which ε₁ bounds, whose rules all allow for an
    /// execution that does not round. An execution may recompute its formula inside the
    /// reduction that uses the value; the bound of that reduction grows with every entry of
    /// the nest, so the largest entries cover each k. What formula k computes lies in its own
    /// range, and the specification in all of them.
    /// # Assumes
    /// The arguments are the same real; values that are held are not recomputed at their use
    /// (no summand is held).
    /// # Tightness
    /// Test `any_of_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let (len, args) = (cx.len(), self.formulas(args));
        let (first, others) = (&args[0], &args[1..]);
        let open = args.iter().any(|a| a.approx.drift.is_open());
        let drift = match &first.approx.drift {
            Drift::None if open => Drift::Settled,
            own @ (Drift::None | Drift::Within(_) | Drift::Settled) => own.clone(),
        };
        let local = largest(others.iter().map(|a| &a.approx.eps), len);
        let nest = cx.any_tree() && args.iter().any(|a| a.approx.nest.is_some());
        let nests = || {
            let with_error = |a| Arc::new(Nest::of(cx, a).with_error(&first.approx.eps, len));
            let own = std::iter::once(Nest::of(cx, first));
            own.chain(others.iter().map(with_error))
        };
        let blocks = first.approx.blocks.as_ref();
        let approx = Approx {
            blocks: blocks.map(|b| b.plus_each(len, |i| local.at(i))),
            drift,
            nest: nest.then(|| Arc::new(Nest::either(nests(), len))),
            range: range::hull(args.iter().map(|a| a.approx.range)),
            ..cx.approx(args, first.approx.eps.plus(&local, len))
        };
        if others.is_empty() {
            approx
        } else {
            approx.undetermined()
        }
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let (len, args) = (cx.len(), self.formulas(args));
        let nested = cx.any_tree() && args.iter().any(|a| a.scaled.nest.is_some());
        let nests = || args.iter().map(|a| Nest::of_scale(cx, a));
        Scaled {
            scale: largest(args.iter().map(|a| &a.scaled.scale), len),
            nest: nested.then(|| Arc::new(Nest::either(nests(), len))),
        }
    }
    /// δ, to the first formula: the others are the same function. Where what they are computed
    /// from is known, any of the formulas' gradients instead.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        if self.of > 0 {
            return self.any_gradient(g, site);
        }
        let mut to_args = vec![None; site.args.len()];
        if let Some(first) = to_args.first_mut() {
            *first = Some(site.cotangent);
        }
        Ok(to_args)
    }
}
