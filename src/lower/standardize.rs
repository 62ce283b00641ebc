//! Values over their deviation: what layer, instance, group and RMS normalization are made of.

use super::{Deviation, Moments, Variance, inverse_deviation, moments};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::op::{Conditioned, Normalized, Part};

/// What [`standardize`] gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standardized {
    /// (x − mean) / √(variance + epsilon).
    pub value: ValueId,
    /// The moments.
    pub moments: Moments,
    /// 1 / √(variance + epsilon).
    pub inverse_deviation: ValueId,
}

/// Over which axes, and with what.
#[derive(Clone, Copy)]
struct How<'a> {
    axes: &'a [usize],
    centred: bool,
    deviation: Deviation,
    variance: Variance,
}

/// (x − mean)·(1/√(variance + epsilon)) over axes.
///
/// Errors of x move the mean, the deviation and the element alike, which the derivative of the
/// whole knows (see [`Conditioned`]).
pub fn standardize(
    graph: &mut Graph,
    x: ValueId,
    axes: &[usize],
    deviation: impl Into<Deviation>,
    variance: Variance,
) -> Result<Standardized> {
    let how = How {
        axes,
        centred: true,
        deviation: deviation.into(),
        variance,
    };
    let held = graph.held_summand(x)?;
    how.conditioned(graph, x, held)
}

/// x·(1/√(mean(x²) + epsilon)) over axes; conditioned as [`standardize`] is.
pub fn rms_normalize(
    graph: &mut Graph,
    x: ValueId,
    axes: &[usize],
    deviation: impl Into<Deviation>,
) -> Result<ValueId> {
    let how = How {
        axes,
        centred: false,
        deviation: deviation.into(),
        variance: Variance::TwoPass,
    };
    let held = graph.held(x)?;
    Ok(how.conditioned(graph, x, held)?.value)
}

impl How<'_> {
    /// The parts by their primitives, each with what its conditioning says.
    fn conditioned(self, graph: &mut Graph, x: ValueId, held: ValueId) -> Result<Standardized> {
        let held = self.parts(graph, held, |_, _, value| Ok(value))?;
        self.parts(graph, x, |graph, part, value| {
            let held = match part {
                Part::Variance => held.moments.variance,
                Part::InverseDeviation => held.inverse_deviation,
                Part::Value => held.value,
            };
            let of_part = Normalized::new(self.axes, self.centred, self.deviation.epsilon, part);
            let of_part = match self.variance {
                Variance::TwoPass => of_part.of_squares(),
                Variance::OnePass => of_part,
            };
            graph.conditioned(Conditioned::Normalized(of_part), [value, held, x])
        })
    }

    /// Variance, inverse deviation and value, each finished before the next is made of it.
    fn parts(
        self,
        graph: &mut Graph,
        x: ValueId,
        mut finish: impl FnMut(&mut Graph, Part, ValueId) -> Result<ValueId>,
    ) -> Result<Standardized> {
        let mut moments = if self.centred {
            moments(graph, x, self.axes, self.variance)?
        } else {
            let squares = graph.square(x)?;
            Moments {
                mean: x,
                centred: x,
                variance: graph.mean(squares, self.axes, true)?,
            }
        };
        moments.variance = finish(graph, Part::Variance, moments.variance)?;
        let inverse = inverse_deviation(graph, moments.variance, self.deviation)?;
        let inverse_deviation = finish(graph, Part::InverseDeviation, inverse)?;
        let value = graph.mul(moments.centred, inverse_deviation)?;
        Ok(Standardized {
            value: finish(graph, Part::Value, value)?,
            moments,
            inverse_deviation,
        })
    }
}
