//! Moving elements without computing: every rule follows from which source element each
//! result element is.
//!
//! # Statement
//! ε, drift and scale of a result element are those of its source; a zero that is filled in
//! is exact. Nothing is rounded. Under flush a moved value may be flushed, which its own ε
//! already allows for (see `interpret::bounds`).

use super::rule::{RuleCx, ScaleOperand, Scaled};
use crate::bound::{Approx, Drift, Operand};
use crate::number::{Enclosure, SpecNumber};
use crate::tensor::{Sources, SpecTensor};
use std::sync::Arc;

pub(crate) fn spec<N: SpecNumber>(
    env: &N::Env,
    x: &SpecTensor<N>,
    shape: &crate::tensor::Shape,
    sources: &(impl Sources + ?Sized),
) -> SpecTensor<N> {
    let zero = N::from_f64(env, 0.0);
    SpecTensor::new(shape.clone(), sources.pick(|i| x.data[i].clone(), &zero))
}

pub(crate) fn error(cx: &RuleCx, x: &Operand, sources: &(impl Sources + ?Sized)) -> Approx {
    let nest = x.approx.nest.as_ref().filter(|_| cx.any_tree());
    Approx {
        drift: match &x.approx.drift {
            Drift::Within(bound) => Drift::Within(bound.take(sources)),
            settled @ (Drift::None | Drift::Settled) => settled.clone(),
        },
        nest: nest.map(|nest| Arc::new(nest.taken(sources, &cx.ty.shape))),
        blocks: (x.approx.blocks.as_ref()).and_then(|b| sources.blocks(b, &cx.ty.shape)),
        range: if sources.fills() {
            x.approx.range.hull(Enclosure::point(0.0))
        } else {
            x.approx.range
        },
        ..cx.approx(&[*x], x.approx.eps.take(sources))
    }
}

pub(crate) fn scale(cx: &RuleCx, x: &ScaleOperand, sources: &(impl Sources + ?Sized)) -> Scaled {
    let nest = x.scaled.nest.as_ref().filter(|_| cx.any_tree());
    Scaled {
        scale: x.scaled.scale.take(sources),
        nest: nest.map(|nest| Arc::new(nest.taken(sources, &cx.ty.shape))),
    }
}

/// Implements the rules of a one-argument movement whose type has
/// `fn sources(&self, x: &Shape, out: &Shape) -> impl Sources`.
macro_rules! movement_rules {
    () => {
        fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
            let sources = self.sources(&args[0].shape, &cx.ty.shape);
            $crate::op::movement::spec(cx.env, args[0], &cx.ty.shape, &sources)
        }
        fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
            let sources = self.sources(args[0].shape(), &cx.ty.shape);
            args[0].take(cx.ty.shape.clone(), &sources)
        }
        fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
            let sources = self.sources(args[0].shape(), &cx.ty.shape);
            $crate::op::movement::error(cx, &args[0], &sources)
        }
        fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
            let sources = self.sources(&args[0].ty.shape, &cx.ty.shape);
            $crate::op::movement::scale(cx, &args[0], &sources)
        }
    };
}
pub(crate) use movement_rules;
