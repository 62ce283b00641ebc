//! From a measured variance to what an error stays below.

use super::Wanted;

/// How far from its measure a variance, and how far from zero an error, may be.
pub(super) struct Quantiles {
    /// A measured mean square is at least this part of the variance.
    part: f64,
    /// An error is at most so many roots of the variance.
    roots: f64,
}

impl Quantiles {
    /// For so many elements, of which none may fail: each may with a third of its share of
    /// 1 − confidence in the measure of roundings, in their tail, and in the measure of jumps.
    pub fn new(wanted: Wanted, elements: usize) -> Quantiles {
        let failures = (1.0 - wanted.confidence) / 3.0 / elements.max(1) as f64;
        let logarithm = -failures.ln();
        Quantiles {
            part: least_part(f64::from(wanted.draws), logarithm),
            roots: (2.0 * (logarithm + std::f64::consts::LN_2)).sqrt(),
        }
    }

    /// What the sum of roundings stays below, of which draws had this mean square.
    pub fn tail(&self, square: f64) -> f64 {
        self.roots * (square / self.part).sqrt()
    }

    /// What the sum of so many jumps stays below, whatever their signs.
    pub fn worst(&self, square: f64, jumps: usize) -> f64 {
        (jumps as f64 * square / self.part).sqrt()
    }
}

/// The q < 1 with (q·e^(1−q))^(m/2) = e^(−logarithm).
fn least_part(draws: f64, logarithm: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..200 {
        let q = f64::midpoint(low, high);
        let exponent = draws / 2.0 * (q - 1.0 - q.ln());
        *(if exponent > logarithm {
            &mut low
        } else {
            &mut high
        }) = q;
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of chi-square with 64 degrees of freedom: the quantiles of tables (10⁻³: 35.1, 10⁻⁶: 22.2 of
    /// 64) lie above Chernoff's.
    #[test]
    fn measures_are_not_trusted_too_far() {
        for (failure, table) in [(1e-3_f64, 35.1 / 64.0), (1e-6, 22.2 / 64.0)] {
            let part = least_part(64.0, -failure.ln());
            assert!(part <= table && part > 0.7 * table, "{part} and {table}");
        }
    }

    #[test]
    fn more_elements_and_more_confidence_cost_more() {
        let wanted = |confidence, draws| Wanted {
            confidence,
            draws,
            seed: 0,
        };
        let tail = |w, n| Quantiles::new(w, n).tail(1.0);
        let base = tail(wanted(0.99, 64), 100);
        assert!(tail(wanted(0.99, 64), 10_000) > base);
        assert!(tail(wanted(0.999_999, 64), 100) > base);
        assert!(tail(wanted(0.99, 256), 100) < base);
        assert!(base > 4.0 && base < 12.0, "{base}");
    }
}
