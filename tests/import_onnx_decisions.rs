//! What an import decides from floats, it decides only where every admissible execution agrees.

#[path = "common/onnx_builder.rs"]
mod onnx_builder;

use gradbound::config::{Config, Subnormals};
use gradbound::import::onnx::{ImportOptions, import};
use gradbound::interpret::{bounds, runtime};
use gradbound::libm::Libm;
use gradbound::tensor::Tensor;
use onnx_builder::*;

use std::collections::BTreeMap;

/// ONNX's number for float32.
const FLOAT: i64 = 1;

/// The eps of the named value for one input x under a configuration.
fn eps_of(onnx: &Onnx, x: f32, config: Config, name: &str) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let x = Tensor::f32s([1], vec![x]).unwrap();
    let options = ImportOptions {
        input_shapes: BTreeMap::from([("x".to_string(), vec![1])]),
        values: BTreeMap::from([("x".to_string(), x.clone())]),
        config,
        ..ImportOptions::default()
    };
    let model = import(&onnx.save(folder.path()), &options).unwrap();
    let run = runtime::eval(&model.graph, &config, &[x]).unwrap();
    let known = [gradbound::bound::Approx::exact()];
    let all = bounds::eval(&model.graph, &config, &run, &known);
    let value = model.values.iter().find(|v| v.name == name).unwrap().id;
    all[value.index()].eps.largest().get()
}

/// x > limit, as a number.
fn above(limit: f32, function: &str) -> Onnx {
    model(13)
        .floats("x", &[1])
        .initializer(f32s("limit", &[1], &[limit]))
        .node(node(function, &["x"], &["y"]))
        .node(node("Greater", &["y", "limit"], &["b"]))
        .node(node_with("Cast", &["b"], &["z"], &[int("to", FLOAT)]))
        .output("z")
}

#[test]
fn an_input_that_may_be_flushed_decides_nothing() {
    let flush = Config {
        subnormals: Subnormals::Flush,
        ..Config::default()
    };
    let onnx = above(0.0, "Identity");
    assert!(eps_of(&onnx, 1e-40, flush, "z") >= 1.0);
    assert_eq!(eps_of(&onnx, 1e-40, Config::default(), "z"), 0.0);
    assert_eq!(eps_of(&onnx, 1.0, flush, "z"), 0.0);
}

#[test]
fn a_constant_that_may_be_flushed_decides_nothing() {
    let flush = Config {
        subnormals: Subnormals::Flush,
        ..Config::default()
    };
    let onnx = above(-1e-40, "Identity");
    assert!(eps_of(&onnx, 0.0, flush, "z") >= 1.0);
    assert_eq!(eps_of(&onnx, 0.0, Config::default(), "z"), 0.0);
}

#[test]
fn a_function_decides_only_within_the_table_that_was_asked_for() {
    let rough = Config {
        libm: Libm::Ulp(1e6),
        ..Config::default()
    };
    let onnx = above(1.99, "Exp");
    let x = 2.0_f32.ln();
    assert!(eps_of(&onnx, x, rough, "z") >= 1.0);
    assert_eq!(eps_of(&onnx, x, Config::default(), "z"), 0.0);
}

/// 2⁵³ + 1 as a double is 2⁵³: what a tensor shows of the two is the same, the numbers are not.
#[test]
fn an_integer_that_no_float_holds_is_no_constant() {
    const DOUBLE: i64 = 11;
    for (n, to, off) in [
        ((1 << 53) + 1, DOUBLE, 1.0),
        ((1 << 60) + 1, FLOAT, 1.0),
        (1 << 20, FLOAT, 0.0),
    ] {
        let onnx = model(13)
            .floats("x", &[1])
            .initializer(i64s("n", &[1], &[n]))
            .node(node("Identity", &["x"], &["w"]))
            .node(node_with("Cast", &["n"], &["z"], &[int("to", to)]))
            .output("w")
            .output("z");
        let eps = eps_of(&onnx, 1.0, Config::default(), "z");
        assert!(eps >= off, "{n}: {eps}");
        assert_eq!(eps == 0.0, off == 0.0, "{n}: {eps}");
    }
}
