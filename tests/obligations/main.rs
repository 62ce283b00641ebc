//! The obligations of every primitive, attacked: random admissible executions against exact
//! specifications.
//!
//! Four axes are kept apart: *what* is attacked ([`fragments`], [`nests`]), in which format
//! and configuration ([`generate`]), with which values and executions ([`generate`],
//! [`execute`]), and who judges ([`oracle`]). The generator never judges, the oracle never
//! generates. Set GRADBOUND_ATTACK=N for N times as many cases, drawn afresh.
#![allow(
    clippy::disallowed_methods,
    reason = "exact powers and ranks of cases, no bounds"
)]

#[macro_use]
mod names;
mod activations;
mod adjoints;
mod attack;
mod casts;
mod composites;
mod convolutions;
mod drawn;
mod false_norms;
mod layout;
mod ledger;
mod losses;
mod mixed;
mod nests;
mod page;
mod planted;
mod pools;
mod programs;
mod rare;
mod shifts;
mod sound;
mod tally;
mod tight_conditioned;
mod tight_measured;
mod tight_norms;
mod tight_selection;
mod tight_soft;
mod tightness;
mod witnesses;
