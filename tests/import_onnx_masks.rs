//! −∞ among a model's constants leaves elements out of a softmax, and reaches nothing else.

#[path = "common/onnx_builder.rs"]
mod onnx_builder;

use gradbound::config::Config;
use gradbound::graph::grad::append_backward;
use gradbound::import::Model;
use gradbound::import::onnx::{ImportOptions, import};
use gradbound::obligation::{Run, check, failures};
use gradbound::tensor::Tensor;
use onnx_builder::*;

const INF: f32 = f32::INFINITY;

fn load(onnx: &Onnx) -> gradbound::Result<Model> {
    let folder = tempfile::tempdir().unwrap();
    import(&onnx.save(folder.path()), &ImportOptions::default())
}

/// Runs the model with every obligation checked; the named value and its largest eps.
fn checked(model: &Model, x: &Tensor, name: &str) -> (Tensor, f64) {
    let value = model.values.iter().find(|v| v.name == name).unwrap().id;
    let run = Run::new(&model.graph, &Config::default(), std::slice::from_ref(x)).unwrap();
    let checks = check(&model.graph, &run, std::slice::from_ref(x), &[]);
    let violated = failures(&model.graph, &checks);
    assert!(violated.is_empty(), "{violated:?}");
    let eps = run.approx[value.index()].eps.largest().get();
    (run.values[value.index()].clone(), eps)
}

fn scores() -> Tensor {
    Tensor::f32s([2, 3], vec![1.0, 2.0, 3.0, -1.0, 0.5, 0.25]).unwrap()
}

/// A causal mask that is added, turned round, and cut on its way.
fn added() -> Onnx {
    model(13)
        .floats("x", &[2, 3])
        .initializer(f32s("mask", &[3, 2], &[0.0, 0.0, -INF, 0.0, -INF, 0.0]))
        .node(node_with(
            "Transpose",
            &["mask"],
            &["turned"],
            &[ints("perm", &[1, 0])],
        ))
        .node(node("Add", &["x", "turned"], &["masked"]))
        .node(node("Softmax", &["masked"], &["y"]))
        .output("y")
}

#[test]
fn an_added_mask_leaves_elements_out() {
    let model = load(&added()).unwrap();
    let (y, eps) = checked(&model, &scores(), "y");
    let y = y.to_f64s();
    assert_eq!(&y[..3], &[1.0, 0.0, 0.0]);
    assert!((y[3..].iter().sum::<f64>() - 1.0).abs() < 1e-6);
    assert!(eps < 1e-5, "eps {eps}");
}

#[test]
fn what_is_left_out_has_no_gradient() {
    let mut model = load(&added()).unwrap();
    let out = model.outputs[0].id;
    let seed = Tensor::f32s([2, 3], vec![3.0, 5.0, 7.0, 1.0, 0.0, 0.0]).unwrap();
    let seed = model.graph.constant(seed);
    let gradients = append_backward(&mut model.graph, &[(out, seed)], None).unwrap();
    let gradient = gradients.of(model.inputs[0].id).unwrap();
    let run = Run::new(&model.graph, &Config::default(), &[scores()]).unwrap();
    let found = run.values[gradient.index()].to_f64s();
    assert_eq!(&found[..3], &[0.0; 3]);
    assert!(found[3] > 0.0 && found[4] < 0.0);
    assert!(run.approx[gradient.index()].eps.largest().is_finite());
}

#[test]
fn a_selected_mask_leaves_elements_out() {
    let model = model(13)
        .floats("x", &[2, 3])
        .initializer(f32s("low", &[], &[-INF]))
        .initializer(f32s("zero", &[], &[0.0]))
        .node(node("Less", &["x", "zero"], &["negative"]))
        .node(node("Where", &["negative", "low", "x"], &["masked"]))
        .node(node("Softmax", &["masked"], &["y"]))
        .output("y");
    let (y, eps) = checked(&load(&model).unwrap(), &scores(), "y");
    assert_eq!(y.to_f64s()[3], 0.0);
    assert!(eps < 1e-5, "eps {eps}");
}

/// A padding of −∞ is no element of the softmax, and one of 0 is.
#[test]
fn a_padding_leaves_elements_out() {
    let padded = |filling: f32| {
        let model = model(13)
            .floats("x", &[2, 3])
            .initializer(i64s("pads", &[4], &[0, 0, 0, 1]))
            .initializer(f32s("filling", &[], &[filling]))
            .node(node("Pad", &["x", "pads", "filling"], &["wider"]))
            .node(node("Softmax", &["wider"], &["y"]))
            .output("y");
        checked(&load(&model).unwrap(), &scores(), "y").0.to_f64s()
    };
    assert_eq!([padded(-INF)[3], padded(-INF)[7]], [0.0; 2]);
    assert!(padded(0.0)[3] > 0.0);
}

#[test]
fn a_row_without_elements_is_zero() {
    let model = model(13)
        .floats("x", &[2, 3])
        .initializer(f32s("mask", &[2, 1], &[-INF, 0.0]))
        .node(node("Add", &["x", "mask"], &["masked"]))
        .node(node("Softmax", &["masked"], &["y"]))
        .output("y");
    let (y, _) = checked(&load(&model).unwrap(), &scores(), "y");
    assert_eq!(&y.to_f64s()[..3], &[0.0; 3]);
}

#[test]
fn infinity_elsewhere_is_refused() {
    let times = |mask: f32| {
        let model = model(13)
            .floats("x", &[2])
            .initializer(f32s("mask", &[2], &[mask, 0.0]))
            .node(node("Mul", &["x", "mask"], &["y"]))
            .output("y");
        load(&model).unwrap_err().to_string()
    };
    assert!(
        times(-INF).contains("-inf reaches the operation Mul"),
        "{}",
        times(-INF)
    );
    assert!(
        times(INF).contains("constants must be finite"),
        "{}",
        times(INF)
    );
}
