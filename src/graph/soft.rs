//! Appending what adds up exponentials.

use super::{Graph, ValueId};
use crate::error::Result;
use crate::op;

/// What exponentials are taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exponents {
    /// The arguments of the exponentials.
    pub x: ValueId,
    /// z where x is z less a free shift over the same axes.
    pub z: Option<ValueId>,
    /// A boolean tensor like x: which elements take part (only with z).
    pub kept: Option<ValueId>,
}

impl From<ValueId> for Exponents {
    fn from(x: ValueId) -> Exponents {
        Exponents {
            x,
            z: None,
            kept: None,
        }
    }
}

impl Exponents {
    fn args(self) -> Vec<ValueId> {
        [Some(self.x), self.z, self.kept]
            .into_iter()
            .flatten()
            .collect()
    }
}

impl Graph {
    /// exp(x) / Σ exp(x) over axes (see [`op::Softmax`]).
    pub fn softmax_over(&mut self, x: impl Into<Exponents>, axes: &[usize]) -> Result<ValueId> {
        self.push(op::Softmax::over(axes), &x.into().args())
    }

    /// ln Σ exp(x) over axes (see [`op::LogSumExp`]).
    pub fn log_sum_exp_over(
        &mut self,
        x: impl Into<Exponents>,
        axes: &[usize],
        keep: bool,
    ) -> Result<ValueId> {
        self.push(op::LogSumExp::over(axes, keep), &x.into().args())
    }

    /// Marks `value` as a shift-invariant function of z over axes, made of x = z − shift
    /// (see [`op::Settle`]); without z it is already, and nothing is appended.
    pub fn settle(&mut self, settle: op::Settle, value: ValueId, of: Exponents) -> Result<ValueId> {
        let Some(z) = of.z else {
            return Ok(value);
        };
        let args = [Some(value), Some(z), Some(of.x), of.kept];
        let args: Vec<ValueId> = args.into_iter().flatten().collect();
        self.push(settle, &args)
    }
}
