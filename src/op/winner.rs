//! The element that is its group's maximum: the gate of max-pooling's gradient.

use super::contest::{Contest, Tie};
use super::excluded::Excluded;
use super::reduction::Axes;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity};
use super::truth;
use crate::bound::{Approx, Bound, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{Enclosure, SpecNumber, Up};
use crate::tensor::{DType, SpecTensor, Tensor, Ty};

/// True at the maximum over some axes, else false; of x's shape.
///
/// # Convention
/// The first of several equal maxima wins, in row-major order, as in JAX's and PyTorch's
/// max-pooling; or all of them, as in their reductions. Elements that a constant mask leaves out
/// never win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Winner(Box<Contest>);

impl Winner {
    pub(crate) fn over(axes: Axes, excluded: Excluded) -> Winner {
        Winner(Box::new(Contest {
            axes,
            tie: Tie::First,
            excluded,
        }))
    }

    /// All of several equal maxima.
    pub(crate) fn all(axes: Axes, excluded: Excluded) -> Winner {
        Winner(Box::new(Contest {
            axes,
            tie: Tie::All,
            excluded,
        }))
    }
}

impl Winner {
    /// Whether all of them win in every execution and in the specification.
    #[expect(clippy::float_cmp, reason = "equal maxima are one number")]
    fn tie_exactly(&self, x: &Operand, several: &[usize]) -> bool {
        let c = |i: &usize| x.c(*i);
        let same = several.iter().all(|i| x.is_exactly_c(*i) && c(i) == c(&several[0]));
        self.0.tie == Tie::All && same
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
            let (first, rest) = contenders.split_first().map_or((0, &[][..]), |(f, r)| (*f, r));
            let equal = |i: &usize| x.data[*i].sub(&x.data[first]).enclose() == Enclosure::point(0.0);
            let verdict = match rest.iter().all(equal) {
                true => N::from_i64(cx.env, 1),
                false => truth::either(cx.env),
            };
            for i in contenders {
                wins[i] = verdict.clone();
            }
        }
        SpecTensor::new(cx.ty.shape.clone(), wins)
    }
    #[expect(clippy::float_cmp, reason = "equal maxima are one number")]
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let x = args[0];
        let groups = self.0.axes.kept(x.shape()).len();
        let mut wins = vec![false; x.len()];
        let winners = self.0.winners(x, groups)?;
        for &i in &winners {
            wins[i] = true;
        }
        if self.0.tie == Tie::All {
            self.0.each(x.shape(), |i, group| wins[i] |= x.get(i) == x.get(winners[group]));
        }
        Tensor::bools(cx.ty.shape.clone(), wins)
    }
    /// 0 where the winner is decided, else 1 for each element that may win.
    ///
    /// # Derivation
    /// `Contest::possible`: the specification's winners and every execution's are among
    /// those elements; an element that never wins is false in all of them. Several that are
    /// exactly equal all win, in every one of them.
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
                Some(several) if self.tie_exactly(x, several) => {}
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
