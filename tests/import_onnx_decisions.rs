//! What an import decides from floats, it decides only where every admissible execution agrees.

#[path = "common/onnx_builder.rs"]
mod onnx_builder;

use gradbound::config::{Config, Subnormals};
use gradbound::import::onnx::proto::DataType;
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

/// What a model computes from these inputs, and the names of what it takes for given.
fn run_with(onnx: &Onnx, given: &[(&str, Tensor)]) -> gradbound::Result<(Tensor, Vec<String>)> {
    let folder = tempfile::tempdir().unwrap();
    let options = ImportOptions {
        input_shapes: (given.iter())
            .map(|(name, value)| ((*name).to_owned(), value.shape().to_vec()))
            .collect(),
        values: (given.iter())
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        ..ImportOptions::default()
    };
    let model = import(&onnx.save(folder.path()), &options)?;
    let names: Vec<String> = model.inputs.iter().map(|i| i.name.clone()).collect();
    let value = |name: &String| given.iter().find(|g| g.0 == name).unwrap().1.clone();
    let inputs: Vec<Tensor> = names.iter().map(value).collect();
    let values = runtime::eval(&model.graph, &Config::default(), &inputs)?;
    Ok((values[model.outputs[0].id.index()].clone(), names))
}

/// An initializer that is an input as well is the input's value where no other is given.
#[test]
fn an_initializer_among_the_inputs_may_be_overridden() {
    let onnx = |listed: bool| {
        let onnx = model(17)
            .floats("x", &[2, 3])
            .initializer(f32s("w", &[1], &[2.0]))
            .initializer(i64s("shape", &[1], &[6]))
            .node(node("Mul", &["x", "w"], &["z"]))
            .node(node("Reshape", &["z", "shape"], &["y"]))
            .output("y");
        if !listed {
            return onnx;
        }
        onnx.floats("w", &[1])
            .input("shape", DataType::Int64, &[Dim::Is(1)])
    };
    let floats = |value: f32, shape: &[usize]| {
        let shape = gradbound::tensor::Shape::from(shape);
        Tensor::full(shape, gradbound::tensor::DType::F32, f64::from(value)).unwrap()
    };
    let x = ("x", floats(1.0, &[2, 3]));
    let run = |given: &[(&str, Tensor)]| run_with(&onnx(true), given).unwrap();
    let (y, names) = run(std::slice::from_ref(&x));
    assert_eq!((y, names.join(" ")), (floats(2.0, &[6]), "x".to_owned()));
    let (y, names) = run(&[x.clone(), ("w", floats(3.0, &[1]))]);
    assert_eq!((y, names.join(" ")), (floats(3.0, &[6]), "x w".to_owned()));
    // What decides a shape is overridden as well.
    let shape = ("shape", Tensor::i64s([1], vec![-1]).unwrap());
    let (y, names) = run(&[x.clone(), shape]);
    assert_eq!(
        (y, names.join(" ")),
        (floats(2.0, &[6]), "x shape".to_owned())
    );
    // One of another shape than the input's is no value for it.
    let wide = [x.clone(), ("w", floats(3.0, &[3]))];
    let error = run_with(&onnx(true), &wide).unwrap_err().to_string();
    assert!(error.contains("`w` has the shape [1]"), "{error}");
    // An initializer that is no input is a constant.
    let (y, names) = run_with(&onnx(false), &[x, ("w", floats(3.0, &[1]))]).unwrap();
    assert_eq!((y, names.join(" ")), (floats(2.0, &[6]), "x".to_owned()));
}

/// Indices that are no integers lose their fractions, as a cast to int64 has it.
#[test]
fn one_hot_of_indices_with_fractions() {
    let onnx = model(18)
        .floats("x", &[8])
        .initializer(i64s("depth", &[], &[3]))
        .initializer(f32s("values", &[2], &[-1.0, 1.0]))
        .node(node("OneHot", &["x", "depth", "values"], &["y"]))
        .output("y");
    let indices = vec![0.0, 1.9, 2.0, 3.0, -0.9, -1.0, -3.5, -4.0];
    let x = Tensor::f32s([8], indices).unwrap();
    let (y, _) = run_with(&onnx, &[("x", x)]).unwrap();
    let hot = [
        Some(0),
        Some(1),
        Some(2),
        None,
        Some(0),
        Some(2),
        Some(0),
        None,
    ];
    let expected: Vec<f64> = (hot.into_iter())
        .flat_map(|at| (0..3).map(move |k| if at == Some(k) { 1.0 } else { -1.0 }))
        .collect();
    assert_eq!(y.to_f64s(), expected);
}
