//! What the fuzz targets run, and `cargo test` runs again on their corpora.
//!
//! The generator ([`generate`]) never judges, the oracle ([`oracle`]) never generates.

mod bytes;
pub mod generate;
pub mod oracle;
mod program;

/// Any bytes as an ONNX file: a model, or an error that names the file and a remedy.
pub fn onnx(bytes: &[u8]) {
    oracle::import_never_panics(bytes);
}

/// Any bytes as an `.npz` file: arrays, or an error that names the file and a remedy.
pub fn npz(bytes: &[u8]) {
    oracle::arrays_never_panic(bytes, "npz");
}

/// Any bytes as a `.safetensors` file.
pub fn safetensors(bytes: &[u8]) {
    oracle::arrays_never_panic(bytes, "safetensors");
}

/// Bytes as the program of a random graph with fan-out and a backward pass: no obligation
/// is violated.
pub fn graph(bytes: &[u8]) {
    oracle::obligations_hold(&generate::case(bytes));
}
