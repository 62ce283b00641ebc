//! The audit record: what `audit.json` holds and the report shows.

use super::range::RangeStatus;
use crate::obligation::Obligation;
use crate::verdict::Outcome;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// A number in JSON; infinities are the strings "inf" and "-inf", NaN is "nan".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Num(pub f64);

impl Serialize for Num {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            s.serialize_f64(self.0)
        } else if self.0.is_nan() {
            s.serialize_str("nan")
        } else if self.0 > 0.0 {
            s.serialize_str("inf")
        } else {
            s.serialize_str("-inf")
        }
    }
}

/// Everything that an audit found.
#[derive(Debug, Clone, Serialize)]
pub struct Audit {
    /// Names the format of this record.
    pub schema: &'static str,
    /// What made it.
    pub tool: Tool,
    /// The model's file.
    pub model: File,
    /// The inputs' file.
    pub inputs: Option<File>,
    /// The observed values' file.
    pub observed: Option<File>,
    /// What the bounds speak for.
    pub config: ConfigRecord,
    /// The worst verdict.
    pub verdict: Outcome,
    /// Every named value and gradient.
    pub values: Vec<Value>,
    /// What each node of the model owed.
    pub obligations: Vec<ObligationRecord>,
    /// The value that an observed difference is blamed on.
    pub blame: Option<Blame>,
    /// All values that their own observed inputs do not explain.
    pub blames: Vec<Blame>,
    /// What the bounds rest on.
    pub assumptions: Vec<Assumption>,
    /// Values that lowering and differentiation added.
    pub internals: Vec<Internal>,
    /// Things worth knowing that decide nothing.
    pub warnings: Vec<String>,
    /// Seconds.
    pub timing: Timing,
}

/// The program.
#[derive(Debug, Clone, Serialize)]
pub struct Tool {
    /// Its version.
    pub version: &'static str,
}

/// A file by path and content.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct File {
    /// As given.
    pub path: String,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// The configuration in words.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the options of the command line, by name")]
pub struct ConfigRecord {
    pub format: String,
    pub accumulate: String,
    pub schedule: String,
    pub contract: String,
    pub libm: String,
    pub subnormals: String,
    pub granularity: String,
    pub execute: String,
    pub adjoint: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<ConfidenceRecord>,
    pub formulas: BTreeMap<&'static str, &'static str>,
    pub loss: Option<String>,
    pub seeds: Vec<String>,
    pub region: Option<()>,
    /// Which reals the specification sees.
    pub spec: &'static str,
}

/// How `probable` is stated.
#[derive(Debug, Clone, Serialize)]
pub struct ConfidenceRecord {
    /// The probability that it holds for every value at once.
    pub confidence: Num,
    /// Draws.
    pub draws: u32,
    /// Their seed.
    pub seed: u64,
    /// What it is not.
    pub strength: &'static str,
}

/// What |runtime − spec| stays within with the stated probability; no certificate.
#[derive(Debug, Clone, Serialize)]
pub struct ProbableRecord {
    /// The largest over the tensor.
    pub eps: Num,
    /// What of it is of second order in the roundings.
    pub second_order: Num,
    /// What of it is due to comparisons that are not decided.
    pub jumps: Num,
}

/// Which pass a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PassRecord {
    /// Computed by the model.
    Forward,
    /// A gradient.
    Backward,
}

/// A closed interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Range {
    /// Lower end.
    pub lower: Num,
    /// Upper end.
    pub upper: Num,
}

/// What is certified of one named value.
#[derive(Debug, Clone, Serialize)]
pub struct Value {
    /// The model's name, with "grad:" before it for a gradient.
    pub name: String,
    /// The pass.
    pub pass: PassRecord,
    /// The model's operation that made the value (for a gradient, the value it belongs to).
    pub op: String,
    /// Extents.
    pub shape: Vec<usize>,
    /// Element type.
    pub format: String,
    /// Largest ε over the tensor, in the value's units.
    pub eps: Num,
    /// Where the error is born, for a value that was asked for in adjoint form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub born: Option<Born>,
    /// What its error stays within with a stated probability, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probable: Option<ProbableRecord>,
    /// Largest scale over the tensor, in the value's units.
    pub scale: Num,
    /// `Tolerance::from_eps_scale`.
    pub abs: Num,
    /// `Tolerance::from_eps_scale`.
    pub rel: Num,
    /// With `rtol`: what `assert_close` between two admissible executions may be given.
    pub atol: Num,
    /// The customary relative tolerance of the type.
    pub rtol: Num,
    /// Overflow, underflow and NaN; `null` for integers and booleans.
    pub range: Option<RangeStatus>,
    /// Where max |runtime − spec| of this run lies.
    pub error: Option<Range>,
    /// error.lower / eps, both of the whole tensor.
    pub tightness: Num,
    /// The nearest that an element comes to its own bound: max of errorᵢ/εᵢ.
    pub nearest: Num,
    /// The element nearest to its bound.
    pub worst: Option<Worst>,
    /// What someone else computed.
    pub observed: Option<Observed>,
    /// Whether the claim holds.
    pub verdict: Outcome,
    /// Why there is no claim, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What an error is made of.
#[derive(Debug, Clone, Serialize)]
pub struct Born {
    /// The element whose eps is the largest.
    pub index: Vec<usize>,
    /// Its bound in adjoint form; its eps may be less by another rule.
    pub eps: Num,
    /// The nodes with the largest shares of it, largest first.
    pub largest: Vec<Share>,
}

/// What one node adds to an error.
#[derive(Debug, Clone, Serialize)]
pub struct Share {
    /// The node, as `values` or `internals` name it.
    pub name: String,
    /// Its share, in units of the value whose error it is.
    pub eps: Num,
}

/// An element and its numbers.
#[derive(Debug, Clone, Serialize)]
pub struct Worst {
    /// Multi-index.
    pub index: Vec<usize>,
    /// Midpoint of the specification's enclosure.
    pub spec: Num,
    /// What was computed.
    pub runtime: Num,
    /// The element's ε.
    pub eps: Num,
}

/// An observed tensor held against the value's ε.
#[derive(Debug, Clone, Serialize)]
pub struct Observed {
    /// Where max |observed − spec| lies.
    pub error: Range,
    /// Whether every element is within its ε.
    pub verdict: Outcome,
    /// max over elements of error / ε; 0/0 is 0.
    pub ratio: Num,
    /// The element nearest to, or farthest beyond, its bound.
    pub worst: Option<Worst>,
}

/// What a node owed and whether it kept it on this run.
#[derive(Debug, Clone, Serialize)]
pub struct ObligationRecord {
    /// The model's node.
    pub node: String,
    /// Its operation.
    pub op: String,
    /// What it owed.
    pub obligation: Obligation,
    /// Whether it held.
    pub verdict: Outcome,
    /// Elements checked.
    pub checked: usize,
    /// Nearest approach to the bound.
    pub tightness: Num,
    /// File with the exact bits of a violation.
    pub witness: Option<String>,
}

/// A value that its own observed inputs do not explain.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Blame {
    /// Its name.
    pub value: String,
    /// Why.
    pub why: String,
}

/// Something the bounds rest on.
#[derive(Debug, Clone, Serialize)]
pub struct Assumption {
    /// Short name, used in the documentation of rules.
    pub id: &'static str,
    /// What is assumed.
    pub text: String,
    /// Where it comes from.
    pub source: String,
}

/// A value inside a lowered operation or a pullback.
#[derive(Debug, Clone, Serialize)]
pub struct Internal {
    /// `OUTPUT/op#k`.
    pub name: String,
    /// Extents.
    pub shape: Vec<usize>,
    /// Largest ε.
    pub eps: Num,
    /// Largest scale.
    pub scale: Num,
    /// Whether its claims hold.
    pub verdict: Outcome,
}

/// Seconds of wall time.
#[derive(Debug, Clone, Serialize)]
pub struct Timing {
    /// The whole audit.
    pub total_s: f64,
    /// The plain run, forward and backward.
    pub plain_s: f64,
    /// eps and scale of every value.
    pub bounds_s: f64,
    /// Enclosing the reals and holding every claim against them.
    pub check_s: f64,
}
