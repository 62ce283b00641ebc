//! Selection by a condition: a decided one passes a branch on, it never multiplies.

use super::nest::Nest;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity};
use super::truth;
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::{SpecNumber, Up};
use crate::tensor::{Data, DType, SpecTensor, Tensor, Ty, ZERO_FILL};
use std::sync::Arc;

/// The second argument where the first is true, else the third; element by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Select;

/// What is known of the condition of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branch {
    /// Every execution and the specification take this branch (0: where true).
    Taken(usize),
    /// They may take different branches.
    Either,
    /// The condition may be undefined.
    Undefined,
}

impl Branch {
    fn of(condition: &Operand, i: usize) -> Branch {
        let eps = condition.eps(i);
        if eps == Up::ZERO {
            Branch::Taken(usize::from(condition.c(i) == 0.0))
        } else if eps.is_finite() {
            Branch::Either
        } else {
            Branch::Undefined
        }
    }
}

impl Primitive for Select {
    fn name(&self) -> &'static str {
        "Select"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [condition, x, y] = arity::<3>(args)?;
        if condition.dtype != DType::Bool || condition.shape != x.shape || x != y {
            return Err(Error::new(format!(
                "cannot select between {x} and {y} by a condition {condition}"
            ))
            .remedy("the condition must be boolean, the branches of one type, the shapes equal"));
        }
        Ok(x.clone())
    }
    /// The branch; where the condition is not decided, what lies between both.
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let [condition, x, y] = [args[0], args[1], args[2]];
        let select = |i: usize| match truth::decided(&condition.data[i]) {
            Some(true) => x.data[i].clone(),
            Some(false) => y.data[i].clone(),
            None => {
                let share = x.data[i].sub(&y.data[i]).mul(&truth::either(cx.env));
                y.data[i].add(&share)
            }
        };
        let data: Vec<N> = (0..condition.data.len()).map(select).collect();
        SpecTensor::new(cx.ty.shape.clone(), data)
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        fn pick<T: Copy>(condition: &[bool], x: &[T], y: &[T]) -> Arc<[T]> {
            let both = condition.iter().zip(x.iter().zip(y));
            both.map(|(&c, (&x, &y))| if c { x } else { y }).collect()
        }
        let Data::Bool(condition) = args[0].data() else {
            return Err(Error::new("a condition that is not boolean"));
        };
        macro_rules! select {
            ($($variant:ident),+) => {
                // Of one variant after the other, so that none can be forgotten.
                match args[1].data() {
                    $(Data::$variant(x) => match args[2].data() {
                        Data::$variant(y) => Data::$variant(pick(condition, x, y)),
                        _ => return Err(Error::new("branches of different types")),
                    })+
                }
            };
        }
        let data = select!(
            F64, F32, F16, BF16, TF32, E4M3, E5M2, E3M2, E2M3, E2M1, I64, Bool
        );
        Tensor::from_data(cx.ty.shape.clone(), data)
    }
    /// ε of the branch that is taken; where that is not decided, of both and the distance
    /// between them.
    ///
    /// # Derivation
    /// Nothing is rounded. Where an execution takes x̂ and the specification y, both lie in
    /// their enclosures, and |x̂ − y| is at most the largest distance between those.
    /// # Tightness
    /// Test `an_undecided_comparison_selects_either_branch`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let [condition, x, y] = [&args[0], &args[1], &args[2]];
        let eps: Vec<Up> = (0..cx.len())
            .map(|i| match Branch::of(condition, i) {
                Branch::Taken(0) => x.eps(i),
                Branch::Taken(_) => y.eps(i),
                Branch::Either => x.eps(i).max(y.eps(i)).max(apart(x, y, i)),
                Branch::Undefined => Up::INFINITY,
            })
            .collect();
        let mut approx = cx.approx(args, Bound::per_element(&eps));
        approx.drift = drift(cx, args);
        approx.range = x.approx.range.hull(y.approx.range);
        if cx.any_tree() && [x, y].iter().any(|a| a.approx.nest.is_some()) {
            approx.nest = Some(Arc::new(selected_nest(cx, args)));
        }
        approx
    }
    /// The larger of both: conditions are unknown to a scale.
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let [x, y] = [&args[1], &args[2]];
        let (a, b) = (&x.scaled.scale, &y.scaled.scale);
        let defined = args[0].scaled.scale.largest().is_finite();
        let scale = if defined {
            a.zip(b, cx.len(), Up::max)
        } else {
            Bound::Tensor(Up::INFINITY)
        };
        let mut scaled = Scaled::new(scale);
        if cx.any_tree() && [x, y].iter().any(|a| a.scaled.nest.is_some()) {
            // Either branch's leaves: those of both are at least as many and as large.
            let both = [Nest::of_scale(cx, x), Nest::of_scale(cx, y)];
            scaled.nest = Some(Arc::new(Nest::joined(&both, cx.len())));
        }
        scaled
    }
    /// The cotangent where the branch is taken, else zero: it is never multiplied.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let [condition, delta] = [site.args[0], site.cotangent];
        if !g.ty(delta).dtype.is_float() {
            return Ok(vec![None; 3]);
        }
        let to_x = g.select_or_zero(condition, delta)?;
        let zero = g.scalar(0.0, g.ty(delta).dtype)?;
        let to_y = g.select(condition, zero, delta)?;
        Ok(vec![None, Some(to_x), Some(to_y)])
    }
}

/// The largest distance between members of both enclosures. Integers beyond 2^53 have no
/// exact c; their magnitudes bound it.
fn apart(x: &Operand, y: &Operand, i: usize) -> Up {
    if x.value.dtype().is_float() || x.value.dtype() == DType::Bool {
        x.enclosure(i).sub(&y.enclosure(i)).magnitude()
    } else {
        x.magnitude(i) + x.eps(i) + y.magnitude(i) + y.eps(i)
    }
}

/// The specification of the condition does not move with a shift (a drift there is no
/// claim), so the selected value moves as far as its branch.
fn drift(cx: &RuleCx, args: &[Operand]) -> Drift {
    let [condition, x, y] = [&args[0], &args[1], &args[2]];
    if !x.approx.drift.is_open() && !y.approx.drift.is_open() {
        return Drift::None;
    }
    let (of_x, of_y) = (&x.approx.drift, &y.approx.drift);
    Drift::Within(Bound::from_fn(cx.len(), |i| match Branch::of(condition, i) {
        Branch::Taken(0) => of_x.at(i),
        Branch::Taken(_) => of_y.at(i),
        Branch::Either | Branch::Undefined => of_x.at(i).max(of_y.at(i)),
    }))
}

/// The reduction that the selected value is the root of.
///
/// # Derivation
/// A decided element keeps its branch's leaves. Where the branch is open, an execution that
/// takes x's leaves l̂ satisfies |Σl̂ − y| ≤ |Σl̂ − x| + |x − y|: the leaves of both branches,
/// and one more without magnitude whose error is the distance.
fn selected_nest(cx: &RuleCx, args: &[Operand]) -> Nest {
    let [condition, x, y] = [&args[0], &args[1], &args[2]];
    let sources = |of: usize| -> Vec<usize> {
        let source = |i: usize| match Branch::of(condition, i) {
            Branch::Taken(branch) if branch != of => ZERO_FILL,
            Branch::Taken(_) | Branch::Either | Branch::Undefined => i,
        };
        (0..cx.len()).map(source).collect()
    };
    let jump = Bound::from_fn(cx.len(), |i| match Branch::of(condition, i) {
        Branch::Taken(_) => Up::ZERO,
        Branch::Either => apart(x, y, i),
        Branch::Undefined => Up::INFINITY,
    });
    let of = |operand: &Operand, branch: usize| {
        Arc::new(Nest::of(cx, operand).taken(&sources(branch), &cx.ty.shape))
    };
    let parts = [of(x, 0), of(y, 1), Arc::new(Nest::leaf(Bound::Zero, jump))];
    Nest::joined(&parts, cx.len())
}
