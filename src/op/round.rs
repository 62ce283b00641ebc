//! Rounding to integers, element by element.

use super::elementwise;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use crate::bound::{Approx, Bound, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::spec::Steps;
use crate::number::{Enclosure, Format, SpecNumber, Up};
use crate::op::truth;
use crate::tensor::{SpecTensor, Tensor, Ty};

/// To which integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// The largest integer that is not above x.
    Floor,
    /// The least integer that is not below x.
    Ceil,
    /// The nearest integer, ties to even.
    Nearest,
    /// Towards zero.
    Truncate,
}

impl Rounding {
    /// Of a float; the result is a float of the same format.
    pub(crate) fn apply(self, x: f64) -> f64 {
        match self {
            Rounding::Floor => x.floor(),
            Rounding::Ceil => x.ceil(),
            Rounding::Nearest => x.round_ties_even(),
            Rounding::Truncate => x.trunc(),
        }
    }

    /// The integers that members of an interval round to, from the first to the last.
    pub(crate) fn image(self, x: Enclosure) -> Enclosure {
        Enclosure::new(self.apply(x.lo()), self.apply(x.hi()))
    }

    /// Of a specification number.
    ///
    /// Where two neighbouring integers n and n + 1 are open, the sign of x − t decides, t
    /// being the number between them at which the result changes.
    pub(crate) fn exact<N: SpecNumber>(self, env: &N::Env, x: &N) -> N {
        let image = self.image(x.enclose());
        let (lo, hi) = (image.lo(), image.hi());
        if lo >= hi {
            return N::from_f64(env, lo);
        }
        let low = N::from_f64(env, lo);
        // Below 2^52 a float holds n + ½ as well.
        let one_apart = image.width() == Up::ONE && image.magnitude() < 4.0e15;
        let share = if one_apart {
            let (t, at) = self.threshold(lo, hi);
            x.sub(&N::from_f64(env, t)).step(env, JUMP_AT[usize::from(at)])
        } else {
            truth::either(env)
        };
        low.add(&N::from_f64(env, hi).sub(&low).mul(&share))
    }

    /// Where the result changes from n to n + 1, and whether it is n + 1 there.
    fn threshold(self, n: f64, next: f64) -> (f64, bool) {
        match self {
            Rounding::Floor => (next, true),
            Rounding::Ceil => (n, false),
            // n + ½; the even one at the tie.
            Rounding::Nearest => (Enclosure::new(n, next).mid(), next.rem_euclid(2.0) == 0.0),
            Rounding::Truncate if next > 0.0 => (next, true),
            Rounding::Truncate => (n, false),
        }
    }
}

/// 0 to 1 at zero, where the value is 0 or 1.
const JUMP_AT: [Steps; 2] = [
    Steps {
        below: 0.0,
        at: 0.0,
        above: 1.0,
    },
    Steps {
        below: 0.0,
        at: 1.0,
        above: 1.0,
    },
];

/// 0 where the format holds the integers up to m, +∞ where they may be beyond its range.
fn held(cx: &RuleCx, m: Up) -> Up {
    let beyond = |format: Format| m.get() >= format.overflow_threshold();
    if cx.format().is_some_and(beyond) {
        Up::INFINITY
    } else {
        Up::ZERO
    }
}

/// Rounding to an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round(pub Rounding);

impl Primitive for Round {
    fn name(&self) -> &'static str {
        "Round"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        float(x)?;
        Ok(x.clone())
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let each = args[0].data.iter().map(|x| self.0.exact(cx.env, x));
        SpecTensor::new(cx.ty.shape.clone(), each.collect::<Vec<N>>())
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let rounded: Vec<f64> = (args[0].to_f64s().into_iter())
            .map(|x| self.0.apply(x))
            .collect();
        Tensor::from_f64s(cx.ty.shape.clone(), cx.ty.dtype, &rounded)
    }
    /// The integers that the enclosure crosses: 0 where it rounds to one.
    ///
    /// # Derivation
    /// x and x̂ lie in the enclosure and rounding is monotone, so both results lie between
    /// those of its ends. The result is exact: the integers next to a float of any format
    /// here are floats of it, but for those beyond its range (E2M3 ends at 7½, and has no 8).
    /// # Errors
    /// None: an argument that may be undefined, or an integer beyond the range, gives +∞, "no
    /// claim".
    /// # Tightness
    /// Test `a_crossed_integer_is_a_jump`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let x = &args[0];
        let eps: Vec<Up> = (0..cx.len())
            .map(|i| {
                let eps = x.eps(i);
                if !eps.is_finite() || !x.c(i).is_finite() {
                    return Up::INFINITY;
                }
                let fixed = eps == Up::ZERO && !x.approx.drift.is_open();
                let within = if fixed {
                    Enclosure::point(x.c(i))
                } else {
                    x.enclosure(i)
                };
                let image = self.0.image(within);
                held(cx, image.magnitude()) + image.width()
            })
            .collect();
        cx.approx(args, Bound::per_element(&eps))
    }
    /// B rounded up to an integer.
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        elementwise::scale_each(cx, args, |b| {
            let whole = Up::new(b(0).get().ceil());
            held(cx, whole) + whole
        })
    }
    /// Zero almost everywhere, and by convention at the jumps (JAX, PyTorch).
    fn vjp(&self, _g: &mut Graph, _site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![None])
    }
}
