//! Inputs on which every addition of a chain rounds the same way.
//!
//! A sum from left to right that begins with a power of two a and goes on with summands a little
//! above half an ulp of what it has reached rounds up by nearly half an ulp every time, so that n − 1
//! additions lose nearly (n − 1)·u·a: the worst case of summation [Higham 2002, section 4.2]. Random
//! draws do not meet it beyond a few summands, and a climber has nothing to climb: one summand
//! that is off rounds the other way and undoes what its neighbours lost.

use super::super::dyadic;
use super::super::point::{Input, Place, Point};
use super::super::subject::Structure;
use crate::number::Format;

/// What the elements of an input become.
#[derive(Debug, Clone, Copy)]
enum Pattern {
    /// As drawn.
    Left,
    /// A power of two everywhere: the other factor of a dot product.
    Even(f64),
    /// A power of two, and then summands that round up.
    Stairs(f64),
    /// Logarithms of these, for sums of exponentials.
    Logarithms,
}

/// Choices of a plain execution: from left to right, nothing fused.
const PLAIN: [u32; 64] = [0; 64];

/// Puts stairs into some inputs, mostly with a plain execution.
pub(super) fn lay(structure: &Structure, point: &mut Point, rng: &mut fastrand::Rng) {
    for (k, input) in structure.graph.inputs().iter().enumerate() {
        let ty = structure.graph.ty(*input);
        let Some(format) = ty.dtype.format() else {
            continue;
        };
        let power = dyadic::power(rng.i64(-2..=2));
        let pattern = match rng.u8(..6) {
            0 => Pattern::Left,
            1 | 2 => Pattern::Even(power),
            3 => Pattern::Logarithms,
            _ => Pattern::Stairs(if rng.bool() { power } else { -power }),
        };
        let row = ty.shape.last().copied().unwrap_or(1);
        let len = match &point.inputs[k] {
            Input::Floats { places, .. } => places.len(),
            Input::Integers(_) | Input::Fixed(_) => continue,
        };
        let period = if row > 1 && rng.bool() {
            row
        } else {
            len.max(1)
        };
        // More ulps above the half keep the direction where products or exponentials round.
        let above = dyadic::power(-rng.i64(2..=i64::from(format.precision)));
        let mut reached = 0.0;
        for i in 0..len {
            let c = step(pattern, format, i % period, above, &mut reached);
            if let Some(c) = c {
                point.change(structure, (k, i), |p, _, _| to(p, c));
            }
        }
    }
    if rng.u8(..8) > 0 {
        point.choices = PLAIN.to_vec();
    }
}

/// The next element; `reached` is the chain's sum so far.
fn step(pattern: Pattern, format: Format, i: usize, above: f64, reached: &mut f64) -> Option<f64> {
    let first = match pattern {
        Pattern::Left => return None,
        Pattern::Even(a) => return Some(a),
        Pattern::Stairs(a) => a,
        Pattern::Logarithms => 1.0,
    };
    let next = match i {
        0 => first,
        _ => {
            let half = dyadic::ulp(format, *reached) * 0.5 * (1.0 + above);
            dyadic::round(format, half.copysign(*reached))
        }
    };
    *reached = match i {
        0 => first,
        _ => dyadic::add(format, *reached, next),
    };
    Some(match pattern {
        Pattern::Logarithms => dyadic::round(format, next.ln()),
        _ => next,
    })
}

/// The same ε around another value.
fn to(place: &Place, c: f64) -> Place {
    Place {
        eps: place.eps,
        ..Place::exact(if c.is_finite() { c } else { place.c })
    }
}
