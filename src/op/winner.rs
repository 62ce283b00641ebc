//! The element that is its group's maximum: the gate of max-pooling's gradient.

use super::contest::Contest;
use super::excluded::Excluded;
use super::reduction::Axes;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity};
use super::truth;
use crate::bound::{Approx, Bound, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{SpecNumber, Up};
use crate::tensor::{DType, SpecTensor, Tensor, Ty};

/// True at the first maximum over some axes, else false; of x's shape.
///
/// # Convention
/// The first of several equal maxima wins, in row-major order, as in JAX's and PyTorch's
/// max-pooling. Elements that a constant mask leaves out never win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Winner(Box<Contest>);

impl Winner {
    pub(crate) fn over(axes: Axes, excluded: Excluded) -> Winner {
        Winner(Box::new(Contest {
            axes,
            last: false,
            excluded,
        }))
    }
}

impl Primitive for Winner {
    fn name(&self) -> &'static str {
        "Winner"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        self.0.check(x)?;
        Ok(Ty::new(x.shape.clone(), DType::Bool))
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let x = args[0];
        let groups = self.0.axes.kept(&x.shape).len();
        let mut wins = vec![N::from_i64(cx.env, 0); x.data.len()];
        for contenders in self.0.contenders(&x.shape, &x.data, groups) {
            let verdict = match contenders.as_slice() {
                [_] => N::from_i64(cx.env, 1),
                _ => truth::either(cx.env),
            };
            for i in contenders {
                wins[i] = verdict.clone();
            }
        }
        SpecTensor::new(cx.ty.shape.clone(), wins)
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let x = args[0];
        let groups = self.0.axes.kept(x.shape()).len();
        let mut wins = vec![false; x.len()];
        for i in self.0.winners(x, groups)? {
            wins[i] = true;
        }
        Tensor::bools(cx.ty.shape.clone(), wins)
    }
    /// 0 where the winner is decided, else 1 for each element that may win.
    ///
    /// # Derivation
    /// `Contest::possible`: the specification's winner and every execution's are among
    /// those elements; an element that never wins is false in all of them.
    /// # Tightness
    /// Test `an_undecided_winner_costs_the_whole_cotangent`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let x = &args[0];
        let groups = self.0.axes.kept(x.shape()).len();
        let mut eps = vec![Up::ZERO; cx.len()];
        for possible in self.0.possible(x, groups) {
            match possible.as_deref() {
                None => return cx.approx(args, Bound::Tensor(Up::INFINITY)),
                Some([_]) => {}
                Some(several) => several.iter().for_each(|&i| eps[i] = Up::ONE),
            }
        }
        cx.approx(args, Bound::per_element(&eps))
    }
    /// 1, where the argument has a scale at all.
    fn scale(&self, _cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        truth::scale(args)
    }
    /// Zero almost everywhere, and by convention at ties.
    fn vjp(&self, _g: &mut Graph, _site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![None])
    }
}
