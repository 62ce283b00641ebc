//! What a determined sum lost to rounding in this run, instead of what it might have lost.
//!
//! # Statement
//! Where every execution has the arguments c and the result ĉ = fl(Σ tⱼ), with n terms tⱼ that are
//! elements of c or products of two, |ĉ − Σ tⱼ| ≤ |ĉ − s| + n·2⁻⁵³·Σ|tⱼ|, s being Σ tⱼ in f64, in
//! any order.
//! # Derivation
//! Products of two floats of at most 24 bits are exact in f64, so s differs from Σ tⱼ by n − 1
//! additions' roundings [Jeannerod & Rump 2013]; no sum of such numbers is below f64's normal
//! range but 0.
//! # Tightness
//! Test `a_determined_sum_loses_what_it_loses`.

use super::rule::{Primitive, RuleCx, SpecCx};
use crate::bound::{Approx, Bound, Operand};
use crate::number::{Enclosure, SpecNumber, Up};
use crate::op::real;
use crate::tensor::{SpecTensor, Tensor};

/// Bits of a significand whose products are exact in f64.
const WIDEST: i32 = 24;

/// True where every execution has the same arguments and the same trees, f64 is much finer, and
/// the specification does not depend on a shift.
fn can_be_measured(cx: &RuleCx, args: &[Operand]) -> bool {
    let narrow = cx.format().is_some_and(|f| f.precision <= WIDEST);
    let still = args.iter().all(|a| !a.approx.drift.is_open());
    narrow && still && cx.approx(args, Bound::Zero).determined
}

/// A linear operation's result with ε = `propagated` + what this run lost, where that is less and
/// the execution is determined: ĉ is compared with the enclosure of the operation on c.
pub(super) fn at_most_measured(
    op: &impl Primitive,
    cx: &RuleCx,
    args: &[Operand],
    out: &Tensor,
    (approx, propagated): (Approx, impl Fn(usize) -> Up),
) -> Approx {
    if !(approx.determined && can_be_measured(cx, args)) {
        return approx;
    }
    let inputs: Vec<SpecTensor<Enclosure>> = args.iter().map(|a| real(&(), a.value)).collect();
    let spec = SpecCx {
        env: &(),
        ty: cx.ty,
        run: Some(out),
    };
    let exact = op.spec(&spec, &inputs.iter().collect::<Vec<_>>());
    let eps = |i: usize| {
        let lost = Up::new(exact.data[i].distance(out.get(i)).hi());
        approx.eps.at(i).min(propagated(i) + lost)
    };
    Approx {
        eps: Bound::from_fn(cx.len(), eps),
        ..approx
    }
}

/// |ĉ − Σ tⱼ| of every element, `magnitude` being Σ|tⱼ| from above and `near` the sums in f64;
/// none where the execution is not determined, or f64 tells no more than a bound does.
pub(super) fn measured(
    cx: &RuleCx,
    args: &[Operand],
    out: &Tensor,
    (terms, magnitude): (usize, &Bound),
    near: impl FnOnce() -> Vec<f64>,
) -> Option<Bound> {
    if !can_be_measured(cx, args) {
        return None;
    }
    let near = near();
    let unit = Up::count(terms) * Up::power_of_two(-53);
    Some(Bound::from_fn(near.len(), |i| {
        let (c, s) = (out.get(i), near[i]);
        if !(c.is_finite() && s.is_finite()) {
            return Up::INFINITY;
        }
        let apart = Enclosure::point(c).sub(&Enclosure::point(s)).magnitude();
        apart + unit * magnitude.at(i)
    }))
}
