//! What the fuzz targets run, and `cargo test` runs again on their corpora.
//!
//! The generator ([`generate`]) never judges, the oracle ([`oracle`]) never generates.

mod bytes;
pub mod generate;
pub mod node;
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

/// Bytes as a witness of `gradbound search`: it replays, or an error says why not.
pub fn witness(bytes: &[u8]) {
    oracle::witnesses_never_panic(bytes);
}

/// Bytes as an obligation of an operation (its value, VJP, scales, or the accumulation of its
/// gradient), inputs and an admissible execution: the obligation stands. Returns how many elements
/// had a finite bound.
pub fn node(bytes: &[u8]) -> usize {
    node::attack(bytes).map_or(0, |attack| oracle::stands(&attack))
}

/// Bytes as the program of a random graph with fan-out and a backward pass: no obligation
/// is violated on its run, nor in an admissible execution over admissible inputs. Returns how many
/// elements of executions had a finite bound.
pub fn graph(bytes: &[u8]) -> usize {
    let case = generate::case(bytes);
    oracle::obligations_hold(&case);
    generate::execution(&case, bytes).map_or(0, |(case, choices)| {
        oracle::execution_holds(&case, &choices)
    })
}
