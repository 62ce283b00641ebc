//! Ranges: where a result and every execution's result lie because of what the operation is,
//! however large ε is.
//!
//! Each function takes ranges (or enclosures) of the arguments and gives the result's
//! [`Approx::range`](crate::bound::Approx::range). Rounding to nearest is monotone and keeps 0,
//! so a bound of 0 stays one; other ends are moved outward by a rounding.

use super::rule::RuleCx;
use crate::bound::Operand;
use crate::number::{Down, Enclosure, SpecNumber, Up};

/// Everything that is not negative.
pub(crate) fn non_negative() -> Enclosure {
    Enclosure::new(0.0, f64::INFINITY)
}

/// True where an operand is known not to be negative.
pub(crate) fn is_non_negative(x: &Operand) -> bool {
    x.approx.range.lo() >= 0.0
}

/// A range of exact results, widened by one rounding; a sign stays.
pub(crate) fn rounded(cx: &RuleCx, exact: Enclosure) -> Enclosure {
    widened(exact, |m| cx.half_ulp(m))
}

/// A range of exact results, widened by an error at each end; a sign stays.
pub(crate) fn widened(exact: Enclosure, error: impl Fn(Up) -> Up) -> Enclosure {
    let (lo, hi) = (exact.lo(), exact.hi());
    let moved = |x: f64| Enclosure::around(x, error(Up::magnitude(x)));
    let (below, above) = (moved(lo).lo(), moved(hi).hi());
    Enclosure::new(
        if lo >= 0.0 && below < 0.0 { 0.0 } else { below },
        if hi <= 0.0 && above > 0.0 { 0.0 } else { above },
    )
}

/// The range of a sum of operands: not negative where none is, and then no less than the largest
/// of their lower ends.
///
/// # Derivation
/// In any tree of roundings to nearest of terms that are not negative, every partial sum is at
/// least the rounding of each of its terms, by monotonicity. The lower end loses four roundings,
/// for a product that enters a tree unrounded and is rounded on the way; below the normal range
/// it is 0.
pub(crate) fn sum(cx: &RuleCx, terms: &[Operand]) -> Enclosure {
    let of = |x: &Operand| {
        if is_non_negative(x) {
            return x.approx.range.lo();
        }
        // What is no sum itself is one leaf, with all that its enclosure says.
        let leaf = x.approx.nest.is_none() || !cx.any_tree();
        let lowest = |least: f64, i: usize| smaller(least, x.enclosure(i).lo());
        if leaf {
            (0..x.len()).fold(f64::INFINITY, lowest)
        } else {
            f64::NEG_INFINITY
        }
    };
    let lows: Vec<f64> = terms.iter().map(of).collect();
    if cx.is_empty() || !lows.iter().all(|&lo| lo >= 0.0) {
        return Enclosure::ENTIRE;
    }
    let most = lows
        .into_iter()
        .fold(0.0, |a: f64, b| if b > a { b } else { a });
    let (unit, lambda) = (cx.unit(), cx.format().map_or(0.0, |f| f.lambda().get()));
    let four = Up::new(4.0) * unit;
    let kept = Down::new(most) * (Down::new(1.0) - four);
    let lo = if kept.get() > lambda { kept.get() } else { 0.0 };
    Enclosure::new(lo, f64::INFINITY)
}

/// The range of a mean or a part: a sign stays.
pub(crate) fn shared(x: &Operand) -> Enclosure {
    if is_non_negative(x) {
        non_negative()
    } else {
        Enclosure::ENTIRE
    }
}

/// The range of an operand; of one without, a constant say, what its enclosures tell.
pub(crate) fn known(x: &Operand) -> Enclosure {
    if is_nothing(x.approx.range) {
        of_elements(x.len(), |i| x.enclosure(i))
    } else {
        x.approx.range
    }
}

/// The range of a product.
pub(crate) fn product(cx: &RuleCx, x: &Operand, y: &Operand) -> Enclosure {
    if is_nothing(x.approx.range) && is_nothing(y.approx.range) {
        return Enclosure::ENTIRE;
    }
    let (x, y) = (known(x), known(y));
    if is_nothing(x) || is_nothing(y) {
        return Enclosure::ENTIRE;
    }
    if x.lo() >= 0.0 && y.lo() >= 0.0 && !(x.hi().is_finite() && y.hi().is_finite()) {
        return non_negative();
    }
    rounded(cx, x.mul(&y))
}

/// The range of a quotient: a sign stays.
pub(crate) fn quotient(x: &Operand, y: &Operand) -> Enclosure {
    if is_non_negative(x) && is_non_negative(y) {
        non_negative()
    } else {
        Enclosure::ENTIRE
    }
}

/// The union of what is known of several values.
pub(crate) fn hull(ranges: impl Iterator<Item = Enclosure>) -> Enclosure {
    ranges.reduce(Enclosure::hull).unwrap_or_default()
}

/// The range over all elements' enclosures, where a rule computes it from those.
pub(crate) fn of_elements(len: usize, f: impl Fn(usize) -> Enclosure) -> Enclosure {
    hull((0..len).map(f))
}

fn is_nothing(x: Enclosure) -> bool {
    x == Enclosure::ENTIRE
}

fn smaller(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}
