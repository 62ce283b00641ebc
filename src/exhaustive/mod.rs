//! Claims that are checked on every input there is, which is evidence of its own kind: no
//! choice of inputs can have missed a case.
//!
//! * Every operation of one argument on all values of the formats of up to 19 bits, of two on
//!   all pairs of the formats of up to 8 ([`elementwise`]), dot products of the smallest in
//!   every order ([`dots`]).
//! * The elementary functions of f32 on all 2^32 arguments ([`sweep`]).
//!
//! A check is a finite set of inputs in blocks ([`Check`]); a search makes checks and keeps
//! its state in a file ([`State`]), so that one that was stopped goes on where it was.

mod admissible;
mod check;
pub mod dots;
pub mod elementwise;
mod found;
mod judge;
pub mod operations;
mod page;
mod patterns;
mod progress;
pub mod sweep;
mod tally;
mod tuples;

pub use check::{About, Check, Record};
pub use found::{Found, json, table};
pub use page::{page, write_page};
pub use progress::{Glance, State};
pub use sweep::Routine;
pub use tally::{Case, Tally};

use crate::config::{Accumulate, Config, Contract, Schedule, Subnormals};
use crate::error::{Error, Result};
use crate::libm::{Function, Libm};
use crate::tensor::DType;
use dots::{Dots, Sum};
use elementwise::Elementwise;
use operations::{Freedom, Operation};
use std::path::Path;
use sweep::Sweep;

/// The formats whose pairs of values are all tried.
const TINY: [DType; 5] = [
    DType::E2M1,
    DType::E2M3,
    DType::E3M2,
    DType::E4M3,
    DType::E5M2,
];

/// The formats whose triples of values are all tried.
const TINIEST: [DType; 3] = [DType::E2M1, DType::E2M3, DType::E3M2];

/// The formats whose values are all tried, one by one.
const NARROW: [DType; 8] = [
    DType::E2M1,
    DType::E2M3,
    DType::E3M2,
    DType::E4M3,
    DType::E5M2,
    DType::F16,
    DType::BF16,
    DType::TF32,
];

/// The sums that are tried on all inputs: 2^24 of each, 2^20 with a bias.
const SUMS: [(Sum, DType); 4] = [
    (Sum::Biased, DType::E2M1),
    (Sum::Dot(3), DType::E2M1),
    (Sum::Dot(2), DType::E2M3),
    (Sum::Dot(2), DType::E3M2),
];

/// How far operands are off, in ulp of each.
const ULPS: [u32; 3] = [0, 1, 3];

/// Which checks are made.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only this operation.
    pub op: Option<String>,
    /// Only inputs of this format.
    pub format: Option<DType>,
    /// Only this table; without it, `portable` and `correct`.
    pub libm: Option<Libm>,
    /// Only this; without it, both.
    pub subnormals: Option<Subnormals>,
    /// Only operands that are off by so many ulp (0, 1 or 3); without it, all three.
    pub ulps: Option<u32>,
    /// Whose f32 functions are measured.
    pub routine: Routine,
}

impl Selection {
    /// True where the operation and the format are selected.
    fn takes(&self, about: &About) -> bool {
        let bare = about.op.split('(').next();
        let op = self
            .op
            .as_ref()
            .is_none_or(|op| *op == about.op || Some(op.as_str()) == bare);
        op && self.format.is_none_or(|f| f.name() == about.format)
    }
}

/// The selected checks, the quickest first; fails where there is none.
pub fn checks(selection: &Selection) -> Result<Vec<Box<dyn Check>>> {
    let mut all: Vec<Box<dyn Check>> = Vec::new();
    for operation in operations::unary() {
        selection.values(&mut all, &operation, &NARROW);
        selection.gradients(&mut all, &operation, &TINY);
    }
    for operation in operations::binary() {
        selection.values(&mut all, &operation, &TINY);
        selection.gradients(&mut all, &operation, &TINIEST);
    }
    for (sum, dtype) in SUMS {
        selection.dots(&mut all, sum, dtype);
    }
    for function in Function::ALL {
        if let Some(sweep) = Sweep::new(function, selection.routine, selection.measured()) {
            all.push(Box::new(sweep));
        }
    }
    let selected: Vec<_> = all
        .into_iter()
        .filter(|c| selection.takes(&c.about()))
        .collect();
    if selected.is_empty() {
        return Err(
            Error::new("nothing that can be checked exhaustively is selected").remedy(
                "leave out --op or --format: docs/exhaustive.md lists the operations and formats",
            ),
        );
    }
    Ok(selected)
}

impl Selection {
    /// The configurations that make a difference to an operation.
    fn configs(&self, has_functions: bool) -> Vec<Config> {
        let tables = match self.libm {
            Some(libm) => vec![libm],
            None if has_functions => vec![Libm::Portable, Libm::Correct],
            None => vec![Libm::Portable],
        };
        let both = [Subnormals::Gradual, Subnormals::Flush];
        let subnormals = both
            .into_iter()
            .filter(|s| self.subnormals.is_none_or(|o| o == *s));
        let with = |subnormals| {
            let config = move |&libm: &Libm| Config {
                libm,
                subnormals,
                ..Config::default()
            };
            tables.iter().map(config).collect::<Vec<_>>()
        };
        subnormals.flat_map(with).collect()
    }

    fn values(&self, all: &mut Vec<Box<dyn Check>>, operation: &Operation, formats: &[DType]) {
        for &dtype in formats {
            for config in self.configs(operation.freedom != Freedom::None) {
                for ulps in ULPS
                    .into_iter()
                    .filter(|k| self.ulps.is_none_or(|o| o == *k))
                {
                    let check = Elementwise::new(operation.clone(), dtype, ulps, config, None);
                    all.push(Box::new(check));
                }
            }
        }
    }

    fn gradients(&self, all: &mut Vec<Box<dyn Check>>, operation: &Operation, formats: &[DType]) {
        for &dtype in formats {
            for argument in 0..operation.arity {
                if !matches!(operation.backward(dtype, 1, argument), Ok(Some(_))) {
                    continue;
                }
                for config in self.configs(operation.freedom != Freedom::None) {
                    let check =
                        Elementwise::new(operation.clone(), dtype, 0, config, Some(argument));
                    all.push(Box::new(check));
                }
            }
        }
    }

    /// Any tree with and without contraction, and the fixed order, in both accumulators.
    fn dots(&self, all: &mut Vec<Box<dyn Check>>, sum: Sum, dtype: DType) {
        if self.subnormals == Some(Subnormals::Flush) {
            return; // the executions that are tried keep subnormals
        }
        for accumulate in [Accumulate::Same, Accumulate::F32] {
            for (schedule, contract) in [
                (Schedule::Any, Contract::Any),
                (Schedule::Any, Contract::Off),
                (Schedule::Left, Contract::Off),
            ] {
                let config = Config {
                    accumulate,
                    schedule,
                    contract,
                    ..Config::default()
                };
                all.push(Box::new(Dots::new(sum, dtype, config)));
            }
        }
    }

    /// The table that the f32 functions are measured against.
    fn measured(&self) -> Libm {
        self.libm.unwrap_or(match self.routine {
            Routine::Own => Libm::Correct,
            Routine::System => Libm::Glibc,
        })
    }
}

/// Makes the checks and writes `exhaustive.json`; with `resume`, what the folder's state has
/// of them (and of others) stays.
pub fn search(
    checks: Vec<Box<dyn Check>>,
    folder: &Path,
    resume: bool,
    look: &dyn Fn(&Glance),
) -> Result<Found> {
    let mut state = State::open(folder, resume)?;
    state.run(checks, look)?;
    let found = Found::new(state.done);
    found::write(&folder.join("exhaustive.json"), "--out DIR", &json(&found)?)?;
    Ok(found)
}
