//! Comparisons: the truth of a relation between two values, element by element.

use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use super::{elementwise, truth};
use crate::bound::{Approx, Bound, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::spec::Steps;
use crate::number::{Enclosure, SpecNumber, Up};
use crate::tensor::{DType, SpecTensor, Tensor, Ty};
use std::cmp::Ordering;

/// A relation between two numbers; the others are these with the operands swapped, or their
/// negation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// x < y.
    Less,
    /// x ≤ y.
    LessOrEqual,
    /// x = y.
    Equal,
}

impl Relation {
    /// The relation as a function of x − y: 0 or 1 below, at and above zero.
    fn steps(self) -> Steps {
        let [below, at, above] = match self {
            Relation::Less => [1.0, 0.0, 0.0],
            Relation::LessOrEqual => [1.0, 1.0, 0.0],
            Relation::Equal => [0.0, 1.0, 0.0],
        };
        Steps { below, at, above }
    }

    /// Whether it holds for numbers in this order; never where a NaN is among them.
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Relation::Less => order == Some(Ordering::Less),
            Relation::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Relation::Equal => order == Some(Ordering::Equal),
        }
    }
}

/// The truth of a relation between two numbers of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compare(pub Relation);

impl Primitive for Compare {
    fn name(&self) -> &'static str {
        "Compare"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let ty = elementwise::infer_binary(args)?;
        Ok(Ty::new(ty.shape, DType::Bool))
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let steps = self.0.steps();
        let pairs = args[0].data.iter().zip(args[1].data.iter());
        let data: Vec<N> = pairs.map(|(x, y)| x.sub(y).step(cx.env, steps)).collect();
        SpecTensor::new(cx.ty.shape.clone(), data)
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let [x, y] = [args[0], args[1]];
        let order = |i: usize| match (x.integer(i), y.integer(i)) {
            (Some(x), Some(y)) => Some(x.cmp(&y)),
            _ => x.get(i).partial_cmp(&y.get(i)),
        };
        let data: Vec<bool> = (0..cx.len()).map(|i| self.0.holds(order(i))).collect();
        Tensor::bools(cx.ty.shape.clone(), data)
    }
    /// 0 where every x and y within their enclosures compare alike, else the jump 1.
    ///
    /// # Derivation
    /// The floats themselves are compared, so nothing is rounded: x̂ and ŷ lie in their
    /// enclosures, and so do x and y. A relation that is the same for all pairs of the two
    /// enclosures is the same for both pairs.
    /// # Errors
    /// None: an operand that may be undefined gives +∞, "no claim".
    /// # Tightness
    /// Test `an_undecided_comparison_selects_either_branch`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let [x, y] = [&args[0], &args[1]];
        let eps = |i: usize| {
            if !x.eps(i).is_finite() || !y.eps(i).is_finite() {
                return Up::INFINITY;
            }
            let exact = |a: &Operand| a.eps(i) == Up::ZERO && !a.approx.drift.is_open();
            // Beyond 2^53 an integer's c may itself be rounded.
            let enclosed = [x, y].iter().all(|a| a.value.dtype().is_float() || a.abs(i) < 9.0e15);
            let apart = || enclosed && self.is_decided(x.enclosure(i), y.enclosure(i));
            if (exact(x) && exact(y)) || apart() {
                Up::ZERO
            } else {
                Up::ONE
            }
        };
        let eps: Vec<Up> = (0..cx.len()).map(eps).collect();
        cx.approx(args, Bound::per_element(&eps))
    }
    /// 1, where both operands have a scale at all.
    fn scale(&self, _cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        truth::scale(args)
    }
    /// Zero almost everywhere, and by convention at the jump.
    fn vjp(&self, _g: &mut Graph, _site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![None, None])
    }
}

impl Compare {
    fn is_decided(self, x: Enclosure, y: Enclosure) -> bool {
        match self.0 {
            Relation::Less => x.hi() < y.lo() || x.lo() >= y.hi(),
            Relation::LessOrEqual => x.hi() <= y.lo() || x.lo() > y.hi(),
            Relation::Equal => x.hi() < y.lo() || x.lo() > y.hi(),
        }
    }
}
