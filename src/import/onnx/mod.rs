//! ONNX: from a model file to a [`Model`](super::Model).
//!
//! The file is decoded ([`proto`]), its inputs get shapes, its constants their numbers, and
//! each node, in the file's order, its fragment of primitives. Integers that follow from
//! constants and shapes alone, or from the inputs of the run at hand, are computed on the way,
//! because many operations take their shapes and axes from them. Functions that the model
//! defines, branches and loops are written out (`walk`, `control`).
//!
//! Nothing is guessed: an operation, an attribute, a type or a version that is not understood
//! is an error that names it.

mod attributes;
mod builder;
mod call;
mod control;
mod declared;
mod external;
mod import;
mod infinite;
mod inputs;
mod integers;
mod load;
mod ops;
mod opsets;
mod order;
pub mod proto;
mod signature;
mod tensor;
mod types;
mod walk;

pub use call::DATA_DEPENDENT;
pub(crate) use import::Unread;
pub use import::{ImportOptions, import};
pub use ops::supported;
pub use tensor::read_tensor;
