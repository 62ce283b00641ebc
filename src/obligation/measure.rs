//! Holding what was computed against the bounds, element by element.

use crate::blocks::{self, Blocks};
use crate::bound::Bound;
use crate::number::{Down, Enclosure, SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor};
use crate::verdict::{Outcome, Verdict, Witness};
use rayon::prelude::*;

/// What a check of one tensor against its bound measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The verdict over all elements, with its witness.
    pub verdict: Verdict,
    /// Where max |quantity| over the tensor lies.
    pub largest: Enclosure,
    /// max over elements of (the quantity's lower end / its bound); 0/0 is 0.
    pub tightness: f64,
    /// max over elements of (the quantity's upper end / its bound); 0/0 is 0.
    pub ratio: f64,
    /// The element with the largest tightness.
    pub worst: Option<Witness>,
    /// Whether some element has a finite bound and was decided neither way.
    pub(super) doubtful: bool,
}

impl Measured {
    /// With what was found about norms.
    #[must_use]
    pub(super) fn with(self, norms: Verdict) -> Measured {
        Measured {
            doubtful: self.doubtful || norms.outcome() == Outcome::Undecided,
            verdict: self.verdict.and(norms),
            ..self
        }
    }

    /// What is known before anything was measured: nothing is decided.
    pub(super) fn unmeasured() -> Measured {
        let nowhere = Witness {
            value: 0,
            position: 0,
            runtime: f64::NAN,
            spec: Enclosure::ENTIRE,
            quantity: Enclosure::ENTIRE,
            bound: Up::INFINITY,
        };
        Measured {
            verdict: Verdict::Undecided(nowhere),
            doubtful: true,
            ..Measured::nothing()
        }
    }

    /// What is known of a tensor without elements.
    fn nothing() -> Measured {
        Measured {
            verdict: Verdict::Holds,
            largest: Enclosure::point(0.0),
            tightness: 0.0,
            ratio: 0.0,
            worst: None,
            doubtful: false,
        }
    }

    /// What two parts of a tensor say together, this one first.
    fn and(self, next: Measured) -> Measured {
        let larger = |x: f64, y: f64| if y > x { y } else { x };
        let next_is_worse = self.worst.is_none() || next.tightness > self.tightness;
        Measured {
            verdict: self.verdict.and(next.verdict),
            largest: Enclosure::new(
                larger(self.largest.lo(), next.largest.lo()),
                larger(self.largest.hi(), next.largest.hi()),
            ),
            tightness: larger(self.tightness, next.tightness),
            ratio: larger(self.ratio, next.ratio),
            worst: if next_is_worse {
                next.worst
            } else {
                self.worst
            },
            doubtful: self.doubtful || next.doubtful,
        }
    }

    /// True where more precision would not add anything worth having: every element that has
    /// a finite bound is decided, and the enclosure of the largest error is at most 1 % of the
    /// largest bound wide.
    pub(super) fn is_settled(&self, bound: &Bound) -> bool {
        let allowed = Up::new(0.01) * bound.largest();
        let narrow = !bound.largest().is_finite() || self.largest.width() <= allowed;
        !self.doubtful && narrow
    }
}

/// q / b for display and search, 0/0 = 0; never part of a claim.
#[expect(clippy::float_arithmetic, reason = "a figure for people, no bound")]
fn quotient(q: f64, b: Up) -> f64 {
    if q == 0.0 { 0.0 } else { q / b.get() }
}

/// Where an element's specification, its error and its magnitude lie, as far as the rungs
/// climbed so far tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element {
    pub spec: Enclosure,
    pub error: Enclosure,
    pub magnitude: Enclosure,
}

impl Element {
    fn new<N: SpecNumber>(env: &N::Env, x: &N, computed: &Tensor, position: usize) -> Element {
        let c = computed.get(position);
        let spec = x.enclose();
        if !c.is_finite() {
            // A NaN or an infinity is near no real.
            let beyond = Enclosure::new(f64::MAX, f64::INFINITY);
            return Element {
                spec,
                error: beyond,
                magnitude: beyond,
            };
        }
        let error = match computed.integer(position) {
            Some(n) => x.sub(&N::from_i64(env, n)).abs().enclose(),
            None => x.distance(c),
        };
        let runtime = computed.magnitude(position).get();
        let larger = |x: f64| if runtime > x { runtime } else { x };
        let size = spec.abs();
        Element {
            spec,
            error,
            magnitude: Enclosure::new(larger(size.lo()), larger(size.hi())),
        }
    }

    /// What both rungs say together.
    pub fn meet(self, other: Element) -> Element {
        Element {
            spec: self.spec.meet(other.spec),
            error: self.error.meet(other.error),
            magnitude: self.magnitude.meet(other.magnitude),
        }
    }
}

/// Elements that one task measures; the same for any number of threads.
const CHUNK: usize = 1 << 14;

/// A tensor's elements on one rung.
pub(super) fn elements<N: SpecNumber>(
    env: &N::Env,
    spec: &SpecTensor<N>,
    computed: &Tensor,
) -> Vec<Element> {
    let all = spec.data.par_iter().with_min_len(CHUNK).enumerate();
    all.map(|(i, x)| Element::new(env, x, computed, i))
        .collect()
}

/// Holds a quantity of every element against its bound.
pub(super) fn measure(
    elements: &[Element],
    computed: &Tensor,
    bound: &Bound,
    quantity: impl Fn(&Element) -> Enclosure + Sync,
) -> Measured {
    let part =
        |(k, part): (usize, &[Element])| measure_from(k * CHUNK, part, computed, bound, &quantity);
    let parts = elements.par_chunks(CHUNK).enumerate().map(part);
    let parts: Vec<Measured> = parts.collect();
    parts.into_iter().fold(Measured::nothing(), Measured::and)
}

/// Holds the ℓ2 norm of every block's errors against what is claimed of it: the first that fails,
/// or that nothing decides, as its first element.
pub(super) fn measure_norms(elements: &[Element], computed: &Tensor, blocks: &Blocks) -> Verdict {
    let block = |(b, part): (usize, &[Element])| {
        let position = b * blocks.width();
        let bound = blocks.of_element(position);
        let ends = part.iter().map(|e| e.error);
        let most = blocks::norm(ends.clone().map(|e| Up::magnitude(e.hi())));
        if most <= bound {
            return Verdict::Holds;
        }
        let squares = ends.map(|e| Down::new(e.lo()) * Down::new(e.lo()));
        let least = squares.fold(Down::new(0.0), |a, b| a + b).sqrt();
        Witness {
            value: 0,
            position,
            runtime: computed.get(position),
            spec: part.first().map_or(Enclosure::ENTIRE, |e| e.spec),
            quantity: Enclosure::new(least.get(), most.get()),
            bound,
        }
        .judge()
    };
    let each = elements.par_chunks(blocks.width()).enumerate();
    let all: Vec<Verdict> = each.map(block).collect();
    all.into_iter().fold(Verdict::Holds, Verdict::and)
}

/// Holds a quantity of some of the elements, from position `first` on.
fn measure_from(
    first: usize,
    elements: &[Element],
    computed: &Tensor,
    bound: &Bound,
    quantity: impl Fn(&Element) -> Enclosure,
) -> Measured {
    let mut m = Measured::nothing();
    let (mut lo, mut hi) = (0.0, 0.0);
    for (position, element) in (first..).zip(elements) {
        let q = quantity(element);
        let bound = bound.at(position);
        let witness = || Witness {
            value: 0,
            position,
            runtime: computed.get(position),
            spec: element.spec,
            quantity: q,
            bound,
        };
        let (low, high) = (quotient(q.lo(), bound), quotient(q.hi(), bound));
        if high > m.ratio {
            m.ratio = high;
        }
        if m.worst.is_none() || low > m.tightness {
            m.tightness = low;
            m.worst = Some(witness());
        }
        if q.lo() > lo {
            lo = q.lo();
        }
        if q.hi() > hi {
            hi = q.hi();
        }
        if q.hi() > bound.get() || !bound.is_finite() {
            let judged = witness().judge();
            m.doubtful |= bound.is_finite() && judged.outcome() == Outcome::Undecided;
            m.verdict = m.verdict.and(judged);
        }
    }
    m.largest = Enclosure::new(lo, hi);
    m
}
