//! The element types that operations take.
//!
//! ONNX gives every input of an operation a type, or a variable T that stands for one of
//! several; inputs with the same variable have one type. `signatures.txt` lists them by
//! operation and opset; `examples/onnx_conformance/write_signatures.py` writes it from the
//! onnx package's schemas. The graph knows fewer types than ONNX (every integer is an i64), so
//! that a model of mixed types would otherwise get a meaning that ONNX does not give it.

use super::builder::Builder;
use super::types::{Retype, Width};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::tensor::DType;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// How a last input that stands for any number of them takes their types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeated {
    Not,
    /// All of one type.
    Alike,
    /// Each of a type of its own.
    Apart,
}

/// An input, and the variable that its type goes by.
#[derive(Debug)]
struct Parameter {
    name: &'static str,
    variable: &'static str,
    repeated: Repeated,
}

/// An operation's inputs from an opset on.
#[derive(Debug)]
struct Signature {
    since: i64,
    parameters: Vec<Parameter>,
    /// The types that each variable stands for.
    types: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Signature {
    /// The input at this place.
    fn parameter(&self, k: usize) -> Option<&Parameter> {
        let last = self.parameters.last();
        let rest = last.filter(|p| p.repeated != Repeated::Not);
        self.parameters.get(k).or(rest)
    }
}

type Key = (&'static str, &'static str);

/// The signatures by domain and name, oldest first.
static TABLE: LazyLock<BTreeMap<Key, Vec<Signature>>> = LazyLock::new(|| {
    let mut table: BTreeMap<Key, Vec<Signature>> = BTreeMap::new();
    for line in include_str!("signatures.txt").lines() {
        if let Some((key, signature)) = parse(line) {
            table.entry(key).or_default().push(signature);
        }
    }
    table
});

/// A line `[DOMAIN:]NAME SINCE; INPUT:T …; T=TYPE,TYPE …`.
fn parse(line: &'static str) -> Option<(Key, Signature)> {
    let mut parts = line.split("; ");
    let (operation, since) = parts.next()?.split_once(' ')?;
    let key = operation.rsplit_once(':').unwrap_or(("", operation));
    let parameter = |word: &'static str| {
        let (name, variable) = word.split_once(':')?;
        let (variable, repeated) = match (variable.strip_suffix('*'), variable.strip_suffix('~')) {
            (Some(variable), _) => (variable, Repeated::Alike),
            (_, Some(variable)) => (variable, Repeated::Apart),
            (None, None) => (variable, Repeated::Not),
        };
        Some(Parameter {
            name,
            variable,
            repeated,
        })
    };
    let parameters = parts.next()?.split(' ').map(parameter);
    let parameters = parameters.collect::<Option<Vec<_>>>()?;
    let variable = |word: &'static str| {
        let (variable, types) = word.split_once('=')?;
        Some((variable, types.split(',').collect()))
    };
    let types = parts
        .next()?
        .split(' ')
        .map(variable)
        .collect::<Option<_>>()?;
    let since = since.parse().ok()?;
    Some((
        key,
        Signature {
            since,
            parameters,
            types,
        },
    ))
}

/// ONNX's types that a value may have in the file: where the model's own float type is
/// replaced by another (`--format`), a value of that one may have had either.
pub(super) fn types_of(builder: &Builder, retype: Retype, x: ValueId) -> Vec<Cow<'static, str>> {
    let dtype = builder.dtype(x);
    if dtype == DType::I64 {
        return vec![builder.width(x).map_or(Cow::Borrowed("i64"), Width::name)];
    }
    let mut names = vec![Cow::Borrowed(dtype.name())];
    if dtype == retype.format && retype.own != dtype {
        names.push(Cow::Borrowed(retype.own.name()));
    }
    names
}

/// Fails where the arguments of an operation have types that ONNX does not give it.
pub(super) fn check(
    builder: &Builder,
    retype: Retype,
    (domain, name, opset): (&str, &str, i64),
    inputs: &[Option<ValueId>],
) -> Result<()> {
    let known = TABLE.get(&(domain, name)).map_or(&[][..], Vec::as_slice);
    let Some(signature) = known.iter().rev().find(|s| s.since <= opset) else {
        return Ok(());
    };
    // What each variable may still be, and the input that decided it.
    let mut bound: BTreeMap<&str, (usize, Vec<Cow<'static, str>>)> = BTreeMap::new();
    for (k, input) in inputs.iter().enumerate() {
        let (Some(x), Some(parameter)) = (*input, signature.parameter(k)) else {
            continue;
        };
        let Parameter {
            name: input,
            variable,
            repeated,
        } = *parameter;
        let own = types_of(builder, retype, x);
        let shown = own.last().map_or("", |own| own);
        let allowed = signature.types.get(variable);
        let allowed = allowed.map_or(&[][..], Vec::as_slice);
        let mut fits = own.clone();
        fits.retain(|own| allowed.contains(&own.as_ref()));
        if fits.is_empty() {
            return Err(Error::new(format!(
                "{name} has {shown} for `{input}` (input {k}), and opset {opset} has {} there",
                one_of(allowed)
            ))
            .remedy("insert a Cast, or export the model in another opset"));
        }
        if repeated == Repeated::Apart {
            continue;
        }
        let (first, others) = bound.entry(variable).or_insert((k, fits.clone()));
        others.retain(|other| fits.contains(other));
        if others.is_empty() {
            let before = inputs.get(*first).copied().flatten();
            let before = before.map(|x| types_of(builder, retype, x));
            let before = before.and_then(|types| types.last().cloned());
            return Err(Error::new(format!(
                "{name} has {} for input {first} and {shown} for input {k}, which must have one type",
                before.unwrap_or_default()
            ))
            .remedy("insert a Cast, so that both have one element type"));
        }
    }
    Ok(())
}

fn one_of(types: &[&str]) -> String {
    match types {
        [] => "nothing that is supported".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ops::supported;
    use super::{TABLE, parse};

    #[test]
    fn every_line_says_what_it_should() {
        for line in include_str!("signatures.txt").lines() {
            let (_, signature) = parse(line).unwrap_or_else(|| panic!("{line}"));
            for parameter in &signature.parameters {
                assert!(signature.types.contains_key(parameter.variable), "{line}");
            }
        }
    }

    #[test]
    fn every_operation_with_inputs_has_a_signature() {
        let listed = |name: &str| TABLE.keys().any(|key| key.1 == name);
        for (name, _) in supported() {
            assert_eq!(listed(name), *name != "Constant", "{name}");
        }
    }
}
