//! Numbers: float formats, outward rounding, and the reals of the specification.

pub mod decimal;
pub mod double_double;
pub mod dual;
pub mod exact;
pub mod format;
pub mod gemm;
pub mod interval;
mod midrad;
pub(crate) mod ordered;
pub mod precise;
pub mod round;
pub mod runtime;
pub mod simulated;
pub mod spec;

pub use format::Format;
pub use round::{Down, Up};
pub use runtime::Float;
pub use spec::{Enclosure, SpecNumber};
