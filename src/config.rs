//! One configuration that reaches every rule: formats, schedule, contraction, libm,
//! subnormals, granularity.

use crate::error::{Error, Result};
use crate::libm::Libm;
use crate::number::Format;
use crate::number::order::{Order, Tree};
use serde::Serialize;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

/// The accumulator of dot products, convolutions and sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Accumulate {
    /// f32 for formats narrower than that, else the storage format.
    Default,
    /// The storage format.
    Same,
    /// At least f32.
    F32,
    /// f64.
    F64,
}

/// Which executions the bounds speak for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// Every tree and order of every reduction, across nests of additions and dots.
    Any,
    /// Every reduction from left to right, node by node.
    Left,
    /// Every reduction by halves, node by node (see [`Tree`]).
    Pairwise,
    /// Every reduction in blocks of this many, node by node (see [`Tree`]).
    Blocked(NonZeroUsize),
}

impl Schedule {
    /// The tree of a run: the declared one, or from left to right.
    pub fn tree(self) -> Tree {
        match self {
            Schedule::Any | Schedule::Left => Tree::Left,
            Schedule::Pairwise => Tree::Pairwise,
            Schedule::Blocked(n) => Tree::Blocked(n),
        }
    }
}

impl FromStr for Schedule {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self> {
        match (s, s.strip_prefix("blocked:")) {
            ("any", _) => Ok(Schedule::Any),
            ("left", _) => Ok(Schedule::Left),
            ("pairwise", _) => Ok(Schedule::Pairwise),
            (_, Some(n)) => n.parse().map(Schedule::Blocked).map_err(|_| {
                Error::new(format!("`{n}` is no size of a block"))
                    .remedy("use a positive whole number, for example blocked:64")
            }),
            _ => Err(Error::new(format!("`{s}` is no value of --schedule"))
                .remedy("use one of: any left pairwise blocked:N")),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Schedule::Any => f.write_str("any"),
            Schedule::Left => f.write_str("left"),
            Schedule::Pairwise => f.write_str("pairwise"),
            Schedule::Blocked(n) => write!(f, "blocked:{n}"),
        }
    }
}

/// Whether a product may be fused with the sum that uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// FMA or not, chosen per use.
    Any,
    /// Never.
    Off,
}

/// What happens below the least normal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subnormals {
    /// Gradual underflow, as IEEE 754 has it.
    Gradual,
    /// Any input or result below the least normal number may be replaced by zero.
    Flush,
}

/// What this run itself does where an execution may choose; it counts only as far as
/// contraction and subnormals admit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Execution {
    /// Dot products fuse every product but the first of a chain.
    pub fused: bool,
    /// Operands and results below the least normal number become zero.
    pub flushed: bool,
}

/// What eps and scale are kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// One bound per element.
    Element,
    /// One bound per tensor.
    Tensor,
}

/// Everything that a bound depends on besides the graph and the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Config {
    /// Accumulators of reductions.
    pub accumulate: Accumulate,
    /// Admissible reduction trees.
    pub schedule: Schedule,
    /// Admissible contractions.
    pub contract: Contract,
    /// Assumed accuracy of the elementary functions.
    pub libm: Libm,
    /// Behaviour below the least normal number.
    pub subnormals: Subnormals,
    /// What bounds are kept for.
    pub granularity: Granularity,
    /// What the run does among the admissible.
    pub execution: Execution,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            accumulate: Accumulate::Default,
            schedule: Schedule::Any,
            contract: Contract::Any,
            libm: Libm::Portable,
            subnormals: Subnormals::Gradual,
            granularity: Granularity::Element,
            execution: Execution::default(),
        }
    }
}

impl Config {
    /// True where trees and contraction leave an execution without elementary functions no
    /// choice: the runtime value is then the only admissible one.
    pub fn is_fixed(&self) -> bool {
        self.schedule != Schedule::Any
            && self.contract == Contract::Off
            && self.subnormals == Subnormals::Gradual
    }

    /// How the run executes reductions.
    pub fn order(&self) -> Order {
        Order {
            tree: self.schedule.tree(),
            fused: self.execution.fused && self.contract == Contract::Any,
            flushed: self.flushes(),
        }
    }

    /// True where the run flushes subnormal operands and results.
    pub fn flushes(&self) -> bool {
        self.execution.flushed && self.subnormals == Subnormals::Flush
    }

    /// The accumulator's format for values stored in `storage`.
    pub fn accumulator(&self, storage: Format) -> Format {
        let wanted = match self.accumulate {
            Accumulate::Same => storage,
            Accumulate::Default | Accumulate::F32 => Format::F32,
            Accumulate::F64 => Format::F64,
        };
        storage.wider(wanted)
    }
}

/// Parses a word of a closed list and says which words there are.
macro_rules! words {
    ($type:ident, $option:literal, $($word:literal => $value:expr),+ $(,)?) => {
        impl FromStr for $type {
            type Err = Error;
            fn from_str(s: &str) -> Result<Self> {
                match s {
                    $($word => Ok($value),)+
                    _ => Err(Error::new(format!("`{s}` is no value of --{}", $option))
                        .remedy(concat!("use one of:" $(, " ", $word)+))),
                }
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                $(if *self == $value { return f.write_str($word); })+
                Ok(())
            }
        }
    };
}

words!(Accumulate, "accumulate", "same" => Accumulate::Same, "f32" => Accumulate::F32, "f64" => Accumulate::F64, "default" => Accumulate::Default);
words!(Contract, "contract", "any" => Contract::Any, "off" => Contract::Off);
words!(Subnormals, "subnormals", "gradual" => Subnormals::Gradual, "flush" => Subnormals::Flush);
words!(Execution, "execute",
    "plain" => Execution::default(),
    "fma" => Execution { fused: true, flushed: false },
    "flush" => Execution { fused: false, flushed: true },
    "fma+flush" => Execution { fused: true, flushed: true });
words!(Granularity, "granularity", "element" => Granularity::Element, "tensor" => Granularity::Tensor);
