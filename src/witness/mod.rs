//! Attacks: what is searched for a witness against a claim, and who judges.
//!
//! The axes are kept apart: *what* is attacked ([`fragments`]), with which configuration and
//! values ([`generate`]), in which execution ([`execute`]), and who judges ([`oracle`]). The
//! generator never judges, the oracle never generates.
#![allow(
    clippy::float_arithmetic,
    clippy::float_cmp,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    clippy::expect_used,
    clippy::panic,
    reason = "floats are what is attacked with here; no bound is computed"
)]

pub mod case;
pub mod corpus;
pub mod derivative;
pub mod dyadic;
mod elementary;
pub mod execute;
pub mod floats;
mod formula;
pub mod fragments;
pub mod generate;
mod identity;
pub mod oracle;
pub mod point;
pub mod record;
pub mod search;
pub mod shrink;
pub mod subject;
pub mod tape;
