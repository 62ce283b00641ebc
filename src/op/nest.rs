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

use super::rule::RuleCx;
use crate::blocks::Blocks;
use crate::bound::{Bound, Drift, Operand};
use crate::config::{Contract, Subnormals};
use crate::number::{Format, Up};
use crate::tensor::{Shape, Sources, Tensor};
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

    /// A bound on |r̂ − Σ l̂ⱼ| relative to max(S, 1).
    pub fn relative_error(&self, cx: &RuleCx) -> Up {
        let growth = self.growth(cx, false);
        growth + self.underflow(cx, growth)
    }

    /// Formats of storage and accumulation; `None` for integers, which are exact.
    fn formats(&self, cx: &RuleCx) -> Option<(Format, Format)> {
        let storage = cx.format()?;
        Some((storage, cx.config.accumulator(storage)))
    }

    fn rounds_products(&self, storage: Format, accumulator: Format) -> bool {
        self.products != Up::ZERO && !storage.products_fit_in(accumulator)
    }

    /// The most additions that one leaf passes.
    fn height(&self, cx: &RuleCx) -> Up {
        if cx.any_tree() || !self.scheduled {
            return self.additions;
        }
        // A declared tree's nest is one reduction: its count is exact.
        let leaves = self.additions.get() as usize + 1;
        Up::count(cx.config.schedule.tree().height(leaves))
    }

    /// g: the relative growth over all roundings, or over all but the last.
    fn growth(&self, cx: &RuleCx, but_last: bool) -> Up {
        let Some((storage, accumulator)) = self.formats(cx) else {
            return Up::ZERO;
        };
        let product = if self.rounds_products(storage, accumulator) {
            Up::ONE
        } else {
            Up::ZERO
        };
        let less_one = |n: Up| if but_last { n.less_one() } else { n };
        let height = self.height(cx) + product;
        if storage == accumulator || !self.accumulated {
            let u = storage.unit();
            let by_height = Up::growth(u, less_one(height));
            return match cx.config.contract {
                Contract::Off => by_height.min(u * less_one(self.additions + product)),
                Contract::Any => by_height,
            };
        }
        // With two formats in one nest each rounding is a factor of its own.
        let inner = Up::growth(accumulator.unit(), height);
        let outer = Up::growth(storage.unit(), less_one(self.stores));
        inner + outer + inner * outer
    }

    /// What underflow adds to every element whose leaves are not all zero.
    ///
    /// Additions are exact in the subnormal range; products lose half the least subnormal
    /// each, and so does each rounding from a wider accumulator. Flushing loses up to the
    /// least normal number at every product, addition and store.
    fn underflow(&self, cx: &RuleCx, growth: Up) -> Up {
        let Some((storage, accumulator)) = self.formats(cx) else {
            return Up::ZERO;
        };
        let grown = Up::ONE + growth;
        if cx.config.subnormals == Subnormals::Flush {
            let events = self.products + self.additions + self.store_events + Up::ONE;
            return events * storage.lambda().max(accumulator.lambda()) * grown;
        }
        let mut lost = Up::ZERO;
        if self.products != Up::ZERO && storage.products_underflow_in(accumulator) {
            lost += self.products * half_eta(accumulator);
        }
        if storage != accumulator && self.accumulated {
            lost += self.store_events * half_eta(storage);
        }
        lost * grown
    }

    /// How far what an execution stored of the root may be from Σ l̂ⱼ, the exact sum of its own
    /// leaves; whoever recomputes the root in another tree starts from those.
    ///
    /// A leaf (a product of magnitude `product` is one that has no nest) may be rounded in one
    /// tree and contracted in the other.
    pub fn recomputed(&self, cx: &RuleCx, format: Format, product: impl Fn(usize) -> Up) -> Bound {
        let s = |i: usize| self.magnitude.at(i);
        let rounding = self.without_propagation().eps_at(cx, &Drift::None, s);
        let lost = match cx.config.subnormals {
            Subnormals::Gradual => format.eta(),
            Subnormals::Flush => format.lambda(),
        };
        let leaf = |i: usize| format.unit() * (s(i) + product(i)) + self.leaves() * lost;
        Bound::from_fn(cx.len(), |i| rounding.at(i) + leaf(i))
    }

    /// True for a single addition of two values: the only roundings are the one of the sum.
    ///
    /// Where both values are exact, every execution computes the same fl(a + b) = c, with
    /// |c − (a + b)| ≤ u·|c|; so a zero is a true zero, and signs are true signs. Under flush
    /// they need not be.
    fn is_one_exact_addition(&self, cx: &RuleCx) -> bool {
        self.additions == Up::ONE
            && self.products == Up::ZERO
            && !self.accumulated
            && cx.config.subnormals == Subnormals::Gradual
    }

    /// True where element i may overflow on the way: the worst partial sum leaves the range.
    fn may_overflow(&self, cx: &RuleCx, s: Up, growth: Up) -> bool {
        let Some((storage, accumulator)) = self.formats(cx) else {
            return false;
        };
        let worst = (s + s * growth).get();
        let stored_on_the_way = !self.accumulated || self.stores > Up::ONE;
        worst >= accumulator.overflow_threshold()
            || (stored_on_the_way && worst >= storage.overflow_threshold())
    }

    /// ε of the root, from this run's value of it.
    pub fn eps(&self, cx: &RuleCx, out: &Tensor, drift: &Drift) -> Bound {
        self.eps_at(cx, drift, |i| Up::magnitude(out.get(i)))
    }

    /// ε of the root, from a bound on this run's magnitude of it.
    pub fn eps_at(&self, cx: &RuleCx, drift: &Drift, c: impl Fn(usize) -> Up) -> Bound {
        self.eps_from(cx, !drift.is_open(), |i| c(i) + drift.at(i))
    }

    /// The same; leaves without error have their exact values only where nothing drifts.
    fn eps_from(&self, cx: &RuleCx, still: bool, c: impl Fn(usize) -> Up) -> Bound {
        let rounding = self.rounding(cx, still, c);
        Bound::from_fn(cx.len(), |i| self.propagated.at(i) + rounding(i))
    }

    /// The ℓ2 norms of r̂ − r over blocks, where more is known of the leaves' than P.
    pub fn norms(&self, cx: &RuleCx, out: &Tensor, drift: &Drift) -> Option<Blocks> {
        self.norms_at(cx, drift, |i| Up::magnitude(out.get(i)))
    }

    /// The same, from a bound on this run's magnitude.
    pub fn norms_at(&self, cx: &RuleCx, drift: &Drift, c: impl Fn(usize) -> Up) -> Option<Blocks> {
        let blocks = self.blocks.as_ref()?;
        let rounding = self.rounding(cx, !drift.is_open(), |i| c(i) + drift.at(i));
        Some(blocks.plus_each(cx.len(), rounding))
    }

    /// ε of the root and its norms, where no more than `measured` was lost to rounding.
    pub fn rooted(
        &self,
        cx: &RuleCx,
        out: &Tensor,
        drift: &Drift,
        measured: Option<Bound>,
    ) -> (Bound, Option<Blocks>) {
        let Some(measured) = measured else {
            return (self.eps(cx, out, drift), self.norms(cx, out, drift));
        };
        let c = |i: usize| Up::magnitude(out.get(i)) + drift.at(i);
        let most = self.rounding(cx, !drift.is_open(), c);
        let rounding = |i: usize| most(i).min(measured.at(i));
        let eps = Bound::from_fn(cx.len(), |i| self.propagated.at(i) + rounding(i));
        let blocks = self.blocks.as_ref();
        (eps, blocks.map(|b| b.plus_each(cx.len(), rounding)))
    }

    /// |r̂ − Σ l̂ⱼ| of the root.
    fn rounding<'s>(
        &'s self,
        cx: &'s RuleCx,
        still: bool,
        c: impl Fn(usize) -> Up + 's,
    ) -> impl Fn(usize) -> Up + 's {
        let (all, but_last) = (self.growth(cx, false), self.growth(cx, true));
        let (lost_all, lost) = (self.underflow(cx, all), self.underflow(cx, but_last));
        move |i| {
            let (s, p) = (self.magnitude.at(i), self.propagated.at(i));
            if s == Up::ZERO {
                return Up::ZERO; // every leaf of every execution is zero
            }
            if self.may_overflow(cx, s, all) {
                return Up::INFINITY;
            }
            if still && p == Up::ZERO && self.is_one_exact_addition(cx) {
                return cx.unit() * c(i);
            }
            let plain = all * s + lost_all;
            let early = but_last * s + lost;
            let root = c(i) + p + plain + p + early;
            // The root itself may overflow when it is stored.
            let last = cx.half_ulp(root);
            if last.is_finite() {
                plain.min(early + last)
            } else {
                last
            }
        }
    }

    /// B of the root: S grown by every rounding.
    pub fn scale(&self, cx: &RuleCx) -> Bound {
        let growth = self.growth(cx, false);
        let lost = self.underflow(cx, growth);
        let grow = |s: Up| {
            let b = s + s * growth + lost;
            if s == Up::ZERO {
                s
            } else if self.may_overflow(cx, s, growth) || !cx.half_ulp(b).is_finite() {
                Up::INFINITY
            } else {
                b
            }
        };
        match &self.magnitude {
            Bound::Zero => Bound::Zero,
            Bound::Tensor(s) => Bound::uniform(grow(*s)),
            Bound::Element(s) => Bound::from_fn(s.len(), |i| grow(s[i])),
        }
    }
}

/// η/2: what one rounding in the subnormal range loses at most.
pub(crate) fn half_eta(format: Format) -> Up {
    format.eta() * Up::new(0.5)
}
