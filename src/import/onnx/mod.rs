//! ONNX: from a model file to a [`Model`](super::Model).
//!
//! The file is decoded ([`proto`]), its inputs get shapes, its constants their numbers, and
//! each node, in the file's order, its fragment of primitives. Integers that follow from
//! constants and shapes alone are computed on the way, because many operations take their
//! shapes and axes from them.
//!
//! Nothing is guessed: an operation, an attribute, a type or a version that is not understood
//! is an error that names it.

mod attributes;
mod builder;
mod call;
mod external;
mod import;
mod inputs;
mod load;
mod ops;
mod order;
pub mod proto;
mod tensor;
mod types;

pub use import::{ImportOptions, import};
pub use ops::supported;
pub use tensor::read_tensor;
