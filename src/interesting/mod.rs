//! Floats on which rounding, cancellation, underflow or overflow may go wrong, for property
//! tests of one's own.
//!
//! Subnormals, powers of two and their neighbours, what bf16 and f16 tie on, numbers next to
//! overflow, zeros of both signs, and pairs that cancel: all from the model that
//! [attacks](crate::kernel) draw from (`src/witness/floats.rs`). Three front ends, each behind a
//! feature of its name: `proptest` (`any::<Interesting<f32>>()`), `quickcheck` (an argument of a
//! property) and `arbitrary` (an argument of a fuzz target). All numbers are finite.

#[cfg(feature = "arbitrary")]
mod arbitrary;
#[cfg(feature = "proptest")]
mod proptest;
#[cfg(feature = "quickcheck")]
mod quickcheck;

use crate::kernel::Element;
use crate::number::Format;
use crate::witness::floats;
use crate::witness::tape::Tape;

/// The largest extent of an axis.
const LARGEST: usize = 4;
/// The most cancelling pairs of a dot product.
const PAIRS: usize = 8;

/// A float worth testing with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interesting<T>(pub T);

/// Elements of a tensor of rank 0 to 4; some cancel others.
#[derive(Debug, Clone, PartialEq)]
pub struct Elements<T> {
    /// The extents, outermost first.
    pub shape: Vec<usize>,
    /// Row-major.
    pub data: Vec<T>,
}

/// The operands of a dot product whose terms cancel in pairs, or nearly.
#[derive(Debug, Clone, PartialEq)]
pub struct Cancelling<T> {
    /// One operand.
    pub a: Vec<T>,
    /// The other, as long.
    pub b: Vec<T>,
}

/// What can be made of numbers; zeros make the simplest.
pub trait Drawn: Clone + 'static {
    /// From a tape.
    fn drawn(tape: &mut Tape) -> Self;
    /// Simpler ones, to try instead where this one fails.
    fn simpler(&self) -> Vec<Self>;
}

fn format<T: Element>() -> Format {
    // Every element type is a float's.
    T::DTYPE.format().unwrap_or(Format::F64)
}

impl<T: Element> Drawn for Interesting<T> {
    fn drawn(tape: &mut Tape) -> Self {
        Interesting(T::from_f64(floats::float(tape, format::<T>(), &[])))
    }
    fn simpler(&self) -> Vec<Self> {
        rounder(*self).collect()
    }
}

/// 0, ±1 and fewer digits, as far as they are something else.
fn rounder<T: Element>(Interesting(x): Interesting<T>) -> impl Iterator<Item = Interesting<T>> {
    let x = x.to_f64();
    let whole = T::from_f64(x.trunc()).to_f64();
    let candidates = match x.to_bits() {
        0 => vec![],
        _ if x.abs().to_bits() == 1_f64.to_bits() => vec![0.0],
        _ => vec![0.0, 1_f64.copysign(x), whole],
    };
    let other = move |y: &f64| y.to_bits() != x.to_bits();
    candidates
        .into_iter()
        .filter(other)
        .map(|y| Interesting(T::from_f64(y)))
}

impl<T: Element> Drawn for Elements<T> {
    fn drawn(tape: &mut Tape) -> Self {
        let rank = tape.below(5);
        let shape: Vec<usize> = (0..rank).map(|_| 1 + tape.below(LARGEST)).collect();
        let mut data: Vec<f64> = Vec::new();
        for _ in 0..shape.iter().product() {
            let x = floats::float(tape, format::<T>(), &data);
            data.push(x);
        }
        Elements {
            shape,
            data: data.into_iter().map(T::from_f64).collect(),
        }
    }
    fn simpler(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for axis in (0..self.shape.len()).filter(|&axis| self.shape[axis] > 1) {
            // Without the last index of one axis.
            let inner: usize = self.shape[axis + 1..].iter().product();
            let extent = self.shape[axis];
            let kept = |i: &usize| (i / inner) % extent + 1 < extent;
            let mut shape = self.shape.clone();
            shape[axis] -= 1;
            let data = (0..self.data.len()).filter(kept).map(|i| self.data[i]);
            all.push(Elements {
                data: data.collect(),
                shape,
            });
        }
        for (i, x) in self.data.iter().enumerate() {
            for Interesting(simpler) in rounder(Interesting(*x)) {
                let mut other = self.clone();
                other.data[i] = simpler;
                all.push(other);
            }
        }
        all
    }
}

impl<T: Element> Drawn for Cancelling<T> {
    fn drawn(tape: &mut Tape) -> Self {
        let pairs = 1 + tape.below(PAIRS);
        let [a, b] = floats::dot(tape, format::<T>(), pairs);
        let of = |x: Vec<f64>| x.into_iter().map(T::from_f64).collect();
        Cancelling { a: of(a), b: of(b) }
    }
    fn simpler(&self) -> Vec<Self> {
        let without = |at: usize| {
            let mut other = self.clone();
            other.a.remove(at);
            other.b.remove(at);
            other
        };
        (0..self.a.len()).map(without).collect()
    }
}
