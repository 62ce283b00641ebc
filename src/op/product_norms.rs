//! How ℓ2 norms of errors go through a matrix product.
//!
//! # Statement
//! Let row i of Â be within rᵢ of A's and column j of B̂ within eⱼ of B's, and the whole matrices
//! within α and β, in ℓ2. Then |(ÂB̂ − AB)ᵢⱼ| ≤ rᵢ·‖B̂ⱼ‖ + ‖Aᵢ‖·eⱼ, the row
//! ‖(ÂB̂ − AB)ᵢ‖ ≤ rᵢ·‖B̂‖₂ + ‖Aᵢ‖·β, and ‖ÂB̂ − AB‖_F ≤ α·‖B̂‖₂ + ‖A‖₂·β.
//! # Derivation
//! ÂB̂ − AB = (Â − A)B̂ + A(B̂ − B); Cauchy and Schwarz, and ‖XY‖_F ≤ ‖X‖_F·‖Y‖₂. B̂ is within its
//! reach R of the run's C, so ‖B̂‖₂ ≤ ‖C‖₂ + ‖R‖_F; so is A.
//! # Tightness
//! Test `products_of_rows_are_nearly_attained`.

use crate::blocks::{Blocks, norm};
use crate::bound::Operand;
use crate::number::Up;
use crate::number::gemm::Layout;
use crate::number::spectral::spectral_norm;
use std::sync::Arc;

/// Gram products for a weight, whose norm serves all samples, and for a value of this run.
const OF_A_WEIGHT: usize = 7;
const OF_A_VALUE: usize = 3;

/// One product's factors: where their elements lie.
pub(super) struct Factors<'a> {
    pub a: Factor<'a>,
    pub b: Factor<'a>,
}

/// A matrix within an operand.
pub(super) struct Factor<'a> {
    pub x: &'a Operand<'a>,
    /// The matrix as it is multiplied.
    pub layout: Layout,
    /// Where it begins; its elements are neighbours.
    pub offset: usize,
}

/// What the norms say of a product's error.
pub(super) struct Propagated {
    /// Of each row.
    pub rows: Vec<Up>,
    /// Of the whole.
    pub whole: Up,
}

impl Factor<'_> {
    fn len(&self) -> usize {
        self.layout.rows * self.layout.columns
    }

    /// Norms of the rows, or of the columns.
    fn lines(&self, of_columns: bool, magnitude: impl Fn(usize) -> Up) -> Vec<Up> {
        let l = self.layout;
        let (count, step, length, stride) = if of_columns {
            (l.columns, l.column_step, l.rows, l.row_step)
        } else {
            (l.rows, l.row_step, l.columns, l.column_step)
        };
        let line = |i: usize| {
            let start = self.offset + i * step;
            norm((0..length).map(|k| magnitude(start + k * stride)))
        };
        (0..count).map(line).collect()
    }

    /// True for what every execution and the specification have alike.
    fn is_exact(&self) -> bool {
        self.x.approx.eps.is_zero() && self.x.approx.determined
    }

    /// The norms of the columns of every admissible matrix.
    fn lengths(&self) -> Arc<[Up]> {
        let compute = || self.lines(true, |i| self.x.magnitude(i)).into();
        match self.is_exact() {
            true => self
                .x
                .approx
                .gains
                .lengths(self.offset, self.layout, compute),
            false => compute(),
        }
    }

    /// How far the rows, or the columns, may be from the specification's.
    fn radii(&self, of_columns: bool) -> Vec<Up> {
        if self.x.approx.eps.is_zero() {
            let l = self.layout;
            return vec![Up::ZERO; if of_columns { l.columns } else { l.rows }];
        }
        let mut own = self.lines(of_columns, |i| self.x.eps(i));
        let l = self.layout;
        let (step, length) = if of_columns {
            (l.column_step, l.rows)
        } else {
            (l.row_step, l.columns)
        };
        let Some(blocks) = &self.x.approx.blocks else {
            return own;
        };
        // A line whose elements are neighbours may be known as a block; any line is a part of
        // the matrix.
        let whole = blocks.of_range(self.offset, self.offset + self.len());
        for (i, r) in own.iter_mut().enumerate() {
            *r = Up::min(*r, whole);
            if step == length {
                let start = self.offset + i * length;
                *r = Up::min(*r, blocks.of_range(start, start + length));
            }
        }
        own
    }

    /// How far the matrix may be, as a whole, from its lines.
    fn radius(&self, lines: &[Up]) -> Up {
        let own = norm(lines.iter().copied());
        let blocks = self.x.approx.blocks.as_ref();
        let whole = blocks.map(|b| b.of_range(self.offset, self.offset + self.len()));
        whole.map_or(own, |whole| own.min(whole))
    }

    /// ‖X̂‖₂, of every admissible X̂ and of X.
    fn gain(&self) -> Up {
        let (x, range) = (self.x, self.offset..self.offset + self.len());
        let norm_of = |products: usize| {
            let entries: Vec<f64> = range.clone().map(|i| x.c(i)).collect();
            spectral_norm(&entries, self.layout, products)
        };
        if self.is_exact() {
            return x.approx.gains.get(self.offset, || norm_of(OF_A_WEIGHT));
        }
        let within = norm(
            range
                .clone()
                .map(|i| x.magnitude(i).max(x.spec_magnitude(i))),
        );
        let reach = norm(range.clone().map(|i| x.approx.reach(i).max(x.eps(i))));
        within.min(norm_of(OF_A_VALUE) + reach)
    }
}

impl Factors<'_> {
    /// Tightens the propagated errors of the product's elements; the norms of its rows.
    pub fn propagate(&self, propagated: &mut [Up]) -> Propagated {
        let (a, b) = (&self.a, &self.b);
        let (radii, errors) = (a.radii(false), b.radii(true));
        let (alpha, beta) = (a.radius(&radii), b.radius(&errors));
        let gain = |x: &Factor, other: Up| match other {
            Up::ZERO => Up::ZERO,
            _ => x.gain(),
        };
        let (of_a, of_b) = (gain(a, beta), gain(b, alpha));
        let spec = a.lines(false, |i| a.x.spec_magnitude(i));
        let lengths = b.lengths();
        let columns = b.layout.columns;
        let rows: Vec<Up> = (0..a.layout.rows)
            .map(|i| {
                let own = propagated.get_mut(i * columns..(i + 1) * columns);
                let own = own.unwrap_or_default();
                for ((p, &length), &e) in own.iter_mut().zip(lengths.iter()).zip(&errors) {
                    *p = Up::min(*p, times(radii[i], length) + times(e, spec[i]));
                }
                let together = times(radii[i], of_b) + times(beta, spec[i]);
                together.min(norm(own.iter().copied()))
            })
            .collect();
        let whole = times(alpha, of_b) + times(beta, of_a);
        Propagated {
            whole: whole.min(norm(rows.iter().copied())),
            rows,
        }
    }
}

/// 0 where nothing moves, whatever the factor.
fn times(error: Up, factor: Up) -> Up {
    if error == Up::ZERO {
        error
    } else {
        error * factor
    }
}

/// What a wider block must save, as a factor, to be taken.
const WORTH: f64 = 1.0625;

/// The blocks of a batch of products of the same extents: of rows, or of whole matrices where
/// the errors of a product's rows are known better together.
pub(super) fn blocks(each: &[Propagated], rows: usize, columns: usize) -> Blocks {
    let apart = norm(each.iter().flat_map(|p| p.rows.iter().copied()));
    let together = norm(each.iter().map(|p| p.whole));
    if Up::new(WORTH) * together < apart {
        Blocks::new(rows * columns, each.iter().map(|p| p.whole).collect())
    } else {
        let all = each.iter().flat_map(|p| p.rows.iter().copied());
        Blocks::new(columns, all.collect())
    }
}
