//! From a file to a [`ModelProto`] in a version of ONNX that is understood.

use super::proto::{GraphProto, ModelProto};
use crate::error::{Error, Result};
use crate::import::file;
use crate::import::source::Source;
use prost::Message;
use std::path::Path;

/// The largest message that protobuf allows; larger models keep their tensors elsewhere.
pub(super) const MAX_FILE: u64 = 1 << 31;
/// The first version of the file format that names the type of every attribute reliably.
const MIN_IR: i64 = 7;
/// The first operator set whose Softmax, Squeeze, ReduceSum and Split are today's.
const MIN_OPSET: i64 = 13;
/// The last operator set whose changes have been read.
const MAX_OPSET: i64 = 28;

/// A model that may be imported.
pub(super) struct Loaded {
    pub graph: GraphProto,
    /// Version of ONNX's own operator set.
    pub opset: i64,
    /// The file's SHA-256, in hexadecimal.
    pub sha256: String,
    pub warnings: Vec<String>,
}

/// Reads and decodes a model.
pub(super) fn load(path: &Path) -> Result<Loaded> {
    let mut opened = file::open(path)?;
    if opened.length > MAX_FILE {
        return Err(Error::new("is larger than 2 GiB").remedy(
            "save the tensors beside the model: onnx.save(model, path, save_as_external_data=True)",
        ));
    }
    let whole = Source {
        file: path.into(),
        kind: "model",
        name: path.display().to_string(),
    };
    let bytes = whole.read_exactly(&mut opened.file, opened.length)?;
    let model = ModelProto::decode(bytes.as_slice()).map_err(|e| not_onnx(e.to_string()))?;
    drop(bytes);
    let opset = opset(&model)?;
    let graph = model.graph.ok_or_else(|| not_onnx("it has no graph"))?;
    if let Some(sparse) = graph.sparse_initializer.first() {
        let name = sparse.values.as_ref().map_or("", |v| v.name.as_str());
        return Err(Error::new(format!(
            "the initializer `{}` is sparse",
            name.escape_debug()
        ))
        .remedy("make it a dense initializer"));
    }
    let mut warnings = Vec::new();
    if opset > MAX_OPSET {
        warnings.push(format!(
            "the model is in opset {opset}; operations are read as of opset {MAX_OPSET}"
        ));
    }
    Ok(Loaded {
        graph,
        opset,
        sha256: opened.sha256,
        warnings,
    })
}

fn not_onnx(why: impl std::fmt::Display) -> Error {
    Error::new(format!("is not a whole ONNX model: {why}")).remedy("export the model again")
}

/// The version of ONNX's own operator set.
fn opset(model: &ModelProto) -> Result<i64> {
    if model.ir_version < 1 {
        return Err(not_onnx("it has no IR version"));
    }
    if model.ir_version < MIN_IR {
        return Err(Error::new(format!(
            "has IR version {}, and versions before {MIN_IR} are not read",
            model.ir_version
        ))
        .remedy("export the model again with a newer onnx"));
    }
    let mut own = (model.opset_import.iter()).filter(|o| is_onnx_domain(&o.domain));
    match (own.next(), own.next()) {
        (Some(opset), None) if opset.version >= MIN_OPSET => Ok(opset.version),
        (Some(opset), None) => Err(Error::new(format!(
            "is in opset {}, and opsets before {MIN_OPSET} are not supported",
            opset.version
        ))
        .remedy(format!(
            "convert it: onnx.version_converter.convert_version(model, {MIN_OPSET})"
        ))),
        (None, _) => Err(Error::new("does not say which ONNX opset it is in")
            .remedy("export the model again, with an opset_import for the domain ''")),
        (Some(_), Some(_)) => Err(Error::new("is in two ONNX opsets at once")
            .remedy("keep one opset_import for the domain ''")),
    }
}

/// True for the domain of ONNX's own operations.
pub(super) fn is_onnx_domain(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}
