//! x^y, element by element.

use super::elementwise::{self, Binary};
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::{Enclosure, Float, SpecNumber, Up};
use crate::op::{Op, Relation, range};
use crate::tensor::{SpecTensor, Tensor, Ty};

/// x to the power of y: for x > 0, for x = 0 < y, and for every x ≠ 0 (or x, where y ≥ 0)
/// if y is exactly an integer.
///
/// A program calls a `pow` that is within its table; the exponents that programs treat by
/// products, roots and quotients are `lower::power`'s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pow;

impl Binary for Pow {
    fn exact<N: SpecNumber>(&self, x: &N, y: &N) -> N {
        x.pow(y)
    }
    fn float<T: Float>(&self, x: T, y: T) -> T {
        x.pow(y)
    }
    fn integer(&self, _x: i64, _y: i64) -> Option<i64> {
        None
    }
}

/// |x̂^ŷ − x^y| for x, x̂ in X and y, ŷ in Y.
fn moved(x: (Enclosure, Up), y: (Enclosure, Up), image: Enclosure) -> Up {
    let ((x, ex), (y, ey)) = (x, y);
    let mut moved = Up::ZERO;
    if ex != Up::ZERO {
        let lower = x.pow(&y.sub(&Enclosure::point(1.0)));
        moved += y.mul(&lower).magnitude() * ex;
    }
    if ey != Up::ZERO {
        moved += image.mul(&x.log()).magnitude() * ey;
    }
    moved.min(image.width())
}

/// δ·(y·x^(y−1)) with a product for the power, where y is one constant integer.
#[expect(clippy::float_cmp, reason = "one number in every place")]
fn by_products(
    g: &mut Graph,
    site: &VjpSite,
    exponent: &Tensor,
    lower: ValueId,
) -> Result<Option<ValueId>> {
    let (all, lower) = (exponent.to_f64s(), constant(g, lower));
    let one = |t: &[f64]| t.first().copied().filter(|y| t.iter().all(|z| z == y));
    let (Some(_), Some(less)) = (one(&all), lower.and_then(|t| one(&t.to_f64s()))) else {
        return Ok(None);
    };
    let x = g.held(site.args[0])?;
    let Some(power) = g.by_squaring(x, less)? else {
        return Ok(None);
    };
    let slope = g.mul(site.args[1], power)?;
    let cotangent = g.held(site.cotangent)?;
    Ok(Some(g.mul(cotangent, slope)?))
}

/// y − 1, or 0 where y is 0, so that y·x^(y−1) is 0 there for every x.
fn lowered(g: &mut Graph, y: ValueId) -> Result<ValueId> {
    if let Some(lowered) = lowered_constant(g, y)? {
        return Ok(lowered);
    }
    let dtype = g.ty(y).dtype;
    let (zero, one) = (g.scalar(0.0, dtype)?, g.scalar(1.0, dtype)?);
    let is_zero = g.compare(Relation::Equal, y, zero)?;
    let less = g.sub(y, one)?;
    g.select(is_zero, zero, less)
}

/// The same of a constant, where the format holds every element of it: a negative base needs
/// an exponent that is exactly an integer.
fn lowered_constant(g: &mut Graph, y: ValueId) -> Result<Option<ValueId>> {
    let Some(value) = constant(g, y) else {
        return Ok(None);
    };
    #[expect(clippy::float_arithmetic, reason = "kept only where it is exact")]
    let less = |y: f64| if y == 0.0 { 0.0 } else { y - 1.0 };
    let elements: Vec<f64> = value.to_f64s().into_iter().map(less).collect();
    let rounded = Tensor::from_f64s(value.shape().clone(), value.dtype(), &elements)?;
    let step = |a: f64, b: f64| Enclosure::point(a).sub(&Enclosure::point(b));
    let exact = |(y, less): (f64, &f64)| *less == 0.0 || step(y, *less) == Enclosure::point(1.0);
    let all = value.to_f64s().into_iter().zip(&rounded.to_f64s()).all(exact);
    if !all || rounded.to_f64s() != elements {
        return Ok(None);
    }
    let lowered = g.constant(rounded);
    let shape = g.ty(y).shape.clone();
    g.broadcast(lowered, &shape).map(Some)
}

/// The constant that a value repeats.
fn constant(g: &Graph, value: ValueId) -> Option<Tensor> {
    let node = g.node(value);
    match (node.op(), node.args()) {
        (Op::Constant(tensor), _) => Some(tensor.as_ref().clone()),
        (Op::Broadcast(_), [source]) => constant(g, *source),
        _ => None,
    }
}

impl Primitive for Pow {
    fn name(&self) -> &'static str {
        "Pow"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x, _] = arity::<2>(args)?;
        float(x)?;
        elementwise::infer_binary(args)
    }
    fn spec<N: SpecNumber>(&self, _cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        elementwise::spec_binary(self, args[0], args[1])
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        elementwise::run_binary(self, cx, args[0], args[1])
    }
    /// Error of a computed power.
    ///
    /// # Statement
    /// If x, x̂ lie in X = [c−2ε, c+2ε] and y, ŷ likewise in Y then |fl(x̂^ŷ) − x^y| ≤ result.
    /// # Formula
    /// min(sup|y·x^(y−1)|·εx + sup|x^y·ln x|·εy, width of X^Y) + the table's at sup|x^y|.
    /// # Derivation
    /// Mean value theorem on the box X × Y, along one axis after the other; the term of an
    /// exact operand is left out, and with it the demand that ln x exist. The drift moves by the
    /// same slopes.
    /// # Assumes
    /// A5: the computed power is within its table's ulp of the power of the float arguments.
    /// # Tightness
    /// Test `a_power_is_nearly_attained`.
    /// # Errors
    /// None: a pole or an open sign of x gives +∞, "no claim".
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let [x, y] = [&args[0], &args[1]];
        let libm = cx.config.libm;
        let each = |i: usize| {
            let (ex, ey) = (x.eps(i), y.eps(i));
            let Some(format) = cx.format().filter(|_| (ex + ey).is_finite()) else {
                return Up::INFINITY;
            };
            let (base, exponent) = (x.enclosure(i), y.enclosure(i));
            let image = base.pow(&exponent);
            moved((base, ex), (exponent, ey), image) + libm.power_error(format, image.magnitude())
        };
        let drift = |i: usize| {
            let (base, exponent) = (x.enclosure(i), y.enclosure(i));
            let (dx, dy) = (x.approx.drift.at(i), y.approx.drift.at(i));
            moved((base, dx), (exponent, dy), base.pow(&exponent))
        };
        // Elements without a claim are none of whom a range speaks.
        let claimed = (0..cx.len()).filter(|&i| (x.eps(i) + y.eps(i)).is_finite());
        let images = claimed.map(|i| x.enclosure(i).pow(&y.enclosure(i)));
        let open = x.approx.drift.is_open() || y.approx.drift.is_open();
        let approx = cx.approx(args, Bound::from_fn(cx.len(), each));
        Approx {
            drift: if open {
                Drift::Within(Bound::from_fn(cx.len(), drift))
            } else {
                Drift::None
            },
            range: range::widened(range::hull(images), |m| match cx.format() {
                Some(format) => libm.power_error(format, m),
                None => Up::INFINITY,
            }),
            determined: approx.determined
                && (cx.format()).is_some_and(|format| libm.fixes_power(format)),
            ..approx
        }
    }
    /// No claim: bounds on |x| and |y| say nothing about x^y. The run does.
    fn scale(&self, _cx: &RuleCx, _args: &[ScaleOperand]) -> Scaled {
        Scaled::unbounded()
    }
    /// δ·(y·x^(y−1)), 0 for y = 0, and δ·(x^y·ln x), 0 for x = 0, as JAX and PyTorch have
    /// them; a constant exponent has no gradient.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let [x, y] = [site.args[0], site.args[1]];
        let lower = lowered(g, y)?;
        let power = g.pow(x, lower)?;
        let slope = g.mul(y, power)?;
        let to_x = g.mul(site.cotangent, slope)?;
        if let Some(exponent) = constant(g, y) {
            let by_products = by_products(g, site, &exponent, lower)?;
            let others: Vec<ValueId> = by_products.into_iter().collect();
            return Ok(vec![Some(g.any_of(to_x, &others)?), None]);
        }
        let dtype = g.ty(x).dtype;
        let (zero, one) = (g.scalar(0.0, dtype)?, g.scalar(1.0, dtype)?);
        let is_zero = g.compare(Relation::Equal, x, zero)?;
        let safe = g.select(is_zero, one, x)?;
        let log = g.log(safe)?;
        let slope = g.mul(site.value, log)?;
        let to_y = g.mul(site.cotangent, slope)?;
        Ok(vec![Some(to_x), Some(to_y)])
    }
}
