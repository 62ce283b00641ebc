//! Products of matrices of intervals at GEMM speed: midpoint and radius apart.

use super::gemm::{product_near, product_up};
use super::interval::Interval;
use super::round::Up;
use super::spec::Factor;

/// Multiply-adds below which interval loops are as fast, and tighter.
pub(super) const WORTH_GEMM: usize = 1 << 12;

/// An enclosure of A·B.
///
/// # Statement
/// The result encloses XY for all X in A and Y in B, entry by entry.
/// # Formula
/// C ± R with C = fl(mid A · mid B) and
/// R = (|mid A| + rad A)·rad B + (rad A + g|mid A|)·|mid B| + k·η, g = (1+u)^k − 1.
/// # Derivation
/// XY − MN = (X − M)N + X(Y − N) for the midpoints M and N, |X| <= |M| + rad A. The rounded
/// MN is within g·|M||N| of it in any order, with or without FMA, and k·η for underflow
/// [Higham2002, §3.1; Rump 1999, Fast and parallel interval arithmetic].
/// # Assumes
/// A3: a conventional GEMM; subnormals on.
pub(super) fn product(a: Factor<'_, Interval>, b: Factor<'_, Interval>) -> Vec<Interval> {
    let (x, y) = (Split::of(a.data), Split::of(b.data));
    let (la, lb) = (a.layout, b.layout);
    let count = Up::count(la.columns);
    let g = Up::growth(Up::power_of_two(-53), count);
    let middle = product_near(&x.mid, la, &y.mid, lb);
    let left: Vec<Up> = x.both(|m, r| r + g * m);
    let mut radius = product_up(&left, la, &y.both(|m, _| m), lb);
    if let Some(rad) = &y.rad {
        let more = product_up(&x.both(|m, r| m + r), la, rad, lb);
        radius.iter_mut().zip(more).for_each(|(r, m)| *r += m);
    }
    // A product of zeros is zero; nothing that is rounded underflows to it unnoticed, because
    // `product_up` then gives a bound above 0.
    let lost = count * Up::power_of_two(-1074);
    let entry = |(c, r): (f64, Up)| {
        if r == Up::ZERO {
            Interval::point(c)
        } else {
            Interval::around(c, r + lost)
        }
    };
    middle.into_iter().zip(radius).map(entry).collect()
}

/// Midpoints and radii of intervals; no radii where all are points.
struct Split {
    mid: Vec<f64>,
    rad: Option<Vec<Up>>,
}

impl Split {
    fn of(data: &[Interval]) -> Split {
        let mid: Vec<f64> = data.iter().map(|x| x.mid()).collect();
        let radius = |(x, &m): (&Interval, &f64)| x.radius_about(m);
        let rad: Vec<Up> = data.iter().zip(&mid).map(radius).collect();
        let exact = rad.iter().all(|r| *r == Up::ZERO);
        Split {
            mid,
            rad: (!exact).then_some(rad),
        }
    }

    /// A bound made of each |midpoint| and radius.
    fn both(&self, f: impl Fn(Up, Up) -> Up) -> Vec<Up> {
        let radius = |i: usize| self.rad.as_ref().map_or(Up::ZERO, |r| r[i]);
        let mids = self.mid.iter().enumerate();
        mids.map(|(i, m)| f(Up::magnitude(*m), radius(i))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::exact::Rational;
    use super::super::gemm::Layout;
    use super::super::spec::{self, SpecNumber};
    use super::*;
    use proptest::prelude::*;

    /// Points, narrow and wide intervals, over many magnitudes, zeros among them.
    fn interval() -> impl Strategy<Value = Interval> {
        let size = prop_oneof![3 => -20_i32..20, 1 => -560_i32..-500];
        (-(1_i64 << 40)..1 << 40, size, 0_u8..4, 0_i32..50).prop_map(|(n, e, kind, r)| {
            let c = n as f64 * f64::from(e - 40).exp2();
            match kind {
                0 => Interval::point(0.0),
                1 => Interval::point(c),
                _ => Interval::around(c, Up::magnitude(c) * Up::power_of_two(-r)),
            }
        })
    }

    proptest! {
        /// The corners of the factors multiply to corners inside the enclosure, and the
        /// enclosure is at most a little wider than that of interval loops.
        #[test]
        fn every_product_of_members_is_inside(
            entries in prop::collection::vec(interval(), 24),
            corners in any::<u32>(),
            transposed in any::<(bool, bool)>(),
        ) {
            let (m, k, n) = (2, 4, 3);
            let (a, b) = (&entries[..m * k], &entries[m * k..m * k + k * n]);
            let la = if transposed.0 { Layout::row_major(k, m, true) } else { Layout::row_major(m, k, false) };
            let lb = if transposed.1 { Layout::row_major(n, k, true) } else { Layout::row_major(k, n, false) };
            let enclosed = product(Factor::new(a, la), Factor::new(b, lb));
            let loops = spec::product(&(), Factor::new(a, la), Factor::new(b, lb));
            let corner = |i: usize, x: &Interval| {
                Rational::from_f64(&(), if corners >> i & 1 == 0 { x.lo() } else { x.hi() })
            };
            let x: Vec<Rational> = a.iter().enumerate().map(|(i, x)| corner(i, x)).collect();
            let y: Vec<Rational> = b.iter().enumerate().map(|(i, y)| corner(i + m * k, y)).collect();
            let exact = spec::product(&(), Factor::new(&x, la), Factor::new(&y, lb));
            for ((x, e), l) in exact.iter().zip(&enclosed).zip(&loops) {
                prop_assert!(x.sub(&Rational::from_f64(&(), e.lo())).enclose().lo() >= 0.0);
                prop_assert!(x.sub(&Rational::from_f64(&(), e.hi())).enclose().hi() <= 0.0);
                // Centred products are at most half as wide again, and the rounding.
                let size = Up::new(1e-13) * l.magnitude() + Up::new(1e-13) * sizes(a, b);
                prop_assert!(e.width() <= l.width() * Up::new(2.0) + size);
            }
        }
    }

    /// A bound on every sum of magnitudes of products.
    fn sizes(a: &[Interval], b: &[Interval]) -> Up {
        let most = |xs: &[Interval]| xs.iter().fold(Up::ZERO, |m, x| m.max(x.magnitude()));
        Up::count(a.len()) * most(a) * most(b) + Up::power_of_two(-1000)
    }

    #[test]
    fn what_is_unknown_stays_unknown_and_zero_stays_zero() {
        let (la, lb) = (
            Layout::row_major(2, 2, false),
            Layout::row_major(2, 1, false),
        );
        let a = [
            Interval::ENTIRE,
            Interval::point(0.0),
            Interval::point(0.0),
            Interval::point(3.0),
        ];
        let b = [Interval::point(1.0), Interval::point(0.0)];
        let c = product(Factor::new(&a, la), Factor::new(&b, lb));
        assert_eq!(c, vec![Interval::ENTIRE, Interval::point(0.0)]);
    }
}
