//! Blame where it is easily wrong: values under several names, copies of a fault, products
//! contracted into their use.

#[path = "common/onnx_builder.rs"]
mod onnx_builder;

use gradbound::audit::{Audit, Request, audit};
use gradbound::config::{Config, Contract, Schedule};
use gradbound::import::arrays::write_npz;
use gradbound::tensor::{DType, Tensor};
use onnx_builder::*;
use std::collections::BTreeMap;

type Arrays = BTreeMap<String, Tensor>;

fn f32s_of(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::f32s(shape, values).expect("as many values as the shape says")
}

fn audited(onnx: &Onnx, inputs: &Arrays, observed: &Arrays) -> Audit {
    audited_with(Config::default(), onnx, inputs, observed)
}

fn audited_with(config: Config, onnx: &Onnx, inputs: &Arrays, observed: &Arrays) -> Audit {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, arrays: &Arrays| {
        let path = folder.path().join(name);
        let all: Vec<_> = arrays.iter().map(|(n, t)| (n.clone(), t.clone())).collect();
        write_npz(&path, &all).expect("writable");
        path
    };
    let request = Request {
        model: onnx.save(folder.path()),
        inputs: Some(write("inputs.npz", inputs)),
        observed: Some(write("observed.npz", observed)),
        format: None,
        loss: None,
        forward_only: false,
        adjoint: Vec::new(),
        confidence: None,
        config,
        formulas: Default::default(),
    };
    audit(&request, &|_| {}).expect("well formed").audit
}

fn blamed(audit: &Audit) -> Vec<&str> {
    audit.blames.iter().map(|b| b.value.as_str()).collect()
}

/// q = (x1·W1 + x2·W2)·R: the sum hands one cotangent on to both products.
fn residual() -> Onnx {
    model(17)
        .floats("x1", &[1, 2])
        .floats("x2", &[1, 2])
        .initializer(f32s("W1", &[2, 1], &[0.3, -0.7]))
        .initializer(f32s("W2", &[2, 1], &[1.1, 0.2]))
        .initializer(f32s("R", &[1, 1], &[0.9]))
        .node(node("MatMul", &["x1", "W1"], &["m1"]))
        .node(node("MatMul", &["x2", "W2"], &["m2"]))
        .node(node("Add", &["m1", "m2"], &["o"]))
        .node(node("Mul", &["o", "R"], &["q"]))
        .output("q")
}

#[test]
fn one_cotangent_under_several_names() {
    let (x1, x2) = ([0.1_f32, 0.7], [0.3_f32, -0.4]);
    let inputs: Arrays = [
        ("x1".to_string(), f32s_of(&[1, 2], &x1)),
        ("x2".to_string(), f32s_of(&[1, 2], &x2)),
    ]
    .into();
    for fault in ["grad:o", "grad:m1", "grad:m2"] {
        let wrong = |name: &str, x: f32| if name == fault { x * 1.01 } else { x };
        // What follows from a wrong value is computed honestly from it.
        let o = wrong("grad:o", 0.9);
        let (m1, m2) = (wrong("grad:m1", o), wrong("grad:m2", o));
        let scalar = |x: f32| f32s_of(&[1, 1], &[x]);
        let observed: Arrays = [
            ("grad:o", scalar(o)),
            ("grad:m1", scalar(m1)),
            ("grad:m2", scalar(m2)),
            ("grad:W1", f32s_of(&[2, 1], &x1.map(|x| x * m1))),
            ("grad:W2", f32s_of(&[2, 1], &x2.map(|x| x * m2))),
            ("grad:x1", f32s_of(&[1, 2], &[m1 * 0.3, m1 * -0.7])),
            ("grad:x2", f32s_of(&[1, 2], &[m2 * 1.1, m2 * 0.2])),
        ]
        .map(|(name, t)| (name.to_string(), t))
        .into();
        assert_eq!(blamed(&audited(&residual(), &inputs, &observed)), [fault]);
    }
}

#[test]
fn a_product_contracted_into_its_use() {
    // p is rounded for the one who looks, z = fma(x, w, c) for the one who goes on; c nearly
    // cancels p, so their difference is far beyond the rounding of z.
    let (a, b, w) = (1.25_f32, 0.1_f32, 0.7_f32);
    let x = (a + b) * (1.0 + 3e-6);
    let p = x * w;
    let c = -p + f32::EPSILON;
    let onnx = model(17)
        .floats("a", &[1])
        .initializer(f32s("b", &[1], &[b]))
        .initializer(f32s("w", &[1], &[w]))
        .initializer(f32s("c", &[1], &[c]))
        .node(node("Add", &["a", "b"], &["x"]))
        .node(node("Mul", &["x", "w"], &["p"]))
        .node(node("Add", &["p", "c"], &["z"]))
        .output("z");
    let one = |x: f32| f32s_of(&[1], &[x]);
    let inputs: Arrays = [("a".to_string(), one(a))].into();
    let fused = x.mul_add(w, c);
    assert_ne!(fused, p + c, "contraction changes something here");
    let observed: Arrays = [("x", one(x)), ("p", one(p)), ("z", one(fused))]
        .map(|(name, t)| (name.to_string(), t))
        .into();
    assert_eq!(blamed(&audited(&onnx, &inputs, &observed)), ["x"]);
}

#[test]
fn a_fault_behind_a_fault_is_named_too() {
    let inputs: Arrays = [
        ("x1".to_string(), f32s_of(&[1, 2], &[0.1, 0.7])),
        ("x2".to_string(), f32s_of(&[1, 2], &[0.3, -0.4])),
    ]
    .into();
    let zero = Tensor::full([1, 1].into(), DType::F32, 0.0).expect("zero");
    let observed: Arrays = [("m1".to_string(), zero.clone()), ("q".to_string(), zero)].into();
    // o is not observed; q = 0 follows neither from m1 = 0 nor from anything else.
    assert_eq!(
        blamed(&audited(&residual(), &inputs, &observed)),
        ["m1", "q"]
    );
}

/// y₁ = x·W is the fixed execution's own, y₂ = y₁·W a few ulp off, y = y₂·W computed of that but for
/// one element: nothing but a fault explains either.
#[test]
fn faults_of_fixed_executions_are_named_each() {
    const N: usize = 64;
    let mut state = 5_u32;
    let mut noise = |len: usize, size: f32| -> Vec<f32> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as f32 / 8_388_608.0 - 1.0) * size
        };
        (0..len).map(|_| next()).collect()
    };
    let (w, x) = (noise(N * N, 0.2), noise(N, 1.0));
    let by_w = |x: &[f32]| -> Vec<f32> {
        let dot = |j| (1..N).fold(x[0] * w[j], |sum, i| sum + x[i] * w[i * N + j]);
        (0..N).map(dot).collect()
    };
    let onnx = model(17)
        .floats("x", &[1, N as i64])
        .initializer(f32s("W", &[N as i64, N as i64], &w))
        .node(node("MatMul", &["x", "W"], &["y1"]))
        .node(node("MatMul", &["y1", "W"], &["y2"]))
        .node(node("MatMul", &["y2", "W"], &["y"]))
        .output("y");
    let config = Config {
        schedule: Schedule::Left,
        contract: Contract::Off,
        ..Config::default()
    };
    let row = |x: &[f32]| f32s_of(&[1, N], x);
    let inputs: Arrays = [("x".to_string(), row(&x))].into();
    let y1 = by_w(&x);
    let off: Vec<f32> = by_w(&y1).iter().map(|y| y * (1.0 + 6e-7)).collect();
    let mut y = by_w(&off);
    let observed = |y: &[f32]| -> Arrays {
        [("y1", row(&y1)), ("y2", row(&off)), ("y", row(y))]
            .map(|(name, t)| (name.to_string(), t))
            .into()
    };
    let blamed_of = |y: &[f32]| {
        let audit = audited_with(config, &onnx, &inputs, &observed(y));
        blamed(&audit).join(" ")
    };
    assert_eq!(blamed_of(&y), "y2");
    y[5] += 0.5;
    assert_eq!(blamed_of(&y), "y2 y");
}
