//! A witness as a JSON file of exact bits: it replays on any machine.

use super::case::Rules;
use super::fragments;
use super::point::{Input, Place, Point};
use super::search::Best;
use super::subject::{Of, Score, Structure, Subject};
use super::tape::Tape;
use crate::Config;
use crate::config::{Execution, Granularity};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::libm::Libm;
use crate::number::dyadic::Dyadic;
use crate::obligation::Obligation;
use crate::op::Primitive;
use crate::tensor::{DType, Ty};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What the file says it is.
const SCHEMA: &str = "gradbound-witness/1";
/// Reductions are at most this long.
pub const MAX_LENGTH: usize = 1 << 14;
/// Files beyond this many bytes are no witnesses.
const LIMIT: u64 = 1 << 26;

/// A witness in a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    schema: String,
    /// The operation whose obligation it is about, or the model's name of a value.
    pub op: String,
    /// The SHA-256 of the model, where it is about one.
    #[serde(default)]
    pub model: Option<String>,
    /// The SHA-256 of the model's inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arrays: Option<String>,
    /// Which search it is of.
    #[serde(default)]
    pub search: String,
    /// Whether it is about somebody's own code.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kernel: bool,
    /// Which obligation.
    pub obligation: Obligation,
    /// The format of floats.
    pub format: String,
    /// Whether only exact inputs were searched.
    pub exact: bool,
    /// Of reductions of any length.
    length: usize,
    config: Words,
    /// The numbers that the graph was drawn from.
    structure: Vec<u32>,
    /// The graph, to read, and to notice when an operation's graphs are drawn otherwise now.
    graph: Vec<String>,
    inputs: Vec<Bits>,
    choices: Vec<u32>,
    /// error / bound, "inf" where the claim is violated.
    pub ratio: String,
    /// What is violated.
    #[serde(default)]
    pub violation: Option<String>,
    /// Who found it, and after how many trials.
    pub strategy: String,
    /// After how many trials.
    pub trials: u64,
}

/// A configuration in the words of the command line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Words {
    accumulate: String,
    schedule: String,
    contract: String,
    libm: String,
    subnormals: String,
    granularity: String,
    execute: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Bits {
    Floats {
        determined: bool,
        /// Bits of f64.
        c: Vec<String>,
        eps: Vec<String>,
        admissible: Vec<String>,
        /// m·2^e.
        x: Vec<(String, i64)>,
    },
    Integers(Vec<i64>),
    /// The model's own; they come from its inputs' file.
    Given,
}

fn hex(x: f64) -> String {
    format!("{:#018x}", x.to_bits())
}

fn float(text: &str) -> Option<f64> {
    let digits = text.strip_prefix("0x")?;
    u64::from_str_radix(digits, 16).ok().map(f64::from_bits)
}

impl Words {
    pub(super) fn of(config: &Config) -> Words {
        Words {
            accumulate: config.accumulate.to_string(),
            schedule: config.schedule.to_string(),
            contract: config.contract.to_string(),
            libm: config.libm.to_string(),
            subnormals: config.subnormals.to_string(),
            granularity: config.granularity.to_string(),
            execute: config.execution.to_string(),
        }
    }

    fn config(&self) -> Result<Config> {
        Ok(Config {
            accumulate: self.accumulate.parse()?,
            schedule: self.schedule.parse()?,
            contract: self.contract.parse()?,
            libm: self.libm.parse::<Libm>()?,
            subnormals: self.subnormals.parse()?,
            granularity: self.granularity.parse::<Granularity>()?,
            execution: self.execute.parse::<Execution>()?,
        })
    }
}

impl Bits {
    /// As it is judged: within the assumptions of a float of that type.
    fn of(input: &Input, ty: &Ty) -> Bits {
        match input {
            Input::Integers(whole) => Bits::Integers(whole.clone()),
            Input::Fixed(_) => Bits::Given,
            Input::Floats { determined, places } => {
                let judged = |p: &Place| match ty.dtype.format() {
                    Some(format) => p.clone().repaired(format, *determined),
                    None => p.clone(),
                };
                let places: Vec<Place> = places.iter().map(judged).collect();
                Bits::Floats {
                    determined: *determined,
                    c: places.iter().map(|p| hex(p.c)).collect(),
                    eps: places.iter().map(|p| hex(p.eps)).collect(),
                    admissible: places.iter().map(|p| hex(p.admissible)).collect(),
                    x: places.iter().map(|p| p.x.parts()).collect(),
                }
            }
        }
    }

    /// `given` where the subject's own inputs are meant.
    fn input(&self, given: Option<&Input>) -> Option<Input> {
        match self {
            Bits::Given => given.cloned(),
            Bits::Integers(whole) => Some(Input::Integers(whole.clone())),
            Bits::Floats {
                determined,
                c,
                eps,
                admissible,
                x,
            } => {
                let lengths = [eps.len(), admissible.len(), x.len()];
                if lengths != [c.len(); 3] {
                    return None;
                }
                let place = |i: usize| {
                    Some(Place {
                        c: float(&c[i])?,
                        eps: float(&eps[i])?,
                        admissible: float(&admissible[i])?,
                        x: Dyadic::from_parts(&x[i].0, x[i].1)?,
                    })
                };
                let places: Option<Vec<Place>> = (0..c.len()).map(place).collect();
                Some(Input::Floats {
                    determined: *determined,
                    places: places?,
                })
            }
        }
    }
}

/// A graph, line by line.
pub(super) fn lines(graph: &Graph) -> Vec<String> {
    let line = |v: crate::graph::ValueId| {
        let node = graph.node(v);
        let args: Vec<usize> = node.args().iter().map(|a| a.index()).collect();
        let (k, name, ty) = (v.index(), node.op().name(), graph.ty(v));
        format!("{k} = {name}{args:?} {ty}")
    };
    graph.values().map(line).collect()
}

impl Record {
    /// Of the best point of a search.
    pub fn of(subject: &Subject, best: &Best) -> Record {
        let structure = &best.structure;
        Record {
            schema: SCHEMA.to_owned(),
            op: subject.name().to_owned(),
            model: subject.model().map(str::to_owned),
            arrays: subject.arrays(),
            search: subject.identity(),
            kernel: matches!(subject.of, Of::Kernel(_)),
            obligation: subject.obligation,
            format: subject.dtype().map_or("none", DType::name).to_owned(),
            exact: structure.exact,
            length: subject.length(),
            config: Words::of(&structure.config),
            structure: structure.numbers.clone(),
            graph: lines(&structure.graph),
            inputs: (best.point.inputs.iter().zip(structure.graph.inputs()))
                .map(|(input, value)| Bits::of(input, structure.graph.ty(*value)))
                .collect(),
            choices: best.point.choices.clone(),
            ratio: best.score.ratio.to_string(),
            violation: best.score.violation.clone(),
            strategy: best.strategy.name().to_owned(),
            trials: best.trials,
        }
    }

    /// What makes two witnesses the same: subject, graph, configuration and execution.
    pub fn key(&self) -> String {
        let mut same = self.clone();
        same.strategy = String::new();
        same.trials = 0;
        let text = serde_json::to_string(&same).unwrap_or_default();
        let digest = <sha2::Sha256 as sha2::Digest>::digest(text.as_bytes());
        digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
    }

    /// The share of the bound.
    pub fn share(&self) -> f64 {
        self.ratio.parse().unwrap_or(-1.0)
    }

    /// Reads a witness.
    pub fn read(path: &Path) -> Result<Record> {
        let bad = |what: String| {
            Error::new(what)
                .in_file(path)
                .remedy("give a witness that `gradbound search` wrote")
        };
        // Limited by what is read, not by what the file says: a device says nothing.
        let file = File::open(path).map_err(|e| bad(format!("cannot be read: {e}")))?;
        let mut text = String::new();
        (file.take(LIMIT + 1).read_to_string(&mut text))
            .map_err(|e| bad(format!("cannot be read: {e}")))?;
        if text.len() as u64 > LIMIT {
            return Err(bad(format!("more than {LIMIT} bytes are no witness")));
        }
        let record: Record =
            serde_json::from_str(&text).map_err(|e| bad(format!("is no witness: {e}")))?;
        if record.schema != SCHEMA {
            return Err(bad(format!("`{}` is not {SCHEMA}", record.schema)));
        }
        Ok(record)
    }

    /// The structure and the point that it speaks of; `subject` as its words describe it.
    pub fn restore(&self, subject: &Subject) -> Result<(Structure, Point)> {
        let structure = Structure {
            config: self.config.config()?,
            ..subject.structure(&mut Tape::new(&self.structure))?
        };
        if lines(&structure.graph) != self.graph {
            return Err(
                Error::new("the witness is of a graph that is drawn otherwise now")
                    .remedy("search again: the operation's graphs have changed since"),
            );
        }
        let other = |what: &str| {
            Error::new(format!("the witness {what}"))
                .remedy("give the file as `gradbound search` wrote it")
        };
        if self.arrays.is_some() && self.arrays != subject.arrays() {
            return Err(Error::new("the witness was found on other inputs")
                .remedy("give the --inputs of the search that found it"));
        }
        if self.inputs.len() != structure.graph.inputs().len() {
            return Err(other("has not as many inputs as its graph"));
        }
        let own = subject.inputs(&structure, &mut Tape::new(&[]));
        let bits = self.inputs.iter().enumerate();
        let inputs: Option<Vec<Input>> = bits.map(|(k, b)| b.input(own.get(k))).collect();
        let inputs = inputs.ok_or_else(|| other("has a number that cannot be read"))?;
        let types = structure.graph.inputs().iter();
        let mut each = inputs.iter().zip(types.map(|v| structure.graph.ty(*v)));
        if !each.all(|(input, ty)| input.is_admitted(ty, structure.exact)) {
            return Err(other(
                "has an input outside its own assumptions: a number that is not finite or none of \
                 the format, or further off than its eps",
            ));
        }
        let point = Point {
            inputs,
            choices: self.choices.clone(),
        };
        Ok((structure, point))
    }

    /// The subject, where it is an operation.
    pub fn subject(&self) -> Result<Subject> {
        if self.kernel {
            return Err(Error::new(format!(
                "the witness is about `{}`, code that is not here",
                self.op
            ))
            .remedy("replay it in the crate that has the code, by Kernel::replay"));
        }
        let dtype = DType::FLOATS.into_iter().find(|d| d.name() == self.format);
        let dtype = dtype.ok_or_else(|| {
            Error::new(format!("`{}` is no format of floats", self.format))
                .remedy("give the file as `gradbound search` wrote it")
        })?;
        if self.length > MAX_LENGTH {
            return Err(
                Error::new(format!("a length of {} is too much", self.length))
                    .remedy(format!("use at most {MAX_LENGTH}")),
            );
        }
        Subject::operation(
            &self.op,
            self.obligation,
            dtype,
            None,
            self.exact,
            self.length,
        )
    }

    /// Judges it again.
    pub fn replay(&self, subject: &Subject) -> Result<Option<Score>> {
        let (structure, point) = self.restore(subject)?;
        Ok(structure.judge(&point, &Rules::TRUE))
    }
}

impl Subject {
    /// An operation's obligation; `config` where executions are not to be drawn.
    pub fn operation(
        name: &str,
        obligation: Obligation,
        dtype: DType,
        config: Option<Config>,
        exact: bool,
        length: usize,
    ) -> Result<Subject> {
        let fragments = fragments::of(name).ok_or_else(|| {
            Error::new(format!("`{name}` is no operation that can be searched"))
                .remedy("use a primitive of `gradbound ops`, for example MatMul or Softmax")
        })?;
        Ok(Subject {
            obligation,
            of: Of::Operation {
                name: name.to_owned(),
                fragments,
                dtype,
                config,
                exact,
                length,
            },
        })
    }
}
