//! Files that ask for more memory than there is are refused before it is taken.

#[path = "common/onnx_builder.rs"]
mod onnx_builder;

use gradbound::import::arrays::write_npz;
use gradbound::tensor::{DType, Shape, Tensor};
use onnx_builder::*;
use std::path::Path;
use std::process::{Command, Output};

fn ones(shape: &[usize]) -> Tensor {
    Tensor::full(Shape::from(shape), DType::F32, 1.0).expect("small")
}

fn arguments<'a>(folder: &'a Path, model: &'a Path, inputs: &'a Path) -> [std::ffi::OsString; 6] {
    let words = ["audit", "--inputs", "--out"].map(Into::into);
    let [audit, with, to] = words;
    let out = folder.join("out");
    [audit, model.into(), with, inputs.into(), to, out.into()]
}

#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for word in words {
        assert!(text.contains(word), "no {word:?} in: {text}");
    }
}

/// Under a limit of addresses, which stands for a machine of that size.
#[cfg(target_os = "linux")]
#[test]
fn a_value_beyond_the_memory_that_is_left() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let onnx = |elements: i64| {
        model(17)
            .floats("x", &[1])
            .initializer(i64s("shape", &[1], &[elements]))
            .node(node("Expand", &["x", "shape"], &["wide"]))
            .node(node("Tanh", &["wide"], &["bent"]))
            .node(node_with(
                "ReduceMax",
                &["bent"],
                &["y"],
                &[int("keepdims", 0)],
            ))
            .output("y")
    };
    let inputs = folder.path().join("inputs.npz");
    write_npz(&inputs, &[("x".to_owned(), ones(&[1]))]).expect("written");
    let audit = |elements: i64| {
        let path = onnx(elements).save(folder.path());
        Command::new("sh")
            .args(["-c", "ulimit -v 4000000; exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_gradbound"))
            .args(arguments(folder.path(), &path, &inputs))
            .args(["--threads", "1", "--forward-only"])
            .output()
            .expect("a shell starts")
    };
    let words = ["model.onnx", "node `wide`", "of memory are left", "batch"];
    refused(&audit(1 << 28), &words);
    let small = audit(1 << 10);
    assert_eq!(small.status.code(), Some(0), "{small:?}");
}

/// An array's extents are compared before its elements are read, which are damaged here.
#[test]
fn arrays_of_other_extents_are_not_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = model(17)
        .floats("x", &[2, 3])
        .node(node("Relu", &["x"], &["y"]))
        .output("y")
        .save(folder.path());
    let damaged = |name: &str, shape: &[usize]| {
        let path = folder.path().join(format!("{name}.npz"));
        write_npz(&path, &[(name.to_owned(), ones(shape))]).expect("written");
        let mut bytes = std::fs::read(&path).expect("written");
        // The checksum in the table of contents, 16 bytes after its signature.
        let table = bytes.windows(4).position(|w| w == b"PK\x01\x02");
        bytes[table.expect("a table") + 16] ^= 1;
        std::fs::write(&path, bytes).expect("written");
        path
    };
    let audit = |inputs: &Path, more: &[&std::ffi::OsStr]| {
        Command::new(env!("CARGO_BIN_EXE_gradbound"))
            .args(arguments(folder.path(), &model, inputs))
            .args(more)
            .output()
            .expect("the binary starts")
    };
    let words = ["x.npz", "the input `x` has the shape [2, 3]", "[4, 3]"];
    refused(&audit(&damaged("x", &[4, 3]), &[]), &words);
    refused(&audit(&damaged("x", &[2, 3]), &[]), &["x.npz", "damaged"]);
    let good = folder.path().join("good.npz");
    write_npz(&good, &[("x".to_owned(), ones(&[2, 3]))]).expect("written");
    let observe = |shape: &[usize]| {
        let observed = damaged("y", shape);
        audit(&good, &["--observed".as_ref(), observed.as_ref()])
    };
    refused(
        &observe(&[3, 2]),
        &["y.npz", "the observed `y` has shape [3, 2]"],
    );
    refused(&observe(&[2, 3]), &["y.npz", "damaged"]);
}
