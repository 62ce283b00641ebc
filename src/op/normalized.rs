//! Normalizations by their derivative: y = (x − mean)/s over axes, with s = √(v + e) and v the
//! mean of (x − mean)²; or without the mean, x/√(mean(x²) + e).
//!
//! # Statement
//! If x and x̂ of one row lie in boxes cⱼ ± rⱼ and |x̂ⱼ − xⱼ| ≤ εⱼ, the parts of the normalization
//! at x̂ and at x differ by no more than `moved` says.
//! # Formula
//! With σ(z) = √v(z), rms(a) = √(mean a²), σ₀ = max(0, σ(c) − rms(r)), s₀ = √(σ₀² + e) and
//! aᵢ = |cᵢ − mean c| + rᵢ + mean r, yᵢ ≤ min(aᵢ/s₀, √(n−1)):
//! - variance: mean(2aⱼεⱼ);
//! - 1/s: min(rms(ε)/s₀², 1/s₀);
//! - y: min(((1 − 1/n)·εᵢ + √(1 + yᵢ²)·rms(ε))/s₀, 2√(n−1)), and without the mean
//!   min((εᵢ + yᵢ·rms(ε))/s₀, 2√n).
//! # Derivation
//! σ is √(1/n) times the ℓ2 norm of a projection of its argument, a seminorm that is at most
//! rms: so |σ(z) − σ(c)| ≤ rms(r) in the whole box, and s ≥ s₀ there. v(x̂) − v(x) is the mean
//! of (ẑ + z)(x̂ − x), where z = x − mean x is at most a and orthogonal to constants.
//! ∂(1/s)/∂xⱼ = −zⱼ/(n·s³), and (1/n)Σ|zⱼ|εⱼ ≤ σ·rms(ε) ≤ s·rms(ε) by Cauchy-Schwarz; 1/s lies
//! in (0, 1/s₀]. ∂yᵢ/∂xⱼ = ([i = j] − 1/n − yᵢyⱼ/n)/s. On the diagonal 0 ≤ 1 − 1/n − yᵢ²/n ≤ 1 − 1/n,
//! for a single yᵢ² is at most n − 1 where Σy = 0 and Σy² ≤ n. Off it
//! (1/n)Σ|1 + yᵢyⱼ|εⱼ ≤ rms(1 + yᵢy)·rms(ε), and mean((1 + yᵢyⱼ)²) = 1 + 2yᵢ·mean y + yᵢ²·mean y²
//! ≤ 1 + yᵢ². Without the mean the entries are ([i = j] − yᵢyⱼ/n)/s, and yᵢ² ≤ n.

use super::conditioned::times;
use super::reduction::Axes;
use crate::bound::{Bound, Operand};
use crate::error::Result;
use crate::number::{Down, Enclosure, SpecNumber, Up};
use crate::tensor::Ty;

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
}

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

    /// |f(x̂) − f(x)| per element of the part: see the head of this file.
    pub(super) fn moved(&self, x: &Operand) -> Bound {
        let kept = self.axes.kept(x.shape()).len();
        let targets = self.axes.targets(x.shape());
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); kept];
        for (i, &target) in targets.iter().enumerate() {
            members[target].push(i);
        }
        let rows: Vec<Row> = members.iter().map(|row| self.row(x, row)).collect();
        match self.part {
            Part::Variance => Bound::from_fn(kept, |k| rows[k].variance),
            Part::InverseDeviation => Bound::from_fn(kept, |k| rows[k].inverse()),
            Part::Value => x.bound(|i| self.value(x, i, &rows[targets[i]])),
        }
    }

    fn row(&self, x: &Operand, members: &[usize]) -> Row {
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
        let deviation = Down::new(sum(&mut squares).max(&Enclosure::point(0.0)).sqrt().lo());
        let reach = mean_of(&|i| radius(x, i) * radius(x, i)).sqrt();
        let sigma = deviation - reach;
        let mut row = Row {
            count: members.len(),
            mean,
            mean_radius,
            least: (sigma * sigma + Down::new(self.epsilon)).sqrt(),
            rms: mean_of(&|i| x.eps(i) * x.eps(i)).sqrt(),
            variance: Up::ZERO,
        };
        row.variance = mean_of(&|i| {
            let off = row.off(x, i);
            times(off + off, x.eps(i))
        });
        row
    }

    fn value(&self, x: &Operand, i: usize, row: &Row) -> Up {
        let least = row.least;
        if least.get() <= 0.0 {
            return Up::INFINITY; // the quotient may be undefined
        }
        let n = Up::count(row.count);
        let most = if self.centred { n.less_one() } else { n }.sqrt();
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

/// rᵢ: how far x and every x̂ may be from this run's c.
fn radius(x: &Operand, i: usize) -> Up {
    if x.eps(i).is_finite() {
        x.enclosure(i).radius_about(x.c(i))
    } else {
        Up::INFINITY
    }
}
