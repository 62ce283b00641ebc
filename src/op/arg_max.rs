//! The position of the maximum along an axis: an index that may be uncertain.

use super::contest::{Contest, Tie};
use super::excluded::Excluded;
use super::reduction::Axes;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity};
use crate::bound::{Approx, Bound, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{SpecNumber, Up};
use crate::tensor::{DType, Shape, SpecTensor, Tensor, Ty};

/// The position of the first maximum along an axis (of the last, where asked), which stays
/// with extent 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgMax(Box<(Contest, usize)>);

impl ArgMax {
    pub(crate) fn along(axis: usize, last: bool) -> ArgMax {
        let contest = Contest {
            axes: Axes::new(&[axis], true),
            tie: if last { Tie::Last } else { Tie::First },
            excluded: Excluded::default(),
        };
        ArgMax(Box::new((contest, axis)))
    }

    /// Where an element lies along the axis.
    fn position(&self, x: &Shape, element: usize) -> usize {
        element / x.strides()[self.0.1] % x[self.0.1]
    }
}

impl Primitive for ArgMax {
    fn name(&self) -> &'static str {
        "ArgMax"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        Ok(Ty::new(self.0.0.check(x)?.shape, DType::I64))
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let x = args[0];
        let contenders = self.0.0.contenders(&x.shape, &x.data, cx.ty.shape.len());
        let position = |all: &Vec<usize>| match all.as_slice() {
            [one] => N::from_i64(cx.env, self.position(&x.shape, *one) as i64),
            _ => N::from_f64(cx.env, f64::NAN),
        };
        let data: Vec<N> = contenders.iter().map(position).collect();
        SpecTensor::new(cx.ty.shape.clone(), data)
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let x = args[0];
        let winners = self.0.0.winners(x, cx.len())?;
        let position = |&i: &usize| self.position(x.shape(), i) as i64;
        let positions: Vec<i64> = winners.iter().map(position).collect();
        Tensor::i64s(cx.ty.shape.clone(), positions)
    }
    /// 0 where the winner is decided, else the distance between the first and the last
    /// element that may win.
    ///
    /// # Derivation
    /// `Contest::possible`: the specification's winner and every execution's are among
    /// those elements.
    /// # Tightness
    /// Test `an_uncertain_index_picks_either_element`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let x = &args[0];
        let spread = |possible: Option<Vec<usize>>| {
            let Some(all) = possible else {
                return Up::INFINITY; // an element may be undefined
            };
            let positions = || all.iter().map(|&i| self.position(x.shape(), i));
            let (first, last) = (positions().min(), positions().max());
            Up::count(last.unwrap_or(0) - first.unwrap_or(0))
        };
        let all = self.0.0.possible(x, cx.len());
        let eps: Vec<Up> = all.into_iter().map(spread).collect();
        cx.approx(args, Bound::per_element(&eps))
    }
    /// The last position; no claim where the argument has none.
    fn scale(&self, _cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let extent = args[0].ty.shape[self.0.1];
        let defined = args[0].scaled.scale.largest().is_finite();
        let last = Up::count(extent.saturating_sub(1));
        Scaled::new(Bound::uniform(if defined { last } else { Up::INFINITY }))
    }
    /// An index has no gradient.
    fn vjp(&self, _g: &mut Graph, _site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![None])
    }
}
