//! Normalizations by their derivative: y = (x − mean)/s over axes, with s = √(v + e) and v the
//! mean of (x − mean)²; or without the mean, x/√(mean(x²) + e).
//!
//! # Statement
//! If x and x̂ of one row lie in boxes cⱼ ± rⱼ and |x̂ⱼ − xⱼ| ≤ εⱼ, the parts of the normalization
//! at x̂ and at x differ by no more than `moved` says.
//! # Formula
//! With σ(z) = √v(z), rms(a) = √(mean a²), ‖ε‖ a bound on the ℓ2 norm of x̂ − x in the row where one is
//! known, rms(ε) at most ‖ε‖/√n and rms(r) at most 2‖ε‖/√n, σ₀ = max(0, σ(c) − rms(r)), s₀ = √(σ₀² + e)
//! and aᵢ = |cᵢ − mean c| + rᵢ + mean r, yᵢ ≤ min(aᵢ/s₀, √(n−1)):
//! - variance: min(mean(2aⱼεⱼ), 2(σ(c) + rms(r))·rms(ε));
//! - 1/s: min(rms(ε)/s₀², 1/s₀);
//! - y: min(((1 − 1/n)·εᵢ + √(1 + yᵢ²)·rms(ε))/s₀, 2√(n−1)), and without the mean
//!   min((εᵢ + yᵢ·rms(ε))/s₀, 2√n);
//! - y in ℓ2: ‖x̂ − x‖/s₀.
//! # Derivation
//! σ is √(1/n) times the ℓ2 norm of a projection of its argument, a seminorm that is at most
//! rms: so |σ(z) − σ(c)| ≤ rms(r) in the whole box, and s ≥ s₀ there. v(x̂) − v(x) is the mean
//! of (ẑ + z)(x̂ − x), where z = x − mean x is at most a and orthogonal to constants; both of its
//! factors are vectors, of which Cauchy-Schwarz needs the norms alone. The points between x and x̂ are
//! no further from c than the further of both.
//! ∂(1/s)/∂xⱼ = −zⱼ/(n·s³), and (1/n)Σ|zⱼ|εⱼ ≤ σ·rms(ε) ≤ s·rms(ε) by Cauchy-Schwarz; 1/s lies
//! in (0, 1/s₀]. ∂yᵢ/∂xⱼ = ([i = j] − 1/n − yᵢyⱼ/n)/s. On the diagonal 0 ≤ 1 − 1/n − yᵢ²/n ≤ 1 − 1/n,
//! for a single yᵢ² is at most n − 1 where Σy = 0 and Σy² ≤ n. Off it
//! (1/n)Σ|1 + yᵢyⱼ|εⱼ ≤ rms(1 + yᵢy)·rms(ε), and mean((1 + yᵢyⱼ)²) = 1 + 2yᵢ·mean y + yᵢ²·mean y²
//! ≤ 1 + yᵢ². Without the mean the entries are ([i = j] − yᵢyⱼ/n)/s, and yᵢ² ≤ n. The matrix of
//! all of them is (P − yyᵀ/n)/s with a projection P (I without the mean), Py = y and
//! ‖y‖² = n·v/(v + e) ≤ n: its eigenvalues lie in [0, 1/s].

use super::conditioned::times;
use super::nest::Nest;
use super::reduction::Axes;
use super::rule::RuleCx;
use crate::blocks::Blocks;
use crate::bound::{Bound, Operand};
use crate::config::Subnormals;
use crate::error::Result;
use crate::libm::Function;
use crate::number::{Down, Enclosure, Format, SpecNumber, Up};
use crate::tensor::Ty;
use std::sync::Arc;

/// What of a normalization is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// v, the mean square about the mean (or about 0).
    Variance,
    /// 1/√(v + e).
    InverseDeviation,
    /// y.
    Value,
}

/// A part of a normalization over some axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalized {
    axes: Axes,
    centred: bool,
    epsilon: f64,
    part: Part,
    /// True where v is computed as the mean of the squares of what is divided.
    of_squares: bool,
}

/// Roundings to storage between the squares and y: a square, the sum, its part (up to three),
/// e and its addition, a root, a reciprocal, y's own; and some to spare, for a reciprocal below the
/// normal range.
const STORED: f64 = 16.0;

/// One row: what all of its elements share.
struct Row {
    count: usize,
    /// The mean of this run's elements; 0 without a mean.
    mean: Enclosure,
    /// mean r; 0 without a mean.
    mean_radius: Up,
    /// s₀.
    least: Down,
    /// rms(ε).
    rms: Up,
    /// mean(2aε).
    variance: Up,
}

impl Normalized {
    /// A part of the normalization over `axes`, whose reduced parts keep them with extent 1.
    pub fn new(axes: &[usize], centred: bool, epsilon: f64, part: Part) -> Normalized {
        Normalized {
            axes: Axes::new(axes, true),
            centred,
            epsilon,
            part,
            of_squares: !centred,
        }
    }

    /// The same where v is computed as the mean of the squares of what is divided (it always is
    /// without a mean), which keeps every execution's y in range: see `limit`.
    #[must_use]
    pub fn of_squares(self) -> Normalized {
        Normalized {
            of_squares: true,
            ..self
        }
    }

    /// The value's normalization over the axes of a mean square, without a mean of its own.
    pub(crate) fn by_root_mean_square(axes: &Axes, epsilon: f64) -> Normalized {
        Normalized {
            axes: axes.keeping(),
            centred: false,
            epsilon,
            part: Part::Value,
            of_squares: true,
        }
    }

    /// The part's type.
    pub(super) fn infer(&self, x: &Ty) -> Result<Ty> {
        let reduced = self.axes.infer(x)?;
        Ok(match self.part {
            Part::Value => x.clone(),
            Part::Variance | Part::InverseDeviation => reduced,
        })
    }

    /// A bound on |y| and on every execution's |ŷ|, given how far ŷ, as computed of x̂, may be from
    /// y(x̂).
    pub(super) fn limit(&self, cx: &RuleCx, x: &Operand, computed: Up) -> Up {
        let Part::Value = self.part else {
            return Up::INFINITY;
        };
        let plain = most(Up::count(self.axes.count(x.shape())), self.centred) + computed;
        match cx.format() {
            Some(format) if self.of_squares => plain.min(self.by_squares(cx, format, x)),
            _ => plain,
        }
    }

    /// The same, however far the parts of ŷ may be from those of y(x̂).
    ///
    /// # Formula
    /// (√(n·(1 + G)·(1 + l/e')) + ρ/√e')·(1 + G)·(1 + θ) + l, with e' = e·(1 − 4u), or no claim
    /// below the normal range; G = (1+u)^16·(1+u')^(n+1) − 1 with u' the accumulator's; θ how far
    /// the table lets 1/√s be off, relatively; l = 4η of the wider (8λ under flush); ρ how far
    /// what is divided may be from what was squared, where both are recomputed from one nest
    /// (`Nest::recomputed`, twice).
    /// # Derivation
    /// Every square is of one computed d̂, so it is not negative, and to nearest
    /// fl(z) ≥ z/(1 + u) for z in the normal range; a sum of such terms is in any tree at least
    /// its largest over (1+u')ⁿ, and what underflows is at most l of their mean. So the computed
    /// ŝ ≥ d̂ᵢ²/(n(1 + G)) − l, that is |d̂ᵢ| ≤ √(n(1 + G)(ŝ + l)), and ŝ ≥ e'. What is divided is
    /// within ρ of d̂ᵢ: |d̂ᵢ + ρ|/√ŝ is at most the formula before the last roundings, and 1/√ŝ as
    /// one function at most 1 + θ of that.
    /// # Assumes
    /// A1; A2 (else A2'); A3; A5.
    fn by_squares(&self, cx: &RuleCx, format: Format, x: &Operand) -> Up {
        let four = Up::new(4.0) * format.unit();
        let least = Down::new(self.epsilon) * (Down::new(1.0) - four);
        if least.get() <= format.lambda().get() {
            return Up::INFINITY;
        }
        let accumulator = cx.config.accumulator(format);
        let n = Up::count(self.axes.count(x.shape()));
        let stored = Up::growth(format.unit(), Up::new(STORED));
        let summed = Up::growth(accumulator.unit(), n + Up::ONE);
        let grown = (Up::ONE + stored) * (Up::ONE + summed);
        let lost = match cx.config.subnormals {
            Subnormals::Gradual => Up::new(4.0) * format.eta().max(accumulator.eta()),
            Subnormals::Flush => Up::new(8.0) * format.lambda().max(accumulator.lambda()),
        };
        let whole = (n * grown * (Up::ONE + lost / least)).sqrt();
        let apart = self.recomputed(cx, format, x);
        let table = cx.config.libm;
        let inverse = table.error(Function::Rsqrt, format, Up::new(2.0_f64.next_down()));
        (whole + (apart + apart) / least.sqrt()) * grown * (Up::ONE + inverse) + lost
    }

    /// How far one computation of d may be from the exact sum of its leaves: of x, or of x and a
    /// mean, which is at most the largest magnitude but for its roundings.
    fn recomputed(&self, cx: &RuleCx, format: Format, x: &Operand) -> Up {
        if cx.config.is_fixed() {
            return Up::ZERO; // one value, always the same bits
        }
        let mut nest = Nest::of(cx, x);
        if self.centred {
            let largest = x.bound(|i| x.magnitude(i)).largest();
            let n = Up::count(self.axes.count(x.shape())) + Up::new(STORED);
            let grown = Up::ONE + Up::growth(format.unit(), n);
            let mean = Nest::leaf(Bound::uniform(largest * grown), Bound::Zero);
            nest = Arc::new(Nest::added(&[nest, Arc::new(mean)], x.len()));
        }
        nest.recomputed(cx, format, |i| x.magnitude(i)).largest()
    }

    /// |f(x̂) − f(x)| per element of the part: see the head of this file.
    pub(super) fn moved(&self, x: &Operand) -> Bound {
        let kept = self.axes.kept(x.shape()).len();
        let targets = self.axes.targets(x.shape());
        let rows = self.rows(x, &targets);
        match self.part {
            Part::Variance => Bound::from_fn(kept, |k| rows[k].variance),
            Part::InverseDeviation => Bound::from_fn(kept, |k| rows[k].inverse()),
            Part::Value => x.bound(|i| self.value(x, i, &rows[targets[i]])),
        }
    }

    /// The norms of y(x̂) − y(x) over blocks that hold whole rows: see the head of this file.
    pub(super) fn moved_norms(&self, x: &Operand) -> Option<Blocks> {
        let Part::Value = self.part else {
            return None;
        };
        let (len, targets) = (x.len(), self.axes.targets(x.shape()));
        let blocks = self.axes.blocks(x);
        let rows = self.rows(x, &targets);
        Some(blocks.stretched(len, |i| match rows[targets[i]].least {
            least if least.get() > 0.0 => Up::ONE / least,
            _ => Up::INFINITY, // the quotient may be undefined
        }))
    }

    fn rows(&self, x: &Operand, targets: &[usize]) -> Vec<Row> {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); self.axes.kept(x.shape()).len()];
        for (i, &target) in targets.iter().enumerate() {
            members[target].push(i);
        }
        let blocks = x.approx.blocks.as_ref().map(|_| self.axes.blocks(x));
        let together = |row: &[usize]| match (&blocks, row.first()) {
            (Some(blocks), Some(&first)) => blocks.of_element(first),
            _ => Up::INFINITY,
        };
        (members.iter())
            .map(|row| self.row(x, row, together(row)))
            .collect()
    }

    /// A row, of which the norm of x̂ − x is known `together`.
    fn row(&self, x: &Operand, members: &[usize], together: Up) -> Row {
        let n = Enclosure::from_i64(&(), members.len() as i64);
        let over = Down::new(n.lo());
        let mean_of = |f: &dyn Fn(usize) -> Up| members.iter().map(|&i| f(i)).sum::<Up>() / over;
        let sum = |terms: &mut dyn Iterator<Item = Enclosure>| {
            terms
                .fold(Enclosure::point(0.0), |sum, t| sum.add(&t))
                .div(&n)
        };
        let mut elements = members.iter().map(|&i| Enclosure::point(x.c(i)));
        let mean = if self.centred {
            sum(&mut elements)
        } else {
            Enclosure::point(0.0)
        };
        let mean_radius = if self.centred {
            mean_of(&|i| radius(x, i))
        } else {
            Up::ZERO
        };
        let mut squares = members.iter().map(|&i| {
            let off = Enclosure::point(x.c(i)).sub(&mean).abs();
            off.mul(&off)
        });
        let sigma_of_c = sum(&mut squares).max(&Enclosure::point(0.0)).sqrt();
        let deviation = Down::new(sigma_of_c.lo());
        let over_root = Down::new(n.sqrt().lo());
        let reach = mean_of(&|i| radius(x, i) * radius(x, i)).sqrt();
        // c is an execution's: |x − c| ≤ ‖ε‖ and |x̂ − c| ≤ 2‖ε‖.
        let reach = reach.min((together + together) / over_root);
        let sigma = deviation - reach;
        let mut row = Row {
            count: members.len(),
            mean,
            mean_radius,
            least: (sigma * sigma + Down::new(self.epsilon)).sqrt(),
            rms: (mean_of(&|i| x.eps(i) * x.eps(i)).sqrt()).min(together / over_root),
            variance: Up::ZERO,
        };
        let each = mean_of(&|i| {
            let off = row.off(x, i);
            times(off + off, x.eps(i))
        });
        let widest = Up::new(sigma_of_c.hi()) + reach;
        row.variance = each.min(times(widest + widest, row.rms));
        row
    }

    fn value(&self, x: &Operand, i: usize, row: &Row) -> Up {
        let least = row.least;
        if least.get() <= 0.0 {
            return Up::INFINITY; // the quotient may be undefined
        }
        let n = Up::count(row.count);
        let most = most(n, self.centred);
        let y = (row.off(x, i) / least).min(most);
        let one = Enclosure::point(1.0);
        let (own, others) = if self.centred {
            let part = one.sub(&one.div(&Enclosure::point(n.get())));
            (Up::new(part.hi()), (Up::ONE + y * y).sqrt())
        } else {
            (Up::ONE, y)
        };
        let moved = (times(own, x.eps(i)) + times(others, row.rms)) / least;
        moved.min(most + most)
    }
}

impl Row {
    /// aᵢ.
    fn off(&self, x: &Operand, i: usize) -> Up {
        let off = Enclosure::point(x.c(i)).sub(&self.mean).magnitude();
        off + radius(x, i) + self.mean_radius
    }

    fn inverse(&self) -> Up {
        if self.least.get() <= 0.0 {
            return Up::INFINITY; // the reciprocal may be undefined
        }
        (self.rms / (self.least * self.least)).min(Up::ONE / self.least)
    }
}

/// The largest |y| of n elements.
fn most(n: Up, centred: bool) -> Up {
    if centred { n.less_one() } else { n }.sqrt()
}

/// rᵢ: how far x and every x̂ may be from this run's c.
fn radius(x: &Operand, i: usize) -> Up {
    if x.eps(i).is_finite() {
        x.enclosure(i).radius_about(x.c(i))
    } else {
        Up::INFINITY
    }
}
