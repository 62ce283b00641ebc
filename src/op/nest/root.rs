//! What executions of a nest's root may lose to rounding: growth, underflow, ε, norms and scale.

use super::Nest;
use crate::blocks::Blocks;
use crate::bound::{Bound, Drift};
use crate::config::{Contract, Subnormals};
use crate::number::{Format, Up};
use crate::op::rule::RuleCx;
use crate::tensor::Tensor;

impl Nest {
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

    /// |r̂ − Σ l̂ⱼ| of the root: what an execution loses of its own leaves' sum, where it stores it.
    pub fn lost(&self, cx: &RuleCx, out: &Tensor, drift: &Drift) -> Bound {
        let c = |i: usize| Up::magnitude(out.get(i)) + drift.at(i);
        let rounding = self.rounding(cx, !drift.is_open(), c);
        Bound::from_fn(cx.len(), rounding)
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
