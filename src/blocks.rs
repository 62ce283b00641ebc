//! ℓ2 norms of blocks: what is known of a tensor's errors besides a bound for each element.
//!
//! A block is a run of neighbours in row-major order: a row (a token's vector, a sample's), all
//! pixels of a sample, the whole tensor. So a reshape changes no block, and of any two widths
//! blocks of the larger are known from those of the smaller.

use crate::bound::Bound;
use crate::number::Up;
use crate::number::gemm::Layout;
use crate::tensor::Shape;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// An upper bound of the ℓ2 norm of every block of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Blocks {
    /// Elements of a block, at least 1.
    width: usize,
    norms: Arc<[Up]>,
}

/// An upper bound of the ℓ2 norm of a vector with these magnitudes.
pub fn norm(vector: impl Iterator<Item = Up> + Clone) -> Up {
    let squares: Up = vector.clone().map(|x| x * x).sum();
    let root = squares.sqrt();
    // The squares may overflow where the norm does not.
    if root.is_finite() { root } else { vector.sum() }
}

/// A tensor's blocks of which the elements of another are made.
#[derive(Debug)]
pub struct Part<'a> {
    /// The norms of its blocks.
    pub blocks: &'a Blocks,
    /// (result, own) positions, where an element adds to an element of the result; ordered by the
    /// result's.
    pub pairs: Vec<(usize, usize)>,
}

impl Blocks {
    /// One norm for each block of so many elements.
    pub fn new(width: usize, norms: Vec<Up>) -> Blocks {
        Blocks {
            width: width.max(1),
            norms: norms.into(),
        }
    }

    /// The norms of these magnitudes of `len` elements.
    pub fn of(width: usize, len: usize, magnitude: impl Fn(usize) -> Up) -> Blocks {
        let width = width.max(1);
        let block = |start: usize| norm((start..(start + width).min(len)).map(&magnitude));
        Blocks::new(width, (0..len).step_by(width).map(block).collect())
    }

    /// Elements of a block.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The norm of the block that an element is in.
    pub fn of_element(&self, i: usize) -> Up {
        self.norms[i / self.width]
    }

    /// The norm of all that lies in a range of elements.
    pub fn of_range(&self, start: usize, end: usize) -> Up {
        if start >= end {
            return Up::ZERO;
        }
        let touched = start / self.width..=(end - 1) / self.width;
        norm(touched.map(|b| self.norms[b]))
    }

    /// The norms of blocks of another width.
    #[must_use]
    pub fn with_width(&self, width: usize, len: usize) -> Blocks {
        if width == self.width {
            return self.clone();
        }
        let width = width.max(1);
        let block = |start: usize| self.of_range(start, (start + width).min(len));
        Blocks::new(width, (0..len).step_by(width).map(block).collect())
    }

    /// The norms of the differences that both bound, in blocks of the wider.
    #[must_use]
    pub fn zip(&self, other: &Blocks, len: usize, f: impl Fn(Up, Up) -> Up) -> Blocks {
        let width = self.width.max(other.width);
        let (a, b) = (self.with_width(width, len), other.with_width(width, len));
        let pairs = a.norms.iter().zip(b.norms.iter());
        Blocks::new(width, pairs.map(|(&a, &b)| f(a, b)).collect())
    }

    /// ‖a + b‖ ≤ ‖a‖ + ‖b‖.
    #[must_use]
    pub fn plus(&self, other: &Blocks, len: usize) -> Blocks {
        self.zip(other, len, |a, b| a + b)
    }

    /// The same, with a bound of each element of b.
    #[must_use]
    pub fn plus_each(&self, len: usize, magnitude: impl Fn(usize) -> Up) -> Blocks {
        self.plus(&Blocks::of(self.width, len, magnitude), len)
    }

    /// Each norm as far as a bound of each element allows.
    #[must_use]
    pub fn within(&self, bound: &Bound, len: usize) -> Blocks {
        let own = Blocks::of(self.width, len, |i| bound.at(i));
        self.zip(&own, len, Up::min)
    }

    /// Each norm times the largest factor of an element of its block.
    #[must_use]
    pub fn stretched(&self, len: usize, factor: impl Fn(usize) -> Up) -> Blocks {
        let each = self.norms.iter().enumerate().map(|(b, &norm)| {
            let block = b * self.width..((b + 1) * self.width).min(len);
            if norm == Up::ZERO {
                return norm; // nothing moves, whatever the factor
            }
            norm * block.map(&factor).fold(Up::ZERO, Up::max)
        });
        Blocks::new(self.width, each.collect())
    }

    /// The blocks of a tensor whose elements are sums of elements of others.
    ///
    /// # Statement
    /// Let y = Σ Mₚ·xₚ with matrices of zeros and ones. A block of y is bounded by
    /// Σₚ √(r·c)·‖the blocks of xₚ that it meets‖, where no row of the part of Mₚ that makes the
    /// block has more than r ones and no column more than c.
    /// # Derivation
    /// ‖M‖₂² ≤ ‖M‖₁·‖M‖_∞; parts whose rows do not overlap add up in squares.
    ///
    /// Widths that the shape suggests are tried, and the least is taken that costs nothing.
    pub fn gathered(shape: &Shape, parts: &[Part]) -> Blocks {
        let mut widths: Vec<usize> = Vec::new();
        for axis in (0..shape.rank()).rev() {
            let width: usize = shape[axis..].iter().product();
            if width > 1 && widths.last() != Some(&width) {
                widths.push(width);
            }
        }
        if widths.is_empty() {
            widths.push(1);
        }
        let made = widths
            .into_iter()
            .map(|w| Blocks::made(w, shape.len(), parts));
        let cost = |blocks: &Blocks| norm(blocks.norms.iter().copied());
        let mut best: Option<(Up, Blocks)> = None;
        for blocks in made {
            let cost = cost(&blocks);
            let least = Up::new(NO_LOSS) * cost;
            if best.as_ref().is_none_or(|(known, _)| least < *known) {
                best = Some((cost, blocks));
            }
        }
        best.map_or_else(|| Blocks::new(1, Vec::new()), |(_, blocks)| blocks)
    }

    fn made(width: usize, len: usize, parts: &[Part]) -> Blocks {
        let mut squares = vec![Up::ZERO; len.div_ceil(width)];
        for part in parts {
            let mut meetings = Meetings::new(part);
            for group in part.pairs.chunk_by(|a, b| a.0 / width == b.0 / width) {
                let norm = meetings.norm(group);
                squares[group[0].0 / width] += norm * norm;
            }
        }
        Blocks::new(width, squares.into_iter().map(|s| s.sqrt()).collect())
    }

    /// The norms times a factor, of blocks of another tensor, one for each of these.
    #[must_use]
    pub fn carried(&self, width: usize, factor: Up) -> Blocks {
        let scaled = |&norm: &Up| {
            if norm == Up::ZERO {
                norm
            } else {
                norm * factor
            }
        };
        Blocks::new(width, self.norms.iter().map(scaled).collect())
    }

    /// The blocks of sums over axes, or of other targets of this tensor's elements.
    #[must_use]
    pub fn collected(&self, targets: &[usize], shape: &Shape) -> Blocks {
        let mut pairs: Vec<_> = targets.iter().enumerate().map(|(i, &t)| (t, i)).collect();
        pairs.sort_unstable();
        let blocks = self;
        Blocks::gathered(shape, &[Part { blocks, pairs }])
    }
}

/// What a wider block must save, as a factor, to be taken.
const NO_LOSS: f64 = 1.0625;

/// Which blocks and elements of a part a block of the result has met.
struct Meetings<'a> {
    part: &'a Part<'a>,
    round: u32,
    blocks: Vec<u32>,
    /// The round in which an element was met last, and how often.
    elements: Vec<(u32, u32)>,
}

impl<'a> Meetings<'a> {
    fn new(part: &'a Part<'a>) -> Meetings<'a> {
        let blocks = part.blocks.norms.len();
        Meetings {
            part,
            round: 0,
            blocks: vec![0; blocks],
            elements: vec![(0, 0); blocks * part.blocks.width],
        }
    }

    /// √(r·c)·‖the blocks that are met‖.
    fn norm(&mut self, pairs: &[(usize, usize)]) -> Up {
        self.round += 1;
        let (mut column, mut squares) = (0, Up::ZERO);
        for &(_, own) in pairs {
            let block = own / self.part.blocks.width;
            if self.blocks[block] != self.round {
                self.blocks[block] = self.round;
                let norm = self.part.blocks.norms[block];
                squares += norm * norm;
            }
            let met = &mut self.elements[own];
            *met = if met.0 == self.round {
                (self.round, met.1 + 1)
            } else {
                (self.round, 1)
            };
            column = column.max(met.1 as usize);
        }
        let rows = pairs.chunk_by(|a, b| a.0 == b.0).map(<[_]>::len);
        let row = rows.max().unwrap_or(0);
        (Up::count(row) * Up::count(column) * squares).sqrt()
    }
}

/// What products ask of an exact tensor's matrices, computed when one first does: spectral norms,
/// and the lengths of columns. A copy is another value's, and forgets them.
#[derive(Debug, Default)]
pub struct Gains {
    norms: Mutex<BTreeMap<usize, Up>>,
    lengths: Mutex<Lengths>,
}

/// The lengths of a matrix's columns, by where it begins and how it lies.
type Lengths = BTreeMap<(usize, Layout), Arc<[Up]>>;

impl Clone for Gains {
    fn clone(&self) -> Gains {
        Gains::default()
    }
}

impl Gains {
    /// The norm of the matrix that begins at an offset.
    pub fn get(&self, offset: usize, compute: impl FnOnce() -> Up) -> Up {
        let mut known = self.norms.lock().unwrap_or_else(PoisonError::into_inner);
        *known.entry(offset).or_insert_with(compute)
    }

    /// The lengths of the columns of the matrix that begins at an offset and lies like this.
    pub fn lengths(
        &self,
        offset: usize,
        layout: Layout,
        compute: impl FnOnce() -> Arc<[Up]>,
    ) -> Arc<[Up]> {
        let mut known = self.lengths.lock().unwrap_or_else(PoisonError::into_inner);
        let lengths = known.entry((offset, layout)).or_insert_with(compute);
        Arc::clone(lengths)
    }
}

#[cfg(test)]
#[expect(clippy::float_arithmetic, reason = "what the bounds are held against")]
mod tests {
    use super::*;

    /// Norms of a vector's blocks, as they are.
    fn lengths(width: usize, vector: &[f64]) -> Vec<f64> {
        let of = |block: &[f64]| block.iter().map(|x| x * x).sum::<f64>().sqrt();
        vector.chunks(width).map(of).collect()
    }

    fn of(width: usize, vector: &[f64]) -> Blocks {
        Blocks::of(width, vector.len(), |i| Up::magnitude(vector[i]))
    }

    /// No block of the vector is longer than claimed; the largest share that one reaches.
    fn share(blocks: &Blocks, vector: &[f64]) -> f64 {
        let each = lengths(blocks.width(), vector).into_iter().enumerate();
        let shares = each.filter(|&(_, length)| length > 0.0);
        let shares = shares.map(|(b, length)| {
            let claimed = blocks.of_element(b * blocks.width()).get();
            assert!(
                length <= claimed * (1.0 + 1e-12),
                "{length} above {claimed}"
            );
            length / claimed
        });
        shares.fold(0.0, f64::max)
    }

    #[test]
    fn other_widths_hold() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let vector: Vec<f64> = (0..24).map(|_| rng.f64() - 0.5).collect();
            let known = of(rng.choice([1, 2, 4, 6, 24]).unwrap_or(1), &vector);
            for width in [1, 2, 3, 4, 8, 12, 24] {
                let other = known.with_width(width, 24);
                assert_eq!(other.width(), width);
                let reached = share(&other, &vector);
                if width.is_multiple_of(known.width()) {
                    assert!(reached > 1.0 - 1e-12, "{width}: {reached}");
                }
            }
        }
    }

    /// y = M·x for matrices of zeros and ones: movements, copies, sums.
    #[test]
    fn what_is_gathered_holds() {
        let mut rng = fastrand::Rng::with_seed(2);
        let (mut moved, mut summed) = (0.0_f64, 0.0_f64);
        for round in 0..500 {
            let vector: Vec<f64> = (0..12).map(|_| rng.f64() - 0.5).collect();
            let blocks = of(rng.choice([1, 3, 4, 12]).unwrap_or(1), &vector);
            let shape = Shape::from([4, 3]);
            // A permutation, anything, or the same number of terms everywhere.
            let mut own: Vec<usize> = (0..12).collect();
            rng.shuffle(&mut own);
            if round % 2 == 1 {
                own.iter_mut().for_each(|i| *i = rng.usize(..12));
            }
            let mut pairs: Vec<(usize, usize)> = own.iter().copied().enumerate().collect();
            if round % 3 == 1 {
                pairs.extend((0..rng.usize(..20)).map(|_| (rng.usize(..12), rng.usize(..12))));
                pairs.sort_unstable();
            }
            let mut result = vec![0.0; 12];
            for &(to, from) in &pairs {
                result[to] += vector[from];
            }
            let gathered = Blocks::gathered(
                &shape,
                &[Part {
                    blocks: &blocks,
                    pairs,
                }],
            );
            let reached = share(&gathered, &result);
            if round % 6 == 0 {
                moved = moved.max(reached);
            }
            summed = summed.max(reached);
        }
        assert!(moved > 1.0 - 1e-12 && summed <= 1.0 + 1e-12, "{moved}");
    }

    /// The sum of n equal numbers is √n·‖x‖, and n copies of one have √n times its length.
    #[test]
    fn sums_and_copies_are_attained() {
        let x = [0.5; 16];
        let summed = of(16, &x).collected(&[0; 16], &Shape::from([1]));
        assert!(share(&summed, &[8.0]) > 1.0 - 1e-12);
        let pairs = (0..16).map(|i| (i, 0)).collect();
        let blocks = &of(1, &[0.5]);
        let copied = Blocks::gathered(&Shape::from([4, 4]), &[Part { blocks, pairs }]);
        assert!(share(&copied, &x) > 1.0 - 1e-12);
    }

    #[test]
    fn lengths_whose_squares_overflow_or_vanish_are_bounded() {
        for x in [1e200, 1e-200, 1e-310] {
            assert!(of(2, &[x, x]).of_element(0).get() >= x * 1.4);
        }
        assert!(of(2, &[1e200, 1e200]).of_element(0).is_finite());
    }
}
