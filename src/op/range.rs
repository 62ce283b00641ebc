//! Ranges: where a result and every execution's result lie because of what the operation is,
//! however large ε is.
//!
//! Each function takes ranges (or enclosures) of the arguments and gives the result's
//! [`Approx::range`](crate::bound::Approx::range). Rounding to nearest is monotone and keeps 0,
//! so a bound of 0 stays one; other ends are moved outward.

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

/// A range of exact results, widened by one rounding to nearest; a sign stays.
///
/// Rounding is monotone, so each end moves by its own half ulp at most.
pub(crate) fn rounded(cx: &RuleCx, exact: Enclosure) -> Enclosure {
    moved(exact, |end| cx.half_ulp(end))
}

/// A range of exact results, widened by what a function may be off at each; a sign stays.
///
/// # Derivation
/// k ulp are not monotone towards 0: above the next power of two an ulp is twice as large, so
/// that a result there may come to lie below what the end itself may become. For `error` that
/// grows with the magnitude and x at least the end e nearer to 0: up to 2e it is at most that
/// at 2e, and beyond, where it is at most x/2, x less the error is at least e. That the error
/// is at most half of x holds from 2e on, if at 2e it is at most a quarter: an ulp is at least
/// half of its largest share. Where it is more, and for a range that spans 0, each end moves
/// by the largest error of all.
pub(crate) fn widened(exact: Enclosure, error: impl Fn(Up) -> Up) -> Enclosure {
    let largest = error(exact.magnitude());
    let near = |end: f64| {
        let twice = Up::magnitude(end) + Up::magnitude(end);
        let error = error(twice);
        let four = error + error + error + error;
        if four <= twice {
            error.min(largest)
        } else {
            largest
        }
    };
    let (lo, hi) = (exact.lo(), exact.hi());
    let by = if lo > 0.0 {
        [near(lo), largest]
    } else if hi < 0.0 {
        [largest, near(hi)]
    } else {
        [largest, largest]
    };
    outward(exact, by)
}

/// A range of exact results, each end moved by what an end of its magnitude may be off; a sign
/// stays.
pub(crate) fn moved(exact: Enclosure, off: impl Fn(Up) -> Up) -> Enclosure {
    outward(
        exact,
        [exact.lo(), exact.hi()].map(|end| off(Up::magnitude(end))),
    )
}

/// An interval whose ends are moved outward; a sign stays.
fn outward(exact: Enclosure, [below, above]: [Up; 2]) -> Enclosure {
    let (lo, hi) = (exact.lo(), exact.hi());
    let below = Enclosure::around(lo, below).lo();
    let above = Enclosure::around(hi, above).hi();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libm::{Function, Libm};
    use crate::number::Format;

    /// No result of any x in the range, off by as much as the table allows, lies outside.
    #[test]
    fn results_off_by_their_table_stay_in_the_range() {
        let tables = [
            Libm::Portable,
            Libm::XlaCpu,
            Libm::Ulp(2.5),
            Libm::Ulp(1000.0),
        ];
        for (format, libm) in [Format::F32, Format::BF16, Format::E4M3]
            .into_iter()
            .flat_map(|f| tables.map(|t| (f, t)))
        {
            let error = |m: Up| libm.error(Function::Exp, format, m);
            let points: Vec<f64> = (-12_i32..=12)
                .flat_map(|e| [0.999_999, 1.0, 1.000_001, 1.4, 1.99].map(|m| m * 2.0_f64.powi(e)))
                // Of what may overflow there is no claim, and a range speaks of none.
                .filter(|&x| error(Up::new(x)).is_finite())
                .collect();
            for (k, &lo) in points.iter().enumerate() {
                for &hi in &points[k..] {
                    let range = widened(Enclosure::new(lo, hi), error);
                    for &x in points[k..].iter().filter(|&&x| x <= hi) {
                        let off = Enclosure::around(x, error(Up::new(x)));
                        let least = if off.lo() < 0.0 { 0.0 } else { off.lo() };
                        assert!(
                            range.lo() <= least && off.hi() <= range.hi(),
                            "{format:?}, {libm:?}: {x} in {lo}..{hi}"
                        );
                    }
                }
            }
        }
    }
}
