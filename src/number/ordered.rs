//! Matrix products in a native format with every sum in a given order: the same bits on
//! every machine.

use super::gemm::{Layout, WORTH_THREADS};
use super::order::Order;
use super::runtime::Float;
use rayon::prelude::*;
use std::ops::Range;

/// Rows and columns of a tile whose sums are kept in registers.
const TILE_ROWS: usize = 4;
const TILE_COLUMNS: usize = 16;

/// fl(A·B), every sum in the given order.
pub(crate) fn product_in_order<T: Float>(
    order: Order,
    a: &[T],
    la: Layout,
    b: &[T],
    lb: Layout,
) -> Vec<T> {
    let (m, k, n) = (la.rows, la.columns, lb.columns);
    let mut out = vec![T::ZERO; m * n];
    if m == 0 || k == 0 || n == 0 {
        return out;
    }
    let panels: Vec<Vec<[T; TILE_COLUMNS]>> = (0..n)
        .step_by(TILE_COLUMNS)
        .map(|j| panel(b, lb, j))
        .collect();
    let rows = |(block, out): (usize, &mut [T])| {
        let first = block * TILE_ROWS;
        let count = out.len() / n;
        let strips = strips(a, la, first, count);
        for (p, panel) in panels.iter().enumerate() {
            let j = p * TILE_COLUMNS;
            let sums = if order == Order::PLAIN {
                tile(&strips, panel)
            } else {
                tile_in(order, &strips, panel)
            };
            let width = if n - j < TILE_COLUMNS {
                n - j
            } else {
                TILE_COLUMNS
            };
            for (i, sums) in sums.iter().take(count).enumerate() {
                out[i * n + j..i * n + j + width].copy_from_slice(&sums[..width]);
            }
        }
    };
    let blocks = TILE_ROWS * n;
    if m.saturating_mul(k).saturating_mul(n) < WORTH_THREADS {
        out.chunks_mut(blocks).enumerate().for_each(rows);
    } else {
        out.par_chunks_mut(blocks).enumerate().for_each(rows);
    }
    out
}

/// Columns j.. of B, row by row, filled up with zeros.
fn panel<T: Float>(b: &[T], lb: Layout, j: usize) -> Vec<[T; TILE_COLUMNS]> {
    let entry = |l: usize, c: usize| {
        if j + c < lb.columns {
            b[l * lb.row_step + (j + c) * lb.column_step]
        } else {
            T::ZERO
        }
    };
    let row = |l: usize| std::array::from_fn(|c| entry(l, c));
    (0..lb.rows).map(row).collect()
}

/// Rows first.. of A, column by column, filled up with zeros.
fn strips<T: Float>(a: &[T], la: Layout, first: usize, count: usize) -> Vec<[T; TILE_ROWS]> {
    let entry = |i: usize, l: usize| {
        if i < count {
            a[(first + i) * la.row_step + l * la.column_step]
        } else {
            T::ZERO
        }
    };
    let column = |l: usize| std::array::from_fn(|i| entry(i, l));
    (0..la.columns).map(column).collect()
}

/// The sums of a tile.
type Tile<T> = [[T; TILE_COLUMNS]; TILE_ROWS];

/// The sums of one tile in any order.
fn tile_in<T: Float>(order: Order, a: &[[T; TILE_ROWS]], b: &[[T; TILE_COLUMNS]]) -> Tile<T> {
    let chain = |range: Range<usize>| {
        let (first, rest) = (range.start, range.start + 1..range.end);
        let at = |i: usize, j: usize| {
            let start = order.mul(a[first][i], b[first][j]);
            let extend = |sum: T, l: usize| order.add_product(sum, a[l][i], b[l][j]);
            rest.clone().fold(start, extend)
        };
        std::array::from_fn(|i| std::array::from_fn(|j| at(i, j)))
    };
    let join = |x: Tile<T>, y: Tile<T>| {
        std::array::from_fn(|i| std::array::from_fn(|j| order.add(x[i][j], y[i][j])))
    };
    order.reduce(a.len(), chain, join)
}

/// The sums of one tile, each from left to right, without contraction.
fn tile<T: Float>(a: &[[T; TILE_ROWS]], b: &[[T; TILE_COLUMNS]]) -> Tile<T> {
    let mut sums = [[T::ZERO; TILE_COLUMNS]; TILE_ROWS];
    let mut terms = a.iter().zip(b);
    if let Some((x, y)) = terms.next() {
        for (sums, &x) in sums.iter_mut().zip(x) {
            sums.iter_mut().zip(y).for_each(|(s, &y)| *s = x.mul(y));
        }
    }
    for (x, y) in terms {
        for (sums, &x) in sums.iter_mut().zip(x) {
            sums.iter_mut()
                .zip(y)
                .for_each(|(s, &y)| *s = s.add(x.mul(y)));
        }
    }
    sums
}
