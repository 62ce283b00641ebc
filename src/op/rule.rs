//! What a primitive owes, and what its rules are told.

use super::nest::Nest;
use crate::bound::{Approx, Bound, Operand};
use crate::config::{Config, Schedule};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::{Format, SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};
use std::sync::Arc;

/// The rules of a primitive.
pub trait Primitive {
    /// Its name, as it stands in tables and in the names of internals.
    fn name(&self) -> &'static str;

    /// The result's type; fails where the arguments do not suit the primitive.
    fn infer(&self, args: &[&Ty]) -> Result<Ty>;

    /// The meaning over the reals.
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N>;

    /// The native execution: reductions in the configuration's order, every other sum from
    /// left to right, functions rounded correctly.
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor>;

    /// The error of every admissible execution, from what is known of the arguments and
    /// this run's result `out`.
    fn error(&self, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx;

    /// The magnitude of specification and runtime, from the arguments' alone.
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled;

    /// Appends what pulls a cotangent back to each argument; `None` where no gradient is
    /// defined (integers) or it is zero.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>>;
}

/// What the specification's rules are told.
#[derive(Debug)]
pub struct SpecCx<'a, N: SpecNumber> {
    /// What numbers need to come into being.
    pub env: &'a N::Env,
    /// The result's type.
    pub ty: &'a Ty,
    /// The run's result, where there is a run: a free shift takes its value from it.
    pub run: Option<&'a Tensor>,
}

/// What the runtime, error and scale rules are told.
#[derive(Debug, Clone, Copy)]
pub struct RuleCx<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The result's type.
    pub ty: &'a Ty,
}

impl RuleCx<'_> {
    /// The storage format of the result; `None` for integers and booleans.
    pub fn format(&self) -> Option<Format> {
        self.ty.dtype.format()
    }

    /// Number of elements of the result.
    pub fn len(&self) -> usize {
        self.ty.shape.len()
    }

    /// True for a result without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// ½ulp of the storage format at a magnitude; 0 for integers, which are exact.
    pub fn half_ulp(&self, m: Up) -> Up {
        self.format().map_or(Up::ZERO, |f| f.half_ulp(m))
    }

    /// The unit roundoff of the storage format; 0 for integers.
    pub fn unit(&self) -> Up {
        self.format().map_or(Up::ZERO, |f| f.unit())
    }

    /// True where reductions may take any tree, across nests.
    pub fn any_tree(&self) -> bool {
        self.config.schedule == Schedule::Any
    }

    /// An approximation of the given eps; determined where nothing was left open.
    pub fn approx(&self, args: &[Operand], eps: Bound) -> Approx {
        Approx {
            eps,
            determined: self.config.is_fixed() && args.iter().all(|a| a.approx.determined),
            ..Approx::default()
        }
    }
}

/// An argument of a scale rule.
#[derive(Debug, Clone, Copy)]
pub struct ScaleOperand<'a> {
    /// Its type.
    pub ty: &'a Ty,
    /// B: a bound on max(|x|, |x̂|) per element.
    pub scaled: &'a Scaled,
}

impl ScaleOperand<'_> {
    /// B of an element.
    pub fn at(&self, i: usize) -> Up {
        self.scaled.scale.at(i)
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.ty.shape.len()
    }

    /// True for a tensor without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A scale, and the reduction whose root it belongs to.
#[derive(Debug, Clone, Default)]
pub struct Scaled {
    /// B per element.
    pub scale: Bound,
    /// The reduction that the value is the root of, where its tree is open.
    pub nest: Option<Arc<Nest>>,
}

impl Scaled {
    /// B alone.
    pub fn new(scale: Bound) -> Scaled {
        Scaled { scale, nest: None }
    }

    /// The magnitudes of a tensor.
    pub fn of(value: &Tensor) -> Scaled {
        Scaled::new(Bound::from_fn(value.len(), |i| value.magnitude(i)))
    }

    /// No claim.
    pub fn unbounded() -> Scaled {
        Scaled::new(Bound::Tensor(Up::INFINITY))
    }
}

/// Where a VJP is appended.
#[derive(Debug, Clone, Copy)]
pub struct VjpSite<'a> {
    /// The node's value.
    pub value: ValueId,
    /// Its arguments.
    pub args: &'a [ValueId],
    /// The cotangent of its value.
    pub cotangent: ValueId,
}

/// Fails unless there are exactly N arguments.
pub(crate) fn arity<'a, const N: usize>(args: &[&'a Ty]) -> Result<[&'a Ty; N]> {
    <[&Ty; N]>::try_from(args)
        .map_err(|_| Error::new(format!("takes {N} arguments, not {}", args.len())))
}

/// Fails unless the type is a float.
pub(crate) fn float(ty: &Ty) -> Result<()> {
    if ty.dtype.is_float() {
        Ok(())
    } else {
        Err(Error::new(format!("needs a float tensor, not {ty}"))
            .remedy("insert a Cast to a float type"))
    }
}
