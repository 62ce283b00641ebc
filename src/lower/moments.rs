//! Mean and variance.

use crate::error::Result;
use crate::graph::{Graph, ValueId};

/// How a variance is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Variance {
    /// mean((x − mean x)²).
    #[default]
    TwoPass,
    /// max(mean(x²) − (mean x)², 0).
    OnePass,
}

/// The mean over some axes, and what follows from it; the axes stay with extent 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moments {
    /// The mean.
    pub mean: ValueId,
    /// x − mean.
    pub centred: ValueId,
    /// The variance over all elements (divided by their number).
    pub variance: ValueId,
}

/// Appends the moments of x over axes.
pub fn moments(
    graph: &mut Graph,
    x: ValueId,
    axes: &[usize],
    variance: Variance,
) -> Result<Moments> {
    let mean = graph.mean(x, axes, true)?;
    let centred = graph.sub(x, mean)?;
    let variance = match variance {
        Variance::TwoPass => {
            let squares = graph.square(centred)?;
            graph.mean(squares, axes, true)?
        }
        Variance::OnePass => {
            let squares = graph.square(x)?;
            let (squares, square) = (graph.mean(squares, axes, true)?, graph.square(mean)?);
            let difference = graph.sub(squares, square)?;
            let zero = graph.scalar(0.0, graph.ty(x).dtype)?;
            graph.max(difference, zero)?
        }
    };
    Ok(Moments {
        mean,
        centred,
        variance,
    })
}
