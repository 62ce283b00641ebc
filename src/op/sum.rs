//! Σ over axes.

use super::elementwise::Elements;
use super::measured::measured;
use super::nest::Nest;
use super::range;
use super::reduction::Axes;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::runtime::with_float;
use crate::number::{Float, SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};
use std::sync::Arc;

/// The sum over some axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum(pub(crate) Axes);

impl Sum {
    pub(crate) fn over(axes: &[usize], keep: bool) -> Sum {
        Sum(Axes::new(axes, keep))
    }
}

/// Σ in the order of the run in the accumulator's format, finished by `last` there, then rounded
/// to storage.
pub(crate) fn run_sum(axes: &Axes, cx: &RuleCx, x: &Tensor, last: Finish) -> Result<Tensor> {
    with_float!(cx.ty.dtype, T => {
        match cx.config.accumulator(<T as Storage>::FORMAT).precision {
            53 => accumulate::<T, f64>(axes, cx, x, last),
            24 => accumulate::<T, f32>(axes, cx, x, last),
            _ => accumulate::<T, T>(axes, cx, x, last),
        }
    }, else {
        Err(crate::error::Error::new("sums integers").remedy("insert a Cast to a float type"))
    })
}

/// What happens to a sum in the accumulator: nothing, or a division by the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    Nothing,
    DivideBy(usize),
}

fn accumulate<T: Elements, A: Float>(
    axes: &Axes,
    cx: &RuleCx,
    x: &Tensor,
    last: Finish,
) -> Result<Tensor> {
    let data = super::elementwise::native::<T>(x)?;
    let order = cx.config.order();
    let mut terms: Vec<Vec<A>> = vec![Vec::with_capacity(axes.count(x.shape())); cx.len()];
    for (x, target) in data.iter().zip(axes.targets(x.shape())) {
        terms[target].push(A::from_f64(x.to_f64()));
    }
    let mut sums: Vec<A> = terms.iter().map(|terms| order.sum(terms)).collect();
    if let Finish::DivideBy(count) = last {
        let count = A::from_f64(count as f64);
        sums.iter_mut().for_each(|s| *s = order.flush(s.div(count)));
    }
    T::wrap(cx.ty, sums.iter().map(|s| T::from_f64(s.to_f64())).collect())
}

/// The format of a native float type.
pub(crate) trait Storage {
    const FORMAT: crate::number::Format;
}
impl<T: Float> Storage for T {
    const FORMAT: crate::number::Format = <T as Float>::FORMAT;
}

/// Σ of the specification over axes.
pub(crate) fn spec_sum<N: SpecNumber>(axes: &Axes, cx: &SpecCx<N>, x: &SpecTensor<N>) -> Vec<N> {
    let targets = axes.targets(&x.shape);
    N::totals(cx.env, cx.ty.shape.len(), targets.into_iter().zip(x.data.iter()))
}

/// The nest of a sum over axes.
pub(crate) fn sum_nest(axes: &Axes, cx: &RuleCx, x: &Operand) -> Nest {
    let targets = axes.targets(x.shape());
    Nest::of(cx, x).collected(&targets, &cx.ty.shape, axes.count(x.shape()))
}

/// Sums in f64, in some order.
#[expect(clippy::float_arithmetic, reason = "whoever asks knows what is lost")]
fn sums_near(axes: &Axes, cx: &RuleCx, x: &Tensor) -> Vec<f64> {
    let mut sums = vec![0.0; cx.len()];
    for (x, target) in x.to_f64s().iter().zip(axes.targets(x.shape())) {
        sums[target] += x;
    }
    sums
}

/// The nest of a sum's scale.
pub(crate) fn scale_nest(axes: &Axes, cx: &RuleCx, x: &ScaleOperand) -> Nest {
    let targets = axes.targets(&x.ty.shape);
    Nest::of_scale(cx, x).collected(&targets, &cx.ty.shape, axes.count(&x.ty.shape))
}

/// Drifts add up along the reduced axes.
pub(crate) fn sum_drift(axes: &Axes, cx: &RuleCx, x: &Operand) -> Drift {
    let Drift::Within(bound) = &x.approx.drift else {
        return Drift::None;
    };
    let mut sums = vec![Up::ZERO; cx.len()];
    for (i, target) in axes.targets(x.shape()).into_iter().enumerate() {
        sums[target] += bound.at(i);
    }
    Drift::Within(Bound::from_fn(cx.len(), |i| sums[i]))
}

impl Primitive for Sum {
    fn name(&self) -> &'static str {
        "Sum"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        float(x)?;
        self.0.infer(x)
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        SpecTensor::new(cx.ty.shape.clone(), spec_sum(&self.0, cx, args[0]))
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        run_sum(&self.0, cx, args[0], Finish::Nothing)
    }
    /// Error of a rounded sum, in any tree: the nest of all leaves.
    ///
    /// # Statement
    /// If |x̂ⱼ − xⱼ| ≤ εⱼ then |fl(Σx̂ⱼ) − Σxⱼ| ≤ result, for every admissible tree.
    /// # Derivation
    /// See [`nest`](crate::op::nest); [Jeannerod & Rump 2013] without contraction.
    /// # Assumes
    /// A1; A2 (else A2'); A3.
    /// # Tightness
    /// Test `sum_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx {
        let nest = sum_nest(&self.0, cx, &args[0]);
        let drift = sum_drift(&self.0, cx, &args[0]);
        let x = &args[0];
        let terms = (self.0.count(x.shape()), nest.magnitude());
        let measured = measured(cx, args, out, terms, || sums_near(&self.0, cx, x.value));
        let (eps, blocks) = nest.rooted(cx, out, &drift, measured);
        Approx {
            blocks,
            drift,
            nest: cx.any_tree().then(|| Arc::new(nest)),
            range: range::shared(&args[0]),
            ..cx.approx(args, eps)
        }
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let nest = scale_nest(&self.0, cx, &args[0]);
        Scaled {
            scale: nest.scale(cx),
            nest: cx.any_tree().then(|| Arc::new(nest)),
        }
    }
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(self.0.spread(g, site.cotangent, site.args[0])?)])
    }
}
