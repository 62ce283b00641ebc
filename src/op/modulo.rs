//! The remainder of a division, element by element.

use super::elementwise;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Bound, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::{SpecNumber, Up};
use crate::op::{Round, Rounding};
use crate::tensor::{SpecTensor, Tensor, Ty};

/// x − n·y, where n is x/y rounded down (Python's %) or towards zero (C's).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mod {
    /// True for C's: the remainder has the sign of x, else that of y.
    pub truncated: bool,
}

impl Mod {
    fn rounding(self) -> Rounding {
        if self.truncated {
            Rounding::Truncate
        } else {
            Rounding::Floor
        }
    }

    /// Of floats; C's remainder is exact, Python's rounds where it moves it to y's side.
    #[expect(clippy::float_arithmetic, reason = "the runtime's own arithmetic")]
    fn of_floats(self, x: f64, y: f64) -> f64 {
        let rest = x % y;
        if !self.truncated && rest != 0.0 && (rest < 0.0) != (y < 0.0) {
            rest + y
        } else {
            rest
        }
    }

    fn of_integers(self, x: i64, y: i64) -> Option<i64> {
        // The quotient of the least integer by −1 overflows, its remainder does not.
        let rest = if y == -1 { 0 } else { x.checked_rem(y)? };
        let moves = !self.truncated && rest != 0 && (rest < 0) != (y < 0);
        Some(if moves { rest + y } else { rest })
    }
}

impl Primitive for Mod {
    fn name(&self) -> &'static str {
        "Mod"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        elementwise::infer_binary(args)
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let rest = |(x, y): (&N, &N)| {
            let n = self.rounding().exact(cx.env, &x.div(y));
            x.sub(&n.mul(y))
        };
        let pairs = args[0].data.iter().zip(args[1].data.iter());
        SpecTensor::new(cx.ty.shape.clone(), pairs.map(rest).collect::<Vec<N>>())
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let [x, y] = [args[0], args[1]];
        if let (Some(x), Some(y)) = (x.as_i64s(), y.as_i64s()) {
            let rest = x.iter().zip(y).map(|(&x, &y)| self.of_integers(x, y));
            let rest: Option<Vec<i64>> = rest.collect();
            let rest = rest.ok_or_else(|| {
                Error::new("an integer remainder by 0").remedy("divide by another number")
            })?;
            return Tensor::i64s(cx.ty.shape.clone(), rest);
        }
        let rest = |i: usize| self.of_floats(x.get(i), y.get(i));
        let rest: Vec<f64> = (0..cx.len()).map(rest).collect();
        Tensor::from_f64s(cx.ty.shape.clone(), cx.ty.dtype, &rest)
    }
    /// εx + |n|·εy where the quotient rounds to one n, else the remainder's whole range.
    ///
    /// # Derivation
    /// With one n for specification and executions, x̂ − nŷ − (x − ny) = (x̂−x) − n(ŷ−y).
    /// Else both remainders are below m = |cy| + 2εy in magnitude; on y's side (or x's, where
    /// its sign is known) they are at most m apart, else 2m. C's remainder is a multiple of
    /// both operands' last places and smaller than y, so it is exact; Python's adds y to it,
    /// with one rounding of a number of at most m.
    /// # Errors
    /// None: a divisor that may be 0 gives +∞, "no claim".
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let [x, y] = [&args[0], &args[1]];
        let eps = |i: usize| {
            let m = y.magnitude(i).max(y.spec_magnitude(i));
            let rounding = if self.truncated { Up::ZERO } else { cx.half_ulp(m) };
            if x.eps(i) == Up::ZERO && y.eps(i) == Up::ZERO && y.c(i) != 0.0 {
                return rounding;
            }
            let (dividend, divisor) = (x.enclosure(i), y.enclosure(i));
            if !x.eps(i).is_finite() || !y.eps(i).is_finite() || divisor.contains_zero() {
                return Up::INFINITY;
            }
            let n = self.rounding().image(dividend.div(&divisor));
            if n.width() == Up::ZERO {
                return x.eps(i) + n.magnitude() * y.eps(i) + rounding;
            }
            let one_sided = !self.truncated || !dividend.contains_zero();
            let range = if one_sided { m } else { m + m };
            range + rounding
        };
        let integers = cx.format().is_none();
        let known = [x, y].iter().all(|a| a.approx.eps.is_zero());
        if integers && !known {
            return cx.approx(args, Bound::Tensor(Up::INFINITY)); // c beyond 2^53 is rounded
        }
        cx.approx(args, Bound::from_fn(cx.len(), eps))
    }
    /// At most |y|, and a rounding; no claim where y has none, or may be 0.
    fn scale(&self, _cx: &RuleCx, _args: &[ScaleOperand]) -> Scaled {
        Scaled::unbounded()
    }
    /// δ and −n·δ: n is constant almost everywhere, and by convention at its jumps (JAX,
    /// PyTorch).
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let [x, y] = [site.args[0], site.args[1]];
        let quotient = g.div(x, y)?;
        let n = g.push(Round(self.rounding()), &[quotient])?;
        let to_y = g.mul(site.cotangent, n)?;
        Ok(vec![Some(site.cotangent), Some(g.neg(to_y)?)])
    }
}
