//! Models that must be refused.

#![allow(dead_code, reason = "each test file uses some of these")]

use crate::bad::assert_names;
use crate::onnx_builder::*;
use gradbound::error::Error;
use gradbound::import::onnx::proto::{NodeProto, TensorProto};
use gradbound::import::onnx::{ImportOptions, import};

pub fn import_bytes(bytes: &[u8], options: &ImportOptions) -> (Option<Error>, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, bytes).unwrap();
    (import(&path, options).err(), path)
}

/// Asserts that the file is refused with a message that contains a word.
#[track_caller]
pub fn refused_bytes(bytes: &[u8], word: &str) -> Error {
    let (error, path) = import_bytes(bytes, &ImportOptions::default());
    let error = error.expect("a bad model");
    assert_names(&error, &path, word);
    error
}

#[track_caller]
pub fn refused(onnx: &Onnx, word: &str) -> Error {
    refused_bytes(&onnx.bytes(), word)
}

/// Asserts that the error is at this node, too.
#[track_caller]
pub fn refused_at(onnx: &Onnx, node: &str, word: &str) {
    let error = refused(onnx, word);
    assert_eq!(error.node(), Some(node), "{error}");
}

#[track_caller]
pub fn refused_with(onnx: &Onnx, shapes: &[(&str, &[usize])], word: &str) {
    let options = ImportOptions {
        input_shapes: shapes
            .iter()
            .map(|(n, s)| ((*n).to_owned(), s.to_vec()))
            .collect(),
        ..ImportOptions::default()
    };
    let (error, path) = import_bytes(&onnx.bytes(), &options);
    assert_names(&error.expect("bad shapes"), &path, word);
}

/// y = relu(x) for x of shape [2, 3].
pub fn relu() -> Onnx {
    model(17)
        .floats("x", &[2, 3])
        .node(node("Relu", &["x"], &["y"]))
        .output("y")
}

/// One node `y` of this operation on x of shape [2, 3] and an initializer.
pub fn on(op: NodeProto, w: TensorProto) -> Onnx {
    model(17).floats("x", &[2, 3]).initializer(w).node(op)
}
