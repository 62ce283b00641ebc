//! Bounds of tensors: eps, scale, and what the rules know about a value besides its number.

use crate::blocks::{Blocks, Gains};
use crate::number::{Down, Enclosure, SpecNumber, Up};
use crate::op::nest::Nest;
use crate::tensor::{Shape, Sources, Tensor};
use std::sync::Arc;

/// Non-negative upper bounds for the elements of a tensor.
///
/// eps and scale are both of this kind. `Zero` costs nothing: as an eps it says *exact*,
/// which is what inputs, weights and constants are.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Bound {
    /// Every element's bound is 0.
    #[default]
    Zero,
    /// One bound for all elements.
    Tensor(Up),
    /// One bound per element, row-major.
    Element(Arc<[Up]>),
}

impl Bound {
    /// One bound per element; a single element is kept without an allocation.
    pub fn from_fn(len: usize, f: impl FnMut(usize) -> Up) -> Bound {
        let mut f = f;
        if len == 1 {
            return Bound::uniform(f(0));
        }
        Bound::Element((0..len).map(f).collect())
    }

    /// These bounds, one per element; nothing is kept where all are 0.
    pub fn per_element(bounds: &[Up]) -> Bound {
        if bounds.iter().all(|b| *b == Up::ZERO) {
            return Bound::Zero;
        }
        Bound::from_fn(bounds.len(), |i| bounds[i])
    }

    /// The same bound for every element.
    pub fn uniform(bound: Up) -> Bound {
        if bound == Up::ZERO {
            Bound::Zero
        } else {
            Bound::Tensor(bound)
        }
    }

    /// The element's bound.
    pub fn at(&self, position: usize) -> Up {
        match self {
            Bound::Zero => Up::ZERO,
            Bound::Tensor(b) => *b,
            Bound::Element(bs) => bs[position],
        }
    }

    /// The largest bound, over `len` elements; 0 for an empty tensor.
    pub fn largest(&self) -> Up {
        match self {
            Bound::Zero => Up::ZERO,
            Bound::Tensor(b) => *b,
            Bound::Element(bs) => bs.iter().fold(Up::ZERO, |m, &b| m.max(b)),
        }
    }

    /// True where every element's bound is 0.
    pub fn is_zero(&self) -> bool {
        match self {
            Bound::Zero => true,
            Bound::Tensor(b) => *b == Up::ZERO,
            Bound::Element(bs) => bs.iter().all(|b| *b == Up::ZERO),
        }
    }

    /// One bound per element, as given; a single one is kept without them.
    pub fn of(bounds: Arc<[Up]>) -> Bound {
        match *bounds {
            [one] => Bound::uniform(one),
            _ => Bound::Element(bounds),
        }
    }

    /// Bounds of the elements that a movement picks; filled zeros are exact.
    #[must_use]
    pub fn take(&self, sources: &(impl Sources + ?Sized)) -> Bound {
        match self {
            Bound::Zero => Bound::Zero,
            Bound::Tensor(b) if sources.fills() => Bound::of(sources.pick(|_| *b, &Up::ZERO)),
            Bound::Tensor(b) => Bound::Tensor(*b),
            Bound::Element(bs) => Bound::of(sources.pick(|i| bs[i], &Up::ZERO)),
        }
    }

    /// All elements' bounds, row-major.
    pub fn to_vec(&self, len: usize) -> Vec<Up> {
        match self {
            Bound::Zero => vec![Up::ZERO; len],
            Bound::Tensor(b) => vec![*b; len],
            Bound::Element(bs) => bs.to_vec(),
        }
    }

    /// Element by element, both bounds combined.
    #[must_use]
    pub fn zip(&self, other: &Bound, len: usize, f: impl Fn(Up, Up) -> Up) -> Bound {
        match (self, other) {
            (Bound::Element(_), _) | (_, Bound::Element(_)) => {
                Bound::from_fn(len, |i| f(self.at(i), other.at(i)))
            }
            (Bound::Zero | Bound::Tensor(_), Bound::Zero | Bound::Tensor(_)) => {
                Bound::uniform(f(self.at(0), other.at(0)))
            }
        }
    }

    /// Element by element, the sum of both.
    #[must_use]
    pub fn plus(&self, other: &Bound, len: usize) -> Bound {
        if matches!(other, Bound::Zero) {
            return self.clone();
        }
        self.zip(other, len, |a, b| a + b)
    }

    /// The largest bound for every element.
    #[must_use]
    pub fn collapsed(&self) -> Bound {
        Bound::uniform(self.largest())
    }
}

/// What the bounds interpretation knows of one value of a run.
///
/// c is the run's value, x the specification's, x̂ any admissible execution's.
#[derive(Debug, Clone, Default)]
pub struct Approx {
    /// ε: |x̂ − x| per element, for every admissible x̂, c included.
    pub eps: Bound,
    /// The ℓ2 norms of x̂ − x over blocks, where they are better known than from ε.
    pub blocks: Option<Blocks>,
    /// The spectral norms of an exact value's matrices, once a product has asked for them.
    pub gains: Gains,
    /// How far the specification itself may move between executions, where it depends on
    /// the free shift that an execution chose (see [`FreeMax`](crate::op::FreeMax)).
    pub drift: Drift,
    /// True where c is the only admissible value: nothing was left open.
    pub determined: bool,
    /// True for a constant of the graph and what is computed from constants alone: a compiler
    /// may know it, and divide by its reciprocal.
    pub constant: bool,
    /// The reduction that this value is the root of, where its tree is open.
    pub nest: Option<Arc<Nest>>,
    /// Where x and every admissible x̂ lie besides, whatever ε: an operation's own range (a
    /// square is not negative). It speaks where ε is finite.
    ///
    /// A value that has a nest and is not negative by this has leaves that are not negative, and
    /// its lower end is one of some leaf: rounding is monotone, so no tree of such leaves goes
    /// below it.
    pub range: Enclosure,
}

/// How far a value's specification depends on the free shift of an execution.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Drift {
    /// The rule saw no shift.
    #[default]
    None,
    /// |x(this execution's shift) − x(the run's shift)| is at most this.
    Within(Bound),
    /// The shift has cancelled: the specification no longer depends on it.
    Settled,
}

impl Drift {
    /// The bound; zero where there is no shift or it has cancelled.
    pub fn at(&self, position: usize) -> Up {
        match self {
            Drift::Within(bound) => bound.at(position),
            Drift::None | Drift::Settled => Up::ZERO,
        }
    }

    /// True where the value depends on a shift.
    pub fn is_open(&self) -> bool {
        matches!(self, Drift::Within(_))
    }
}

impl Approx {
    /// An exact value: an input, a weight, a constant.
    pub fn exact() -> Approx {
        Approx {
            determined: true,
            ..Approx::default()
        }
    }

    /// A value of which only eps is known.
    pub fn within(eps: Bound) -> Approx {
        Approx {
            eps,
            ..Approx::default()
        }
    }

    /// The same, with other admissible values than c.
    #[must_use]
    pub fn undetermined(self) -> Approx {
        Approx {
            determined: false,
            ..self
        }
    }

    /// How far an admissible value may be from c: 2ε plus drift, 0 where determined.
    pub fn reach(&self, i: usize) -> Up {
        if self.determined {
            return Up::ZERO;
        }
        let eps = self.eps.at(i);
        eps + eps + self.drift.at(i)
    }
}

/// An argument of a rule: the run's value and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Operand<'a> {
    /// c.
    pub value: &'a Tensor,
    /// What is known of it.
    pub approx: &'a Approx,
}

impl Operand<'_> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.value.len()
    }

    /// True for a tensor without elements.
    pub fn is_empty(&self) -> bool {
        self.value.is_empty()
    }

    /// The extents.
    pub fn shape(&self) -> &Shape {
        self.value.shape()
    }

    /// c.
    pub fn c(&self, i: usize) -> f64 {
        self.value.get(i)
    }

    /// |c|, rounded up where it is an integer beyond 2^53.
    pub fn abs(&self, i: usize) -> Up {
        self.value.magnitude(i)
    }

    /// ε.
    pub fn eps(&self, i: usize) -> Up {
        self.approx.eps.at(i)
    }

    /// True where every execution has exactly c.
    pub fn is_exactly_c(&self, i: usize) -> bool {
        self.eps(i) == Up::ZERO && self.approx.reach(i) == Up::ZERO
    }

    /// The range, where it says anything: nothing is known of what ε is none of.
    fn range(&self, reach: Up) -> Enclosure {
        if reach.is_finite() {
            self.approx.range
        } else {
            Enclosure::ENTIRE
        }
    }

    /// m: a bound on every admissible |x̂|, |c| + 2ε.
    pub fn magnitude(&self, i: usize) -> Up {
        let reach = self.approx.reach(i);
        (self.abs(i) + reach).min(self.range(reach).magnitude())
    }

    /// m of every element, at once: |c| of floats that every execution has alike.
    pub fn magnitudes(&self) -> Vec<Up> {
        let exact = self.approx.eps.is_zero() && !self.approx.drift.is_open();
        if exact && self.value.dtype().is_float() {
            return self
                .value
                .to_f64s()
                .into_iter()
                .map(Up::magnitude)
                .collect();
        }
        (0..self.len()).map(|i| self.magnitude(i)).collect()
    }

    /// A lower bound on every admissible |x̂|, |c| − 2ε.
    pub fn least_magnitude(&self, i: usize) -> Down {
        self.least(i, self.approx.reach(i))
    }

    /// A bound on the specification's |x|, for every admissible execution's shift.
    pub fn spec_magnitude(&self, i: usize) -> Up {
        let reach = self.eps(i) + self.approx.drift.at(i);
        (self.abs(i) + reach).min(self.range(reach).magnitude())
    }

    /// A lower bound on the specification's |x|, for every admissible execution's shift.
    pub fn least_spec_magnitude(&self, i: usize) -> Down {
        self.least(i, self.eps(i) + self.approx.drift.at(i))
    }

    fn least(&self, i: usize, reach: Up) -> Down {
        let near = Down::magnitude(self.c(i)) - reach;
        let range = Down::new(self.range(reach).abs().lo());
        if range > near { range } else { near }
    }

    /// Where x and every x̂ lie: c ± 2ε (± ε where determined), within the range.
    pub fn enclosure(&self, i: usize) -> Enclosure {
        let reach = if self.approx.determined {
            self.eps(i)
        } else {
            self.approx.reach(i)
        };
        Enclosure::around(self.c(i), reach).meet(self.range(reach))
    }

    /// Runs over all elements.
    pub fn bound(&self, f: impl FnMut(usize) -> Up) -> Bound {
        Bound::from_fn(self.len(), f)
    }
}
