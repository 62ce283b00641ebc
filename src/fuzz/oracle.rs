//! What must hold of every input that a fuzzer can think of.
#![expect(clippy::panic, reason = "an oracle reports by panicking")]

use super::generate::Case;
use crate::error::Error;
use crate::import::arrays;
use crate::import::onnx::{ImportOptions, import};
use crate::obligation::{Run, check, failures};
use crate::verdict::Outcome;
use std::path::Path;

/// Every obligation of the case, forward and backward, holds or is undecided on its run.
///
/// A graph whose run is misuse (an index out of range, a NaN cast to an integer) owes
/// nothing.
pub fn obligations_hold(case: &Case) {
    let Ok(run) = Run::new(&case.graph, &case.config, &case.inputs) else {
        return;
    };
    let checks = check(&case.graph, &run, &case.inputs, &[]);
    for failure in failures(&case.graph, &checks) {
        if failure.verdict.outcome() == Outcome::Violated {
            panic!("{failure:?} in {:?}", case.graph.nodes());
        }
    }
}

/// Importing gives a model or a helpful error.
pub fn import_never_panics(bytes: &[u8]) {
    with_file(bytes, "onnx", |path| {
        if let Err(e) = import(path, &ImportOptions::default()) {
            is_helpful(&e);
        }
    });
}

/// Reading arrays gives arrays or a helpful error.
pub fn arrays_never_panic(bytes: &[u8], ending: &str) {
    with_file(bytes, ending, |path| {
        if let Err(e) = arrays::read(path) {
            is_helpful(&e);
        }
    });
}

fn is_helpful(e: &Error) {
    assert!(e.file().is_some() && e.remedy_text().is_some(), "{e}");
}

fn with_file(bytes: &[u8], ending: &str, f: impl Fn(&Path)) {
    let Ok(folder) = tempfile::tempdir() else {
        return; // no room for a file is not what is tested
    };
    let path = folder.path().join(format!("input.{ending}"));
    if std::fs::write(&path, bytes).is_ok() {
        f(&path);
    }
}
