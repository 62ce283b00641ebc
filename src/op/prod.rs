//! The product over axes.

use super::elementwise::Elements;
use super::reduction::Axes;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use super::sum::Storage;
use crate::bound::{Approx, Bound, Operand};
use crate::config::Subnormals;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::runtime::with_float;
use crate::number::{Down, Float, Format, SpecNumber, Up};
use crate::op::nest::half_eta;
use crate::tensor::{SpecTensor, Tensor, Ty};

/// Π over some axes, in the accumulator's format; 1 of no elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prod(Axes);

impl Prod {
    pub(crate) fn over(axes: &[usize], keep: bool) -> Prod {
        Prod(Axes::new(axes, keep))
    }
}

/// What is known of the factors of one element.
#[derive(Debug, Clone, Copy)]
struct Factors {
    /// |Πx̂ − Πx|.
    propagated: Up,
    /// Π of the magnitudes.
    magnitude: Up,
    /// Π of the magnitudes above 1: no partial product is larger.
    largest: Up,
    /// Π of the least magnitudes below 1: no partial product is smaller.
    least: Down,
}

impl Factors {
    const NONE: Factors = Factors {
        propagated: Up::ZERO,
        magnitude: Up::ONE,
        largest: Up::ONE,
        least: Down::ONE,
    };

    /// With one factor more: |x̂ − x| ≤ eps, |x| ≤ spec, least ≤ |x̂| ≤ most.
    fn and(self, eps: Up, spec: Up, least: Down, most: Up) -> Factors {
        Factors {
            propagated: self.propagated * spec + self.magnitude * eps,
            magnitude: self.magnitude * most,
            largest: self.largest * most.max(Up::ONE),
            least: if least.get() < 1.0 {
                self.least * least
            } else {
                self.least
            },
        }
    }
}

/// What rounding adds to a product of n factors.
///
/// # Derivation
/// Any tree of n factors rounds n − 1 times, each a factor within 1 ± u: (1+u)^(n−1) − 1 of
/// the product of the magnitudes. A partial product below the normal range loses half the
/// least subnormal instead (all of λ under flush), which the other factors multiply by at
/// most the largest partial product. A narrower storage rounds the result once more.
fn rounding(cx: &RuleCx, n: usize, f: Factors) -> Up {
    let Some(storage) = cx.format() else {
        return Up::INFINITY;
    };
    if n <= 1 {
        return Up::ZERO;
    }
    let accumulator = cx.config.accumulator(storage);
    let steps = Up::count(n - 1);
    let growth = Up::growth(accumulator.unit(), steps);
    let grown = Up::ONE + growth;
    if (f.largest * grown).get() >= accumulator.overflow_threshold() {
        return Up::INFINITY; // some partial product may overflow
    }
    if f.magnitude == Up::ZERO {
        return Up::ZERO; // a factor is zero in every execution
    }
    let lost = steps * lost_below(cx, accumulator, f.least) * f.largest * grown;
    let computed = growth * f.magnitude + lost;
    if storage == accumulator {
        return computed;
    }
    let stored = storage.half_ulp(f.magnitude + computed);
    let flushed = lost_below(cx, storage, f.least);
    computed + stored.max(flushed)
}

/// What one rounding loses in the subnormal range, 0 where no partial product comes near it.
fn lost_below(cx: &RuleCx, format: Format, least: Down) -> Up {
    // Rounding moves a partial product by far less than half of it.
    if least.get() >= (format.lambda() * Up::new(2.0)).get() {
        return Up::ZERO;
    }
    match cx.config.subnormals {
        Subnormals::Gradual => half_eta(format),
        Subnormals::Flush => format.lambda(),
    }
}

fn multiply<T: Elements, A: Float>(axes: &Axes, cx: &RuleCx, x: &Tensor) -> Result<Tensor> {
    let data = super::elementwise::native::<T>(x)?;
    let mut factors: Vec<Vec<A>> = vec![Vec::with_capacity(axes.count(x.shape())); cx.len()];
    for (x, target) in data.iter().zip(axes.targets(x.shape())) {
        factors[target].push(A::from_f64(x.to_f64()));
    }
    let order = cx.config.order();
    let stored = factors.iter().map(|factors| order.product(factors).to_f64());
    T::wrap(cx.ty, stored.map(T::from_f64).collect())
}

impl Primitive for Prod {
    fn name(&self) -> &'static str {
        "Prod"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        float(x)?;
        self.0.infer(x)
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let mut products: Vec<Option<N>> = vec![None; cx.ty.shape.len()];
        for (x, target) in args[0].data.iter().zip(self.0.targets(&args[0].shape)) {
            let slot = &mut products[target];
            *slot = Some(slot.as_ref().map_or_else(|| x.clone(), |p| p.mul(x)));
        }
        let one = || N::from_i64(cx.env, 1);
        let data: Vec<N> = products.into_iter().map(|p| p.unwrap_or_else(one)).collect();
        SpecTensor::new(cx.ty.shape.clone(), data)
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        with_float!(cx.ty.dtype, T => {
            match cx.config.accumulator(<T as Storage>::FORMAT).precision {
                53 => multiply::<T, f64>(&self.0, cx, args[0]),
                24 => multiply::<T, f32>(&self.0, cx, args[0]),
                _ => multiply::<T, T>(&self.0, cx, args[0]),
            }
        }, else {
            Err(crate::error::Error::new("multiplies integers")
                .remedy("insert a Cast to a float type"))
        })
    }
    /// Error of a rounded product of n factors, in any tree.
    ///
    /// # Statement
    /// If |x̂ⱼ − xⱼ| ≤ εⱼ then |fl(Πx̂ⱼ) − Πxⱼ| ≤ result.
    /// # Formula
    /// Σₖ εₖ·Π_{j<k} mⱼ·Π_{j>k}(|cⱼ|+εⱼ) + ((1+u)^(n−1) − 1)·Πmⱼ + underflow.
    /// # Derivation
    /// Πx̂ⱼ − Πxⱼ telescopes: one difference at a time, executions' factors before it and the
    /// specification's after it. Rounding: `rounding`.
    /// # Assumes
    /// A1; A2 (else A2').
    /// # Errors
    /// None: a partial product of some tree that may overflow gives +∞, "no claim".
    /// # Tightness
    /// Test `prod_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let x = &args[0];
        let mut factors = vec![Factors::NONE; cx.len()];
        for (i, target) in self.0.targets(x.shape()).into_iter().enumerate() {
            let least = x.least_magnitude(i);
            let more = factors[target].and(x.eps(i), x.spec_magnitude(i), least, x.magnitude(i));
            factors[target] = more;
        }
        let n = self.0.count(x.shape());
        let eps = |i: usize| factors[i].propagated + rounding(cx, n, factors[i]);
        cx.approx(args, Bound::from_fn(cx.len(), eps))
    }
    /// Π of the scales, grown by every rounding.
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let x = &args[0];
        let mut factors = vec![Factors::NONE; cx.len()];
        for (i, target) in self.0.targets(&x.ty.shape).into_iter().enumerate() {
            factors[target] = factors[target].and(Up::ZERO, x.at(i), Down::new(0.0), x.at(i));
        }
        let n = self.0.count(&x.ty.shape);
        Scaled::new(Bound::from_fn(cx.len(), |i| {
            factors[i].magnitude + rounding(cx, n, factors[i])
        }))
    }
    /// δ·Π of the other factors, which a binary tree of products collects: never a quotient,
    /// so that zeros among the factors do no harm.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(self.0.others(g, site.cotangent, site.args[0])?)])
    }
}

impl Axes {
    /// δ times the product of all factors but one, for each factor: a tree of products up,
    /// and δ down again, at each level times the sibling.
    fn others(&self, g: &mut Graph, delta: ValueId, x: ValueId) -> Result<ValueId> {
        let shape = g.ty(x).shape.clone();
        let (rows, count) = (self.kept(&shape).len(), self.count(&shape));
        if rows == 0 || count == 0 {
            return Ok(x);
        }
        let order = self.reduced_last(shape.rank());
        let turned = g.transpose(x, &order)?;
        let turned_shape = g.ty(turned).shape.clone();
        let mut levels = vec![g.reshape(turned, [rows, count].into())?];
        let mut width = count;
        while width > 1 {
            let padded = pad_to_even(g, levels[levels.len() - 1], rows, width)?;
            width = width.div_ceil(2);
            let top = levels.len() - 1;
            levels[top] = padded;
            let (even, odd) = siblings(g, padded, rows, width)?;
            levels.push(g.mul(even, odd)?);
        }
        let mut down = g.reshape(delta, [rows, 1].into())?;
        for level in levels.iter().rev().skip(1) {
            let width = g.ty(*level).shape[1] / 2;
            down = g.slice(down, &[0, 0], &[1, 1], &[rows, width])?;
            let (even, odd) = siblings(g, *level, rows, width)?;
            let (to_even, to_odd) = (g.mul(down, odd)?, g.mul(down, even)?);
            let pair = |g: &mut Graph, v| g.reshape(v, [rows, width, 1].into());
            let pairs = [pair(g, to_even)?, pair(g, to_odd)?];
            let joined = g.concat(&pairs, 2)?;
            down = g.reshape(joined, [rows, 2 * width].into())?;
        }
        let down = g.slice(down, &[0, 0], &[1, 1], &[rows, count])?;
        let down = g.reshape(down, turned_shape)?;
        let mut back = vec![0; order.len()];
        order.iter().enumerate().for_each(|(k, &axis)| back[axis] = k);
        g.transpose(down, &back)
    }
}

/// One more factor 1 where a level has an odd number.
fn pad_to_even(g: &mut Graph, x: ValueId, rows: usize, width: usize) -> Result<ValueId> {
    if width.is_multiple_of(2) {
        return Ok(x);
    }
    let one = g.scalar(1.0, g.ty(x).dtype)?;
    let ones = g.broadcast(one, &[rows, 1].into())?;
    g.concat(&[x, ones], 1)
}

/// Every second factor, and those between.
fn siblings(g: &mut Graph, x: ValueId, rows: usize, width: usize) -> Result<(ValueId, ValueId)> {
    let even = g.slice(x, &[0, 0], &[1, 2], &[rows, width])?;
    let odd = g.slice(x, &[0, 1], &[1, 2], &[rows, width])?;
    Ok((even, odd))
}
