//! What a test may be given: for the customary rtol of a type, the least certified atol.

use crate::bound::Bound;
use crate::number::{Down, Up};
use crate::tensor::{DType, Tensor};

/// The customary relative tolerance of a type (torch.testing's defaults).
pub fn customary_rtol(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 1e-7,
        DType::F32 => 1.3e-6,
        DType::F16 => 1e-3,
        DType::BF16 => 1.6e-2,
        DType::I64 | DType::Bool => 0.0,
    }
}

/// The least atol, rounded up to three decimal digits, with |a − b| ≤ atol + rtol·|b| for
/// every two admissible executions a and b.
///
/// # Derivation
/// |a − b| ≤ |a − x| + |x − b| ≤ 2ε, and |b| ≥ |c| − 2ε. The comparison itself rounds: its
/// left side once, its right side three times, in the type that it compares in; 8u on either
/// side covers that.
pub fn atol(c: &Tensor, eps: &Bound, rtol: f64) -> Up {
    let u = c.dtype().format().map_or(Up::ZERO, |f| f.unit());
    let margin = Up::new(8.0) * u;
    let mut atol = Up::ZERO;
    for i in 0..c.len() {
        let off = eps.at(i) + eps.at(i);
        let least = Down::magnitude(c.get(i)) - off;
        let covered = Down::new(rtol) * least * (Down::new(1.0) - margin);
        let needed = off * (Up::ONE + margin);
        atol = atol.max(excess(needed, covered));
    }
    decimal_up(atol)
}

/// An upper bound of a − b, 0 where b is larger.
fn excess(a: Up, b: Down) -> Up {
    if !a.is_finite() {
        return a;
    }
    let difference = crate::number::Enclosure::point(a.get());
    let rest =
        crate::number::SpecNumber::sub(&difference, &crate::number::Enclosure::point(b.get()));
    Up::new(rest.hi())
}

/// Rounded up to three significant decimal digits.
fn decimal_up(x: Up) -> Up {
    if !x.is_finite() || x == Up::ZERO {
        return x;
    }
    // Printing rounds to nearest; one unit of the third digit is added until it covers x.
    let shown: f64 = format!("{:.2e}", x.get()).parse().unwrap_or(f64::INFINITY);
    if shown >= x.get() {
        return Up::new(shown);
    }
    let text = format!("{:.2e}", x.get());
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let whole: u32 = digits.replace('.', "").parse().unwrap_or(999);
    let next: f64 = format!("{}e{}", whole + 1, exponent_minus_two(exponent))
        .parse()
        .unwrap_or(f64::INFINITY);
    Up::new(next)
}

fn exponent_minus_two(exponent: &str) -> i32 {
    exponent.parse::<i32>().unwrap_or(0) - 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decimals_round_up_by_at_most_one_percent(x in 1e-300..1e300_f64) {
            let up = decimal_up(Up::new(x)).get();
            prop_assert!(up >= x && up <= x * 1.011);
            prop_assert_eq!(format!("{:.2e}", up).parse::<f64>().unwrap(), up);
        }
    }
}
