//! Applying scalar meanings to whole tensors of one shape.

use super::rule::{RuleCx, ScaleOperand, Scaled, arity};
use crate::blocks::Blocks;
use crate::bound::{Bound, Drift, Operand};
use crate::error::{Error, Result};
use crate::number::runtime::with_float;
use crate::number::simulated;
use crate::number::{Float, SpecNumber, Up};
use crate::tensor::{DType, SpecTensor, Tensor, Ty};

/// The scalar meanings of a one-argument primitive.
pub(crate) trait Unary {
    fn exact<N: SpecNumber>(&self, env: &N::Env, x: &N) -> N;
    fn float<T: Float>(&self, x: T) -> T;
    fn integer(&self, x: i64) -> Option<i64>;
}

/// The scalar meanings of a two-argument primitive.
pub(crate) trait Binary {
    fn exact<N: SpecNumber>(&self, x: &N, y: &N) -> N;
    fn float<T: Float>(&self, x: T, y: T) -> T;
    fn integer(&self, x: i64, y: i64) -> Option<i64>;
}

pub(crate) fn infer_unary(args: &[&Ty]) -> Result<Ty> {
    let [x] = arity::<1>(args)?;
    numeric(x)?;
    Ok(x.clone())
}

pub(crate) fn infer_binary(args: &[&Ty]) -> Result<Ty> {
    let [x, y] = arity::<2>(args)?;
    numeric(x)?;
    if x == y {
        return Ok(x.clone());
    }
    Err(
        Error::new(format!("the operands have types {x} and {y}")).remedy(if x.dtype == y.dtype {
            "make the shapes broadcast"
        } else {
            "insert a Cast, so that both have one element type"
        }),
    )
}

fn numeric(ty: &Ty) -> Result<()> {
    if ty.dtype == DType::Bool {
        return Err(Error::new("arithmetic on booleans").remedy("insert a Cast to a number type"));
    }
    Ok(())
}

pub(crate) fn spec_unary<N: SpecNumber>(
    op: &impl Unary,
    env: &N::Env,
    x: &SpecTensor<N>,
) -> SpecTensor<N> {
    let data: Vec<N> = x.data.iter().map(|x| op.exact(env, x)).collect();
    SpecTensor::new(x.shape.clone(), data)
}

/// The norms of f̂(x̂) − f(x) over blocks, where each element of x̂ − x is stretched by at most
/// `slope` and each result rounded by at most `rounding`.
pub(crate) fn norms(
    x: &Operand,
    slope: impl Fn(usize) -> Up,
    rounding: impl Fn(usize) -> Up,
) -> Option<Blocks> {
    let blocks = x.approx.blocks.as_ref()?;
    Some(
        blocks
            .stretched(x.len(), slope)
            .plus_each(x.len(), rounding),
    )
}

/// The drift of what is one of two operands: the larger of theirs.
pub(crate) fn drift_of_either(cx: &RuleCx, x: &Operand, y: &Operand) -> Drift {
    if !x.approx.drift.is_open() && !y.approx.drift.is_open() {
        return Drift::None;
    }
    let larger = |i| x.approx.drift.at(i).max(y.approx.drift.at(i));
    Drift::Within(Bound::from_fn(cx.len(), larger))
}

pub(crate) fn spec_binary<N: SpecNumber>(
    op: &impl Binary,
    x: &SpecTensor<N>,
    y: &SpecTensor<N>,
) -> SpecTensor<N> {
    let pairs = x.data.iter().zip(y.data.iter());
    let data: Vec<N> = pairs.map(|(x, y)| op.exact(x, y)).collect();
    SpecTensor::new(x.shape.clone(), data)
}

/// The native elements of a float tensor as a slice of `T`.
pub(crate) trait Elements: Float {
    fn of(tensor: &Tensor) -> Option<&[Self]>;
    fn wrap(ty: &Ty, data: Vec<Self>) -> Result<Tensor>;
}

macro_rules! elements {
    ($($float:ty => $variant:ident),+) => {$(
        impl Elements for $float {
            fn of(tensor: &Tensor) -> Option<&[Self]> {
                if let crate::tensor::Data::$variant(d) = tensor.data() { Some(d) } else { None }
            }
            fn wrap(ty: &Ty, data: Vec<Self>) -> Result<Tensor> {
                Tensor::from_data(ty.shape.clone(), crate::tensor::Data::$variant(data.into()))
            }
        }
    )+};
}
elements!(f64 => F64, f32 => F32, half::f16 => F16, half::bf16 => BF16);
elements!(simulated::Tf32 => TF32, simulated::E4m3 => E4M3, simulated::E5m2 => E5M2);
elements!(simulated::E3m2 => E3M2, simulated::E2m3 => E2M3, simulated::E2m1 => E2M1);

/// The elements as `T`; the graph's types guarantee the match.
pub(crate) fn native<T: Elements>(tensor: &Tensor) -> Result<&[T]> {
    T::of(tensor).ok_or_else(|| {
        Error::new(format!(
            "a value of type {} where the graph has another type",
            tensor.ty()
        ))
    })
}

fn integers(tensor: &Tensor) -> Result<&[i64]> {
    tensor
        .as_i64s()
        .ok_or_else(|| Error::new("arithmetic on booleans"))
}

fn overflow() -> Error {
    Error::new("integer arithmetic overflows")
        .remedy("integers have 64 bits and a sign here; use smaller ones, or floats")
}

pub(crate) fn run_unary(op: &impl Unary, cx: &RuleCx, x: &Tensor) -> Result<Tensor> {
    with_float!(cx.ty.dtype, T => {
        let x = native::<T>(x)?;
        T::wrap(cx.ty, x.iter().map(|&x| op.float(x)).collect())
    }, else {
        let x = integers(x)?.iter().map(|&x| op.integer(x).ok_or_else(overflow));
        Tensor::i64s(cx.ty.shape.clone(), x.collect::<Result<Vec<i64>>>()?)
    })
}

pub(crate) fn run_binary(op: &impl Binary, cx: &RuleCx, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    with_float!(cx.ty.dtype, T => {
        let (x, y) = (native::<T>(x)?, native::<T>(y)?);
        T::wrap(cx.ty, x.iter().zip(y).map(|(&x, &y)| op.float(x, y)).collect())
    }, else {
        let pairs = integers(x)?.iter().zip(integers(y)?);
        let out = pairs.map(|(&x, &y)| op.integer(x, y).ok_or_else(overflow));
        Tensor::i64s(cx.ty.shape.clone(), out.collect::<Result<Vec<i64>>>()?)
    })
}

/// A scale per element from the arguments' scales.
pub(crate) fn scale_each(
    cx: &RuleCx,
    args: &[ScaleOperand],
    f: impl Fn(&dyn Fn(usize) -> Up) -> Up,
) -> Scaled {
    let uniform = args
        .iter()
        .all(|a| !matches!(a.scaled.scale, Bound::Element(_)));
    if uniform {
        return Scaled::new(Bound::uniform(f(&|k| args[k].at(0))));
    }
    Scaled::new(Bound::from_fn(cx.len(), |i| f(&|k| args[k].at(i))))
}

/// B grown by one rounding: (1 + u)·B plus half the least subnormal.
pub(crate) fn rounded(cx: &RuleCx, b: Up) -> Up {
    b + cx.half_ulp(b)
}
