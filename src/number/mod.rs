//! Numbers: float formats, outward rounding, and the reals of the specification.

pub mod accumulator;
pub mod decimal;
pub mod double_double;
pub mod dual;
pub mod dyadic;
mod erf;
pub mod exact;
pub mod format;
pub mod function;
pub mod gemm;
pub mod interval;
mod interval_functions;
mod midrad;
pub mod order;
pub(crate) mod ordered;
pub mod precise;
mod precise_functions;
pub mod round;
pub mod runtime;
pub mod simulated;
pub mod spec;
pub mod spectral;

pub use format::Format;
pub use function::Function;
pub use round::{Down, Up};
pub use runtime::Float;
pub use spec::{Enclosure, SpecNumber};
