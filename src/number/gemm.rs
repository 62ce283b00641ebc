//! Matrix products of upper bounds at GEMM speed, rounded up afterwards.
//!
//! The only unsafe code of the crate: the GEMM takes raw pointers.
#![expect(
    unsafe_code,
    reason = "the GEMM's interface; lengths are checked before the call"
)]
#![expect(
    clippy::float_arithmetic,
    reason = "the product of the smallest entries decides whether underflow is possible"
)]

use super::round::Up;

/// How the entries of a matrix lie in a slice: `data[row·row_step + column·column_step]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Layout {
    /// Rows of the matrix.
    pub rows: usize,
    /// Columns of the matrix.
    pub columns: usize,
    /// Distance between rows.
    pub row_step: usize,
    /// Distance between columns.
    pub column_step: usize,
}

impl Layout {
    /// Row-major `rows × columns`; with `transposed`, the transpose of such a matrix.
    pub fn row_major(rows: usize, columns: usize, transposed: bool) -> Layout {
        if transposed {
            Layout {
                rows: columns,
                columns: rows,
                row_step: 1,
                column_step: columns,
            }
        } else {
            Layout {
                rows,
                columns,
                row_step: columns,
                column_step: 1,
            }
        }
    }

    fn fits(self, len: usize) -> bool {
        self.rows == 0
            || self.columns == 0
            || (self.rows - 1) * self.row_step + (self.columns - 1) * self.column_step < len
    }
}

/// Upper bounds of the entries of A·B for non-negative A and B.
///
/// # Statement
/// Every entry of the result is at least the exact Σ aᵢ·bᵢ, and at most
/// (1 + 4(k+2)·2⁻⁵³) times it, plus k·2⁻¹⁰⁷³ where some product may underflow.
/// # Derivation
/// Jeannerod & Rump 2013: a dot product of length k in any order, with or without FMA,
/// computes at least (1 - k·u)Σ - k·η/2. So Σ <= (fl + k·η)/(1 - k·u), and
/// 1/(1 - t) <= 1 + 2t for t <= 1/2.
/// # Assumes
/// A3: a conventional GEMM (no Strassen), subnormals on (verified by
/// [`subnormals_are_on`]).
pub fn product_up(a: &[Up], la: Layout, b: &[Up], lb: Layout) -> Vec<Up> {
    let product = product_near(floats(a), la, floats(b), lb);
    if la.columns == 0 {
        return vec![Up::ZERO; product.len()];
    }
    let count = Up::count(la.columns);
    let inflation = Up::ONE + Up::new(2.0) * count * Up::power_of_two(-53);
    let lost = if may_underflow(a, b) {
        count * Up::power_of_two(-1074)
    } else {
        Up::ZERO
    };
    // A NaN among the entries is 0·∞: no claim.
    let rounded = |x: f64| (Up::new(x) + lost) * inflation;
    product.into_iter().map(rounded).collect()
}

/// Bounds as the floats that they are.
fn floats(bounds: &[Up]) -> &[f64] {
    // SAFETY: `Up` is a transparent f64.
    unsafe { std::slice::from_raw_parts(bounds.as_ptr().cast::<f64>(), bounds.len()) }
}

/// The entries of A·B, each rounded somehow: a conventional product in some order, with or
/// without FMA.
pub fn product_near(a: &[f64], la: Layout, b: &[f64], lb: Layout) -> Vec<f64> {
    let mut out = vec![0.0; la.rows * lb.columns];
    multiply(a, la, b, lb, &mut out);
    out
}

/// Multiply-adds from which on a product is worth more than one thread.
pub(crate) const WORTH_THREADS: usize = 1 << 18;

/// out = A·B; zeros where there is nothing to add.
#[expect(clippy::expect_used, reason = "slice lengths fit isize")]
fn multiply(a: &[f64], la: Layout, b: &[f64], lb: Layout, out: &mut [f64]) {
    assert!(la.columns == lb.rows && la.fits(a.len()) && lb.fits(b.len()));
    let (m, k, n) = (la.rows, la.columns, lb.columns);
    assert!(out.len() == m * n);
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    let step = |s: usize| isize::try_from(s).expect("a slice is shorter than isize::MAX");
    let threads = if m.saturating_mul(k).saturating_mul(n) < WORTH_THREADS {
        gemm::Parallelism::None
    } else {
        gemm::Parallelism::Rayon(0)
    };
    // SAFETY: both layouts fit their slices and `out` holds m·n entries (asserted above);
    // `out` is borrowed mutably, so nothing else aliases it.
    unsafe {
        gemm::gemm::<f64>(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            step(n),
            false,
            a.as_ptr(),
            step(la.column_step),
            step(la.row_step),
            b.as_ptr(),
            step(lb.column_step),
            step(lb.row_step),
            0.0,
            1.0,
            false,
            false,
            false,
            threads,
        );
    }
}

/// True unless the product of the smallest non-zero entries is far from underflow.
fn may_underflow(a: &[Up], b: &[Up]) -> bool {
    let least = |xs: &[Up]| {
        xs.iter()
            .filter(|x| **x != Up::ZERO)
            .fold(Up::INFINITY, |least, &x| least.min(x))
            .get()
    };
    least(a) * least(b) < 1e-290
}

#[expect(clippy::float_cmp, reason = "halving and doubling are exact")]
/// True where this thread computes with subnormals, as every bound here assumes.
pub fn subnormals_are_on() -> bool {
    let tiny = std::hint::black_box(f64::MIN_POSITIVE);
    let half = std::hint::black_box(0.5);
    let subnormal = std::hint::black_box(tiny * half);
    subnormal != 0.0 && std::hint::black_box(subnormal * 2.0) == tiny
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_rational::BigRational;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn products_of_bounds_never_understate(
            (m, k, n) in (1_usize..5, 1_usize..40, 1_usize..5),
            seed in prop::collection::vec((0_u64..1 << 53, -600_i32..20), 400),
            transposed in any::<(bool, bool)>(),
        ) {
            let entries: Vec<Up> = seed.iter()
                .map(|&(x, e)| Up::new(x as f64 * f64::from(e - 30).exp2()))
                .collect();
            let (a, b) = (&entries[..m * k], &entries[200..200 + k * n]);
            let la = if transposed.0 { Layout::row_major(k, m, true) } else { Layout::row_major(m, k, false) };
            let lb = if transposed.1 { Layout::row_major(n, k, true) } else { Layout::row_major(k, n, false) };
            let c = product_up(a, la, b, lb);
            let exact = |x: Up| BigRational::from_float(x.get()).unwrap();
            for i in 0..m {
                for j in 0..n {
                    let truth: BigRational = (0..k)
                        .map(|l| exact(a[i * la.row_step + l * la.column_step])
                            * exact(b[l * lb.row_step + j * lb.column_step]))
                        .sum();
                    let bound = exact(c[i * n + j]);
                    prop_assert!(bound >= truth);
                    let slack = exact(Up::new(1.0 + 1e-13));
                    prop_assert!(bound <= truth * slack + exact(Up::new(1e-300)));
                }
            }
        }
    }

    #[test]
    fn no_claim_stays_no_claim() {
        let a = [Up::ZERO, Up::ONE];
        let b = [Up::INFINITY, Up::ONE];
        let (la, lb) = (
            Layout::row_major(1, 2, false),
            Layout::row_major(2, 1, false),
        );
        assert_eq!(product_up(&a, la, &b, lb), vec![Up::INFINITY]);
        assert!(subnormals_are_on());
    }
}
