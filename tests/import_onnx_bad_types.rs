//! ONNX nodes whose arguments have types that ONNX does not give their operation: every one an
//! error that names the file, the node and a remedy. The graph's integers are all of 64 bits,
//! so that without the check a model of mixed types would be given a meaning.

#[path = "common/bad.rs"]
mod bad;
#[path = "common/bad_onnx.rs"]
mod bad_onnx;
#[path = "common/onnx_builder.rs"]
mod onnx_builder;

use bad_onnx::*;
use gradbound::Config;
use gradbound::import::onnx::proto::{DataType, TensorProto, ValueInfoProto};
use gradbound::import::onnx::{ImportOptions, import};
use gradbound::interpret::runtime;
use gradbound::tensor::{DType, Tensor};
use onnx_builder::*;

/// A node `y` on x of shape [2, 3] and inputs of these types and extents.
fn on_types(op: &str, inputs: &[&str], given: &[(&str, DataType, &[i64])]) -> Onnx {
    let mut onnx = model(18).floats("x", &[2, 3]);
    for &(name, data_type, dims) in given {
        let dims: Vec<Dim> = dims.iter().map(|&n| Dim::Is(n)).collect();
        onnx = onnx.input(name, data_type, &dims);
    }
    onnx.node(node(op, inputs, &["y"])).output("y")
}

#[test]
fn operands_have_one_type() {
    let (int32, int64) = (DataType::Int32, DataType::Int64);
    let pair = |op: &str, a: DataType, b: DataType| {
        on_types(op, &["a", "b"], &[("a", a, &[3]), ("b", b, &[3])])
    };
    for op in [
        "Add", "Sub", "Mul", "Div", "Max", "Min", "Equal", "Less", "Mod", "MatMul",
    ] {
        refused_at(
            &pair(op, int32, int64),
            "y",
            "i32 for input 0 and i64 for input 1",
        );
        refused_at(
            &pair(op, DataType::Uint32, DataType::Uint64),
            "y",
            "one type",
        );
        if op != "Mod" {
            refused_at(
                &pair(op, DataType::Float, DataType::Double),
                "y",
                "one type",
            );
        }
    }
    let three = |op: &str| {
        on_types(
            op,
            &["c", "a", "b"],
            &[
                ("c", DataType::Bool, &[3]),
                ("a", int32, &[3]),
                ("b", int64, &[3]),
            ],
        )
    };
    refused_at(&three("Where"), "y", "one type");
    let mut concat = pair("Concat", DataType::Int8, int64);
    concat.graph().node[0].attribute.push(int("axis", 0));
    refused_at(&concat, "y", "one type");
    let clip = on_types(
        "Clip",
        &["a", "b"],
        &[("a", int32, &[3]), ("b", int64, &[])],
    );
    refused_at(&clip, "y", "one type");
    let range = [("a", int32, &[][..]), ("b", int64, &[]), ("c", int64, &[])];
    refused_at(
        &on_types("Range", &["a", "b", "c"], &range),
        "y",
        "one type",
    );
    let bounds = [("a", int32, &[1][..]), ("b", int64, &[1])];
    refused_at(
        &on_types("Slice", &["x", "a", "b"], &bounds),
        "y",
        "one type",
    );
    // A variadic input may be any number of them.
    let many = [
        ("a", DataType::Float, &[3][..]),
        ("b", DataType::Double, &[3]),
    ];
    refused_at(
        &on_types("Max", &["x", "a", "x", "b"], &many),
        "y",
        "f64 for input 3",
    );
    // A power's exponent may have another type.
    let power = on_types("Pow", &["x", "n"], &[("n", int32, &[3])]);
    let folder = tempfile::tempdir().unwrap();
    import(&power.save(folder.path()), &ImportOptions::default()).unwrap();
}

#[test]
fn indices_and_extents_have_the_integers_of_the_standard() {
    for (op, inputs, data_type, dims, takes) in [
        (
            "Gather",
            &["x", "n"][..],
            DataType::Uint8,
            &[2][..],
            "i32 or i64",
        ),
        (
            "GatherElements",
            &["x", "n"],
            DataType::Int16,
            &[2, 3],
            "i32 or i64",
        ),
        ("GatherND", &["x", "n"], DataType::Int32, &[2, 1], "i64"),
        (
            "ScatterElements",
            &["x", "n", "x"],
            DataType::Int8,
            &[2, 3],
            "i32 or i64",
        ),
        (
            "ScatterND",
            &["x", "n", "x"],
            DataType::Int32,
            &[2, 1],
            "i64",
        ),
        ("Reshape", &["x", "n"], DataType::Int32, &[2], "i64"),
        ("Expand", &["x", "n"], DataType::Int32, &[2], "i64"),
        ("Tile", &["x", "n"], DataType::Int32, &[2], "i64"),
        ("Pad", &["x", "n"], DataType::Int32, &[4], "i64"),
        (
            "Slice",
            &["x", "n", "n"],
            DataType::Int16,
            &[1],
            "i32 or i64",
        ),
        ("Squeeze", &["x", "n"], DataType::Int32, &[1], "i64"),
        ("Unsqueeze", &["x", "n"], DataType::Int32, &[1], "i64"),
        ("Split", &["x", "n"], DataType::Int32, &[2], "i64"),
        ("ReduceSum", &["x", "n"], DataType::Int32, &[1], "i64"),
        ("CumSum", &["x", "n"], DataType::Int16, &[], "i32 or i64"),
        ("ConstantOfShape", &["n"], DataType::Int32, &[1], "i64"),
        ("Compress", &["x", "n"], DataType::Int64, &[2], "bool"),
        ("ReverseSequence", &["x", "n"], DataType::Int32, &[3], "i64"),
        (
            "SoftmaxCrossEntropyLoss",
            &["x", "n"],
            DataType::Uint8,
            &[2],
            "i32 or i64",
        ),
        ("And", &["n", "n"], DataType::Int64, &[2], "bool"),
        ("Exp", &["n"], DataType::Int64, &[2], "f32"),
    ] {
        let onnx = on_types(op, inputs, &[("n", data_type, dims)]);
        refused_at(&onnx, "y", &format!("has {takes}"));
    }
}

/// What an operation makes of its arguments keeps their type, through bodies as well.
#[test]
fn types_follow_the_values() {
    let add = |nodes: Vec<_>, sum: [&str; 2]| {
        let mut onnx = model(18).input("a", DataType::Int32, &[Dim::Is(3)]).input(
            "b",
            DataType::Int64,
            &[Dim::Is(3)],
        );
        for node in nodes {
            onnx = onnx.node(node);
        }
        onnx.node(node("Add", &sum, &["y"])).output("y")
    };
    let squeeze = || node("Abs", &["a"], &["n"]);
    refused_at(&add(vec![squeeze()], ["n", "b"]), "y", "one type");
    let yes = || {
        node_with(
            "Constant",
            &[],
            &["yes"],
            &[tensor("value", raw("", DataType::Bool, &[], &[1]))],
        )
    };
    let branch = |name: &str| graph(name, body(&[], &["n"], vec![squeeze()]));
    let choice = node_with(
        "If",
        &["yes"],
        &["m"],
        &[branch("then_branch"), branch("else_branch")],
    );
    refused_at(&add(vec![yes(), choice], ["m", "b"]), "y", "one type");
    let to = |t: DataType| [int("to", t as i64)];
    let cast = node_with("Cast", &["a"], &["n"], &to(DataType::Int64));
    let folder = tempfile::tempdir().unwrap();
    let good = add(vec![cast], ["n", "b"]);
    import(&good.save(folder.path()), &ImportOptions::default()).unwrap();
    // With another format in the place of the model's own, that one stands for both.
    let own = model(18)
        .floats("x", &[3])
        .node(node_with("Cast", &["x"], &["h"], &to(DataType::Float16)))
        .node(node("Relu", &["h"], &["r"]))
        .node(node("Relu", &["x"], &["y"]))
        .output("y");
    let path = own.save(folder.path());
    for format in [None, Some(DType::F16), Some(DType::BF16), Some(DType::E4M3)] {
        let options = ImportOptions {
            format,
            ..ImportOptions::default()
        };
        import(&path, &options).unwrap();
    }
}

/// Before opset 28 the standard gives Python's remainder to integers alone.
#[test]
fn floats_have_pythons_remainder_from_opset_28_on() {
    let folder = tempfile::tempdir().unwrap();
    let remainder = |opset| {
        let onnx = model(opset)
            .floats("x", &[4])
            .initializer(f32s("y", &[4], &[3.0, -3.0, 2.5, -0.75]))
            .node(node("Mod", &["x", "y"], &["z"]))
            .output("z");
        let model = import(&onnx.save(folder.path()), &ImportOptions::default())?;
        let x = Tensor::f32s([4], vec![-7.0, 7.0, 6.0, -1.0])?;
        let all = runtime::eval(&model.graph, &Config::default(), &[x])?;
        Ok::<Vec<f64>, gradbound::Error>(all[model.outputs[0].id.index()].to_f64s().to_vec())
    };
    assert_eq!(remainder(28).unwrap(), [2.0, -2.0, 1.0, -0.25]);
    let refused = remainder(27).unwrap_err().to_string();
    assert!(refused.contains("Mod"), "{refused}");
}

/// Two branches of these results of x, each declared to be what it is.
fn choice(yes: (&str, DataType), no: (&str, DataType), declared: [DataType; 2]) -> Onnx {
    let branch = |(value, cast): (&str, DataType), declared| {
        let to = [int("to", cast as i64)];
        let mut made = body(&[], &[], vec![node_with("Cast", &["x"], &[value], &to)]);
        made.output.push(typed(value, declared));
        made
    };
    let truth = tensor("value", raw("", DataType::Bool, &[], &[1]));
    let branches = [
        graph("then_branch", branch(yes, declared[0])),
        graph("else_branch", branch(no, declared[1])),
    ];
    let back = [int("to", DataType::Float as i64)];
    model(18)
        .floats("x", &[2, 3])
        .node(node_with("Constant", &[], &["c"], &[truth]))
        .node(node_with("If", &["c"], &["r"], &branches))
        .node(node_with("Cast", &["r"], &["y"], &back))
        .output("y")
}

/// What declares an element type and no shape.
fn typed(name: &str, data_type: DataType) -> ValueInfoProto {
    let mut info = value_info(name, data_type, &[]);
    let tensor = info.r#type.as_mut().and_then(|ty| ty.tensor_type.as_mut());
    tensor.unwrap().shape = None;
    info
}

fn in_format(onnx: &Onnx, format: Option<DType>) -> gradbound::Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let options = ImportOptions {
        format,
        ..ImportOptions::default()
    };
    import(&onnx.save(folder.path()), &options).map(|_| ())
}

#[test]
fn branches_have_results_of_one_type() {
    let [float, half] = [DataType::Float, DataType::Float16];
    let of = |yes: DataType, no: DataType| choice(("a", yes), ("b", no), [yes, no]);
    for other in [DataType::Double, half, DataType::Int64, DataType::Bool] {
        refused_at(&of(float, other), "r", "in `else_branch`");
        refused_at(&of(other, float), "r", "in `then_branch`");
    }
    refused_at(&of(DataType::Int32, DataType::Int64), "r", "i32 in");
    // The branch that is taken is not what it is declared to be.
    let lies = choice(("a", half), ("b", float), [float, float]);
    refused_at(&lies, "r", "`a` is declared f32, but it is f16");
    for same in [float, half, DataType::Int64, DataType::Uint8] {
        in_format(&of(same, same), None).unwrap();
    }
    // The model's own float type is replaced, and then no declaration is to the letter.
    in_format(&of(half, float), Some(DType::F16)).unwrap();
    assert!(in_format(&of(float, DataType::Int64), Some(DType::F16)).is_err());
}

#[test]
fn what_iterations_carry_keeps_its_type() {
    let repeated = |start: DataType, end: DataType, declared: bool| {
        let cast = |from: &str, value: &str, to: DataType| {
            node_with("Cast", &[from], &[value], &[int("to", to as i64)])
        };
        let nodes = vec![cast("v", "w", end), node("Identity", &["c"], &["d"])];
        let mut made = body(&["i", "c", "v"], &["d", "w"], nodes);
        if declared {
            made.input[2] = typed("v", start);
            made.output[1] = typed("w", end);
        }
        model(18)
            .floats("x", &[2, 3])
            .initializer(i64s("n", &[], &[2]))
            .node(cast("x", "s", start))
            .node(node_with(
                "Loop",
                &["n", "", "s"],
                &["r"],
                &[graph("body", made)],
            ))
            .node(cast("r", "y", DataType::Float))
            .output("y")
    };
    for declared in [false, true] {
        for (start, end, word) in [
            (
                DataType::Float,
                DataType::Double,
                "f32 before an iteration and f64 after",
            ),
            (
                DataType::Int64,
                DataType::Int32,
                "i64 before an iteration and i32 after",
            ),
            (DataType::Bool, DataType::Int64, "bool before"),
        ] {
            refused_at(&repeated(start, end, declared), "r", word);
        }
        for same in [DataType::Float, DataType::Int32, DataType::Double] {
            in_format(&repeated(same, same, declared), None).unwrap();
        }
    }
}

#[test]
fn values_are_what_they_are_declared_to_be() {
    let with = |between: DataType, output: DataType| {
        let mut onnx = model(18)
            .floats("x", &[2, 3])
            .node(node("Relu", &["x"], &["r"]))
            .node(node("Tanh", &["r"], &["y"]));
        onnx.graph().value_info.push(typed("r", between));
        onnx.graph().output.push(typed("y", output));
        onnx
    };
    let float = DataType::Float;
    for wrong in [
        DataType::Double,
        DataType::Int64,
        DataType::Bool,
        DataType::String,
    ] {
        refused(&with(float, wrong), "the output `y` is declared");
        refused_at(&with(wrong, float), "r", "the value `r` is declared");
    }
    for format in [None, Some(DType::F16), Some(DType::F64)] {
        in_format(&with(float, float), format).unwrap();
    }
    // In another format than its own, the model's float types say nothing.
    in_format(&with(DataType::Double, DataType::Double), Some(DType::F16)).unwrap();
    assert!(in_format(&with(float, DataType::Int64), Some(DType::F16)).is_err());
    in_format(&with(DataType::Undefined, DataType::Undefined), None).unwrap();
}

/// The standard lets them differ; where the types meet it does not say.
#[test]
fn several_float_types_in_one_operation_are_named() {
    let half = |name: &str, dims: &[i64]| {
        let len = usize::try_from(dims.iter().product::<i64>()).unwrap();
        raw(name, DataType::Float16, dims, &[0, 0x3c].repeat(len))
    };
    let ones = |name: &str| f32s(name, &[3], &[1.0; 3]);
    let rms = model(23)
        .floats("x", &[2, 3])
        .initializer(half("s", &[3]))
        .node(node("RMSNormalization", &["x", "s"], &["y"]))
        .output("y");
    refused_at(&rms, "y", "f32 for input 0 and f16 for input 1");
    let batch = |opset: i64, scale: &str, statistics: &str| {
        let inputs = ["x", scale, scale, statistics, statistics];
        model(opset)
            .input("x", DataType::Float16, &[Dim::Is(2), Dim::Is(3)])
            .initializer(half("h", &[3]))
            .initializer(ones("f"))
            .node(node("BatchNormalization", &inputs, &["y"]))
            .output("y")
    };
    refused_at(
        &batch(15, "f", "f"),
        "y",
        "f16 for input 0 and f32 for input 1",
    );
    refused_at(
        &batch(14, "h", "f"),
        "y",
        "f16 for input 0 and f32 for input 3",
    );
    in_format(&batch(15, "h", "h"), None).unwrap();
    let attention = model(23)
        .floats("q", &[1, 1, 3, 4])
        .initializer(half("v", &[1, 1, 3, 4]))
        .node(node("Attention", &["q", "q", "v"], &["y"]))
        .output("y");
    refused_at(&attention, "y", "f32 for input 0 and f16 for input 2");
    // The remedy helps: the model's own type becomes the other one.
    let mut batch = batch(15, "f", "f");
    batch.graph().output[0] = typed("y", DataType::Float16);
    let refused = in_format(&batch, None).unwrap_err().to_string();
    assert!(refused.contains("or audit with --format f32"), "{refused}");
    in_format(&batch, Some(DType::F32)).unwrap();
}

/// A layer normalization of a wider type than its `stash_type` hands out moments of the latter.
#[test]
fn moments_have_the_type_that_the_standard_gives_them() {
    let layer = |x: DataType, ones: TensorProto, moments: DataType| {
        let mut onnx = model(17)
            .input("x", x, &[Dim::Is(2), Dim::Is(1)])
            .initializer(ones)
            .node(node("LayerNormalization", &["x", "s"], &["y", "m", "i"]));
        onnx.graph().output = vec![typed("y", x), typed("m", moments), typed("i", moments)];
        onnx
    };
    let double = || raw("s", DataType::Double, &[1], &1.0_f64.to_le_bytes());
    let half = || raw("s", DataType::Float16, &[1], &[0, 0x3c]);
    for onnx in [
        layer(DataType::Double, double(), DataType::Float),
        layer(DataType::Float16, half(), DataType::Float),
    ] {
        for format in [None, Some(DType::F32), Some(DType::BF16), Some(DType::F64)] {
            in_format(&onnx, format).unwrap();
        }
    }
    let wrong = layer(DataType::Double, double(), DataType::Double);
    refused(&wrong, "the output `m` is declared f64, but it is f32");
}
