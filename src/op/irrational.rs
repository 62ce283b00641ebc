//! A number that no float holds, as a scalar.

use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity};
use crate::bound::{Approx, Bound, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::{Enclosure, Format, SpecNumber, Up};
use crate::tensor::{DType, Shape, SpecTensor, Tensor, Ty};

/// Which number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// 2/√π, the slope of erf at 0.
    TwoOverRootPi,
    /// √(2/π), of the tanh form of GELU.
    RootTwoOverPi,
    /// √½, of the erf form of GELU.
    RootHalf,
}

impl Number {
    /// The number, with π = 4·arctan 1.
    fn exact<N: SpecNumber>(self, env: &N::Env) -> N {
        let real = |x: f64| N::from_f64(env, x);
        let pi = || real(1.0).atan().mul(&real(4.0));
        match self {
            Number::TwoOverRootPi => real(4.0).div(&pi()).sqrt(),
            Number::RootTwoOverPi => real(2.0).div(&pi()).sqrt(),
            Number::RootHalf => real(0.5).sqrt(),
        }
    }

    /// The number to within a few units of f64's last place.
    fn enclosure(self) -> Enclosure {
        self.exact(&())
    }
}

/// A scalar constant of a float type that stands for an irrational number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Irrational {
    /// The number.
    pub number: Number,
    /// The type that it is rounded to.
    pub dtype: DType,
}

impl Primitive for Irrational {
    fn name(&self) -> &'static str {
        "Irrational"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [] = arity::<0>(args)?;
        if !self.dtype.is_float() {
            return Err(Error::new(format!("an irrational number of type {}", self.dtype))
                .remedy("use a float type"));
        }
        Ok(Ty::new(Shape::scalar(), self.dtype))
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, _args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        SpecTensor::new(Shape::scalar(), vec![self.number.exact(cx.env)])
    }
    fn run(&self, _cx: &RuleCx, _args: &[&Tensor]) -> Result<Tensor> {
        Tensor::full(Shape::scalar(), self.dtype, self.number.enclosure().mid())
    }
    /// Error of a constant that was computed in f64 and rounded.
    ///
    /// # Statement
    /// A program holds the number to within 3 ulp of f64, rounded once more where its format
    /// is narrower.
    /// # Derivation
    /// Programs compute these constants by up to three rounded operations in f64 from a
    /// rounded π: at most ½ + ½ + ½·½ + ½ ulp at the numbers here, and less than 3.
    /// # Tightness
    /// None: the constants that programs write out are off by ½ulp at most.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let m = self.number.enclosure().magnitude();
        let computed = Up::new(3.0) * Format::F64.ulp(m);
        let rounding = match cx.format() {
            Some(Format::F64) => Up::ZERO,
            Some(format) => format.half_ulp(m + computed),
            None => Up::INFINITY,
        };
        cx.approx(args, Bound::uniform(computed + rounding))
            .undetermined()
    }
    fn scale(&self, cx: &RuleCx, _args: &[ScaleOperand]) -> Scaled {
        let m = self.number.enclosure().magnitude();
        let m = m + Up::new(3.0) * Format::F64.ulp(m);
        Scaled::new(Bound::uniform(m + cx.half_ulp(m)))
    }
    /// A constant has no arguments.
    fn vjp(&self, _g: &mut Graph, _site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(Vec::new())
    }
}
