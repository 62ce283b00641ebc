//! A node's attributes, taken by name and type; what is left over is an error.

use super::proto::{AttributeProto, AttributeType, FunctionProto, GraphProto, TensorProto};
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// The attributes that a function was called with, by name.
pub(super) type Bindings<'a> = BTreeMap<&'a str, &'a AttributeProto>;

/// The attributes that no one has taken yet.
#[derive(Clone)]
pub(super) struct Attributes<'a> {
    rest: Bindings<'a>,
}

impl<'a> Attributes<'a> {
    /// All attributes of a node; fails where one comes twice. One that refers to an
    /// attribute of the function around is that one, and is omitted where that one is.
    pub fn new(all: &'a [AttributeProto], around: Option<&Bindings<'a>>) -> Result<Attributes<'a>> {
        let mut rest = BTreeMap::new();
        for attribute in all {
            let name = attribute.name.as_str();
            let value = match (attribute.ref_attr_name.as_str(), around) {
                ("", _) => Some(attribute),
                (outer, Some(around)) => around.get(outer).copied(),
                (_, None) => {
                    return Err(
                        refuse(name, "refers to a function's attribute, outside of one")
                            .remedy("export the model again"),
                    );
                }
            };
            let Some(value) = value else {
                continue;
            };
            if rest.insert(name, value).is_some() {
                return Err(refuse(name, "is given twice").remedy("keep one of them"));
            }
        }
        Ok(Attributes { rest })
    }

    /// What the body of a function sees: these attributes, and the function's defaults for
    /// the others; fails where one is not the function's.
    pub fn bind(self, function: &'a FunctionProto) -> Result<Bindings<'a>> {
        let mut bindings = self.rest;
        let has = |name: &&str| {
            let mut named = function.attribute.iter().map(String::as_str);
            let mut defaults = function.attribute_proto.iter().map(|a| a.name.as_str());
            named.any(|own| own == *name) || defaults.any(|own| own == *name)
        };
        if let Some(name) = bindings.keys().copied().find(|name| !has(name)) {
            let what = format!(
                "is not one of the function {}",
                function.name.escape_debug()
            );
            return Err(refuse(name, &what).remedy("remove it"));
        }
        for default in &function.attribute_proto {
            bindings.entry(&default.name).or_insert(default);
        }
        Ok(bindings)
    }

    fn take(&mut self, name: &str, wanted: AttributeType) -> Result<Option<&'a AttributeProto>> {
        match self.rest.remove(name) {
            Some(attribute) if attribute.r#type != wanted as i32 => {
                let given = AttributeType::try_from(attribute.r#type)
                    .map_or_else(|_| attribute.r#type.to_string(), |t| format!("{t:?}"));
                Err(refuse(name, &format!("is of type {given}, not {wanted:?}"))
                    .remedy("export the model again; its attribute has the wrong type"))
            }
            found => Ok(found),
        }
    }

    /// An integer.
    pub fn int(&mut self, name: &str) -> Result<Option<i64>> {
        Ok(self.take(name, AttributeType::Int)?.map(|a| a.i))
    }

    /// A finite float.
    pub fn float(&mut self, name: &str) -> Result<Option<f32>> {
        let value = self.take(name, AttributeType::Float)?.map(|a| a.f);
        match value {
            Some(x) if !x.is_finite() => {
                Err(refuse(name, &format!("is {x}")).remedy("use a finite number"))
            }
            _ => Ok(value),
        }
    }

    /// Text.
    pub fn text(&mut self, name: &str) -> Result<Option<&'a str>> {
        let Some(attribute) = self.take(name, AttributeType::String)? else {
            return Ok(None);
        };
        match std::str::from_utf8(&attribute.s) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(refuse(name, "is not UTF-8").remedy("export the model again")),
        }
    }

    /// Texts.
    pub fn texts(&mut self, name: &str) -> Result<Option<Vec<&'a str>>> {
        let Some(attribute) = self.take(name, AttributeType::Strings)? else {
            return Ok(None);
        };
        let texts = attribute.strings.iter().map(|s| std::str::from_utf8(s));
        match texts.collect::<std::result::Result<Vec<&str>, _>>() {
            Ok(texts) => Ok(Some(texts)),
            Err(_) => Err(refuse(name, "is not UTF-8").remedy("export the model again")),
        }
    }

    /// Integers.
    pub fn ints(&mut self, name: &str) -> Result<Option<&'a [i64]>> {
        Ok(self
            .take(name, AttributeType::Ints)?
            .map(|a| a.ints.as_slice()))
    }

    /// Floats.
    pub fn floats(&mut self, name: &str) -> Result<Option<&'a [f32]>> {
        let found = self.take(name, AttributeType::Floats)?;
        Ok(found.map(|a| a.floats.as_slice()))
    }

    /// A tensor.
    pub fn tensor(&mut self, name: &str) -> Result<Option<&'a TensorProto>> {
        match self.take(name, AttributeType::Tensor)? {
            None => Ok(None),
            Some(AttributeProto { t: Some(t), .. }) => Ok(Some(t)),
            Some(_) => Err(refuse(name, "holds no tensor").remedy("export the model again")),
        }
    }

    /// A graph.
    pub fn graph(&mut self, name: &str) -> Result<Option<&'a GraphProto>> {
        match self.take(name, AttributeType::Graph)? {
            None => Ok(None),
            Some(AttributeProto { g: Some(g), .. }) => Ok(Some(g)),
            Some(_) => Err(refuse(name, "holds no graph").remedy("export the model again")),
        }
    }

    /// An integer that is 0 or 1.
    pub fn flag(&mut self, name: &str, default: bool) -> Result<bool> {
        match self.int(name)? {
            None => Ok(default),
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(other) => Err(refuse(name, &format!("is {other}")).remedy("it must be 0 or 1")),
        }
    }

    /// Drops attributes that have no consequence here.
    pub fn ignore(&mut self, names: &[&'static str]) {
        for name in names {
            self.rest.remove(name);
        }
    }

    /// Fails where an attribute is left over.
    pub fn finish(self, op: &str, opset: i64) -> Result<()> {
        match self.rest.into_keys().next() {
            None => Ok(()),
            Some(name) => Err(refuse(
                name,
                &format!("is not one that {op} has here (opset {opset})"),
            )
            .remedy("remove it, or set the opset that the model was written in")),
        }
    }
}

fn refuse(name: &str, what: &str) -> Error {
    Error::new(format!("the attribute `{}` {what}", name.escape_debug()))
}
