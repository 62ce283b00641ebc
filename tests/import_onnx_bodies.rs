//! Functions of a model's own, branches and loops: what they come to, and what is refused.

#[path = "common/bad.rs"]
mod bad;
#[path = "common/onnx_builder.rs"]
mod onnx_builder;

use bad::assert_names;
use gradbound::config::Config;
use gradbound::import::Model;
use gradbound::import::onnx::proto::{AttributeType, DataType, NodeProto};
use gradbound::import::onnx::{DATA_DEPENDENT, ImportOptions, import};
use gradbound::interpret::runtime;
use gradbound::tensor::Tensor;
use onnx_builder::*;
use std::collections::BTreeMap;

fn load(onnx: &Onnx, options: &ImportOptions) -> gradbound::Result<Model> {
    let folder = tempfile::tempdir().unwrap();
    import(&onnx.save(folder.path()), options)
}

fn plain(onnx: &Onnx) -> Model {
    load(onnx, &ImportOptions::default()).unwrap()
}

#[track_caller]
fn refused(onnx: &Onnx, word: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = onnx.save(folder.path());
    let error = import(&path, &ImportOptions::default()).unwrap_err();
    assert_names(&error, &path, word);
}

/// The first output on these inputs.
fn run(model: &Model, inputs: &[Tensor]) -> Tensor {
    let all = runtime::eval(&model.graph, &Config::default(), inputs).unwrap();
    all[model.outputs[0].id.index()].clone()
}

fn floats<const N: usize>(shape: [usize; N], data: &[f32]) -> Tensor {
    Tensor::f32s(shape, data).unwrap()
}

fn truth(value: bool) -> Tensor {
    Tensor::bools([], [value]).unwrap()
}

/// An input x of shape [2], a boolean initializer `yes`, and these nodes.
fn with(nodes: Vec<NodeProto>) -> Onnx {
    let yes = raw("yes", DataType::Bool, &[], &[1]);
    let start = model(17).floats("x", &[2]).initializer(yes);
    nodes.into_iter().fold(start, Onnx::node).output("y")
}

#[test]
fn functions_are_written_out() {
    // gate(a, b; slope) = clamp(slope·a) + b, where b may be omitted and slope has a default.
    let mut gate = function(
        "gate",
        &["a"],
        &["r"],
        vec![
            node_with(
                "Constant",
                &[],
                &["s"],
                &[reference("value_float", AttributeType::Float, "slope")],
            ),
            node("Mul", &["a", "s"], &["t"]),
            call("twice", &["t"], &["r"]),
        ],
    );
    gate.attribute_proto.push(float("slope", 3.0));
    let twice = function(
        "twice",
        &["t"],
        &["r"],
        vec![node("Add", &["t", "t"], &["r"])],
    );
    let mut sloped = call("gate", &["x"], &["u"]);
    sloped.attribute.push(float("slope", 0.5));
    let onnx = with(vec![
        sloped,
        call("gate", &["u"], &["v"]),
        node("Identity", &["v"], &["y"]),
    ]);
    let model = plain(&onnx.function(gate).function(twice));
    assert_eq!(
        run(&model, &[floats([2], &[1.0, -2.0])]),
        floats([2], &[6.0, -12.0])
    );
    // Only what the model itself names has a name.
    let names: Vec<&str> = model.values.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["u", "v", "y"]);
}

#[test]
fn an_omitted_argument_of_a_function_is_omitted_inside() {
    let product = function(
        "product",
        &["a", "b", "c"],
        &["r"],
        vec![node("Gemm", &["a", "b", "c"], &["r"])],
    );
    let onnx = model(17)
        .floats("x", &[1, 2])
        .initializer(f32s("w", &[2, 1], &[3.0, 4.0]))
        .node(call("product", &["x", "w"], &["y"]))
        .output("y")
        .function(product);
    assert_eq!(
        run(&plain(&onnx), &[floats([1, 2], &[1.0, 2.0])]),
        floats([1, 1], &[11.0])
    );
}

#[test]
fn functions_that_cannot_be_written_out() {
    let on_x = |name: &str| with(vec![call(name, &["x"], &["y"])]);
    let again = function("again", &["a"], &["r"], vec![call("again", &["a"], &["r"])]);
    refused(&on_x("again").function(again), "nested more than 64 deep");
    // Every function calls the next one twice: 2^40 nodes.
    let mut onnx = on_x("f0");
    for level in 0..40 {
        let next = format!("f{}", level + 1);
        let nodes = vec![call(&next, &["a"], &["b"]), call(&next, &["b"], &["r"])];
        onnx = onnx.function(function(&format!("f{level}"), &["a"], &["r"], nodes));
    }
    let last = function("f40", &["a"], &["r"], vec![node("Neg", &["a"], &["r"])]);
    refused(&onnx.function(last), "more than 2^18 nodes");
    let negate = || function("negate", &["a"], &["r"], vec![node("Neg", &["a"], &["r"])]);
    let twice = on_x("negate").function(negate()).function(negate());
    refused(&twice, "two functions are named `negate`");
    let many = with(vec![call("negate", &["x", "x"], &["y"])]);
    refused(&many.function(negate()), "1 inputs");
    let mut odd = on_x("negate");
    odd.graph().node[0].attribute.push(float("slope", 1.0));
    refused(
        &odd.function(negate()),
        "`slope` is not one of the function negate",
    );
    let mut without = negate();
    without.node.clear();
    refused(&on_x("negate").function(without), "`r` is made by no node");
    let mut undeclared = negate();
    undeclared.opset_import.clear();
    refused(&on_x("negate").function(undeclared), "opset");
    let inside = function("inside", &["a"], &["r"], vec![node("Neg", &["x"], &["r"])]);
    refused(&on_x("inside").function(inside), "`x` is defined nowhere");
}

fn branches(condition: &str) -> NodeProto {
    let yes = body(&[], &["r"], vec![node("Neg", &["x"], &["r"])]);
    let no = body(&[], &["r"], vec![node("Abs", &["x"], &["r"])]);
    let both = [graph("then_branch", yes), graph("else_branch", no)];
    node_with("If", &[condition], &["y"], &both)
}

#[test]
fn the_branch_that_is_taken() {
    let x = floats([2], &[1.0, -2.0]);
    let constant = plain(&with(vec![branches("yes")]));
    assert_eq!(
        run(&constant, std::slice::from_ref(&x)),
        floats([2], &[-1.0, 2.0])
    );
    let open = with(vec![branches("c")]).input("c", DataType::Bool, &[]);
    refused(&open, DATA_DEPENDENT);
    for (value, expected) in [(true, [-1.0, 2.0]), (false, [1.0, 2.0])] {
        let options = ImportOptions {
            values: BTreeMap::from([("c".to_owned(), truth(value))]),
            ..ImportOptions::default()
        };
        let decided = load(&open, &options).unwrap();
        let inputs = [x.clone(), truth(value)];
        assert_eq!(run(&decided, &inputs), floats([2], &expected));
    }
}

#[test]
fn branches_that_cannot_be_taken() {
    refused(&with(vec![branches("x")]), "`cond`");
    refused(&with(vec![branches("")]), "no condition");
    let mut one = branches("yes");
    one.attribute.truncate(1);
    refused(&with(vec![one]), "`else_branch`");
    let mut odd = branches("yes");
    odd.attribute.push(int("depth", 1));
    refused(&with(vec![odd]), "`depth`");
    let ghost = body(&[], &["r"], vec![node("Neg", &["ghost"], &["r"])]);
    let mut bad = branches("yes");
    bad.attribute[0].g = Some(ghost);
    refused(&with(vec![bad]), "`ghost` is defined nowhere");
    let mut results = branches("yes");
    results.output.push("z".to_owned());
    refused(&with(vec![results]), "1 outputs");
    let taking = body(&["a"], &["r"], vec![node("Neg", &["a"], &["r"])]);
    let mut arguments = branches("yes");
    arguments.attribute[0].g = Some(taking);
    refused(&with(vec![arguments]), "takes 1 inputs");
}

/// A loop over a ← 2a that hands out a, with these first inputs.
fn doubling(limit: &str, condition: &str) -> NodeProto {
    let nodes = vec![
        node("Identity", &["c"], &["go"]),
        node("Add", &["a", "a"], &["b"]),
        node("Identity", &["a"], &["out"]),
    ];
    let body = body(&["i", "c", "a"], &["go", "b", "out"], nodes);
    node_with(
        "Loop",
        &[limit, condition, "x"],
        &["last", "y"],
        &[graph("body", body)],
    )
}

#[test]
fn loops_are_written_out() {
    let three = i64s("n", &[], &[3]);
    let x = floats([2], &[1.0, -2.0]);
    let onnx = with(vec![doubling("n", "yes")]).initializer(three.clone());
    let stacked = floats([3, 2], &[1.0, -2.0, 2.0, -4.0, 4.0, -8.0]);
    assert_eq!(run(&plain(&onnx), std::slice::from_ref(&x)), stacked);
    let unconditional = with(vec![doubling("n", "")]).initializer(three.clone());
    assert_eq!(
        run(&plain(&unconditional), std::slice::from_ref(&x)),
        stacked
    );
}

#[test]
fn loops_that_cannot_be_written_out() {
    refused(&with(vec![doubling("", "yes")]), "more than 2^18 nodes");
    let huge = with(vec![doubling("n", "yes")]).initializer(i64s("n", &[], &[i64::MAX]));
    refused(&huge, "more than 2^18 nodes");
    let mut empty = doubling("", "yes");
    empty.attribute[0].g = Some(body(&["i", "c", "a"], &["c", "a"], Vec::new()));
    refused(&with(vec![empty]), "more than 2^18 nodes");
    let none = with(vec![doubling("n", "yes")]).initializer(i64s("n", &[], &[0]));
    refused(&none, "no iteration");
    let open = with(vec![doubling("n", "yes")]).input("n", DataType::Int64, &[]);
    refused(&open, DATA_DEPENDENT);
    let reals = with(vec![doubling("x", "yes")]);
    refused(&reals, "`M`");
    let pair = with(vec![doubling("n", "yes")]).initializer(i64s("n", &[2], &[1, 1]));
    refused(&pair, "must be one i64");
    let mut bare = doubling("", "yes");
    bare.attribute.clear();
    refused(&with(vec![bare]), "no graph `body`");
    let mut few = doubling("", "yes");
    few.attribute[0].g = Some(body(&["i", "c", "a"], &["c"], Vec::new()));
    refused(&with(vec![few]), "the body has 1 outputs");
    // Twice as many elements in every iteration.
    let mut growing = doubling("n", "yes");
    if let Some(body) = &mut growing.attribute[0].g {
        body.node[1] = node_with("Concat", &["a", "a"], &["b"], &[int("axis", 0)]);
        body.output.truncate(2);
    }
    growing.output.truncate(1);
    let growing = with(vec![growing, node("Neg", &["last"], &["y"])]);
    refused(&growing.initializer(i64s("n", &[], &[60])), "2^34 elements");
}

#[test]
fn scans_are_written_out() {
    // Running sums of the rows of s, forwards and backwards.
    let sum = body(
        &["a", "row"],
        &["b", "out"],
        vec![
            node("Add", &["a", "row"], &["b"]),
            node("Identity", &["b"], &["out"]),
        ],
    );
    let scan = |more: &[_]| {
        let mut attributes = vec![graph("body", sum.clone()), int("num_scan_inputs", 1)];
        attributes.extend_from_slice(more);
        with(vec![node_with(
            "Scan",
            &["x", "s"],
            &["last", "y"],
            &attributes,
        )])
        .floats("s", &[2, 2])
    };
    let inputs = [
        floats([2], &[0.0, 0.0]),
        floats([2, 2], &[1.0, 2.0, 3.0, 4.0]),
    ];
    let forward = plain(&scan(&[]));
    assert_eq!(
        run(&forward, &inputs),
        floats([2, 2], &[1.0, 2.0, 4.0, 6.0])
    );
    let backward = plain(&scan(&[
        ints("scan_input_directions", &[1]),
        ints("scan_output_directions", &[1]),
        ints("scan_output_axes", &[1]),
    ]));
    assert_eq!(
        run(&backward, &inputs),
        floats([2, 2], &[4.0, 3.0, 6.0, 4.0])
    );
    let columns = plain(&scan(&[ints("scan_input_axes", &[-1])]));
    assert_eq!(
        run(&columns, &inputs),
        floats([2, 2], &[1.0, 3.0, 3.0, 7.0])
    );
    refused(&scan(&[ints("scan_input_axes", &[2])]), "axis 2");
    let mut many = scan(&[]);
    many.graph().node[0].attribute[1].i = 3;
    refused(&many, "num_scan_inputs is 3");
}

#[test]
fn operands_of_opset_6() {
    let old = |attributes: &[_], shape: &[i64], data: &[f32]| {
        let mut onnx = model(6)
            .floats("x", &[2, 3])
            .initializer(f32s("w", shape, data))
            .node(node_with("Sub", &["x", "w"], &["y"], attributes))
            .output("y");
        onnx.model.ir_version = 3;
        onnx
    };
    let x = floats([2, 3], &[1.0; 6]);
    let rows = old(&[int("broadcast", 1), int("axis", 0)], &[2], &[0.0, 1.0]);
    let expected = floats([2, 3], &[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(run(&plain(&rows), std::slice::from_ref(&x)), expected);
    let columns = old(&[int("broadcast", 1)], &[3], &[0.0, 1.0, 2.0]);
    let expected = floats([2, 3], &[1.0, 0.0, -1.0, 1.0, 0.0, -1.0]);
    assert_eq!(run(&plain(&columns), std::slice::from_ref(&x)), expected);
    let scalar = old(&[int("broadcast", 1), int("axis", 1)], &[], &[1.0]);
    assert_eq!(run(&plain(&scalar), &[x]), floats([2, 3], &[0.0; 6]));
    for (attributes, shape, word) in [
        (&[int("broadcast", 2)][..], &[2, 3][..], "`broadcast` is 2"),
        (&[], &[3], "does not broadcast"),
        (&[int("axis", 0)], &[2], "does not broadcast"),
        (&[int("broadcast", 1)], &[2], "does not broadcast"),
        (
            &[int("broadcast", 1), int("axis", 1)],
            &[2],
            "does not broadcast",
        ),
        (
            &[int("broadcast", 1), int("axis", 1)],
            &[3, 1],
            "does not broadcast",
        ),
        (&[int("broadcast", 1), int("axis", 2)], &[3], "axis 2"),
        (&[int("broadcast", 1), int("axis", i64::MIN)], &[3], "axis"),
        (&[int("broadcast", 1)], &[1, 1, 1], "does not broadcast"),
    ] {
        let count = shape.iter().product::<i64>() as usize;
        refused(&old(attributes, shape, &vec![1.0; count]), word);
    }
}

/// Softmax over x + [0, −∞] (−∞ from a constant), as decoders mask.
fn masked(nodes: Vec<NodeProto>) -> Onnx {
    let mask = f32s("m", &[2], &[0.0, f32::NEG_INFINITY]);
    with(nodes).initializer(mask)
}

#[test]
fn minus_infinity_is_selected_away() {
    let x = floats([2], &[1.0, 5.0]);
    let added = masked(vec![
        node("Identity", &["m"], &["n"]),
        node("Add", &["x", "n"], &["z"]),
        node_with("Softmax", &["z"], &["y"], &[int("axis", 0)]),
    ]);
    let model = plain(&added);
    assert_eq!(
        run(&model, std::slice::from_ref(&x)),
        floats([2], &[1.0, 0.0])
    );
    // What may be −∞ is no value that anything could be claimed of.
    let names: Vec<&str> = model.values.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["y"]);
    // The masks go the way of the elements.
    let moved = masked(vec![
        node("Add", &["x", "m"], &["z"]),
        node("Unsqueeze", &["z", "first"], &["row"]),
        node_with("Concat", &["row", "row"], &["rows"], &[int("axis", 0)]),
        node("Transpose", &["rows"], &["columns"]),
        node_with(
            "ReduceMax",
            &["columns"],
            &["most"],
            &[ints("axes", &[1]), int("keepdims", 0)],
        ),
        node_with("Softmax", &["most"], &["y"], &[int("axis", -1)]),
    ])
    .initializer(i64s("first", &[1], &[0]));
    assert_eq!(
        run(&plain(&moved), std::slice::from_ref(&x)),
        floats([2], &[1.0, 0.0])
    );
    // A row without elements is 0, as ONNX's Attention has it.
    let nothing = with(vec![
        node("Add", &["x", "m"], &["z"]),
        node_with("Softmax", &["z"], &["y"], &[int("axis", 0)]),
    ])
    .initializer(f32s("m", &[], &[f32::NEG_INFINITY]));
    assert_eq!(run(&plain(&nothing), &[x]), floats([2], &[0.0, 0.0]));
}

#[test]
fn minus_infinity_stays_out_of_everything_else() {
    for op in ["Neg", "Exp", "Relu", "ReduceSum"] {
        let onnx = masked(vec![
            node("Add", &["x", "m"], &["z"]),
            node(op, &["z"], &["y"]),
        ]);
        refused(&onnx, &format!("-inf reaches the operation {op}"));
    }
    let times = masked(vec![node("Mul", &["x", "m"], &["y"])]);
    refused(&times, "-inf reaches the operation Mul");
    let output = masked(vec![node("Add", &["x", "m"], &["y"])]);
    refused(&output, "the output `y` may be -inf");
    let cast = masked(vec![node_with("Cast", &["m"], &["y"], &[int("to", 7)])]);
    refused(&cast, "-inf reaches");
    let nan = with(vec![node("Add", &["x", "n"], &["y"])]);
    refused(&nan.initializer(f32s("n", &[1], &[f32::NAN])), "NaN");
    let positive = with(vec![node("Add", &["x", "n"], &["y"])]);
    refused(
        &positive.initializer(f32s("n", &[1], &[f32::INFINITY])),
        "inf",
    );
}
