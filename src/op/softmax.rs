//! exp(x) / Σ exp(x) over axes.

use super::exponentials::{self, Exponents, Row, takes_part};
use super::reduction::Axes;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use super::{Div, Exp, Sum};
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Down, Enclosure, SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty, ZERO_FILL};

/// pᵢ = exp(xᵢ) / Σⱼ exp(xⱼ) over some axes: e = exp x, d = Σe, e / d.
///
/// With a second argument z the lowering states that x = z − shift for a free shift over the
/// same axes (see [`FreeMax`](super::FreeMax)), on which p does not depend: the drift ends
/// here, and the gradient goes to z. A third, boolean argument says which elements take part;
/// the others are 0, and a row without any is 0 throughout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Softmax(pub(crate) Axes);

impl Softmax {
    pub(crate) fn over(axes: &[usize]) -> Softmax {
        Softmax(Axes::new(axes, true))
    }
}

/// e = exp(x − t) and Σe of the specification, over the elements that take part, with t for each
/// row; the sum of none is 0, and of what is not decided anything.
///
/// t is 0 but where exponentials would leave the range of an enclosure by f64: a run whose scores
/// are thousands off is thousands away from its own maximum.
pub(crate) struct SpecSums<N> {
    pub e: Vec<N>,
    pub sums: Vec<Option<N>>,
    pub origins: Vec<N>,
}

/// |x| up to which exp x and sums of it are in f64's range.
const EXPONENT_IN_RANGE: f64 = 500.0;

pub(crate) fn spec_sums<N: SpecNumber>(
    axes: &Axes,
    env: &N::Env,
    args: &[&SpecTensor<N>],
) -> SpecSums<N> {
    let (x, kept) = (args[0], args.get(2).copied());
    let targets = axes.targets(&x.shape);
    let mut largest = vec![f64::NEG_INFINITY; axes.kept(&x.shape).len()];
    for (i, &target) in targets.iter().enumerate() {
        let hi = x.data[i].enclose().hi();
        if takes_part(kept, i) == Some(true) && hi > largest[target] {
            largest[target] = hi;
        }
    }
    let is_moved = |row: usize| largest[row].is_finite() && largest[row].abs() > EXPONENT_IN_RANGE;
    let origin = |row: usize| N::from_f64(env, if is_moved(row) { largest[row] } else { 0.0 });
    let origins: Vec<N> = (0..largest.len()).map(origin).collect();
    let zero = N::from_f64(env, 0.0);
    let e = |(i, x): (usize, &N)| match takes_part(kept, i) {
        Some(true) if is_moved(targets[i]) => x.sub(&origins[targets[i]]).exp(),
        Some(true) => x.exp(),
        Some(false) => zero.clone(),
        None => N::from_f64(env, f64::NAN),
    };
    let e: Vec<N> = x.data.iter().enumerate().map(e).collect();
    let mut sums: Vec<Option<N>> = vec![None; origins.len()];
    for (i, &target) in targets.iter().enumerate() {
        if takes_part(kept, i) == Some(false) {
            continue;
        }
        let slot = &mut sums[target];
        *slot = Some(slot.as_ref().map_or_else(|| e[i].clone(), |s| s.add(&e[i])));
    }
    SpecSums { e, sums, origins }
}

/// e = exp x and Σe, computed as the primitives compute them.
pub(crate) fn run_sums(axes: &Axes, cx: &RuleCx, args: &[&Tensor]) -> Result<(Tensor, Tensor)> {
    let (x, ty) = (args[0], args[0].ty());
    let mut e = Exp.run(&RuleCx { ty: &ty, ..*cx }, &[x])?;
    if let Some(kept) = args.get(2) {
        let source = |i: usize| if kept.get(i) == 0.0 { ZERO_FILL } else { i };
        let sources: Vec<usize> = (0..x.len()).map(source).collect();
        e = e.take(ty.shape.clone(), &sources)?;
    }
    let kept = Ty::new(axes.kept(x.shape()), ty.dtype);
    let total = Sum(axes.keeping()).run(&RuleCx { ty: &kept, ..*cx }, &[&e])?;
    Ok((e, total))
}

/// The gradient goes to z where it is given, else to x.
pub(crate) fn to_scores(site: &VjpSite, gradient: ValueId) -> Vec<Option<ValueId>> {
    let goes = if site.args.len() == 1 { 0 } else { 1 };
    (0..site.args.len()).map(|k| (k == goes).then_some(gradient)).collect()
}

impl Primitive for Softmax {
    fn name(&self) -> &'static str {
        "Softmax"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let x = exponentials::infer(args)?;
        self.0.infer(x)?;
        Ok(x.clone())
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let SpecSums { e, sums, .. } = spec_sums(&self.0, cx.env, args);
        let zero = N::from_f64(cx.env, 0.0);
        let kept = args.get(2).copied();
        let each = |(i, target): (usize, usize)| match &sums[target] {
            Some(sum) if takes_part(kept, i) != Some(false) => e[i].div(sum),
            _ => zero.clone(),
        };
        let targets = self.0.targets(&args[0].shape).into_iter().enumerate();
        let data: Vec<N> = targets.map(each).collect();
        SpecTensor::new(cx.ty.shape.clone(), data)
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let (e, total) = run_sums(&self.0, cx, args)?;
        let targets = self.0.targets(args[0].shape());
        let p = Div.run(cx, &[&e, &total.take(cx.ty.shape.clone(), &targets)?])?;
        let Some(kept) = args.get(2) else {
            return Ok(p);
        };
        // 0/0 in a row without elements is left out with the rest.
        let source = |i: usize| if kept.get(i) == 0.0 { ZERO_FILL } else { i };
        p.take(cx.ty.shape.clone(), &(0..p.len()).map(source).collect::<Vec<_>>())
    }
    /// Error of a computed softmax.
    ///
    /// # Statement
    /// If |x̂ⱼ − xⱼ| ≤ εⱼ in every admissible execution then |p̂ᵢ − pᵢ| ≤ result.
    /// # Formula
    /// moved + computed + u·(P + computed) + η, at most `cap`; P and Q enclose p over the
    /// enclosures' box from above and below:
    /// moved = min(P·((1−Q)·εᵢ + min(Σ_{j≠i} Pⱼεⱼ, (1−Q)·max ε)), ½·max ε, P − Q),
    /// computed = (P·(1−L) + min(θP + α/D, error(eᵢ)/D))/L, with θ, α, L of `exponentials`.
    /// # Derivation
    /// pᵢ(x̂) − pᵢ(x) by the mean value theorem: ∂pᵢ/∂xᵢ = pᵢ(1−pᵢ), ∂pᵢ/∂xⱼ = −pᵢpⱼ at a point
    /// of the box; pᵢ(1−pᵢ) ≤ ¼ and Σ_{j≠i} pᵢpⱼ = pᵢ(1−pᵢ) give ½·max ε.
    /// In ℓ2 a row moves by at most ‖ε‖·max min(½, P, 2P(1−Q)): diag(p) − ppᵀ lies between 0 and
    /// diag(p), and its rows' sums of magnitudes are 2pᵢ(1−pᵢ) ≤ ½.
    /// The computed quotient is êᵢ/d̂ with d̂ ≥ L·D and êᵢ ≤ eᵢ + E; from below the same with
    /// 1 + r ≥ 1 − L. The quotient's rounding is charged as u·p, not as ½ulp, so that a product
    /// p·t covers e·fl(t/d) as well, where t/d does not underflow: the same factors within
    /// 1 ± u. `cap`: êᵢ ≤ (1+θ)M + α and d̂ ≥ (1−θ)M − α for the largest
    /// exponential M, so p̂ is at most their quotient at the least M, and p at most 1.
    /// # Assumes
    /// A1; A2 (else A2'); A3; A5.
    /// # Tightness
    /// Test `softmax_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let Some(format) = cx.format() else {
            return Approx::within(Bound::Tensor(Up::INFINITY));
        };
        let x = &args[0];
        let exponents = Exponents::new(args);
        let (targets, rows) = exponents.rows(cx, format, &self.0);
        let weights: Vec<Enclosure> = (0..x.len())
            .map(|i| rows[targets[i]].weight(x.enclosure(i)))
            .collect();
        let mut shared = vec![Up::ZERO; rows.len()];
        for i in (0..x.len()).filter(|&i| exponents.keeps(i)) {
            shared[targets[i]] += Up::new(weights[i].hi()) * x.eps(i);
        }
        let rounding = |i: usize| {
            let row = &rows[targets[i]];
            let computed = computed(cx, format, row, weights[i], x.enclosure(i));
            let most = Up::new(weights[i].hi()) + computed;
            computed + format.unit() * most + format.eta()
        };
        let of_kept = |i: usize, known: &dyn Fn() -> Up| {
            let row = &rows[targets[i]];
            if row.open || (!row.defined && exponents.keeps(i)) {
                Up::INFINITY
            } else if exponents.keeps(i) {
                known()
            } else {
                Up::ZERO
            }
        };
        let slope = |i: usize| of_kept(i, &|| slope(weights[i]));
        let own = |i: usize| of_kept(i, &|| rounding(i));
        let each = |i: usize| {
            let row = &rows[targets[i]];
            let moved = moved(row, weights[i], x.eps(i), shared[targets[i]]);
            let cap = cap(row);
            (moved + rounding(i)).min(cap + format.half_ulp(cap))
        };
        let approx = cx.approx(args, x.bound(|i| of_kept(i, &|| each(i))));
        Approx {
            blocks: Some(self.0.blocks(x).stretched(x.len(), slope).plus_each(x.len(), own)),
            range: Enclosure::new(0.0, rows.iter().map(|r| (cap(r) + format.half_ulp(cap(r))).get()).fold(1.0, |a, b| if b > a { b } else { a })),
            drift: if args.len() > 1 { Drift::Settled } else { Drift::None },
            determined: approx.determined && cx.config.libm.fixes(Function::Exp, format),
            ..approx
        }
    }
    /// No claim: without a run nothing keeps Σe from underflowing. The run does.
    fn scale(&self, _cx: &RuleCx, _args: &[ScaleOperand]) -> Scaled {
        Scaled::unbounded()
    }
    /// p·(δ − Σδp) or (as JAX has it) δp − p·Σδp, to z where it is given.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let weighted = g.mul(site.cotangent, site.value)?;
        let mean = g.push(Sum(self.0.keeping()), &[weighted])?;
        let mean = g.broadcast(mean, &g.ty(site.value).shape.clone())?;
        let centred = g.sub(site.cotangent, mean)?;
        let factored = g.mul(site.value, centred)?;
        let (p, delta) = (g.held(site.value)?, g.held(site.cotangent)?);
        let weighted = g.mul(delta, p)?;
        let mean = g.push(Sum(self.0.keeping()), &[weighted])?;
        let mean = g.broadcast(mean, &g.ty(p).shape.clone())?;
        let shared = g.mul(p, mean)?;
        let expanded = g.sub(weighted, shared)?;
        let to_z = g.any_of(factored, &[expanded])?;
        Ok(to_scores(site, to_z))
    }
}

/// A bound on what the row and the column of an element add to the norm of the derivative.
fn slope(weight: Enclosure) -> Up {
    let rest = Up::new(Enclosure::point(1.0).sub(&weight).hi());
    let p = Up::new(weight.hi());
    let twice = Up::new(2.0) * p * rest;
    twice.min(p).min(Up::new(0.5))
}

/// |p(x̂) − p(x)|.
fn moved(row: &Row, weight: Enclosure, eps: Up, shared: Up) -> Up {
    let rest = Enclosure::point(1.0).sub(&weight);
    let (most, rest) = (Up::new(weight.hi()), Up::new(rest.hi()));
    let others = shared.min(rest * row.largest);
    let by_slope = most * (rest * eps + others);
    let half = Up::new(0.5) * row.largest;
    by_slope.min(half).min(weight.width())
}

/// |ê/d̂ − p(x̂)| before the division's rounding.
fn computed(
    cx: &RuleCx,
    format: crate::number::Format,
    row: &Row,
    weight: Enclosure,
    x: Enclosure,
) -> Up {
    let most = Up::new(weight.hi());
    let e = x.exp().magnitude();
    let own = cx.config.libm.error(Function::Exp, format, e);
    let flushed = if row.absolute > format.lambda() { row.absolute } else { Up::ZERO };
    let relative = row.relative * most + row.absolute / row.least();
    let absolute = (own + flushed) / row.least();
    let lost = Up::new(Enclosure::point(1.0).sub(&Enclosure::point(row.shrunk.get())).hi());
    (most * lost.min(row.grown) + relative.min(absolute)) / row.shrunk
}

/// The most that a computed quotient may be, before its rounding.
fn cap(row: &Row) -> Up {
    let top = Up::ONE + row.relative + row.absolute / row.top;
    let bottom = Down::new(1.0) - (row.relative + row.absolute / row.top);
    top / bottom
}
