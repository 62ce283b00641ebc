//! The maximum over axes.

use super::elementwise::Elements;
use super::reduction::Axes;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use crate::bound::{Approx, Bound, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::runtime::with_float;
use crate::number::spec::Steps;
use crate::number::{Float, SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};

/// The maximum over some axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaxOver(Axes);

impl MaxOver {
    pub(crate) fn over(axes: &[usize], keep: bool) -> MaxOver {
        MaxOver(Axes::new(axes, keep))
    }
}

/// The maximum's type; an empty reduction has none.
pub(crate) fn infer_max(axes: &Axes, args: &[&Ty]) -> Result<Ty> {
    let [x] = arity::<1>(args)?;
    float(x)?;
    let ty = axes.infer(x)?;
    if axes.count(&x.shape) == 0 {
        return Err(Error::new("the maximum of no elements")
            .remedy("reduce over axes that are not empty"));
    }
    Ok(ty)
}

/// The maximum of the specification over axes.
pub(crate) fn spec_max<N: SpecNumber>(
    axes: &Axes,
    cx: &SpecCx<N>,
    x: &SpecTensor<N>,
) -> SpecTensor<N> {
    let mut best: Vec<Option<N>> = vec![None; cx.ty.shape.len()];
    for (x, target) in x.data.iter().zip(axes.targets(&x.shape)) {
        let slot = &mut best[target];
        *slot = Some(slot.as_ref().map_or_else(|| x.clone(), |b| b.max(x)));
    }
    let zero = || N::from_f64(cx.env, 0.0);
    let data: Vec<N> = best.into_iter().map(|b| b.unwrap_or_else(zero)).collect();
    SpecTensor::new(cx.ty.shape.clone(), data)
}

/// The maximum at run time; NaN where any element is.
pub(crate) fn run_max(axes: &Axes, cx: &RuleCx, x: &Tensor) -> Result<Tensor> {
    with_float!(cx.ty.dtype, T => {
        let data = super::elementwise::native::<T>(x)?;
        let mut best: Vec<Option<T>> = vec![None; cx.len()];
        for (&x, target) in data.iter().zip(axes.targets(x.shape())) {
            let slot = &mut best[target];
            // Named in full: the floats' own `max` swallows NaN.
            *slot = Some(slot.map_or(x, |b| Float::max(b, x)));
        }
        let zero = <T as Float>::ZERO;
        T::wrap(cx.ty, best.into_iter().map(|b| b.unwrap_or(zero)).collect())
    }, else {
        Err(Error::new("the maximum of integers").remedy("insert a Cast to a float type"))
    })
}

/// The largest bound over the reduced axes.
pub(crate) fn largest(axes: &Axes, cx: &RuleCx, x: &crate::tensor::Shape, b: &Bound) -> Bound {
    let mut most = vec![Up::ZERO; cx.len()];
    for (i, target) in axes.targets(x).into_iter().enumerate() {
        most[target] = most[target].max(b.at(i));
    }
    Bound::from_fn(most.len(), |i| most[i])
}

impl Primitive for MaxOver {
    fn name(&self) -> &'static str {
        "MaxOver"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        infer_max(&self.0, args)
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        spec_max(&self.0, cx, args[0])
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        run_max(&self.0, cx, args[0])
    }
    /// No rounding: the largest ε among the elements that may be the maximum.
    ///
    /// # Derivation
    /// |max x̂ − max x| ≤ max ε. An element whose enclosure lies below another's attains
    /// neither maximum and can be left out.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let x = &args[0];
        let targets = self.0.targets(x.shape());
        let mut floor = vec![f64::NEG_INFINITY; cx.len()];
        for (i, &t) in targets.iter().enumerate() {
            let lo = x.enclosure(i).lo();
            if lo > floor[t] {
                floor[t] = lo;
            }
        }
        let mut eps = vec![Up::ZERO; cx.len()];
        for (i, &t) in targets.iter().enumerate() {
            if x.enclosure(i).hi() >= floor[t] {
                eps[t] = eps[t].max(x.eps(i));
            }
        }
        cx.approx(args, Bound::from_fn(eps.len(), |i| eps[i]))
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let x = &args[0];
        Scaled::new(largest(&self.0, cx, &x.ty.shape, &x.scaled.scale))
    }
    /// The cotangent, split evenly among the elements that equal the maximum.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let x = site.args[0];
        let top = self.0.spread(g, site.value, x)?;
        let below = g.sub(x, top)?;
        let attains = g.step(below, Steps::IS_ZERO)?;
        let ties = g.push(super::Sum(self.0.clone()), &[attains])?;
        let share = g.div(site.cotangent, ties)?;
        let share = self.0.spread(g, share, x)?;
        Ok(vec![Some(g.mul(share, attains)?)])
    }
}
