//! The digits example, audited in process.

#![allow(dead_code, reason = "each test crate uses its own part")]

use gradbound::audit::record::{Num, Value};
use gradbound::audit::{Audit, Request, audit};
use gradbound::config::{Config, Contract, Schedule};
use gradbound::import::arrays::{self, ArrayFile, write_npz};
use gradbound::tensor::{DType, Tensor};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/digits")
}

pub fn request() -> Request {
    Request {
        model: folder().join("model.onnx"),
        inputs: Some(folder().join("inputs.npz")),
        observed: None,
        format: None,
        loss: None,
        forward_only: false,
        adjoint: Vec::new(),
        confidence: None,
        config: Config::default(),
        formulas: Default::default(),
    }
}

pub fn left() -> Config {
    Config {
        schedule: Schedule::Left,
        contract: Contract::Off,
        ..Config::default()
    }
}

pub fn run(request: &Request) -> Audit {
    audit(request, &|_| {})
        .expect("the example is well formed")
        .audit
}

pub fn by_name(audit: &Audit) -> BTreeMap<&str, &Value> {
    audit.values.iter().map(|v| (v.name.as_str(), v)).collect()
}

pub fn finite(x: Num) -> bool {
    x.0.is_finite()
}

/// What JAX computed in float32, by key.
pub fn observed() -> BTreeMap<String, Tensor> {
    tensors(
        &arrays::read(&folder().join("observed.npz")).expect("readable"),
        DType::F32,
    )
}

pub fn tensors(file: &ArrayFile, dtype: DType) -> BTreeMap<String, Tensor> {
    let each = |(name, array): (&String, &arrays::Array)| {
        (name.clone(), array.to_tensor(dtype).expect("of that type"))
    };
    file.arrays.iter().map(each).collect()
}

/// Audits observed values given as tensors.
pub fn audit_observed(observed: &BTreeMap<String, Tensor>, config: Config) -> Audit {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("observed.npz");
    let arrays: Vec<(String, Tensor)> = observed
        .iter()
        .map(|(n, t)| (n.clone(), t.clone()))
        .collect();
    write_npz(&path, &arrays).expect("writable");
    run(&Request {
        observed: Some(path),
        config,
        ..request()
    })
}

pub fn f32s(tensor: &Tensor) -> Vec<f32> {
    tensor.to_f64s().iter().map(|&x| x as f32).collect()
}

pub fn with_values(tensor: &Tensor, values: Vec<f32>) -> Tensor {
    Tensor::f32s(tensor.shape().clone(), values).expect("as many as before")
}
