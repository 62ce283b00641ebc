//! Who may be the maximum of a group: what max-pooling's gradient and argmax share.
//!
//! # Convention
//! Of several equal maxima the first wins, in row-major order (the last where asked): the
//! rule of JAX's and PyTorch's max-pooling and argmax.

use super::excluded::Excluded;
use super::reduction::Axes;
use crate::bound::Operand;
use crate::error::{Error, Result};
use crate::number::{SpecNumber, Up};
use crate::tensor::{Shape, Tensor, Ty};

/// Who wins of several equal maxima.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tie {
    First,
    Last,
    All,
}

/// A contest for the maximum in every group of a reduction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contest {
    pub axes: Axes,
    /// Who wins where several are equal.
    pub tie: Tie,
    pub excluded: Excluded,
}

impl Contest {
    /// The shape of one winner a group, its axes kept; fails where a group has none.
    pub fn check(&self, x: &Ty) -> Result<Ty> {
        super::rule::float(x)?;
        let ty = self.axes.infer(x)?;
        self.excluded.check(&x.shape, &self.axes, ty.shape.len())?;
        Ok(ty)
    }

    /// Calls `f(element, group)` for every element that takes part, the likeliest to win a
    /// tie first.
    pub fn each(&self, x: &Shape, mut f: impl FnMut(usize, usize)) {
        let targets = self.axes.targets(x);
        let mut visit = |i: usize| {
            if !self.excluded.at(i) {
                f(i, targets[i]);
            }
        };
        if self.tie == Tie::Last {
            (0..targets.len()).rev().for_each(&mut visit);
        } else {
            (0..targets.len()).for_each(&mut visit);
        }
    }

    /// The likeliest winner of each group in a run; a NaN wins.
    pub fn winners(&self, x: &Tensor, groups: usize) -> Result<Vec<usize>> {
        let mut best: Vec<Option<usize>> = vec![None; groups];
        self.each(x.shape(), |i, group| {
            let beats = |b: usize| x.get(i) > x.get(b) || (x.get(i).is_nan() && !x.get(b).is_nan());
            if best[group].is_none_or(beats) {
                best[group] = Some(i);
            }
        });
        best.into_iter()
            .collect::<Option<Vec<usize>>>()
            .ok_or_else(|| Error::new("the maximum of no elements"))
    }

    /// For each group, the elements that may be the specification's winner.
    ///
    /// An element is dropped once the group's leader beats it for certain: an earlier one that
    /// is at least as large (larger, where all equal ones win), or a later one that is larger.
    /// One leader is enough: it is the maximum where differences have certain signs, and has
    /// the largest lower end where numbers are only enclosed.
    pub fn contenders<N: SpecNumber>(
        &self,
        x: &Shape,
        data: &[N],
        groups: usize,
    ) -> Vec<Vec<usize>> {
        let mut leaders: Vec<Option<usize>> = vec![None; groups];
        self.each(x, |i, group| {
            let leads = |other: usize| {
                let lead = data[i].sub(&data[other]).enclose();
                let undecided = lead.lo() < 0.0 && lead.hi() > 0.0;
                lead.lo() > 0.0
                    || (undecided && data[i].enclose().lo() > data[other].enclose().lo())
            };
            if leaders[group].is_none_or(leads) {
                leaders[group] = Some(i);
            }
        });
        let mut all: Vec<Vec<usize>> = vec![Vec::new(); groups];
        let mut passed = vec![false; groups];
        self.each(x, |i, group| {
            let leader = leaders[group].unwrap_or(i);
            let lead = data[i].sub(&data[leader]).enclose();
            let second = passed[group] && self.tie != Tie::All;
            passed[group] |= i == leader;
            if i == leader || !(lead.hi() < 0.0 || (second && lead.hi() <= 0.0)) {
                all[group].push(i);
            }
        });
        all
    }

    /// For each group, the elements that may win in some admissible execution or in the
    /// specification; `None` where an element of the group may be undefined.
    ///
    /// # Derivation
    /// Every x and x̂ lies in its enclosure. With M the largest lower end of a group and f
    /// the first element that attains it, an element whose upper end is below M never wins,
    /// and neither does one after f whose upper end is M: f is at least as large and comes
    /// first, unless all equal ones win. Every other element wins for some values within the
    /// enclosures.
    pub fn possible(&self, x: &Operand, groups: usize) -> Vec<Option<Vec<usize>>> {
        let mut floor: Vec<Option<(f64, usize)>> = vec![None; groups];
        let mut possible: Vec<Option<Vec<usize>>> = vec![Some(Vec::new()); groups];
        self.each(x.shape(), |i, group| {
            let lo = x.enclosure(i).lo();
            if floor[group].is_none_or(|(m, _)| lo > m) {
                floor[group] = Some((lo, i));
            }
            if x.eps(i) == Up::INFINITY {
                possible[group] = None;
            }
        });
        let wins_a_tie = |i: usize, f: usize| match self.tie {
            Tie::First => i <= f,
            Tie::Last => i >= f,
            Tie::All => true,
        };
        self.each(x.shape(), |i, group| {
            let (Some((m, first)), Some(list)) = (floor[group], possible[group].as_mut()) else {
                return;
            };
            let hi = x.enclosure(i).hi();
            if hi > m || (hi >= m && wins_a_tie(i, first)) {
                list.push(i);
            }
        });
        possible
    }
}
