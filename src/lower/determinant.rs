//! Determinants of small matrices.

use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::tensor::Shape;

/// The largest matrix whose determinant is expanded; the number of terms is its factorial.
const MAX_SIDE: usize = 5;

/// The determinants of matrices, by expansion along the first row: Σ ±a₁ⱼ·det Aⱼ.
///
/// The formula is division-free, so no pivot can be undefined; elimination is another formula
/// and is not spoken for.
pub fn determinant(graph: &mut Graph, x: ValueId) -> Result<ValueId> {
    let shape = graph.ty(x).shape.clone();
    let side = match shape.as_ref() {
        [.., rows, columns] if rows == columns && (1..=MAX_SIDE).contains(rows) => *rows,
        _ => {
            return Err(Error::new(format!("a determinant of the shape {shape}"))
                .remedy("use square matrices of at most 5 rows"));
        }
    };
    let batch = Shape::from(&shape[..shape.rank() - 2]);
    let columns: Vec<usize> = (0..side).collect();
    let minor = expand(graph, x, 0, &columns)?;
    graph.reshape(minor, batch)
}

/// The determinant of the last rows, from `row` on, and of some columns; both axes stay.
fn expand(graph: &mut Graph, x: ValueId, row: usize, columns: &[usize]) -> Result<ValueId> {
    if let &[column] = columns {
        return element(graph, x, row, column);
    }
    let mut terms = Vec::with_capacity(columns.len());
    for (k, &column) in columns.iter().enumerate() {
        let others: Vec<usize> = columns.iter().copied().filter(|&c| c != column).collect();
        let minor = expand(graph, x, row + 1, &others)?;
        let own = element(graph, x, row, column)?;
        let own = if k % 2 == 0 { own } else { graph.neg(own)? };
        terms.push(graph.mul(own, minor)?);
    }
    graph.add_n(&terms)
}

fn element(graph: &mut Graph, x: ValueId, row: usize, column: usize) -> Result<ValueId> {
    let shape = graph.ty(x).shape.clone();
    let rank = shape.rank();
    let mut starts = vec![0; rank];
    let mut lengths = shape.to_vec();
    (starts[rank - 2], starts[rank - 1]) = (row, column);
    (lengths[rank - 2], lengths[rank - 1]) = (1, 1);
    graph.slice(x, &starts, &vec![1; rank], &lengths)
}
