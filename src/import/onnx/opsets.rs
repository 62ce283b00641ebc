//! The operator sets that a model, or a function of it, is written in.

use super::proto::OperatorSetIdProto;
use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// The first of ONNX's own operator sets that is read: broadcasting had an attribute still.
const MIN_OPSET: i64 = 6;
/// The last one whose changes have been read.
const MAX_OPSET: i64 = 28;

/// ONNX's own operator set.
pub(super) const ONNX: &str = "";
/// Optimizers.
pub(super) const TRAINING: &str = "ai.onnx.preview.training";

/// The version of each domain's operator set.
#[derive(Debug)]
pub(super) struct Opsets(BTreeMap<String, i64>);

/// A domain under its shortest name.
pub(super) fn domain(name: &str) -> &str {
    if name == "ai.onnx" { ONNX } else { name }
}

impl Opsets {
    /// The versions as declared; fails where one is declared twice, or none is.
    pub fn new(declared: &[OperatorSetIdProto]) -> Result<Opsets> {
        let mut versions = BTreeMap::new();
        for opset in declared {
            let domain = domain(&opset.domain);
            if domain == ONNX && opset.version < MIN_OPSET {
                return Err(Error::new(format!(
                    "is in opset {}, and opsets before {MIN_OPSET} are not supported",
                    opset.version
                ))
                .remedy("convert it: onnx.version_converter.convert_version(model, 13)"));
            }
            if versions.insert(domain.to_owned(), opset.version).is_some() {
                let name = if domain == ONNX { "ONNX" } else { domain };
                return Err(Error::new(format!(
                    "is in two {} opsets at once",
                    name.escape_debug()
                ))
                .remedy(format!(
                    "keep one opset_import for the domain '{}'",
                    domain.escape_debug()
                )));
            }
        }
        if versions.is_empty() {
            return Err(undeclared());
        }
        Ok(Opsets(versions))
    }

    /// The version of a domain's operator set.
    pub fn of(&self, domain: &str) -> Result<i64> {
        let version = self.0.get(domain).copied();
        version.ok_or_else(|| {
            if domain == ONNX {
                return undeclared();
            }
            let name = domain.escape_debug();
            Error::new(format!("does not say which opset of `{name}` it is in"))
                .remedy(format!("add an opset_import for the domain '{name}'"))
        })
    }

    /// What is worth saying of the versions.
    pub fn warnings(&self) -> Vec<String> {
        let own = self.0.get(ONNX).copied();
        let newer = own.filter(|&version| version > MAX_OPSET);
        let text = |version: i64| {
            format!("the model is in opset {version}; operations are read as of opset {MAX_OPSET}")
        };
        newer.map(text).into_iter().collect()
    }
}

fn undeclared() -> Error {
    Error::new("does not say which ONNX opset it is in")
        .remedy("export the model again, with an opset_import for the domain ''")
}
