//! Upper bounds of spectral norms, at the speed of matrix products.
#![expect(
    clippy::float_arithmetic,
    reason = "scaling by powers of two, which is exact where it does not underflow"
)]

use super::format;
use super::gemm::{Layout, product_near};
use super::round::Up;

/// Multiply-adds that a norm may cost.
const WORK: f64 = 4e10;

/// An upper bound of the largest singular value of a matrix of finite numbers.
///
/// # Statement
/// ‖A‖₂ ≤ result ≤ min(‖A‖_F, rank(A)^(1/2^(p+1))·‖A‖₂) but for roundings of a few n·u, after p
/// products: as many as are asked for, and fewer where they would be too much work.
/// # Derivation
/// With M₀ = A and Mₜ₊₁ = fl(MₜᵀMₜ), ‖Mₜ‖₂² = ‖MₜᵀMₜ‖₂ ≤ ‖Mₜ₊₁‖₂ + δₜ, where
/// δₜ = ‖fl(MₜᵀMₜ) − MₜᵀMₜ‖_F ≤ k·u·‖|Mₜ|ᵀ|Mₜ|‖_F + n·k·η ≤ k·u·‖Mₜ‖_F² + n·k·η for products
/// of length k [Jeannerod & Rump 2013]; and ‖M‖₂ ≤ ‖M‖_F for the last one. Squaring makes the
/// largest singular value dominate: the iteration of Delattre, Barthélemy, Araujo and Allauzen
/// (ICML 2023), with its roundings. Each matrix is scaled by a power of two so that its Frobenius
/// norm is in [1/2, 1]; entries that underflow by that lose less than η.
/// # Assumes
/// A3: a conventional GEMM (no Strassen), subnormals on.
pub fn spectral_norm(a: &[f64], layout: Layout, products: usize) -> Up {
    let whole = frobenius(a);
    let least = layout.rows.min(layout.columns);
    if least <= 1 || whole == Up::ZERO || !whole.is_finite() {
        return whole;
    }
    // The smaller of AᵀA and AAᵀ, which have the same norm.
    let tall = if layout.columns <= layout.rows {
        layout
    } else {
        turned(layout)
    };
    let mut matrix = Scaled::new(a.to_vec(), whole);
    let mut of = tall;
    let mut steps = Vec::with_capacity(products);
    let square = Up::count(least) * Up::count(least);
    let mut work = Up::ZERO;
    for _ in 0..products {
        work += square * Up::count(of.rows);
        if work.get() > WORK {
            break;
        }
        let length = Up::count(of.rows);
        let rounding = length * Up::power_of_two(-53) * matrix.norm * matrix.norm;
        let underflow = Up::count(of.columns) * length * Up::power_of_two(-1073);
        let square = product_near(&matrix.entries, turned(of), &matrix.entries, of);
        let norm = frobenius(&square);
        if norm == Up::ZERO {
            // What is left of the matrix has underflowed.
            steps.push((matrix.exponent, rounding + underflow));
            return unwound(Up::ZERO, &steps, least).min(whole);
        }
        steps.push((matrix.exponent, rounding + underflow));
        matrix = Scaled::new(square, norm);
        of = Layout::row_major(least, least, false);
    }
    let last = Up::power_of_two(matrix.exponent) * matrix.norm;
    unwound(last, &steps, least).min(whole)
}

fn turned(layout: Layout) -> Layout {
    Layout {
        rows: layout.columns,
        columns: layout.rows,
        row_step: layout.column_step,
        column_step: layout.row_step,
    }
}

/// A matrix as 2^exponent times entries of Frobenius norm at most 1.
struct Scaled {
    entries: Vec<f64>,
    exponent: i32,
    /// Of the entries.
    norm: Up,
}

impl Scaled {
    fn new(entries: Vec<f64>, norm: Up) -> Scaled {
        let exponent = format::exponent(norm.get()) + 1;
        // 2^1023 is the largest power of two; what is below its inverse stays as it is.
        let exponent = exponent.clamp(-1000, 1000);
        let by = Up::power_of_two(-exponent).get();
        let entries: Vec<f64> = entries.into_iter().map(|x| x * by).collect();
        let norm = frobenius(&entries);
        Scaled {
            entries,
            exponent,
            norm,
        }
    }
}

/// ‖M₀‖ from ‖M_p‖: each step is the exponent of Mₜ's scale and δₜ.
fn unwound(last: Up, steps: &[(i32, Up)], least: usize) -> Up {
    let lost = Up::count(least) * Up::power_of_two(-1074);
    steps.iter().rev().fold(last, |norm, &(exponent, delta)| {
        Up::power_of_two(exponent) * ((norm + delta).sqrt() + lost)
    })
}

/// An upper bound of the root of the sum of all squares.
fn frobenius(entries: &[f64]) -> Up {
    let squares = entries.iter().map(|&x| Up::magnitude(x) * Up::magnitude(x));
    squares.sum::<Up>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norm(rows: usize, columns: usize, a: &[f64]) -> f64 {
        spectral_norm(a, Layout::row_major(rows, columns, false), 7).get()
    }

    fn random(n: usize, seed: u64) -> Vec<f64> {
        let mut rng = fastrand::Rng::with_seed(seed);
        (0..n).map(|_| rng.f64() - 0.5).collect()
    }

    /// What A does to a unit vector: a lower bound, by power iteration.
    fn attained(rows: usize, columns: usize, a: &[f64]) -> f64 {
        let mut v = random(columns, 7);
        let mut gain = 0.0;
        for _ in 0..500 {
            let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            let row = |r: usize| {
                (0..columns)
                    .map(|c| a[r * columns + c] * v[c] / length)
                    .sum()
            };
            let y: Vec<f64> = (0..rows).map(row).collect();
            gain = y.iter().map(|x| x * x).sum::<f64>().sqrt();
            let back = |c: usize| (0..rows).map(|r| a[r * columns + c] * y[r]).sum();
            v = (0..columns).map(back).collect();
        }
        gain
    }

    #[test]
    fn norms_of_random_matrices_are_nearly_attained() {
        for (seed, (rows, columns)) in [(40, 40), (90, 30), (8, 200), (2, 2)]
            .into_iter()
            .enumerate()
        {
            let a = random(rows * columns, seed as u64);
            let (bound, least) = (norm(rows, columns, &a), attained(rows, columns, &a));
            assert!(least <= bound * (1.0 + 1e-12), "{least} > {bound}");
            assert!(bound <= 1.03 * least, "{bound} against {least}");
        }
    }

    #[test]
    fn norms_that_are_known() {
        assert_eq!(norm(1, 2, &[3.0, 4.0]), 5.0);
        assert_eq!(norm(2, 2, &[0.0; 4]), 0.0);
        let diagonal = norm(2, 2, &[3.0, 0.0, 0.0, -4.0]);
        assert!((4.0..4.0 * (1.0 + 1e-12)).contains(&diagonal), "{diagonal}");
        // Rank one: the norm is that of Frobenius, 6.
        let ones = norm(6, 6, &[1.0; 36]);
        assert!((6.0..6.0 * (1.0 + 1e-12)).contains(&ones), "{ones}");
    }

    #[test]
    fn norms_at_the_ends_of_the_range() {
        for x in [1e-320, 1e-200, 1e-150, 1e150] {
            let bound = norm(2, 3, &[x, 0.0, 0.0, 0.0, x, 0.0]);
            assert!(x <= bound && bound <= x * 1.5 + 1e-300, "{x}: {bound}");
        }
        assert!(!spectral_norm(&[1e300; 4], Layout::row_major(2, 2, false), 7).is_finite());
    }

    /// A block that is far below another does not vanish from the bound of the first.
    #[test]
    fn norms_of_ragged_matrices_hold() {
        let mut a = vec![0.0; 9];
        (a[0], a[4], a[8]) = (1.0, 1e-170, -1.0);
        let bound = norm(3, 3, &a);
        assert!((1.0..=1.01).contains(&bound), "{bound}");
    }
}
