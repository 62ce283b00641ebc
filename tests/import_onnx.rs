//! ONNX models that can be used: names, shapes, types, and what their graphs compute.

#[path = "common/onnx_builder.rs"]
mod onnx_builder;

use gradbound::config::Config;
use gradbound::graph::Pass;
use gradbound::import::arrays;
use gradbound::import::onnx::proto::DataType;
use gradbound::import::onnx::{ImportOptions, import, supported};
use gradbound::import::{Model, NamedValue};
use gradbound::interpret::{bounds, runtime};
use gradbound::tensor::{DType, Tensor};
use onnx_builder::*;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

fn load(onnx: &Onnx, options: &ImportOptions) -> Model {
    let folder = tempfile::tempdir().unwrap();
    import(&onnx.save(folder.path()), options).unwrap()
}

fn plain(onnx: &Onnx) -> Model {
    load(onnx, &ImportOptions::default())
}

fn names(values: &[NamedValue]) -> Vec<&str> {
    values.iter().map(|v| v.name.as_str()).collect()
}

/// What the model computes from these inputs, by name.
fn run(model: &Model, inputs: &[Tensor]) -> BTreeMap<String, Tensor> {
    let all = runtime::eval(&model.graph, &Config::default(), inputs).unwrap();
    let named = model.values.iter();
    named
        .map(|v| (v.name.clone(), all[v.id.index()].clone()))
        .collect()
}

fn floats<const N: usize>(shape: [usize; N], data: &[f32]) -> Tensor {
    Tensor::f32s(shape, data).unwrap()
}

#[test]
fn the_digits_example() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/digits");
    let inputs = arrays::read(&folder.join("inputs.npz")).unwrap();
    let observed = arrays::read(&folder.join("observed.npz")).unwrap();
    let shapes = inputs
        .arrays
        .iter()
        .map(|(k, a)| (k.clone(), a.shape().to_vec()));
    let options = ImportOptions {
        input_shapes: shapes.collect(),
        ..ImportOptions::default()
    };
    let model = import(&folder.join("model.onnx"), &options).unwrap();
    assert_eq!(model.warnings, [] as [&str; 0]);
    assert_eq!(model.format, DType::F32);
    assert_eq!(model.sha256.len(), 64);
    assert_eq!(names(&model.inputs), ["images", "labels"]);
    assert_eq!(
        names(&model.initializers),
        ["b1", "b2", "b3", "w1", "w2", "w3"]
    );
    let values = ["h1_pre", "h1", "h2_pre", "h2", "logits", "loss", "log_prob"];
    assert_eq!(names(&model.values), values);
    assert_eq!(names(&model.outputs), ["logits", "loss"]);
    assert_eq!(model.outputs[1].source, Some(5));
    let given: Vec<Tensor> = (model.inputs.iter())
        .map(|i| {
            inputs.arrays[&i.name]
                .to_tensor(model.graph.ty(i.id).dtype)
                .unwrap()
        })
        .collect();
    for (name, value) in run(&model, &given) {
        let other = observed.arrays[&name].to_f64s(DType::F32).unwrap();
        for (a, b) in value.to_f64s().into_iter().zip(other) {
            assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{name}: {a} {b}");
        }
    }
}

#[test]
fn every_name_has_a_value_of_its_own() {
    let model = plain(
        &model(17)
            .floats("x", &[2, 3])
            .initializer(f32s("w", &[3], &[1.0; 3]))
            .initializer(f32s("w2", &[3], &[1.0; 3]))
            .initializer(i64s("shape", &[2], &[2, 3]))
            .node(node("Identity", &["x"], &["a"]))
            .node(node("Identity", &["a"], &["b"]))
            .node(node_with("Cast", &["b"], &["c"], &[int("to", 1)]))
            .node(node("Reshape", &["c", "shape"], &["d"]))
            .node(node("Dropout", &["d"], &["e", "mask"]))
            .node(node("Expand", &["e", "shape"], &["f"]))
            .node(node("Sum", &["f"], &["g"]))
            .node(node("Identity", &["w"], &["h"]))
            .node(node("Identity", &["shape"], &["i"]))
            .node(node_with("Concat", &["g"], &["j"], &[int("axis", 0)]))
            .output("j")
            .output("x"),
    );
    let all = [
        &model.inputs[..],
        &model.initializers[..],
        &model.values[..],
    ]
    .concat();
    let ids: HashSet<_> = all.iter().map(|v| v.id).collect();
    assert_eq!(ids.len(), all.len());
    assert_eq!(model.outputs[1].id, model.inputs[0].id);
    assert_eq!(model.outputs[1].source, None);
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let values = run(&model, &[floats([2, 3], &x)]);
    assert_eq!(values["j"], floats([2, 3], &x));
    assert_eq!(values["mask"].to_f64s(), [1.0; 6]);
    assert_eq!(values["i"].as_i64s(), Some(&[2, 3][..]));
}

#[test]
fn nodes_know_where_they_come_from() {
    let mut onnx = model(17)
        .floats("x", &[2, 2])
        .node(node("Relu", &["x"], &["a"]))
        .node(node_with("Softmax", &["a"], &["b"], &[]))
        .node(node("Neg", &["b"], &["", "", ""]));
    onnx.graph().node[2].output = vec!["c".to_owned()];
    onnx.graph().node[1].name.clear();
    let model = plain(&onnx);
    assert_eq!(model.nodes[0].name, "a");
    assert_eq!(model.nodes[1].name, "Softmax#1");
    assert_eq!(model.nodes[1].op, "Softmax");
    assert_eq!(model.nodes[1].inputs, ["a"]);
    assert_eq!(model.values[2].source, Some(2));
    for value in &model.values {
        let origin = model.graph.node(value.id).origin();
        assert_eq!(origin.pass, Pass::Forward);
        assert_eq!(Some(origin.source as usize), value.source);
    }
    let of_softmax = model
        .graph
        .nodes()
        .iter()
        .filter(|n| n.origin().source == 1);
    assert!(of_softmax.count() > 2);
}

#[test]
fn open_extents_come_from_the_arrays() {
    let onnx = model(17)
        .input("x", DataType::Float, &[Dim::Named("N"), Dim::Is(3)])
        .input("y", DataType::Float, &[Dim::Named("N"), Dim::Unknown])
        .node(node("Shape", &["y"], &["s"]))
        .node(node("Add", &["x", "x"], &["z"]));
    let shapes = |x: &[usize], y: &[usize]| ImportOptions {
        input_shapes: [("x".to_owned(), x.to_vec()), ("y".to_owned(), y.to_vec())].into(),
        ..ImportOptions::default()
    };
    let model = load(&onnx, &shapes(&[5, 3], &[5, 7]));
    assert_eq!(&model.graph.ty(model.inputs[0].id).shape[..], [5, 3]);
    assert_eq!(&model.graph.ty(model.inputs[1].id).shape[..], [5, 7]);
    assert_eq!(
        model.graph.inputs(),
        [model.inputs[0].id, model.inputs[1].id]
    );
    let mut extra = shapes(&[5, 3], &[5, 7]);
    extra.input_shapes.insert("ghost".to_owned(), vec![1]);
    // A key that names nothing is the audit's to warn of.
    assert!(load(&onnx, &extra).warnings.is_empty());
}

#[test]
fn shapes_computed_in_the_graph_are_known() {
    let model = plain(
        &model(17)
            .floats("x", &[2, 3, 4])
            .initializer(i64s("zero", &[], &[0]))
            .initializer(i64s("axis", &[1], &[0]))
            .initializer(i64s("rest", &[1], &[-1]))
            .node(node("Shape", &["x"], &["s"]))
            .node(node("Gather", &["s", "zero"], &["n"]))
            .node(node("Mul", &["n", "n"], &["nn"]))
            .node(node("Unsqueeze", &["nn", "axis"], &["rows"]))
            .node(node_with(
                "Concat",
                &["rows", "rest"],
                &["target"],
                &[int("axis", 0)],
            ))
            .node(node("Reshape", &["x", "target"], &["y"])),
    );
    let y = model.values.last().unwrap();
    assert_eq!(&model.graph.ty(y.id).shape[..], [4, 6]);
}

#[test]
fn the_models_own_float_type_becomes_the_format() {
    let onnx = model(17)
        .floats("x", &[1])
        .initializer(f32s("w", &[1], &[1.0 / 3.0]))
        .node(node_with(
            "Constant",
            &[],
            &["c"],
            &[float("value_float", 0.1)],
        ))
        .node(node_with(
            "Cast",
            &["x"],
            &["wide"],
            &[int("to", DataType::Double as i64)],
        ))
        .node(node_with(
            "Cast",
            &["wide"],
            &["back"],
            &[int("to", DataType::Float as i64)],
        ))
        .node(node_with(
            "Cast",
            &["x"],
            &["half"],
            &[int("to", DataType::Float16 as i64)],
        ))
        .node(node("Mul", &["back", "w"], &["y"]))
        .node(node("Add", &["y", "c"], &["z"]));
    for format in [DType::F64, DType::F32, DType::BF16, DType::F16] {
        let options = ImportOptions {
            format: Some(format),
            ..ImportOptions::default()
        };
        let model = load(&onnx, &options);
        assert_eq!(model.format, format);
        let dtype = |name: &str| {
            let all = [
                &model.inputs[..],
                &model.initializers[..],
                &model.values[..],
            ]
            .concat();
            let found = all.iter().find(|v| v.name == name).unwrap();
            model.graph.ty(found.id).dtype
        };
        for name in ["x", "w", "c", "back", "y", "z"] {
            assert_eq!(dtype(name), format, "{name}");
        }
        assert_eq!(dtype("wide"), DType::F64);
        assert_eq!(dtype("half"), DType::F16);
    }
}

#[test]
fn the_own_type_of_a_mixed_model_is_its_first_outputs() {
    let mut onnx = model(17)
        .floats("x", &[1])
        .input("h", DataType::Float16, &[Dim::Is(1)])
        .node(node_with(
            "Cast",
            &["h"],
            &["y"],
            &[int("to", DataType::Float as i64)],
        ));
    assert_eq!(plain(&onnx).format, DType::F32);
    let output = value_info("h", DataType::Float16, &[Dim::Is(1)]);
    onnx.graph().output.push(output);
    assert_eq!(plain(&onnx).format, DType::F16);
}

#[test]
fn attributes_stay_real_in_a_narrow_format() {
    let onnx = model(17)
        .floats("x", &[1, 1])
        .floats("y", &[1, 1])
        .node(node_with(
            "Gemm",
            &["x", "y"],
            &["z"],
            &[float("alpha", 0.1)],
        ));
    let options = ImportOptions {
        format: Some(DType::BF16),
        ..ImportOptions::default()
    };
    let model = load(&onnx, &options);
    let constants = model.graph.nodes().iter().filter_map(|n| match n.op() {
        gradbound::op::Op::Constant(value) => Some(value.to_f64s()),
        _ => None,
    });
    assert_eq!(constants.collect::<Vec<_>>(), [[f64::from(0.1_f32)]]);
}

#[test]
fn tensors_of_every_type_and_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("w.bin"), [0, 0, 0, 0, 0, 0, 0xc0, 0x3f]).unwrap();
    let entries = [("location", "w.bin"), ("offset", "4"), ("length", "4")];
    let mut typed_half = raw("half", DataType::Float16, &[1], &[]);
    typed_half.raw_data = None;
    typed_half.int32_data = vec![0x3e00];
    let onnx = model(17)
        .initializer(external("external", &[1], &entries))
        .initializer(typed_half)
        .initializer(raw(
            "bf16",
            DataType::Bfloat16,
            &[1],
            &0x3fc0_u16.to_le_bytes(),
        ))
        .initializer(raw("f64", DataType::Double, &[1], &1.5_f64.to_le_bytes()))
        .initializer(raw("e4m3", DataType::Float8E4m3fn, &[2], &[0x3c, 0x7e]))
        .initializer(raw("e5m2", DataType::Float8E5m2, &[1], &[0x3e]))
        .initializer(raw("e2m1", DataType::Float4E2m1, &[3], &[0x73, 0x0f]))
        .initializer(raw("i8", DataType::Int8, &[1], &[0xff]))
        .initializer(raw("u8", DataType::Uint8, &[1], &[0xff]))
        .initializer(raw("bool", DataType::Bool, &[2], &[0, 1]))
        .initializer(raw("empty", DataType::Float, &[0, 3], &[]));
    let model = import(&onnx.save(folder.path()), &ImportOptions::default()).unwrap();
    let all = runtime::eval(&model.graph, &Config::default(), &[]).unwrap();
    let value = |name: &str| {
        let found = model.initializers.iter().find(|i| i.name == name).unwrap();
        (
            all[found.id.index()].dtype(),
            all[found.id.index()].to_f64s(),
        )
    };
    assert_eq!(value("external"), (DType::F32, vec![1.5]));
    assert_eq!(value("half"), (DType::F16, vec![1.5]));
    assert_eq!(value("bf16"), (DType::BF16, vec![1.5]));
    assert_eq!(value("f64"), (DType::F64, vec![1.5]));
    assert_eq!(value("e4m3"), (DType::E4M3, vec![1.5, 448.0]));
    assert_eq!(value("e5m2"), (DType::E5M2, vec![1.5]));
    assert_eq!(value("e2m1"), (DType::E2M1, vec![1.5, 6.0, -6.0]));
    assert_eq!(value("i8"), (DType::I64, vec![-1.0]));
    assert_eq!(value("u8"), (DType::I64, vec![255.0]));
    assert_eq!(value("bool"), (DType::Bool, vec![0.0, 1.0]));
    assert_eq!(value("empty"), (DType::F32, vec![]));
}

#[test]
fn initializers_that_are_listed_as_inputs_are_initializers() {
    let model = plain(
        &model(17)
            .floats("x", &[1])
            .floats("w", &[1])
            .initializer(f32s("w", &[1], &[2.0]))
            .node(node("Mul", &["x", "w"], &["y"])),
    );
    assert_eq!(names(&model.inputs), ["x"]);
    assert_eq!(names(&model.initializers), ["w"]);
    assert_eq!(run(&model, &[floats([1], &[3.0])])["y"].to_f64s(), [6.0]);
}

#[test]
fn ignored_labels_count_for_nothing() {
    let log_prob = [-1.0, -2.0, -4.0, -8.0, -16.0, -32.0];
    for (ignore, labels, expected) in [
        (None, [0, 1, 1], -(-1.0 - 8.0 - 32.0) / 3.0),
        (Some(-100), [0, -100, 1], (1.0 + 32.0) / 2.0),
        (Some(1), [0, 1, 0], (1.0 + 16.0) / 2.0),
        (Some(-1), [-1, 1, -1], 8.0),
        (Some(7), [0, 1, 1], (1.0 + 8.0 + 32.0) / 3.0),
    ] {
        let attributes: Vec<_> = ignore.map(|i| int("ignore_index", i)).into_iter().collect();
        let op = "NegativeLogLikelihoodLoss";
        let onnx = model(17)
            .floats("p", &[3, 2])
            .input("t", DataType::Int64, &[Dim::Is(3)])
            .node(node_with(op, &["p", "t"], &["loss"], &attributes));
        let labels = Tensor::i64s([3], labels).unwrap();
        let values = run(&plain(&onnx), &[floats([3, 2], &log_prob), labels]);
        assert!(
            (values["loss"].get(0) - expected).abs() < 1e-5,
            "{ignore:?}"
        );
    }
}

#[test]
fn an_output_that_is_not_what_it_is_declared_is_a_warning() {
    let mut onnx = model(17)
        .floats("x", &[2, 3])
        .node(node("Relu", &["x"], &["y"]));
    let declared = value_info("y", DataType::Float, &[Dim::Is(3), Dim::Named("M")]);
    onnx.graph().output.push(declared);
    let warnings = plain(&onnx).warnings;
    assert!(
        warnings[0].contains("`y` is declared f32[3, ?]"),
        "{warnings:?}"
    );
}

#[test]
fn what_is_supported_is_listed() {
    let names: Vec<&str> = supported().iter().map(|(name, _)| *name).collect();
    assert!(names.is_sorted());
    for name in ["Gemm", "Softmax", "SoftmaxCrossEntropyLoss", "Relu"] {
        assert!(names.contains(&name));
    }
}

/// Every sum up to an element is a nest of its own; joined, they take time as the number of
/// elements, not as its square (minutes here).
#[test]
fn a_long_accumulation_is_bounded_soon() {
    const N: usize = 1 << 15;
    let onnx = model(14)
        .floats("x", &[N as i64])
        .initializer(i64s("axis", &[], &[0]))
        .node(node("CumSum", &["x", "axis"], &["y"]))
        .output("y");
    let (model, start) = (plain(&onnx), std::time::Instant::now());
    let config = Config::default();
    let x = Tensor::full([N].into(), DType::F32, 0.1).unwrap();
    let run = runtime::eval(&model.graph, &config, std::slice::from_ref(&x)).unwrap();
    let known = [gradbound::bound::Approx::exact()];
    let all = bounds::eval(&model.graph, &config, &run, &known);
    let eps = &all[model.outputs[0].id.index()].eps;
    assert_eq!(eps.at(0).get(), 0.0);
    assert!(eps.at(1).get() < eps.at(N - 1).get());
    assert!(eps.at(N - 1).get() < 100.0);
    assert!(start.elapsed().as_secs() < 40, "{:?}", start.elapsed());
}
