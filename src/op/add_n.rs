//! Σ of k values of one type: where a value fans out, its gradient contributions are added
//! by one such sum.

use super::nest::Nest;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::SpecNumber;
use crate::number::spec::sum;
use crate::tensor::{SpecTensor, Tensor, Ty};
use std::fmt;
use std::sync::Arc;

/// A rule for accumulating gradient contributions that replaces the built-in one; it owes
/// `add_sound` and `add_scale_sound`, which checked evaluation verifies.
pub trait Accumulation: fmt::Debug + Send + Sync {
    /// |Σ̂ − Σ| per element, for the contributions' errors and this run's sum.
    fn bound(&self, cx: &RuleCx, terms: &[Operand], out: &Tensor) -> Bound;
    /// max(|Σ|, |Σ̂|) per element, from the contributions' scales.
    fn scale(&self, cx: &RuleCx, terms: &[ScaleOperand]) -> Bound;
}

/// The k-term sum.
#[derive(Debug, Clone, Default)]
pub struct AddN {
    /// A caller's rule in place of the built-in one.
    pub rule: Option<Arc<dyn Accumulation>>,
}

/// Error of sums and differences: the nest of all terms (signs do not matter to it).
pub(crate) fn linear_error(cx: &RuleCx, terms: &[Operand], out: &Tensor) -> Approx {
    let nests: Vec<Arc<Nest>> = terms.iter().map(|t| Nest::of(cx, t)).collect();
    let nest = Nest::added(&nests, cx.len());
    let drift = linear_drift(cx, terms);
    let eps = nest.eps(cx, out, &drift);
    Approx {
        blocks: nest.norms(cx, out, &drift),
        drift,
        nest: cx.any_tree().then(|| Arc::new(nest)),
        ..cx.approx(terms, eps)
    }
}

/// Drifts add up under addition.
fn linear_drift(cx: &RuleCx, terms: &[Operand]) -> Drift {
    if !terms.iter().any(|t| t.approx.drift.is_open()) {
        return Drift::None;
    }
    Drift::Within(Bound::from_fn(cx.len(), |i| {
        terms.iter().map(|t| t.approx.drift.at(i)).sum()
    }))
}

/// Scale of sums and differences.
pub(crate) fn linear_scale(cx: &RuleCx, terms: &[ScaleOperand]) -> Scaled {
    let nests: Vec<Arc<Nest>> = terms.iter().map(|t| Nest::of_scale(cx, t)).collect();
    let nest = Nest::added(&nests, cx.len());
    Scaled {
        scale: nest.scale(cx),
        nest: cx.any_tree().then(|| Arc::new(nest)),
    }
}

impl Primitive for AddN {
    fn name(&self) -> &'static str {
        "AddN"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let first = args
            .first()
            .ok_or_else(|| Error::new("adds at least one value"))?;
        if let Some(other) = args.iter().find(|t| t != &first) {
            return Err(Error::new(format!("cannot add {first} and {other}"))
                .remedy("make shapes and element types equal"));
        }
        super::rule::float(first)?;
        Ok((*first).clone())
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let data: Vec<N> = (0..cx.ty.shape.len())
            .map(|i| sum(cx.env, args.iter().map(|a| a.data[i].clone())))
            .collect();
        SpecTensor::new(cx.ty.shape.clone(), data)
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let mut total = args[0].clone();
        for term in &args[1..] {
            total = super::elementwise::run_binary(&super::Add, cx, &total, term)?;
        }
        Ok(total)
    }
    /// Error of a rounded k-term sum, in any order: the nest of all terms.
    ///
    /// # Statement
    /// If |t̂ⱼ − tⱼ| ≤ εⱼ then |fl(Σt̂ⱼ) − Σtⱼ| ≤ result, for every tree.
    /// # Derivation
    /// See [`nest`](crate::op::nest).
    /// # Assumes
    /// A1; A2 (else A2').
    /// # Tightness
    /// Test `sum_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx {
        match &self.rule {
            Some(rule) => cx.approx(args, rule.bound(cx, args, out)),
            None => Approx {
                range: super::range::sum(cx, args),
                ..linear_error(cx, args, out)
            },
        }
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        match &self.rule {
            Some(rule) => Scaled::new(rule.scale(cx, args)),
            None => linear_scale(cx, args),
        }
    }
    fn vjp(&self, _g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(site.cotangent); site.args.len()])
    }
}
