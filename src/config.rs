//! One configuration that reaches every rule: formats, schedule, contraction, libm,
//! subnormals, granularity.

use crate::error::{Error, Result};
use crate::libm::Libm;
use crate::number::Format;
use serde::Serialize;
use std::fmt;
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
        }
    }
}

impl Config {
    /// True where trees and contraction leave an execution without elementary functions no
    /// choice: the runtime value is then the only admissible one.
    pub fn is_fixed(&self) -> bool {
        self.schedule == Schedule::Left
            && self.contract == Contract::Off
            && self.subnormals == Subnormals::Gradual
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
words!(Schedule, "schedule", "any" => Schedule::Any, "left" => Schedule::Left);
words!(Contract, "contract", "any" => Contract::Any, "off" => Contract::Off);
words!(Subnormals, "subnormals", "gradual" => Subnormals::Gradual, "flush" => Subnormals::Flush);
words!(Granularity, "granularity", "element" => Granularity::Element, "tensor" => Granularity::Tensor);
