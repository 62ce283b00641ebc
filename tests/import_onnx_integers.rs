//! Integers of fewer bits than 64, or without a sign: known ones wrap around, others are
//! checked where they are computed.

#[path = "common/onnx_builder.rs"]
mod onnx_builder;

use gradbound::bound::Approx;
use gradbound::config::Config;
use gradbound::import::Model;
use gradbound::import::onnx::proto::{DataType, TensorProto};
use gradbound::import::onnx::{ImportOptions, import};
use gradbound::interpret::{bounds, runtime};
use gradbound::number::Up;
use gradbound::tensor::Tensor;
use onnx_builder::*;
use std::collections::BTreeMap;

/// A tensor of integers, whatever their type.
fn integers(name: &str, data_type: DataType, values: &[i32]) -> TensorProto {
    TensorProto {
        data_type: data_type as i32,
        int32_data: values.to_vec(),
        raw_data: None,
        ..i64s(name, &[values.len() as i64], &[])
    }
}

fn load(onnx: &Onnx, options: &ImportOptions) -> gradbound::Result<Model> {
    let folder = tempfile::tempdir().unwrap();
    import(&onnx.save(folder.path()), options)
}

/// The integers that a model without inputs hands out.
fn constant(onnx: &Onnx) -> Vec<i64> {
    let model = load(onnx, &ImportOptions::default()).unwrap();
    let run = runtime::eval(&model.graph, &Config::default(), &[]).unwrap();
    run[model.outputs[0].id.index()].as_i64s().unwrap().to_vec()
}

/// x and y of a type, combined.
fn combined(data_type: DataType, op: &str, x: &[i32], y: &[i32]) -> Onnx {
    model(17)
        .initializer(integers("x", data_type, x))
        .initializer(integers("y", data_type, y))
        .node(node(op, &["x", "y"], &["z"]))
        .output("z")
}

#[test]
fn known_integers_wrap_around() {
    let cases = [
        (DataType::Int8, "Add", 127, 1, -128),
        (DataType::Uint8, "Sub", 3, 5, 254),
        (DataType::Int16, "Mul", 300, 300, 90_000 - 65_536),
        (DataType::Uint16, "Add", 65_535, 2, 1),
        (DataType::Int32, "Add", i32::MAX, 1, i64::from(i32::MIN)),
        (DataType::Int32, "Div", i32::MIN, -1, i64::from(i32::MIN)),
        (DataType::Int64, "Add", i32::MAX, 1, 1 << 31),
    ];
    for (data_type, op, x, y, z) in cases {
        let onnx = match data_type {
            DataType::Int64 => model(17)
                .initializer(i64s("x", &[1], &[i64::from(x)]))
                .initializer(i64s("y", &[1], &[i64::from(y)]))
                .node(node(op, &["x", "y"], &["z"]))
                .output("z"),
            _ => combined(data_type, op, &[x], &[y]),
        };
        assert_eq!(constant(&onnx), [z], "{data_type:?} {op}");
    }
}

/// The type goes where the value goes: through movements, a Where, a branch of names, and a Cast.
#[test]
fn the_type_of_an_integer_goes_with_it() {
    let onnx = |last: Vec<_>| {
        let start = model(17)
            .initializer(integers("x", DataType::Int8, &[100, 100]))
            .initializer(i64s("axis", &[1], &[0]))
            .initializer(i64s("at", &[], &[1]))
            .initializer(raw("yes", DataType::Bool, &[], &[1]))
            .node(node("Unsqueeze", &["x", "axis"], &["a"]))
            .node(node("Squeeze", &["a", "axis"], &["b"]))
            .node(node("Where", &["yes", "b", "x"], &["c"]))
            .node(node("Identity", &["c"], &["d"]));
        last.into_iter().fold(start, Onnx::node).output("z")
    };
    let sum = node("Add", &["d", "d"], &["z"]);
    assert_eq!(constant(&onnx(vec![sum])), [-56, -56]);
    let picked = vec![
        node("Gather", &["d", "at"], &["e"]),
        node("Add", &["e", "e"], &["z"]),
    ];
    assert_eq!(constant(&onnx(picked)), [-56]);
    let widened = vec![
        node_with("Cast", &["d"], &["e"], &[int("to", DataType::Int64 as i64)]),
        node("Add", &["e", "e"], &["z"]),
    ];
    assert_eq!(constant(&onnx(widened)), [200, 200]);
    let like = vec![
        node("CastLike", &["at", "d"], &["e"]),
        node("Sub", &["d", "e"], &["f"]),
        node("Add", &["f", "d"], &["z"]),
    ];
    assert_eq!(constant(&onnx(like)), [-57, -57]);
    // A Shape is of int64, whatever it is the shape of.
    let shape = vec![node("Shape", &["d"], &["z"])];
    assert_eq!(constant(&onnx(shape)), [2]);
}

/// One float input x, cast to a type, and once more the sum of that with itself.
fn cast(data_type: DataType) -> Onnx {
    model(17)
        .floats("x", &[1])
        .node(node_with(
            "Cast",
            &["x"],
            &["n"],
            &[int("to", data_type as i64)],
        ))
        .node(node("Add", &["n", "n"], &["z"]))
        .output("z")
}

#[test]
fn integers_of_a_run_are_checked() {
    let model = load(&cast(DataType::Int8), &ImportOptions::default()).unwrap();
    let eval = |x: f32| {
        let x = Tensor::f32s([1], vec![x]).unwrap();
        let run = runtime::eval(&model.graph, &Config::default(), &[x])?;
        Ok::<_, gradbound::Error>(run[model.outputs[0].id.index()].integer(0).unwrap())
    };
    assert_eq!(eval(63.9).unwrap(), 126);
    assert_eq!(eval(-64.0).unwrap(), -128);
    for x in [64.0, -65.0, 128.0, f32::INFINITY, f32::NAN] {
        let message = eval(x).unwrap_err().to_string();
        assert!(message.contains("from -128 to 127"), "{x}: {message}");
    }
}

/// Of what other executions may cast from beyond the type, nothing is claimed.
#[test]
fn an_integer_that_may_leave_its_type_has_no_claim() {
    let model = load(&cast(DataType::Int8), &ImportOptions::default()).unwrap();
    let eps = |x: f32, eps: f64| {
        let inputs = [Tensor::f32s([1], vec![x]).unwrap()];
        let run = runtime::eval(&model.graph, &Config::default(), &inputs).unwrap();
        let known = [Approx::within(gradbound::bound::Bound::uniform(Up::new(
            eps,
        )))];
        let all = bounds::eval(&model.graph, &Config::default(), &run, &known);
        all[model.outputs[0].id.index()].eps.at(0).get()
    };
    assert_eq!(eps(40.5, 0.0), 0.0);
    assert_eq!(eps(40.5, 1.0), 8.0);
    assert_eq!(eps(40.5, 45.0), f64::INFINITY);
}

#[test]
fn an_array_of_a_wider_type_must_fit() {
    let onnx = model(17)
        .input("n", DataType::Int8, &[Dim::Is(1)])
        .node(node("Add", &["n", "n"], &["z"]))
        .output("z");
    let options = |n: i64| ImportOptions {
        input_shapes: BTreeMap::from([("n".to_owned(), vec![1])]),
        values: BTreeMap::from([("n".to_owned(), Tensor::i64s([1], vec![n]).unwrap())]),
        ..ImportOptions::default()
    };
    assert!(load(&onnx, &options(100)).is_ok());
    let message = load(&onnx, &options(128)).unwrap_err().to_string();
    assert!(
        message.contains("`n`") && message.contains("128"),
        "{message}"
    );
}

/// What the program says of a model whose input x is `len` elements in a safetensors file.
fn audited(onnx: &Onnx, dtype: &str, elements: &[u8], len: usize) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    let model = onnx.save(folder.path());
    let inputs = folder.path().join("x.safetensors");
    let bytes = elements.len();
    let header =
        format!(r#"{{"x":{{"dtype":"{dtype}","shape":[{len}],"data_offsets":[0,{bytes}]}}}}"#);
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(elements);
    std::fs::write(&inputs, file).unwrap();
    std::process::Command::new(env!("CARGO_BIN_EXE_gradbound"))
        .args(["audit", "--quiet", "--forward-only", "--inputs"])
        .args([&inputs, &model])
        .arg("--out")
        .arg(folder.path().join("out"))
        .output()
        .unwrap()
}

/// An array of zeros and ones is what the model says it is: integers that wrap around, or truth
/// values.
#[test]
fn zeros_and_ones_have_the_type_of_the_input() {
    let audit = |onnx: Onnx, n: u8| audited(&onnx, "U8", &[n], 1);
    for n in 0..=2 {
        let onnx = model(17)
            .input("x", DataType::Uint8, &[Dim::Is(1)])
            .initializer(integers("three", DataType::Uint8, &[3]))
            .node(node("Sub", &["x", "three"], &["y"]))
            .node(node_with("Cast", &["y"], &["z"], &[int("to", 1)]))
            .output("z");
        let run = audit(onnx, n);
        let error = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(0), "{n}: {error}");
    }
    // A branch that a truth value decides.
    let branch = |value| {
        let one = node_with("Constant", &[], &["b"], &[float("value_float", value)]);
        body(&[], &["b"], vec![one])
    };
    let onnx = model(17)
        .input("x", DataType::Bool, &[Dim::Is(1)])
        .node(node_with(
            "If",
            &["x"],
            &["z"],
            &[
                graph("then_branch", branch(1.0)),
                graph("else_branch", branch(2.0)),
            ],
        ))
        .output("z");
    let run = audit(onnx, 1);
    let error = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{error}");
}

/// Known integers of any length wrap around where an operation comes to several primitives.
#[test]
fn long_known_integers_wrap_around() {
    const N: usize = 70;
    let x = |onnx: Onnx| onnx.initializer(integers("x", DataType::Uint8, &[200; N]));
    let at: Vec<i64> = (0..N as i64).collect();
    let sums = model(18)
        .initializer(integers("x", DataType::Int32, &[i32::MAX; N]))
        .initializer(i64s("axis", &[], &[0]))
        .node(node("CumSum", &["x", "axis"], &["z"]))
        .output("z");
    let sums_expected: Vec<i64> = (1..=N as i32)
        .map(|k| i64::from(k.wrapping_mul(i32::MAX)))
        .collect();
    assert_eq!(constant(&sums), sums_expected);
    let added = x(model(18))
        .initializer(i64s("at", &[N as i64], &at))
        .node(node_with(
            "ScatterElements",
            &["x", "at", "x"],
            &["z"],
            &[text("reduction", "add")],
        ))
        .output("z");
    assert_eq!(constant(&added), [400 - 256; N]);
    let picked = model(18)
        .initializer(i64s("at", &[N as i64], &[2; N]))
        .initializer(i64s("depth", &[], &[3]))
        .initializer(integers("both", DataType::Uint8, &[0, 200]))
        .node(node("OneHot", &["at", "depth", "both"], &["one"]))
        .node(node("Add", &["one", "one"], &["z"]))
        .output("z");
    assert_eq!(constant(&picked), [0, 0, 144].repeat(N));
}

/// An integer beyond 64 bits is an error that names the node, whatever it is made of.
#[test]
fn integers_beyond_64_bits_are_refused_at_their_node() {
    let refused = |onnx: Onnx| {
        let error = load(&onnx, &ImportOptions::default()).unwrap_err();
        assert!(error.to_string().contains("overflows"), "{error}");
        assert_eq!(error.node(), Some("z"), "{error}");
    };
    for n in [2, 80] {
        let x = i64s("x", &[n], &vec![i64::MAX; n as usize]);
        let start = || model(18).initializer(x.clone());
        refused(start().node(node("Add", &["x", "x"], &["z"])).output("z"));
        let axis = i64s("axis", &[], &[0]);
        let sums = node("CumSum", &["x", "axis"], &["z"]);
        refused(start().initializer(axis).node(sums).output("z"));
    }
}

/// The same where a run computes them from floats.
#[test]
fn integers_of_a_run_beyond_64_bits_are_refused_at_their_node() {
    let onnx = model(17)
        .floats("x", &[80])
        .node(node_with(
            "Cast",
            &["x"],
            &["n"],
            &[int("to", DataType::Int64 as i64)],
        ))
        .node(node("Mul", &["n", "n"], &["z"]))
        .output("z");
    let large = 1e12_f32.to_le_bytes().repeat(80);
    let run = audited(&onnx, "F32", &large, 80);
    let error = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{error}");
    assert!(
        error.contains("node `z`: integer arithmetic overflows"),
        "{error}"
    );
}
