//! gradbound certifies floating-point computation graphs and their gradients.
//!
//! A graph of primitives ([`graph`], [`op`]) has two meanings: its *specification* over the
//! reals and its *runtime* in native floats. For the forward pass and for the backward pass
//! (which is a graph too, appended by [`graph::grad`]) it computes
//!
//! * **eps**, a bound on |runtime − specification|, for every admissible execution
//!   ([`interpret::bounds`]),
//! * **scale**, a bound on max(|specification|, |runtime|) ([`interpret::scales`]),
//! * **tolerances** from both ([`tolerance`]),
//!
//! and checks all of them on the run at hand ([`obligation`]), escalating from intervals to
//! exact numbers until a claim is decided. [`audit`] is the main job: a model file in, a
//! verdict for every value and gradient out.
//!
//! Arrows point one way: `number` ← `tensor` ← `bound` ← `graph` ← `op` ← `interpret` ←
//! `obligation` ← `audit` ← `report`, `cli`. docs/design.md says why it is built like this.
#![warn(missing_docs)]
#![deny(unsafe_code)]
#![warn(
    clippy::float_arithmetic,
    clippy::float_cmp,
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::iter_over_hash_type,
    clippy::disallowed_methods
)]
#![cfg_attr(
    test,
    allow(
        clippy::float_arithmetic,
        clippy::float_cmp,
        clippy::disallowed_methods,
        reason = "unit tests compute with floats to test them"
    )
)]

pub mod adjoint;
pub mod assumptions;
pub mod audit;
pub mod blocks;
pub mod bound;
pub mod cli;
pub mod config;
pub mod error;
pub mod exhaustive;
pub mod fuzz;
pub mod graph;
pub mod import;
pub mod interesting;
pub mod interpret;
pub mod kernel;
pub mod libm;
pub mod lower;
mod memory;
pub mod number;
pub mod obligation;
pub mod op;
pub mod probable;
pub mod report;
pub mod tensor;
pub mod tolerance;
pub mod verdict;
pub mod witness;

pub use config::Config;
pub use error::{Error, Result};
