//! The maximum over axes.

use super::elementwise::Elements;
use super::excluded::Excluded;
use super::reduction::Axes;
use super::winner::Winner;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use crate::bound::{Approx, Bound, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::runtime::with_float;
use crate::number::{Float, SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};

/// Where the gradient goes that several equal maxima share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ties {
    /// Evenly to all of them: reductions (JAX, torch.amax).
    Split,
    /// To the first, in row-major order: max-pooling (JAX, PyTorch).
    First,
}

/// The maximum over some axes of the elements that no constant mask leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaxOver(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    axes: Axes,
    excluded: Excluded,
    ties: Ties,
}

impl MaxOver {
    pub(crate) fn over(axes: &[usize], keep: bool) -> MaxOver {
        MaxOver::with(Axes::new(axes, keep), Excluded::default(), Ties::Split)
    }

    pub(crate) fn with(axes: Axes, excluded: Excluded, ties: Ties) -> MaxOver {
        MaxOver(Box::new(Parts {
            axes,
            excluded,
            ties,
        }))
    }
}

/// The maximum's type; an empty reduction has none.
pub(crate) fn infer_max(axes: &Axes, excluded: &Excluded, args: &[&Ty]) -> Result<Ty> {
    let [x] = arity::<1>(args)?;
    float(x)?;
    let ty = axes.infer(x)?;
    excluded.check(&x.shape, axes, ty.shape.len())?;
    Ok(ty)
}

/// The maximum of the specification over axes.
pub(crate) fn spec_max<N: SpecNumber>(
    axes: &Axes,
    excluded: &Excluded,
    cx: &SpecCx<N>,
    x: &SpecTensor<N>,
) -> SpecTensor<N> {
    let mut best: Vec<Option<N>> = vec![None; cx.ty.shape.len()];
    let all = x.data.iter().zip(axes.targets(&x.shape)).enumerate();
    for (_, (x, target)) in all.filter(|(i, _)| !excluded.at(*i)) {
        let slot = &mut best[target];
        *slot = Some(slot.as_ref().map_or_else(|| x.clone(), |b| b.max(x)));
    }
    let zero = || N::from_f64(cx.env, 0.0);
    let data: Vec<N> = best.into_iter().map(|b| b.unwrap_or_else(zero)).collect();
    SpecTensor::new(cx.ty.shape.clone(), data)
}

/// The maximum at run time; NaN where any element is.
pub(crate) fn run_max(
    axes: &Axes,
    excluded: &Excluded,
    cx: &RuleCx,
    x: &Tensor,
) -> Result<Tensor> {
    with_float!(cx.ty.dtype, T => {
        let data = super::elementwise::native::<T>(x)?;
        let mut best: Vec<Option<T>> = vec![None; cx.len()];
        let all = data.iter().zip(axes.targets(x.shape())).enumerate();
        for (_, (&x, target)) in all.filter(|(i, _)| !excluded.at(*i)) {
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
        infer_max(&self.0.axes, &self.0.excluded, args)
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        spec_max(&self.0.axes, &self.0.excluded, cx, args[0])
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        run_max(&self.0.axes, &self.0.excluded, cx, args[0])
    }
    /// No rounding: the largest ε among the elements that may be the maximum.
    ///
    /// # Derivation
    /// |max x̂ − max x| ≤ max ε. An element whose enclosure lies below another's attains
    /// neither maximum and can be left out.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let x = &args[0];
        let Parts { axes, excluded, .. } = self.0.as_ref();
        let eps = largest_of_contenders(axes, excluded, x, cx.len(), |i| x.eps(i));
        Approx {
            range: x.approx.range,
            ..cx.approx(args, eps)
        }
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let x = &args[0];
        Scaled::new(largest(&self.0.axes, cx, &x.ty.shape, &x.scaled.scale))
    }
    /// The cotangent, to the elements that equal the maximum: split evenly, or all of it to
    /// the first.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let to_x = match self.0.ties {
            Ties::Split => self.0.split(g, site)?,
            Ties::First => self.0.to_the_first(g, site)?,
        };
        Ok(vec![Some(to_x)])
    }
}

/// The largest bound among the elements that may be the maximum of their group: others attain
/// it in no execution.
pub(crate) fn largest_of_contenders(
    axes: &Axes,
    excluded: &Excluded,
    x: &Operand,
    groups: usize,
    bound: impl Fn(usize) -> Up,
) -> Bound {
    let targets = axes.targets(x.shape());
    let taking_part = || targets.iter().enumerate().filter(|(i, _)| !excluded.at(*i));
    let mut floor = vec![f64::NEG_INFINITY; groups];
    for (i, &t) in taking_part() {
        let lo = x.enclosure(i).lo();
        if lo > floor[t] {
            floor[t] = lo;
        }
    }
    let mut most = vec![Up::ZERO; groups];
    for (i, &t) in taking_part() {
        if x.enclosure(i).hi() >= floor[t] {
            most[t] = most[t].max(bound(i));
        }
    }
    Bound::from_fn(groups, |t| most[t])
}

impl Parts {
    /// δ/n to each of the n elements that equal the maximum.
    fn split(&self, g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let x = site.args[0];
        let attains = Winner::all(self.axes.clone(), self.excluded.clone());
        let attains = g.push(attains, &[x])?;
        let dtype = g.ty(x).dtype;
        let each = g.cast(attains, dtype)?;
        let ties = g.push(super::Sum(self.axes.clone()), &[each])?;
        // At least one attains it, though it may not be known which.
        let one = g.scalar(1.0, dtype)?;
        let one = g.broadcast(one, &g.ty(ties).shape.clone())?;
        let ties = g.max(ties, one)?;
        let share = g.div(site.cotangent, ties)?;
        let share = self.axes.spread(g, share, x)?;
        g.select_or_zero(attains, share)
    }

    /// δ, selected where the winner is: it is never multiplied by a gate.
    fn to_the_first(&self, g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let x = site.args[0];
        let winner = Winner::over(self.axes.clone(), self.excluded.clone());
        let winner = g.push(winner, &[x])?;
        let spread = self.axes.spread(g, site.cotangent, x)?;
        g.select_or_zero(winner, spread)
    }
}
