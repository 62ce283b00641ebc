//! Conversion to another element type.

use super::truth;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity};
use crate::bound::{Approx, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::{Enclosure, Format, SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};
use crate::tensor::DType;

/// Conversion to the type, rounded to nearest even; floats to integers by truncation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cast {
    to: DType,
    /// Of a conversion to integers: the least and the greatest that its result may be. What a
    /// program does with a number beyond is not defined.
    limits: (i64, i64),
}

impl Cast {
    /// The conversion to a type.
    pub fn to(to: DType) -> Cast {
        Cast { to, limits: (i64::MIN, i64::MAX) }
    }

    /// The conversion to integers from `least` to `greatest`, as those of a type of fewer bits.
    pub fn to_integers(least: i64, greatest: i64) -> Cast {
        Cast { to: DType::I64, limits: (least, greatest) }
    }

    /// Whether the program defines an integer of every number between the ends.
    fn defines(self, ends: Enclosure) -> bool {
        let (least, greatest) = self.limits;
        let low = ends.lo().trunc() >= least as f64;
        // The float at 2^63 is one beyond the greatest i64.
        let high = match greatest {
            i64::MAX => ends.hi().trunc() < 9_223_372_036_854_775_808.0,
            greatest => ends.hi().trunc() <= greatest as f64,
        };
        low && high
    }

    fn undefined(self) -> Error {
        let (least, greatest) = self.limits;
        Error::new(format!("an integer is to be from {least} to {greatest}, and is not"))
            .remedy("clip the value before the Cast, or compute in int64")
    }
}

impl Primitive for Cast {
    fn name(&self) -> &'static str {
        "Cast"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        Ok(Ty::new(x.shape.clone(), self.to))
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        if self.to.is_float() {
            return args[0].clone();
        }
        let data: Vec<N> = args[0].data.iter().map(|x| self.integer(cx.env, x)).collect();
        SpecTensor::new(cx.ty.shape.clone(), data)
    }
    fn run(&self, _cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let x = args[0];
        if self.to != DType::I64 {
            return x.cast(self.to);
        }
        let fits = match x.as_i64s() {
            Some(all) => all.iter().all(|&n| (self.limits.0..=self.limits.1).contains(&n)),
            None => (x.to_f64s().into_iter())
                .all(|v| v.is_finite() && self.defines(Enclosure::point(v))),
        };
        if fits { x.cast(self.to) } else { Err(self.undefined()) }
    }
    /// ε and, where the new format is narrower, one rounding, or two from f64 to less than f32;
    /// to an integer, the integers that the enclosure crosses.
    ///
    /// # Derivation
    /// XLA converts f64 and integers to f16 and bf16 by way of f32 (numpy integers likewise): |fl(fl32(x)) − x| ≤ h32(m) + h(m + h32(m)),
    /// h half an ulp of each format. Both roundings are monotone, so that each end of the range moves by
    /// what it may itself be off.
    ///
    /// # Errors
    /// None: an argument that may be undefined gives +∞, "no claim", also where both truth
    /// values are at most 1 apart: of such an argument there is no truth value. Likewise one
    /// that may be beyond the integers of the type.
    ///
    /// # Tightness
    /// Test `cast_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let x = &args[0];
        let Some(to) = cx.format() else {
            return cx.approx(args, x.bound(|i| self.jump(x, i)));
        };
        let from = x.value.dtype().format();
        let through_f32 = may_go_through_f32(x.value.dtype(), to);
        let narrows = from.is_none_or(|from| !to.contains(from));
        let lost = |i: usize| {
            let m = x.magnitude(i);
            // Beyond 2^53 an integer's c may itself be rounded.
            let c_is_exact = x.value.dtype().is_float() || x.c(i).abs() < 9.0e15;
            let fits = !narrows || (x.is_exactly_c(i) && c_is_exact && to.holds(x.c(i)));
            match fits {
                true => Up::ZERO,
                false if through_f32 => twice_rounded(to, m),
                false => to.half_ulp(m),
            }
        };
        let mut approx = cx.approx(args, x.bound(|i| x.eps(i) + lost(i)));
        approx.blocks = super::elementwise::norms(x, |_| Up::ONE, lost);
        if through_f32 {
            approx = approx.undetermined();
        }
        approx.drift = x.approx.drift.clone();
        let exact = super::range::known(x);
        approx.range = match through_f32 {
            true => super::range::moved(exact, |end| twice_rounded(to, end)),
            false => super::range::rounded(cx, exact),
        };
        approx
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        if self.to == DType::Bool {
            return truth::scale(args);
        }
        let from = args[0].ty.dtype;
        super::elementwise::scale_each(cx, args, |b| match cx.format() {
            Some(to) if may_go_through_f32(from, to) => b(0) + twice_rounded(to, b(0)),
            Some(_) => super::elementwise::rounded(cx, b(0)),
            // Beyond 2^53 a tensor shows an integer's magnitude as the next float above.
            None if b(0).get() >= 9.0e15 => Up::new(b(0).get().next_up()),
            None => b(0),
        })
    }
    /// The cotangent, cast back; integers have none.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let from = g.ty(site.args[0]).dtype;
        if !from.is_float() || !self.to.is_float() {
            return Ok(vec![None]);
        }
        Ok(vec![Some(g.push(Cast::to(from), &[site.cotangent])?)])
    }
}

/// Conversions that some programs make in two steps: of doubles, and of integers.
fn may_go_through_f32(from: DType, to: Format) -> bool {
    let wide = from == DType::F64 || from == DType::I64;
    wide && to.precision < Format::F32.precision
}

/// What rounding to f32 and then to the format costs a number of at most m.
fn twice_rounded(to: Format, m: Up) -> Up {
    let first = Format::F32.half_ulp(m);
    first + to.half_ulp(m + first)
}

impl Cast {
    #[expect(clippy::float_cmp, reason = "both ends truncate to one integer or not")]
    fn integer<N: SpecNumber>(self, env: &N::Env, x: &N) -> N {
        let e = x.enclose();
        let (lo, hi) = if self.to == DType::Bool {
            (truth_of(e.lo()), truth_of(e.hi()))
        } else {
            (e.lo().trunc(), e.hi().trunc())
        };
        let decided = lo == hi && (self.to != DType::Bool || lo == 0.0 || !e.contains_zero());
        N::from_f64(env, if decided { lo } else { f64::NAN })
    }

    /// How far the integer (or truth value) of a float may be from that of its specification.
    fn jump(self, x: &Operand, i: usize) -> Up {
        if !x.eps(i).is_finite() {
            return Up::INFINITY;
        }
        // Of one number that every execution has, the run has found an integer.
        if x.eps(i) == Up::ZERO && !x.approx.drift.is_open() {
            return Up::ZERO;
        }
        let e = x.enclosure(i);
        if self.to == DType::Bool {
            return if e.contains_zero() { Up::ONE } else { Up::ZERO };
        }
        if !self.defines(e) {
            return Up::INFINITY;
        }
        if !x.value.dtype().is_float() {
            return x.eps(i);
        }
        Enclosure::new(e.lo().trunc(), e.hi().trunc()).width()
    }
}

fn truth_of(x: f64) -> f64 {
    f64::from(u8::from(x != 0.0))
}

