//! x / n for an integer n: a mean's division, and what pulls a cotangent back through it.

use super::div::constant_rounding;
use super::elementwise::{self, Elements, native};
use super::range;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use super::sum::Storage;
use crate::bound::{Approx, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::runtime::with_float;
use crate::number::{Down, Float, SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};

/// The n-th part of a value. n is exact to the specification, also where the format cannot
/// hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(pub u32);

/// What dividing by a count n adds to a quotient of magnitude at most `q`, of a dividend
/// between `least` and `x`.
///
/// # Formula
/// `constant_rounding` in the storage format and, where it is another, in the
/// accumulator's as well: the division may happen before or after storing. A count that the
/// storage format does not hold may have been rounded to it first: u·q more.
/// # Derivation
/// n̂ = n(1+δ), |δ| ≤ u: x/n̂ − x/n = −(x/n)·δ/(1+δ), at most u·q/(1−u) ≤ 2u·q.
/// # Assumes
/// A count that overflows the storage format is divided by in the accumulator; where it
/// overflows that too, there is no claim.
pub(crate) fn count_rounding(cx: &RuleCx, n: u32, range: (Down, Up), q: Up) -> Up {
    let Some(storage) = cx.format() else {
        return Up::INFINITY;
    };
    let accumulator = cx.config.accumulator(storage);
    let count = f64::from(n);
    if count >= accumulator.overflow_threshold() {
        return Up::INFINITY; // no execution could divide by it
    }
    let mut rounding = constant_rounding(cx, storage, count, range, q);
    if accumulator != storage {
        rounding += constant_rounding(cx, accumulator, count, range, q);
    }
    if !storage.holds(count) {
        rounding += Up::new(2.0) * storage.unit() * q;
    }
    rounding
}

impl Primitive for Share {
    fn name(&self) -> &'static str {
        "Share"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        float(x)?;
        Ok(x.clone())
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let count = N::from_i64(cx.env, i64::from(self.0));
        let data: Vec<N> = args[0].data.iter().map(|x| x.div(&count)).collect();
        SpecTensor::new(cx.ty.shape.clone(), data)
    }
    /// The division in the accumulator's format.
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        fn divide<T: Elements, A: Float>(n: u32, cx: &RuleCx, x: &Tensor) -> Result<Tensor> {
            let count = A::from_f64(f64::from(n));
            let order = cx.config.order();
            let each = |x: &T| {
                let share = order.flush(A::from_f64(x.to_f64()).div(count));
                T::from_f64(share.to_f64())
            };
            T::wrap(cx.ty, native::<T>(x)?.iter().map(each).collect())
        }
        with_float!(cx.ty.dtype, T => {
            match cx.config.accumulator(<T as Storage>::FORMAT).precision {
                53 => divide::<T, f64>(self.0, cx, args[0]),
                24 => divide::<T, f32>(self.0, cx, args[0]),
                _ => divide::<T, T>(self.0, cx, args[0]),
            }
        }, else {
            Err(crate::error::Error::new("shares integers").remedy("insert a Cast to a float type"))
        })
    }
    /// ε/n and `count_rounding`.
    ///
    /// # Tightness
    /// Test `div_is_nearly_attained`: the same rounding.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let x = &args[0];
        let n = Down::new(f64::from(self.0));
        let rounding = |i: usize| {
            let range = (x.least_magnitude(i), x.magnitude(i));
            count_rounding(cx, self.0, range, x.magnitude(i) / n)
        };
        let eps = x.bound(|i| x.eps(i) / n + rounding(i));
        let approx = Approx {
            blocks: elementwise::norms(x, |_| Up::ONE / n, rounding),
            range: range::shared(x),
            ..cx.approx(args, eps)
        };
        open_division(cx, self.0, approx)
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let n = Down::new(f64::from(self.0));
        elementwise::scale_each(cx, args, |b| {
            let q = b(0) / n;
            q + count_rounding(cx, self.0, (Down::new(0.0), b(0)), q)
        })
    }
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(g.push(*self, &[site.cotangent])?)])
    }
}

/// Where an operation may happen in the accumulator's format or in that of storage, and
/// they differ, its result is left open.
pub(crate) fn in_either_format(cx: &RuleCx, approx: Approx) -> Approx {
    let two = cx
        .format()
        .is_some_and(|storage| cx.config.accumulator(storage) != storage);
    if two { approx.undetermined() } else { approx }
}

/// A division by n is open as well where n may have been rounded to a format that does not
/// hold it.
pub(crate) fn open_division(cx: &RuleCx, n: u32, approx: Approx) -> Approx {
    let held = (cx.format()).is_none_or(|storage| storage.holds(f64::from(n)));
    if held {
        in_either_format(cx, approx)
    } else {
        approx.undetermined()
    }
}
