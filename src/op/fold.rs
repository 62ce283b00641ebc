//! Windows added up where they overlap: what pulls a cotangent back through
//! [`Windows`], and the last step of a transposed convolution.

use super::elementwise::{Elements, native};
use super::measured::at_most_measured;
use super::nest::Nest;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use super::sliding::{Slide, Sliding, Walk};
use super::share::in_either_format;
use super::sum::Storage;
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::runtime::with_float;
use crate::number::{Float, SpecNumber, Up};
use crate::op::{Windows, movement};
use crate::tensor::{Shape, Sources, SpecTensor, Tensor, Ty};
use std::sync::Arc;

/// For a tensor of shape `[lead…, kernel…, count…]` the tensor `[lead…, extent…]` of the
/// sums of what meets at each element, 0 where nothing does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold(pub(crate) Sliding);

/// The movement that a fold is where no two windows overlap.
struct Apart {
    walk: Walk,
    len: usize,
}

impl Sources for Apart {
    fn fills(&self) -> bool {
        let mut met = 0;
        self.walk.meetings(|_, _| met += 1);
        met < self.len
    }
    fn pick<T: Clone>(&self, at: impl Fn(usize) -> T, zero: &T) -> Arc<[T]> {
        let mut placed = vec![zero.clone(); self.len];
        self.walk.meetings(|tap, element| placed[element] = at(tap));
        placed.into()
    }
}

impl Fold {
    pub(crate) fn new(slides: &[Slide]) -> Fold {
        Fold(Sliding(slides.into()))
    }

    fn apart(&self, whole: &Shape) -> Option<Apart> {
        (self.0.most() <= 1).then(|| Apart {
            walk: self.0.walk(whole),
            len: whole.len(),
        })
    }

    /// The nest of what meets at each element.
    fn nest(&self, whole: &Shape, nest: &Nest) -> Nest {
        let walk = self.0.walk(whole);
        let most = self.0.most();
        let add_up = |bound: &Bound| {
            let mut sums = vec![Up::ZERO; whole.len()];
            walk.meetings(|tap, element| sums[element] += bound.at(tap));
            Bound::of(sums.into())
        };
        let blocks = nest.blocks().and_then(|b| walk.folded(b));
        let nest = nest.summed(most, add_up).stored(most);
        nest.with_blocks(blocks, whole.len())
    }
}

/// Every sum from left to right in the accumulator's format.
fn run_fold<T: Elements, A: Float>(walk: &Walk, cx: &RuleCx, x: &Tensor) -> Result<Tensor> {
    let mut sums = vec![A::ZERO; cx.len()];
    let x = native::<T>(x)?;
    walk.meetings(|tap, element| {
        sums[element] = sums[element].add(A::from_f64(x[tap].to_f64()));
    });
    T::wrap(
        cx.ty,
        sums.iter().map(|s| T::from_f64(s.to_f64())).collect(),
    )
}

impl Primitive for Fold {
    fn name(&self) -> &'static str {
        "Fold"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        float(x)?;
        Ok(Ty::new(self.0.whole(&x.shape)?, x.dtype))
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let mut sums = vec![N::from_f64(cx.env, 0.0); cx.ty.shape.len()];
        let walk = self.0.walk(&cx.ty.shape);
        let x = &args[0].data;
        walk.meetings(|tap, element| sums[element] = sums[element].add(&x[tap]));
        SpecTensor::new(cx.ty.shape.clone(), sums)
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let walk = self.0.walk(&cx.ty.shape);
        with_float!(cx.ty.dtype, T => {
            match cx.config.accumulator(<T as Storage>::FORMAT).precision {
                53 => run_fold::<T, f64>(&walk, cx, args[0]),
                24 => run_fold::<T, f32>(&walk, cx, args[0]),
                _ => run_fold::<T, T>(&walk, cx, args[0]),
            }
        }, else {
            Err(Error::new("folds integers").remedy("insert a Cast to a float type"))
        })
    }
    /// Error of a rounded sum of what meets at each element.
    ///
    /// # Statement
    /// If |x̂−x| ≤ εx then every admissible sum is within the result of the sum of the reals,
    /// whether it is kept in an accumulator or stored after every addition.
    /// # Formula
    /// The nest of all that meets at an element; ε of the source where no two windows
    /// overlap, since nothing is added then.
    /// # Derivation
    /// [`nest`](crate::op::nest) with the incoming nests collected: under `any` a
    /// transposed convolution, or the gradient of a convolution, is one reduction. At most
    /// `most` results are stored on the way.
    /// # Assumes
    /// A1; A2 (else A2'); A3.
    /// # Tightness
    /// Test `fold_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx {
        let x = &args[0];
        let whole = &cx.ty.shape;
        if let Some(apart) = self.apart(whole) {
            return movement::error(cx, x, &apart);
        }
        // What meets at an element drifts together.
        let drift = match &x.approx.drift {
            Drift::Within(moved) => {
                let moved = self.nest(whole, &Nest::leaf(moved.clone(), Bound::Zero));
                Drift::Within(moved.magnitude().clone())
            }
            Drift::None | Drift::Settled => Drift::None,
        };
        let nest = self.nest(whole, &Nest::of(cx, x));
        let approx = Approx {
            blocks: nest.norms(cx, out, &drift),
            ..in_either_format(cx, cx.approx(args, nest.eps(cx, out, &drift)))
        };
        let propagated = |i: usize| nest.propagated().at(i);
        let approx = at_most_measured(self, cx, args, out, (approx, propagated));
        Approx {
            drift,
            nest: cx.any_tree().then(|| Arc::new(nest)),
            ..approx
        }
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let x = &args[0];
        let whole = &cx.ty.shape;
        if let Some(apart) = self.apart(whole) {
            return movement::scale(cx, x, &apart);
        }
        let nest = self.nest(whole, &Nest::of_scale(cx, x));
        Scaled {
            scale: nest.scale(cx),
            nest: cx.any_tree().then(|| Arc::new(nest)),
        }
    }
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(g.push(Windows(self.0.clone()), &[site.cotangent])?)])
    }
}
