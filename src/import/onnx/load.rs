//! From a file to a [`ModelProto`] in versions of ONNX that are understood.

use super::opsets::Opsets;
use super::proto::{FunctionProto, GraphProto, ModelProto};
use crate::error::{Error, Result};
use crate::import::file;
use crate::import::source::Source;
use prost::Message;
use std::path::Path;

/// The largest message that protobuf allows; larger models keep their tensors elsewhere.
pub(super) const MAX_FILE: u64 = 1 << 31;
/// The first version of the file format that says in which operator sets a model is.
const MIN_IR: i64 = 3;

/// A model that may be imported.
pub(super) struct Loaded {
    pub graph: GraphProto,
    pub functions: Vec<FunctionProto>,
    pub opsets: Opsets,
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
    let opsets = Opsets::new(&model.opset_import)?;
    let graph = model.graph.ok_or_else(|| not_onnx("it has no graph"))?;
    if let Some(sparse) = graph.sparse_initializer.first() {
        let name = sparse.values.as_ref().map_or("", |v| v.name.as_str());
        return Err(Error::new(format!(
            "the initializer `{}` is sparse",
            name.escape_debug()
        ))
        .remedy("make it a dense initializer"));
    }
    Ok(Loaded {
        graph,
        functions: model.functions,
        warnings: opsets.warnings(),
        opsets,
        sha256: opened.sha256,
    })
}

fn not_onnx(why: impl std::fmt::Display) -> Error {
    Error::new(format!("is not a whole ONNX model: {why}")).remedy("export the model again")
}
