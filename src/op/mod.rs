//! The primitives, one file each: shape rule, exact meaning, float execution, error rule
//! with its derivation, scale rule, VJP.
//!
//! Nothing here has a default: a primitive without a rule does not compile. To add one,
//! write its file, add it to the `primitives!` list below, to `graph/build.rs`, and to the
//! tables that `tests/coverage.rs` guards.

pub(crate) mod contest;
pub(crate) mod elementary;
pub(crate) mod elementwise;
pub(crate) mod excluded;
pub(crate) mod exponentials;
mod measured;
pub(crate) mod movement;
pub mod nest;
mod normalized;
mod product_norms;
pub(crate) mod range;
pub(crate) mod reduction;
mod rule;
pub(crate) mod sliding;
mod smooth;
pub(crate) mod truth;

pub use normalized::{Normalized, Part};
pub use rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};

pub use smooth::Smooth;

use crate::bound::{Approx, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::SpecNumber;
use crate::tensor::{SpecTensor, Tensor, Ty};
use std::sync::Arc;

/// Declares the modules, the `Op` enum and the dispatch to the primitives' rules.
macro_rules! primitives {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        $(mod $module; pub use $module::$name;)+

        /// A primitive with its attributes.
        #[derive(Debug, Clone)]
        #[expect(missing_docs, reason = "each variant is documented at its primitive")]
        pub enum Op {
            /// A value given from outside.
            Input,
            /// A value fixed in the graph.
            Constant(Arc<Tensor>),
            $($name($name),)+
        }

        $(impl From<$name> for Op {
            fn from(op: $name) -> Op { Op::$name(op) }
        })+

        impl Op {
            /// The primitive as [`PRIMITIVES`] lists it; a node's [`name`](Primitive::name)
            /// may say more (a user's kernel has a name of its own).
            pub fn primitive(&self) -> &'static str {
                match self {
                    Op::Input => "Input",
                    Op::Constant(_) => "Constant",
                    $(Op::$name(_) => stringify!($name),)+
                }
            }
        }

        /// Names of all primitives, for tables and coverage tests.
        pub const PRIMITIVES: &[&str] = &[$(stringify!($name)),+];

        impl Primitive for Op {
            fn name(&self) -> &'static str {
                match self {
                    Op::Input => "Input",
                    Op::Constant(_) => "Constant",
                    $(Op::$name(p) => p.name(),)+
                }
            }
            fn infer(&self, args: &[&Ty]) -> Result<Ty> {
                match self {
                    Op::Input | Op::Constant(_) => Err(leaf_misuse()),
                    $(Op::$name(p) => p.infer(args),)+
                }
            }
            fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
                match self {
                    // Leaves are given to an interpretation, never computed by it.
                    Op::Input => unknown(cx),
                    Op::Constant(value) => real(cx.env, value),
                    $(Op::$name(p) => p.spec(cx, args),)+
                }
            }
            fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
                match self {
                    Op::Input => Err(leaf_misuse()),
                    Op::Constant(value) => Ok(value.as_ref().clone()),
                    $(Op::$name(p) => p.run(cx, args),)+
                }
            }
            fn error(&self, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx {
                match self {
                    Op::Input | Op::Constant(_) => Approx::exact(),
                    $(Op::$name(p) => p.error(cx, args, out),)+
                }
            }
            fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
                match self {
                    Op::Input => Scaled::unbounded(),
                    Op::Constant(value) => Scaled::of(value),
                    $(Op::$name(p) => p.scale(cx, args),)+
                }
            }
            fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
                match self {
                    Op::Input | Op::Constant(_) => Ok(Vec::new()),
                    $(Op::$name(p) => p.vjp(g, site),)+
                }
            }
        }
    };
}

primitives! {
    abs::Abs,
    acos::Acos,
    acosh::Acosh,
    add::Add,
    add_n::AddN,
    any_of::AnyOf,
    arg_max::ArgMax,
    asin::Asin,
    asinh::Asinh,
    atan::Atan,
    atanh::Atanh,
    broadcast::Broadcast,
    cast::Cast,
    compare::Compare,
    concat::Concat,
    conditioned::Conditioned,
    cos::Cos,
    cosh::Cosh,
    div::Div,
    embed::Embed,
    erf::Erf,
    exp::Exp,
    expm1::Expm1,
    fold::Fold,
    free_max::FreeMax,
    gather::Gather,
    held::Held,
    irrational::Irrational,
    kernel::Kernel,
    kernel_vjp::KernelVjp,
    log1p::Log1p,
    log::Log,
    log_sum_exp::LogSumExp,
    matmul::MatMul,
    max::Max,
    max_over::MaxOver,
    mean::Mean,
    min::Min,
    modulo::Mod,
    mul::Mul,
    neg::Neg,
    pow::Pow,
    prod::Prod,
    relu::Relu,
    reshape::Reshape,
    round::Round,
    rsqrt::Rsqrt,
    scatter_add::ScatterAdd,
    select::Select,
    settle::Settle,
    share::Share,
    sigmoid::Sigmoid,
    sin::Sin,
    sinh::Sinh,
    slice::Slice,
    softplus::Softplus,
    softmax::Softmax,
    sqrt::Sqrt,
    square::Square,
    step::Step,
    sub::Sub,
    sum::Sum,
    tan::Tan,
    tanh::Tanh,
    transpose::Transpose,
    windows::Windows,
    winner::Winner,
}

pub use add_n::Accumulation;
pub use compare::Relation;
pub use gather::Pick;
pub use irrational::Number;
pub use max_over::Ties;
pub use round::Rounding;
pub use settle::{LabelGradient, Probability, Shifted};
pub(crate) use slice::Window;
pub use sliding::{Slide, Taps};

fn leaf_misuse() -> crate::error::Error {
    crate::error::Error::new("an input or constant is given, not computed")
        .remedy("append it with Graph::input or Graph::constant")
}

fn unknown<N: SpecNumber>(cx: &SpecCx<N>) -> SpecTensor<N> {
    let len = cx.ty.shape.len();
    SpecTensor::new(
        cx.ty.shape.clone(),
        vec![N::from_f64(cx.env, f64::NAN); len],
    )
}

/// The reals that a tensor's elements stand for.
pub fn real<N: SpecNumber>(env: &N::Env, value: &Tensor) -> SpecTensor<N> {
    let data: Arc<[N]> = match value.as_i64s() {
        Some(integers) => integers.iter().map(|&n| N::from_i64(env, n)).collect(),
        None => (0..value.len())
            .map(|i| N::from_f64(env, value.get(i)))
            .collect(),
    };
    SpecTensor::new(value.shape().clone(), data)
}
