//! Nests of additions, sums and dot products: one reduction with all its leaves.
//!
//! Under schedule `any` an execution may take the leaves of a maximal nest of
//! add/sub/sum/dot in any tree: a bias may be preloaded into the accumulator of the dot
//! that it is added to, a residual may be added to the first partial sum. So the error of
//! a nest's root is derived from all its leaves at once, and every linear primitive hands
//! its nest on to the next.
//!
//! # Statement
//! Let a nest have leaves lⱼ (values, or products of two values) with admissible values
//! l̂ⱼ, |l̂ⱼ − lⱼ| ≤ pⱼ and |l̂ⱼ| ≤ sⱼ, P = Σpⱼ, S = Σsⱼ. Every admissible execution of the
//! root r satisfies |r̂ − r| ≤ P + g·S + underflow, where g is the growth of
//! `Nest::growth`.
//! # Derivation
//! r̂ is the rounded sum of the l̂ⱼ in some tree; the leaves' own errors add up to P. Each
//! leaf passes at most (leaves − 1) additions, and one rounding of its product, each a
//! factor within 1 ± u: (1+u)ⁿ − 1 [Higham2002, §3.1]. Without contraction n·u suffices
//! for every tree [Jeannerod & Rump 2013, Thm 4.1 and §4]; a leaf that is no product is a
//! product with 1. A declared tree of height h (`Tree::height`) lets no leaf pass more than h
//! additions, which leaves (1+u)^h − 1, one more factor where products are rounded; a product
//! is fused or rounded, never both. A narrower storage format between accumulations rounds each node's
//! result once more. Products of two storage values are charged a rounding only where the
//! accumulator has fewer than twice the significant bits; else they can only underflow.
//! # Sharper at the root
//! The last rounding is of the root itself: with g' the growth of one rounding fewer,
//! |r̂ − r| ≤ P + g'·S + underflow + ½ulp(|r| + P + g'·S + underflow). Cancellation makes
//! that small. Both subtrees of the root have at most n − 1 roundings each.
//! # Assumes
//! A1 round to nearest; A2 gradual underflow or A2' flush; A3 conventional algorithms.
//! # Tightness
//! `sum_is_nearly_attained`, `dot_is_nearly_attained`, `declared_trees_are_nearly_attained`.

mod root;

pub(crate) use root::half_eta;

use super::rule::RuleCx;
use crate::blocks::Blocks;
use crate::bound::{Bound, Operand};
use crate::number::Up;
use crate::tensor::{Shape, Sources};
use std::sync::Arc;

/// A reduction: how many roundings its leaves meet, their magnitudes and their errors.
#[derive(Debug, Clone, PartialEq)]
pub struct Nest {
    /// Additions per element: leaves − 1.
    additions: Up,
    /// Product leaves per element.
    products: Up,
    /// The most roundings to the storage format that one leaf passes: elementwise additions
    /// and reduction roots.
    stores: Up,
    /// All roundings to the storage format that go into one element.
    store_events: Up,
    /// True where some addition happens in an accumulator.
    accumulated: bool,
    /// True where all additions are one reduction, whose tree the schedule declares.
    scheduled: bool,
    /// S per element.
    magnitude: Bound,
    /// P per element.
    propagated: Bound,
    /// The ℓ2 norms of Σ(l̂ⱼ − lⱼ) over blocks, where they are better known than from P.
    blocks: Option<Blocks>,
}

impl Nest {
    /// A leaf: magnitude and error of a value.
    pub fn leaf(magnitude: Bound, propagated: Bound) -> Nest {
        Nest {
            additions: Up::ZERO,
            products: Up::ZERO,
            stores: Up::ZERO,
            store_events: Up::ZERO,
            accumulated: false,
            scheduled: false,
            magnitude,
            propagated,
            blocks: None,
        }
    }

    /// The same, with norms of Σ(l̂ⱼ − lⱼ) over blocks of `len` elements: P and they bound one
    /// another.
    #[must_use]
    pub fn with_blocks(self, blocks: Option<Blocks>, len: usize) -> Nest {
        let Some(blocks) = blocks else {
            return self;
        };
        let least = |i: usize| self.propagated.at(i).min(blocks.of_element(i));
        let propagated = Bound::from_fn(len, least);
        Nest {
            blocks: Some(blocks.within(&propagated, len)),
            propagated,
            ..self
        }
    }

    /// The nest that an operand is the root of where trees are open, else the operand as a
    /// leaf.
    pub fn of(cx: &RuleCx, x: &Operand) -> Arc<Nest> {
        match &x.approx.nest {
            Some(nest) if cx.any_tree() => Arc::clone(nest),
            _ => Arc::new(
                Nest::leaf(x.bound(|i| x.magnitude(i)), x.approx.eps.clone())
                    .with_blocks(x.approx.blocks.clone(), x.len()),
            ),
        }
    }

    /// The same for scales, where magnitudes are scales and nothing is propagated.
    pub fn of_scale(cx: &RuleCx, x: &super::ScaleOperand) -> Arc<Nest> {
        match &x.scaled.nest {
            Some(nest) if cx.any_tree() => Arc::clone(nest),
            _ => Arc::new(Nest::leaf(x.scaled.scale.clone(), Bound::Zero)),
        }
    }

    /// The leaves of Σ of several nests, added element by element.
    pub fn added(nests: &[Arc<Nest>], len: usize) -> Nest {
        let Some((first, rest)) = nests.split_first() else {
            return Nest::leaf(Bound::Zero, Bound::Zero);
        };
        let mut total = first.as_ref().clone();
        for nest in rest {
            total.additions += nest.additions + Up::ONE;
            total.products += nest.products;
            total.stores += nest.stores + Up::ONE;
            total.store_events += nest.store_events + Up::ONE;
            total.accumulated |= nest.accumulated;
            total.magnitude = total.magnitude.plus(&nest.magnitude, len);
            let blocks = Nest::blocks_of_sum(&total, nest, len);
            total.propagated = total.propagated.plus(&nest.propagated, len);
            total = total.with_blocks(blocks, len);
        }
        total
    }

    /// ‖Σ(l̂ⱼ − lⱼ)‖ of a sum, block by block.
    fn blocks_of_sum(x: &Nest, y: &Nest, len: usize) -> Option<Blocks> {
        let (one, other) = Nest::alike(x, y, len)?;
        Some(one.plus(&other, len))
    }

    /// The norms of both, where those of either are known.
    fn alike(x: &Nest, y: &Nest, len: usize) -> Option<(Blocks, Blocks)> {
        let width = x.blocks.as_ref().or(y.blocks.as_ref())?.width();
        let of = |nest: &Nest| match &nest.blocks {
            Some(blocks) => blocks.clone(),
            None => Blocks::of(width, len, |i| nest.propagated.at(i)),
        };
        Some((of(x), of(y)))
    }

    /// Nests whose elements do not overlap (each is zero where another is not), as one.
    pub fn joined(nests: &[Arc<Nest>], len: usize) -> Nest {
        let total = |of: fn(&Nest) -> &Bound| {
            let all = nests.iter().map(|nest| of(nest));
            all.fold(Bound::Zero, |sum, bound| sum.plus(bound, len))
        };
        Nest {
            magnitude: total(|nest| &nest.magnitude),
            propagated: total(|nest| &nest.propagated),
            ..Nest::longest(nests)
        }
    }

    /// Nests of the parts of a tensor, as one; `merged` puts the bound of each part's elements
    /// (part, position) in its place.
    pub fn side_by_side(
        nests: &[Arc<Nest>],
        merged: impl Fn(&dyn Fn(usize, usize) -> Up) -> Bound,
    ) -> Nest {
        let whole = |of: fn(&Nest) -> &Bound| {
            if nests.iter().all(|nest| matches!(of(nest), Bound::Zero)) {
                return Bound::Zero;
            }
            merged(&|part, position| of(&nests[part]).at(position))
        };
        Nest {
            magnitude: whole(|nest| &nest.magnitude),
            propagated: whole(|nest| &nest.propagated),
            ..Nest::longest(nests)
        }
    }

    /// The most roundings of any of the nests, without their bounds.
    fn longest(nests: &[Arc<Nest>]) -> Nest {
        let mut total = Nest::leaf(Bound::Zero, Bound::Zero);
        for nest in nests {
            total.additions = total.additions.max(nest.additions);
            total.products = total.products.max(nest.products);
            total.stores = total.stores.max(nest.stores);
            total.store_events = total.store_events.max(nest.store_events);
            total.accumulated |= nest.accumulated;
        }
        total
    }

    /// A nest that is any one of several: what holds for every one of them holds for the
    /// largest of everything.
    pub fn either(nests: impl Iterator<Item = Arc<Nest>>, len: usize) -> Nest {
        nests.fold(Nest::leaf(Bound::Zero, Bound::Zero), |most, nest| Nest {
            additions: most.additions.max(nest.additions),
            products: most.products.max(nest.products),
            stores: most.stores.max(nest.stores),
            store_events: most.store_events.max(nest.store_events),
            accumulated: most.accumulated | nest.accumulated,
            scheduled: false,
            blocks: Nest::alike(&most, &nest, len).map(|(a, b)| a.zip(&b, len, Up::max)),
            magnitude: most.magnitude.zip(&nest.magnitude, len, Up::max),
            propagated: most.propagated.zip(&nest.propagated, len, Up::max),
        })
    }

    /// The same nest whose leaves' errors add up to `more` than before.
    pub fn with_error(&self, more: &Bound, len: usize) -> Nest {
        Nest {
            propagated: self.propagated.plus(more, len),
            blocks: self
                .blocks
                .as_ref()
                .map(|b| b.plus_each(len, |i| more.at(i))),
            ..self.clone()
        }
    }

    /// Leaves collected into other elements: element i of this nest becomes a leaf (or
    /// leaves) of element `target[i]`, at most `most` of them to one element.
    pub fn collected(&self, target: &[usize], shape: &Shape, most: usize) -> Nest {
        let nest = self.summed(most, |bound| {
            let mut sums = vec![Up::ZERO; shape.len()];
            for (i, &t) in target.iter().enumerate() {
                sums[t] += bound.at(i);
            }
            Bound::of(sums.into())
        });
        let blocks = self.blocks.as_ref().map(|b| b.collected(target, shape));
        nest.with_blocks(blocks, shape.len())
    }

    /// Leaves collected into other elements, at most `most` elements of this nest into one,
    /// by what adds up a bound that is not zero.
    pub fn summed(&self, most: usize, add_up: impl Fn(&Bound) -> Bound) -> Nest {
        let gather = |bound: &Bound| match bound {
            Bound::Zero => Bound::Zero,
            Bound::Tensor(_) | Bound::Element(_) => add_up(bound),
        };
        let count = Up::count(most);
        Nest {
            additions: count * self.additions + Up::count(most.saturating_sub(1)),
            products: count * self.products,
            stores: self.stores + Up::ONE,
            store_events: count * self.store_events + Up::ONE,
            accumulated: true,
            scheduled: true,
            magnitude: gather(&self.magnitude),
            propagated: gather(&self.propagated),
            blocks: None,
        }
    }

    /// The same nest, added up from left to right under every declared schedule, where
    /// `stores` more results are rounded to storage on the way.
    #[must_use]
    pub fn stored(self, stores: usize) -> Nest {
        Nest {
            scheduled: false,
            stores: self.stores + Up::count(stores),
            store_events: self.store_events + Up::count(stores),
            ..self
        }
    }

    /// A dot product of length k, from S = Σ m(a)·m(b) and P.
    pub fn dot(k: usize, magnitude: Bound, propagated: Bound) -> Nest {
        Nest {
            additions: Up::count(k.saturating_sub(1)),
            products: Up::count(k),
            stores: Up::ONE,
            store_events: Up::ONE,
            accumulated: true,
            scheduled: true,
            magnitude,
            propagated,
            blocks: None,
        }
    }

    /// The nest of the elements that a movement picks.
    pub fn taken(&self, sources: &(impl Sources + ?Sized), shape: &Shape) -> Nest {
        Nest {
            magnitude: self.magnitude.take(sources),
            propagated: self.propagated.take(sources),
            blocks: self.blocks.as_ref().and_then(|b| sources.blocks(b, shape)),
            ..self.clone()
        }
    }

    /// The nest of any element: the largest magnitudes and errors.
    #[must_use]
    pub fn collapsed(&self) -> Nest {
        Nest {
            magnitude: self.magnitude.collapsed(),
            propagated: self.propagated.collapsed(),
            blocks: None,
            ..self.clone()
        }
    }

    /// The same nest with leaves that carry no error: for a value that was observed, whose
    /// reduction may still have been fused with what follows.
    pub fn without_propagation(&self) -> Nest {
        Nest {
            propagated: Bound::Zero,
            blocks: None,
            ..self.clone()
        }
    }

    /// The norms of Σ(l̂ⱼ − lⱼ), where they are known.
    pub fn blocks(&self) -> Option<&Blocks> {
        self.blocks.as_ref()
    }

    /// S per element.
    pub fn magnitude(&self) -> &Bound {
        &self.magnitude
    }

    /// P per element.
    pub fn propagated(&self) -> &Bound {
        &self.propagated
    }

    /// An upper bound on the number of leaves.
    pub fn leaves(&self) -> Up {
        self.additions + Up::ONE
    }
}
