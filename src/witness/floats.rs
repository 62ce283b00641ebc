//! The floats on which rounding, cancellation, underflow or overflow may go wrong: the one model
//! of them, which attacks, fuzz targets of kernels and [`interesting`](crate::interesting) draw
//! from.

use crate::number::Format;
use crate::witness::dyadic::{self, power, ulp};
use crate::witness::tape::Tape;

/// A float on which rounding, cancellation, underflow or overflow may go wrong.
pub fn float(tape: &mut Tape, format: Format, earlier: &[f64]) -> f64 {
    let p = i64::from(format.precision);
    let (e_min, e_max) = (i64::from(format.e_min), i64::from(format.e_max));
    let sign = if tape.coin() { -1.0 } else { 1.0 };
    let magnitude = match tape.below(20) {
        0 | 1 => tape.below(10) as f64,
        2 => power(tape.between(-12, 12)),
        3 => {
            let x = power(tape.between(-6, 6));
            next_to(tape, format, x)
        }
        4..=7 => significand(tape, format) * power(tape.between(-4, 4)),
        8 => significand(tape, format) * power(tape.between(e_min / 3, e_max / 3)),
        9 => significand(tape, format) * power(tape.between(-p - 2, p + 2)),
        // Just what a unit's neighbour ties on.
        10 => (1 + 2 * tape.below(3)) as f64 * power(-p - tape.between(0, 1)),
        // Close to a tie of a narrower format, which goes down or up.
        15 => {
            let ties = [
                (1.0, 11),
                (1.0, 8),
                (1.0, 24),
                (1.0, 9),
                (3.0, 11),
                (3.0, 8),
            ];
            let (odd, place) = tape.pick(&ties);
            next_to(tape, format, 1.0 + odd * power(-place))
        }
        11 => tape.below(5) as f64 * power(e_min - p + 1),
        12 => {
            let x = power(e_min + tape.between(0, 1));
            next_to(tape, format, x)
        }
        13 => significand(tape, format) * power(e_max - tape.between(0, 2)),
        14 => {
            return -earlier
                .get(tape.below(earlier.len().max(1)))
                .copied()
                .unwrap_or(0.0);
        }
        16 => {
            let near = earlier
                .get(tape.below(earlier.len().max(1)))
                .copied()
                .unwrap_or(1.0);
            return -next_to(tape, format, near);
        }
        // Anywhere in the format: subnormals and what is next to overflow among them.
        17 => significand(tape, format) * power(tape.between(e_min - p + 1, e_max)),
        // Half way to either end: what squares and products of two take beyond it.
        18 => {
            let end = tape.pick(&[e_min, e_max]);
            significand(tape, format) * power(end / 2 + tape.between(-p / 2 - 2, 4))
        }
        // Where an exponential leaves the range, or has become 1 beside a summand.
        19 if tape.coin() => {
            let end = tape.pick(&[e_max, -e_min, p - e_min, p, 2 * p]) as f64;
            end * std::f64::consts::LN_2 * (1.0 + tape.between(-32, 32) as f64 / 128.0)
        }
        _ => significand(tape, format) * power(tape.between(3, 9)),
    };
    let x = dyadic::round(format, sign * magnitude);
    if x == 0.0 {
        sign * 0.0
    } else if x.is_finite() {
        x
    } else {
        sign
    }
}

/// A float at which an exponential overflows, underflows or becomes 1 beside a summand, or one
/// close to it: what goes wrong by a hundredth of the argument too early is met as well.
pub fn end_of_exponential(tape: &mut Tape, format: Format) -> f64 {
    let p = i64::from(format.precision);
    let (e_min, e_max) = (i64::from(format.e_min), i64::from(format.e_max));
    let end = tape.pick(&[e_max, -e_max, e_min, e_min - p, p, -p, 2 * p, e_max]) as f64;
    let part = tape.between(-32, 32) as f64 / tape.pick(&[2048.0, 128.0, 2048.0]);
    dyadic::round(format, end * std::f64::consts::LN_2 * (1.0 + part))
}

/// A random significand in [1, 2).
pub fn significand(tape: &mut Tape, format: Format) -> f64 {
    let bits = (u64::from(tape.draw()) << 20) | 1 << 52;
    dyadic::round(format, bits as f64 * power(-52))
}

/// x or a float some steps away.
pub fn next_to(tape: &mut Tape, format: Format, x: f64) -> f64 {
    let y = dyadic::round(format, x + tape.between(-2, 2) as f64 * ulp(format, x));
    if y.is_finite() { y } else { x }
}

/// Zero, a subnormal or the least normal number: a sum of such is flushed as a whole.
pub fn below_normal(tape: &mut Tape, format: Format) -> f64 {
    let part = tape.between(-64, 64) as f64 / 64.0;
    dyadic::round(format, part * power(i64::from(format.e_min)))
}

/// A little more than half an ulp of 1: added to 1 and its neighbours it rounds up.
pub fn step_of_one(tape: &mut Tape, format: Format) -> f64 {
    let p = i64::from(format.precision);
    dyadic::round(format, power(-p) * (1.0 + power(-tape.between(2, 6))))
}

/// Two vectors of which one product is the other's negative, or nearly: a sum of large terms
/// that leaves little.
pub fn dot(tape: &mut Tape, format: Format, pairs: usize) -> [Vec<f64>; 2] {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..pairs {
        let sign = if tape.coin() { -1.0 } else { 1.0 };
        let x = significand(tape, format) * power(tape.between(-4, 4));
        let y = sign * significand(tape, format) * power(tape.between(-4, 4));
        let opposite = match tape.below(4) {
            0 | 1 => -y,
            _ => -next_to(tape, format, y),
        };
        a.extend([x, x]);
        b.extend([y, opposite]);
    }
    for i in (1..a.len()).rev() {
        let j = tape.below(i + 1);
        a.swap(i, j);
        b.swap(i, j);
    }
    [a, b]
}
