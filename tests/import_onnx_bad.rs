//! ONNX models that cannot be used: every one an error that names the file, the node where
//! there is one, and a remedy.

#[path = "common/bad.rs"]
mod bad;
#[path = "common/bad_onnx.rs"]
mod bad_onnx;
#[path = "common/onnx_builder.rs"]
mod onnx_builder;

use bad::assert_names;
use bad_onnx::*;
use gradbound::import::onnx::proto::{DataType, GraphProto, Segment, SparseTensorProto};
use gradbound::import::onnx::{ImportOptions, import};
use gradbound::tensor::DType;
use onnx_builder::*;
use std::path::Path;

#[test]
fn files_that_are_no_model() {
    refused_bytes(b"", "no IR version");
    refused_bytes(&[0xff; 100], "not a whole ONNX model");
    refused_bytes(b"hello, this is a text file\n", "not a whole ONNX model");
    let good = relu().bytes();
    for length in 0..good.len() {
        refused_bytes(&good[..length], "");
    }
    let missing = Path::new("/nonexistent/model.onnx");
    let error = import(missing, &ImportOptions::default()).unwrap_err();
    assert_names(&error, missing, "cannot be read");
    let folder = tempfile::tempdir().unwrap();
    let error = import(folder.path(), &ImportOptions::default()).unwrap_err();
    assert_names(&error, folder.path(), "regular file");
}

#[test]
fn any_damage_is_an_error_or_a_model() {
    let onnx = on(
        node_with(
            "Gemm",
            &["x", "w", "b"],
            &["y"],
            &[float("alpha", 0.5), int("transB", 1)],
        ),
        f32s("w", &[2, 3], &[1.0; 6]),
    )
    .initializer(f32s("b", &[2], &[1.0, 2.0]))
    .node(node("Shape", &["y"], &["s"]))
    .node(node("Reshape", &["y", "s"], &["z"]))
    .node(node_with("Softmax", &["z"], &["p"], &[int("axis", -1)]))
    .output("p");
    let good = onnx.bytes();
    for at in 0..good.len() {
        for flip in [0x01, 0x08, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] ^= flip;
            let (error, path) = import_bytes(&bytes, &ImportOptions::default());
            if let Some(error) = error {
                assert_names(&error, &path, "");
            }
        }
    }
}

#[test]
fn nesting_has_an_end() {
    let mut inner = GraphProto::default();
    for _ in 0..10_000 {
        // A graph in an attribute of a node in a graph, written from the inside out.
        let mut outer = GraphProto::default();
        outer
            .node
            .push(node_with("If", &[], &["y"], &[graph("then_branch", inner)]));
        inner = outer;
        if prost::Message::encoded_len(&inner) > 20_000 {
            break;
        }
    }
    let mut onnx = model(17);
    *onnx.graph() = inner;
    refused(&onnx, "recursion limit");
}

#[test]
fn versions_that_are_not_read() {
    refused(&model(5), "opset 5");
    let mut old = relu();
    old.model.ir_version = 2;
    refused(&old, "IR version 2");
    let mut foreign = relu();
    foreign.model.opset_import[0].domain = "com.example".to_owned();
    refused_at(&foreign, "y", "which ONNX opset");
    let mut none = relu();
    none.model.opset_import.clear();
    refused(&none, "which ONNX opset");
    let mut two = relu();
    let again = two.model.opset_import[0].clone();
    two.model.opset_import.push(again);
    refused(&two, "two ONNX opsets");
    // Both names of ONNX's own domain are one.
    two.model.opset_import[1].domain = "ai.onnx".to_owned();
    refused(&two, "two ONNX opsets");
    let mut no_graph = relu();
    no_graph.model.graph = None;
    refused(&no_graph, "no graph");
}

#[test]
fn operations_that_are_not_supported() {
    let with = |op: &str| model(17).floats("x", &[2]).node(node(op, &["x"], &["y"]));
    refused_at(
        &with("Bernoulli"),
        "y",
        "operation Bernoulli (opset 17) is not supported",
    );
    refused_at(&with(""), "y", "is not supported");
    refused_at(&with("relu"), "y", "relu");
    let mut foreign = relu();
    foreign.graph().node[0].domain = "com.example".to_owned();
    refused_at(&foreign, "y", "`com.example`");
    let mut unnamed = relu();
    unnamed.graph().node[0].name.clear();
    unnamed.graph().node[0].op_type = "Bernoulli".to_owned();
    refused_at(&unnamed, "Bernoulli#0", "operation Bernoulli");
}

#[test]
fn attributes_that_are_not_understood() {
    let gemm = |attributes: &[_]| {
        on(
            node_with("Gemm", &["x", "w"], &["y"], attributes),
            f32s("w", &[3, 1], &[1.0; 3]),
        )
    };
    refused_at(&gemm(&[float("gamma", 1.0)]), "y", "`gamma`");
    refused_at(
        &gemm(&[int("alpha", 1)]),
        "y",
        "`alpha` is of type Int, not Float",
    );
    refused_at(&gemm(&[float("alpha", f32::NAN)]), "y", "`alpha` is NaN");
    refused_at(&gemm(&[int("transA", 2)]), "y", "`transA` is 2");
    refused_at(
        &gemm(&[int("transA", 0), int("transA", 0)]),
        "y",
        "given twice",
    );
    let mut unknown = gemm(&[int("transA", 0)]);
    unknown.graph().node[0].attribute[0].r#type = 99;
    refused_at(&unknown, "y", "type 99");
    let mut referring = gemm(&[int("transA", 0)]);
    referring.graph().node[0].attribute[0].ref_attr_name = "outer".to_owned();
    refused_at(&referring, "y", "function");
    // Attributes of another opset are not this one's.
    let reshape = node_with("Reshape", &["x", "w"], &["y"], &[int("allowzero", 0)]);
    let mut early = on(reshape, i64s("w", &[1], &[6]));
    early.model.opset_import[0].version = 13;
    refused_at(&early, "y", "`allowzero`");
    let axes = node_with("ReduceMean", &["x"], &["y"], &[ints("axes", &[0])]);
    refused_at(&model(18).floats("x", &[2, 3]).node(axes), "y", "`axes`");
}

#[test]
fn names_that_do_not_add_up() {
    let undefined = model(17)
        .floats("x", &[2])
        .node(node("Add", &["x", "ghost"], &["y"]));
    refused_at(&undefined, "y", "`ghost` is defined nowhere");
    let cyclic = model(17)
        .floats("x", &[2])
        .node(node("Add", &["x", "c"], &["a"]))
        .node(node("Relu", &["a"], &["b"]))
        .node(node("Neg", &["b"], &["c"]));
    refused_at(&cyclic, "a", "cyclic");
    let own = model(17)
        .floats("x", &[2])
        .node(node("Add", &["x", "y"], &["y"]));
    refused_at(&own, "y", "cyclic");
    let unsorted = model(17)
        .floats("x", &[2])
        .node(node("Relu", &["a"], &["b"]))
        .node(node("Neg", &["x"], &["a"]));
    refused_at(&unsorted, "b", "sorted");
    refused_at(
        &relu().node(node("Neg", &["x"], &["y"])),
        "y",
        "two values are named `y`",
    );
    refused_at(
        &relu().node(node("Neg", &["y"], &["x"])),
        "x",
        "two values are named `x`",
    );
    refused(&relu().floats("x", &[2, 3]), "two values are named `x`");
    let twice = relu()
        .initializer(f32s("w", &[1], &[1.0]))
        .initializer(f32s("w", &[1], &[1.0]));
    refused(&twice, "two values are named `w`");
    refused(&relu().initializer(f32s("", &[1], &[1.0])), "no name");
    refused(&relu().output("z"), "`z` is made by no node");
    refused_at(
        &model(17)
            .floats("x", &[2])
            .node(node("Relu", &["", ""], &["y"])),
        "y",
        "2 inputs",
    );
    refused_at(
        &model(17)
            .floats("x", &[2])
            .node(node("Relu", &[""], &["y"])),
        "y",
        "input 0",
    );
    refused_at(
        &model(17)
            .floats("x", &[2])
            .node(node("Relu", &["x"], &["y", "z"])),
        "y",
        "lists 2",
    );
}

#[test]
fn inputs_that_do_not_fit() {
    let open = |dim: Dim| {
        model(17)
            .input("x", DataType::Float, &[dim, Dim::Is(3)])
            .input("t", DataType::Int64, &[Dim::Named("N")])
    };
    refused(&open(Dim::Named("N")), "`x` has no fixed shape");
    refused(&open(Dim::Unknown), "`x` has no fixed shape");
    refused_with(&open(Dim::Named("N")), &[("x", &[2, 3])], "lack `t`");
    refused_with(&relu(), &[("z", &[2, 3])], "lack `x`");
    refused_with(&relu(), &[("x", &[2, 4])], "[2, 4]");
    refused_with(&relu(), &[("x", &[6])], "[6]");
    refused_with(
        &open(Dim::Named("N")),
        &[("x", &[2, 3]), ("t", &[4])],
        "the extent `N` is 2",
    );
    refused(&model(17).floats("x", &[-1]), "extent -1");
    let huge = [1 << 40, 1 << 40];
    refused(&model(17).floats("x", &huge), "2^34");
    refused(&model(17).floats("x", &[1; 65]), "65 axes");
    refused(&model(17).input("x", DataType::String, &[]), "STRING");
    refused(
        &model(17).input("x", DataType::Float8E4m3fnuz, &[]),
        "FLOAT8E4M3FNUZ",
    );
    let mut untyped = relu();
    untyped.graph().input[0].r#type = None;
    refused(&untyped, "`x` is no tensor");
}

#[test]
fn tensors_that_are_not_what_they_say() {
    let with = |w| relu().initializer(w);
    refused(&with(f32s("w", &[3], &[1.0; 2])), "`w` has 8 bytes");
    refused(&with(f32s("w", &[1], &[1.0; 2])), "`w` has 8 bytes");
    refused(
        &with(raw("w", DataType::Float, &[2], &[0; 7])),
        "`w` has 7 bytes",
    );
    refused(&with(f32s("w", &[-1], &[1.0])), "`w` has the extents [-1]");
    refused(&with(f32s("w", &[1 << 32, 1 << 32], &[1.0])), "2^34");
    refused(&with(f32s("w", &[1 << 62, 4, 0], &[])), "no elements");
    refused(&with(f32s("w", &[1; 65], &[1.0])), "65 axes");
    refused(&with(f32s("w", &[1 << 33], &[])), "8 GiB");
    refused(
        &with(f32s("w", &[2], &[1.0, f32::NAN])),
        "`w` has the element NaN",
    );
    refused(
        &with(f32s("w", &[1], &[f32::INFINITY])),
        "`w` has the element inf",
    );
    refused(&with(raw("w", DataType::String, &[1], b"x")), "STRING");
    refused(
        &with(raw("w", DataType::Undefined, &[1], b"x")),
        "UNDEFINED",
    );
    refused(&with(raw("w", DataType::Bool, &[1], &[7])), "byte 7");
    refused(&with(raw("w", DataType::Uint64, &[1], &[0xff; 8])), "i64");
    let mut number = f32s("w", &[1], &[1.0]);
    number.data_type = 77;
    refused(&with(number), "number 77");
    let mut both = f32s("w", &[1], &[1.0]);
    both.raw_data = Some(vec![0; 4]);
    refused(&with(both), "two places");
    let mut wrong = f32s("w", &[1], &[]);
    wrong.double_data = vec![1.0];
    refused(&with(wrong), "do not suit");
    let mut small = i64s("w", &[1], &[]);
    small.data_type = DataType::Int8 as i32;
    small.int32_data = vec![300];
    refused(&with(small), "do not suit");
    let mut parts = f32s("w", &[1], &[1.0]);
    parts.segment = Some(Segment { begin: 0, end: 1 });
    refused(&with(parts), "segments");
    let mut sparse = relu();
    sparse.graph().sparse_initializer.push(SparseTensorProto {
        values: Some(f32s("w", &[1], &[1.0])),
    });
    refused(&sparse, "`w` is sparse");
}

#[test]
fn numbers_that_the_format_does_not_hold() {
    let options = ImportOptions {
        format: Some(DType::F16),
        ..ImportOptions::default()
    };
    let large = relu().initializer(f32s("w", &[1], &[1e6]));
    let (error, path) = import_bytes(&large.bytes(), &options);
    assert_names(&error.unwrap(), &path, "overflows in f16");
    let integer = ImportOptions {
        format: Some(DType::I64),
        ..ImportOptions::default()
    };
    let (error, path) = import_bytes(&relu().bytes(), &integer);
    assert_names(&error.unwrap(), &path, "no float format");
}

#[test]
fn external_data_stay_in_the_folder() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("model");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(outer.path().join("secret.bin"), [0; 64]).unwrap();
    std::fs::write(folder.join("w.bin"), [0; 64]).unwrap();
    std::fs::create_dir(folder.join("dir")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(outer.path().join("secret.bin"), folder.join("link.bin")).unwrap();
    let refused = |entries: &[(&str, &str)], word: &str| {
        let path = relu()
            .initializer(external("w", &[2], entries))
            .save(&folder);
        let error = import(&path, &ImportOptions::default()).unwrap_err();
        assert_names(&error, &path, word);
        assert!(error.to_string().contains("`w`"), "{error}");
    };
    let absolute = outer.path().join("secret.bin").display().to_string();
    refused(&[("location", "../secret.bin"), ("length", "8")], "outside");
    refused(
        &[("location", "dir/../../secret.bin"), ("length", "8")],
        "outside",
    );
    refused(&[("location", &absolute), ("length", "8")], "outside");
    #[cfg(unix)]
    refused(&[("location", "link.bin"), ("length", "8")], "outside");
    refused(&[("location", "missing.bin")], "cannot be read");
    refused(&[("location", "dir"), ("length", "8")], "needs 8 bytes");
    refused(&[("location", "w.bin"), ("length", "4")], "needs 8 bytes");
    refused(
        &[("location", "w.bin"), ("offset", "60"), ("length", "8")],
        "needs 8 bytes",
    );
    refused(
        &[("location", "w.bin"), ("offset", "18446744073709551615")],
        "needs 8 bytes",
    );
    refused(&[("location", "w.bin"), ("offset", "-1")], "offset");
    refused(&[("location", "w.bin")], "needs 8 bytes");
    refused(&[("location", "")], "location");
    refused(&[], "location");
    refused(&[("location", "w\0.bin")], "cannot be read");
}
