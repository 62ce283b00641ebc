//! ONNX nodes whose arguments do not fit their operation: every one an error that names the
//! file, the node and a remedy.

#[path = "common/bad.rs"]
mod bad;
#[path = "common/bad_onnx.rs"]
mod bad_onnx;
#[path = "common/onnx_builder.rs"]
mod onnx_builder;

use bad_onnx::*;
use gradbound::import::onnx::proto::DataType;
use gradbound::import::onnx::{ImportOptions, import};
use onnx_builder::*;

#[test]
fn arguments_that_do_not_fit_the_operation() {
    let floats = |n: usize| f32s("w", &[n as i64], &vec![1.0; n]);
    let whole = |values: &[i64]| i64s("w", &[values.len() as i64], values);
    let y = |op, inputs: &[&str], attributes: &[_]| node_with(op, inputs, &["y"], attributes);
    for (op, w, word) in [
        (y("Add", &["x", "w"], &[]), floats(4), "broadcast"),
        (y("Add", &["x", "w"], &[]), whole(&[1, 2, 3]), "Cast"),
        (y("Sum", &["x", "x", "w"], &[]), floats(4), "broadcast"),
        (y("MatMul", &["x", "w"], &[]), floats(4), "multiply"),
        (y("Gemm", &["x", "w"], &[]), floats(3), "matrices"),
        (
            y("Gemm", &["x", "x", "w"], &[int("transB", 1)]),
            floats(3),
            "broadcast",
        ),
        (y("Softmax", &["x"], &[int("axis", 2)]), floats(1), "axis 2"),
        (
            y("Softmax", &["x"], &[int("axis", i64::MIN)]),
            floats(1),
            "axis",
        ),
        (y("ReduceSum", &["x", "w"], &[]), whole(&[2]), "axis 2"),
        (y("ReduceSum", &["x", "w"], &[]), whole(&[0, -2]), "twice"),
        (y("ReduceSum", &["x", "w"], &[]), floats(1), "has i64 there"),
        (
            y("Reshape", &["x", "w"], &[]),
            whole(&[4]),
            "cannot be reshaped",
        ),
        (
            y("Reshape", &["x", "w"], &[]),
            whole(&[-1, -1]),
            "cannot be reshaped",
        ),
        (
            y("Reshape", &["x", "w"], &[]),
            whole(&[-1, 4]),
            "cannot be reshaped",
        ),
        (
            y("Reshape", &["x", "w"], &[]),
            whole(&[6, 1, 0]),
            "cannot be reshaped",
        ),
        (
            y("Reshape", &["x", "w"], &[]),
            whole(&[i64::MAX, i64::MAX]),
            "cannot be reshaped",
        ),
        (
            y("Reshape", &["x", "w"], &[int("allowzero", 1)]),
            whole(&[0, -1]),
            "cannot be reshaped",
        ),
        (y("Reshape", &["x", "x"], &[]), floats(1), "has i64 there"),
        (y("Flatten", &["x"], &[int("axis", 3)]), floats(1), "axis 3"),
        (y("Squeeze", &["x", "w"], &[]), whole(&[0]), "not 1"),
        (y("Unsqueeze", &["x", "w"], &[]), whole(&[0, 0]), "twice"),
        (y("Unsqueeze", &["x", "w"], &[]), whole(&[5]), "axis 5"),
        (
            y("Transpose", &["x"], &[ints("perm", &[0, 0])]),
            floats(1),
            "twice",
        ),
        (
            y("Transpose", &["x"], &[ints("perm", &[0])]),
            floats(1),
            "1 of 2 axes",
        ),
        (
            y("Expand", &["x", "w"], &[]),
            whole(&[4]),
            "does not expand",
        ),
        (y("Expand", &["x", "w"], &[]), whole(&[-1, 3]), "negative"),
        (
            y("Expand", &["x", "w"], &[]),
            whole(&[1 << 40, 1, 1]),
            "2^34",
        ),
        (
            y("Slice", &["x", "w", "w", "w", "w"], &[]),
            whole(&[0]),
            "step is 0",
        ),
        (
            y("Slice", &["x", "w", "w"], &[]),
            whole(&[0, 0, 0]),
            "axis 2",
        ),
        (
            y("Concat", &["x", "w"], &[int("axis", 0)]),
            floats(3),
            "cannot join",
        ),
        (
            y("Concat", &["x", "x"], &[int("axis", 2)]),
            floats(1),
            "axis 2",
        ),
        (y("Concat", &["x", "x"], &[]), floats(1), "`axis`"),
        (y("Split", &["x"], &[int("axis", 2)]), floats(1), "axis 2"),
        (
            y("Split", &["x", "w"], &[int("axis", 1)]),
            whole(&[2, 2]),
            "cannot be split",
        ),
        (
            y("Split", &["x", "w"], &[int("axis", 1)]),
            whole(&[-1]),
            "cannot be split",
        ),
        (
            y("Gather", &["x", "w"], &[int("axis", 2)]),
            whole(&[0]),
            "axis 2",
        ),
        (y("Gather", &["x", "w"], &[]), whole(&[2]), "index 2"),
        (y("Gather", &["x", "w"], &[]), whole(&[-3]), "index -3"),
        (y("Gather", &["x", "w"], &[]), floats(1), "indices"),
        (
            y("GatherElements", &["x", "w"], &[]),
            whole(&[0]),
            "indices",
        ),
        (
            y("Cast", &["x"], &[int("to", DataType::String as i64)]),
            floats(1),
            "STRING",
        ),
        (y("Cast", &["x"], &[int("to", 1 << 40)]), floats(1), "Cast"),
        (y("Cast", &["x"], &[]), floats(1), "`to`"),
        (y("Constant", &[], &[]), floats(1), "no value"),
        (
            y("Constant", &[], &[text("value_string", "x")]),
            floats(1),
            "no value",
        ),
        (
            y("Constant", &[], &[float("value_float", f32::INFINITY)]),
            floats(1),
            "value_float",
        ),
        (y("ConstantOfShape", &["w"], &[]), whole(&[-1]), "negative"),
        (y("ConstantOfShape", &["w"], &[]), whole(&[1 << 40]), "2^34"),
        (
            y(
                "ConstantOfShape",
                &["w"],
                &[tensor("value", f32s("", &[2], &[1.0; 2]))],
            ),
            whole(&[1]),
            "one element",
        ),
        (
            y("Range", &["w", "w", "w"], &[]),
            whole(&[0]),
            "step of a Range is 0",
        ),
        (
            y("Dropout", &["x", "", "w"], &[]),
            i64s("w", &[], &[1]),
            "training",
        ),
        (
            y("NegativeLogLikelihoodLoss", &["x", "w"], &[]),
            whole(&[0; 3]),
            "labels of shape",
        ),
        (
            y("NegativeLogLikelihoodLoss", &["x", "x"], &[]),
            floats(1),
            "`target`",
        ),
        (
            y(
                "SoftmaxCrossEntropyLoss",
                &["x", "w"],
                &[text("reduction", "max")],
            ),
            whole(&[0, 0]),
            "`max`",
        ),
        (
            y("SoftmaxCrossEntropyLoss", &["x", "w", "x"], &[]),
            whole(&[0, 0]),
            "one weight a class",
        ),
    ] {
        refused_at(&on(op, w), "y", word);
    }
}

#[test]
fn integer_arithmetic_that_goes_wrong() {
    let with = |op: &str, a: i64, b: i64| {
        model(17)
            .initializer(i64s("a", &[1], &[a]))
            .initializer(i64s("b", &[1], &[b]))
            .node(node(op, &["a", "b"], &["y"]))
    };
    refused_at(&with("Add", i64::MAX, 1), "y", "overflows");
    refused_at(&with("Mul", i64::MAX, 2), "y", "overflows");
    refused_at(&with("Div", i64::MIN, -1), "y", "");
    refused_at(&with("Div", 1, 0), "y", "");
    let range = model(17)
        .initializer(i64s("a", &[], &[0]))
        .initializer(i64s("b", &[], &[i64::MAX]))
        .initializer(i64s("c", &[], &[1]))
        .node(node("Range", &["a", "b", "c"], &["y"]));
    refused_at(&range, "y", "elements");
}

#[test]
fn what_must_be_constant_is_not_computed_from_inputs() {
    let onnx = model(17)
        .floats("x", &[2, 3])
        .input("n", DataType::Int64, &[Dim::Is(1)])
        .node(node("Neg", &["n"], &["m"]))
        .node(node("Reshape", &["x", "m"], &["y"]));
    refused_at(&onnx, "y", "must be constant");
    let axes = model(17)
        .floats("x", &[2, 3])
        .input("n", DataType::Int64, &[Dim::Is(1)])
        .node(node("ReduceSum", &["x", "n"], &["y"]));
    refused_at(&axes, "y", "must be constant");
}

/// A vector of ones of a shape that the file says in a few bytes, as the node `c`.
fn ones(onnx: Onnx, name: &str, shape: &[i64]) -> Onnx {
    let extents = format!("{name} extents");
    let one = f32s("value", &[1], &[1.0]);
    let node = node_with(
        "ConstantOfShape",
        &[&extents],
        &[name],
        &[tensor("value", one)],
    );
    onnx.initializer(i64s(&extents, &[shape.len() as i64], shape))
        .node(node)
}

/// What a small file asks for is refused before it is made.
#[test]
fn a_causal_mask_beyond_any_memory() {
    for queries in [1 << 18, 1 << 15] {
        let onnx = ones(model(23), "q", &[1, 1, queries, 1]);
        let causal = [int("is_causal", 1)];
        let node = node_with("Attention", &["q", "q", "q"], &["y"], &causal);
        refused_at(&onnx.node(node).output("y"), "y", "mask");
    }
    // A mask that is an input, and shorter than the keys, is filled up without a copy.
    let onnx = ones(model(23), "q", &[1, 1, 1 << 17, 1]);
    let onnx = ones(onnx, "mask", &[1 << 17, 1]);
    let node = node("Attention", &["q", "q", "q", "mask"], &["y"]);
    let folder = tempfile::tempdir().unwrap();
    let path = onnx.node(node).output("y").save(folder.path());
    import(&path, &ImportOptions::default()).unwrap();
}

/// An empty tensor has no elements, but operations keep something by its extents.
#[test]
fn an_empty_tensor_of_large_extents() {
    let onnx = ones(model(18), "c", &[0, 1 << 33]);
    refused_at(&onnx.output("c"), "c", "no elements");
    let axes = i64s("axes", &[1], &[1]);
    for node in [
        node("Softmax", &["x"], &["y"]),
        node("ReduceProd", &["x", "axes"], &["y"]),
    ] {
        let onnx = model(18).floats("x", &[0, 1 << 33]);
        let onnx = onnx.initializer(axes.clone()).node(node).output("y");
        let error = refused(&onnx, "no elements");
        assert!(error.to_string().contains("`x`"), "{error}");
    }
}

#[test]
fn sequences_too_long_to_write_out() {
    for (op, gates) in [("RNN", 1), ("GRU", 3), ("LSTM", 4)] {
        for batch in [1, 0] {
            let onnx = ones(model(14), "x", &[1 << 20, batch, 1]);
            let onnx = ones(onnx, "w", &[1, gates, 1]);
            let node = node(op, &["x", "w", "w"], &["y"]);
            refused_at(&onnx.node(node).output("y"), "y", "primitives");
        }
    }
}

#[test]
fn too_many_updates_of_one_element() {
    let scatter = |updates: i64| {
        let n = usize::try_from(updates).unwrap();
        let mul = [text("reduction", "mul")];
        let node = node_with("ScatterElements", &["c", "at", "c"], &["y"], &mul);
        ones(model(18), "c", &[updates])
            .initializer(i64s("at", &[updates], &vec![0; n]))
            .node(node)
            .output("y")
    };
    refused_at(&scatter(30_000), "y", "updates of one element");
    let folder = tempfile::tempdir().unwrap();
    let path = scatter(100).save(folder.path());
    import(&path, &ImportOptions::default()).unwrap();
}
