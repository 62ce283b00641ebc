//! Contexts: lists aligned with a graph's values (upstream's TList, EList and BList), and
//! the predicates that tie two of them together.

use crate::bound::{Approx, Bound};
use crate::number::{Enclosure, SpecNumber, Up};
use crate::op::Scaled;
use crate::tensor::{SpecTensor, Tensor};
use crate::verdict::{Verdict, Witness};
use std::ops::Index;

/// A list aligned with a graph's values, grown at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Context<T>(Vec<T>);

/// Specification tensors (upstream's TList over the reals).
pub type TList<N> = Context<SpecTensor<N>>;
/// Runtime tensors (upstream's TList over the runtime's floats).
pub type RunList = Context<Tensor>;
/// Error bounds (upstream's EList).
pub type EList = Context<Approx>;
/// Scale bounds (upstream's BList).
pub type BList = Context<Scaled>;

impl<T> Default for Context<T> {
    fn default() -> Self {
        Context(Vec::new())
    }
}

impl<T> Context<T> {
    /// The empty context.
    pub fn nil() -> Self {
        Context::default()
    }

    /// This context, then the other: Γ ++ ss.
    #[must_use]
    pub fn append(mut self, other: Context<T>) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Adds one entry at the end.
    pub fn push(&mut self, entry: T) {
        self.0.push(entry);
    }

    /// All but the last entry, and the last one.
    pub fn unsnoc(mut self) -> Option<(Self, T)> {
        let last = self.0.pop()?;
        Some((self, last))
    }

    /// An entry by position.
    pub fn get(&self, position: usize) -> Option<&T> {
        self.0.get(position)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True for the empty context.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries as a slice.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }

    /// The entries, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<T> From<Vec<T>> for Context<T> {
    fn from(entries: Vec<T>) -> Self {
        Context(entries)
    }
}

impl<T> FromIterator<T> for Context<T> {
    fn from_iter<I: IntoIterator<Item = T>>(entries: I) -> Self {
        Context(entries.into_iter().collect())
    }
}

impl<T> Index<usize> for Context<T> {
    type Output = T;
    fn index(&self, position: usize) -> &T {
        &self.0[position]
    }
}

/// Is every runtime element within its ε of the specification's?
///
/// The witness of a violation is the element that exceeds its bound the most, that of an
/// undecided check the first that could not be decided.
pub fn approx_tensor<N: SpecNumber>(
    spec: &SpecTensor<N>,
    runtime: &Tensor,
    eps: &Bound,
) -> Verdict {
    check(spec, runtime, eps, |x, c| x.distance(c))
}

/// [`approx_tensor`] over aligned contexts.
pub fn approx_ctx<N: SpecNumber>(spec: &TList<N>, runtime: &RunList, eps: &EList) -> Verdict {
    over(spec.len().max(runtime.len()).max(eps.len()), |k| {
        Some(approx_tensor(
            spec.get(k)?,
            runtime.get(k)?,
            &eps.get(k)?.eps,
        ))
    })
}

/// Are specification AND runtime within the scale, element by element?
pub fn scale_tensor<N: SpecNumber>(
    spec: &SpecTensor<N>,
    runtime: &Tensor,
    scale: &Bound,
) -> Verdict {
    check(spec, runtime, scale, |x, c| {
        let spec = x.enclose().abs();
        let runtime = if c.is_nan() { f64::INFINITY } else { c.abs() };
        let larger = |a: f64| if runtime > a { runtime } else { a };
        Enclosure::new(larger(spec.lo()), larger(spec.hi()))
    })
}

/// [`scale_tensor`] over aligned contexts.
pub fn scale_ctx<N: SpecNumber>(spec: &TList<N>, runtime: &RunList, scales: &BList) -> Verdict {
    over(spec.len().max(runtime.len()).max(scales.len()), |k| {
        Some(scale_tensor(
            spec.get(k)?,
            runtime.get(k)?,
            &scales.get(k)?.scale,
        ))
    })
}

fn over(len: usize, tensor: impl Fn(usize) -> Option<Verdict>) -> Verdict {
    (0..len)
        .map(|k| {
            // Contexts of different lengths speak of different graphs: nothing is decided.
            let verdict = tensor(k).unwrap_or_else(|| Verdict::Undecided(missing()));
            with_value(verdict, k)
        })
        .fold(Verdict::Holds, Verdict::and)
}

fn missing() -> Witness {
    Witness {
        value: 0,
        position: 0,
        runtime: f64::NAN,
        spec: Enclosure::ENTIRE,
        quantity: Enclosure::new(0.0, f64::INFINITY),
        bound: Up::INFINITY,
    }
}

fn with_value(verdict: Verdict, value: usize) -> Verdict {
    match verdict {
        Verdict::Holds => Verdict::Holds,
        Verdict::Violated(w) => Verdict::Violated(Witness { value, ..w }),
        Verdict::Undecided(w) => Verdict::Undecided(Witness { value, ..w }),
    }
}

fn check<N: SpecNumber>(
    spec: &SpecTensor<N>,
    runtime: &Tensor,
    bound: &Bound,
    quantity: impl Fn(&N, f64) -> Enclosure,
) -> Verdict {
    if spec.shape != *runtime.shape() {
        return Verdict::Undecided(missing());
    }
    let mut verdict = Verdict::Holds;
    for (position, x) in spec.data.iter().enumerate() {
        let c = runtime.get(position);
        // An integer that an f64 does not hold is not decided here (see `obligation`).
        let rounded = runtime
            .integer(position)
            .is_some_and(|n| n.unsigned_abs() >> 53 != 0);
        let witness = Witness {
            value: 0,
            position,
            runtime: c,
            spec: x.enclose(),
            quantity: if rounded {
                Enclosure::new(0.0, f64::INFINITY)
            } else {
                quantity(x, c)
            },
            bound: bound.at(position),
        };
        verdict = worse(verdict, witness.judge());
    }
    verdict
}

/// Of two violations the one that exceeds its bound the more; else the worse verdict.
fn worse(a: Verdict, b: Verdict) -> Verdict {
    let excess = |w: &Witness| w.quantity.sub(&Enclosure::point(w.bound.get())).lo();
    match (&a, &b) {
        (Verdict::Violated(old), Verdict::Violated(new)) if excess(new) > excess(old) => b,
        _ => a.and(b),
    }
}
