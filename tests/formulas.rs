//! Formulas that can be chosen: the ledger names exactly those that a model has, a choice
//! changes what is bounded, and the default costs little more than any one of them.

#[path = "common/onnx_builder.rs"]
mod onnx_builder;

use gradbound::assumptions::SEVERAL_GRADIENTS;
use gradbound::audit::{Audit, Request, audit};
use gradbound::config::Config;
use gradbound::import::arrays::write_npz;
use gradbound::import::onnx::proto::{NodeProto, TensorProto};
use gradbound::lower::{Formula, Formulas};
use gradbound::tensor::{DType, Tensor};
use gradbound::verdict::Outcome;
use onnx_builder::*;
use std::path::Path;

/// Numbers about `around`, the same each time.
fn draw(n: usize, around: f32) -> Vec<f32> {
    let mut state = 7_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        around + ((state >> 41) as f32 / (1 << 22) as f32 - 1.0)
    };
    (0..n).map(|_| next()).collect()
}

struct Case {
    onnx: Onnx,
    inputs: Vec<(&'static str, Tensor)>,
}

fn run(case: &Case, format: Option<DType>, choices: &[&str]) -> gradbound::Result<Audit> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("inputs.npz");
    let all: Vec<_> = case
        .inputs
        .iter()
        .map(|(n, t)| (n.to_string(), t.clone()))
        .collect();
    write_npz(&path, &all).expect("writable");
    let request = Request {
        model: case.onnx.save(folder.path()),
        inputs: Some(path),
        observed: None,
        format,
        loss: None,
        forward_only: false,
        adjoint: Vec::new(),
        confidence: None,
        config: Config::default(),
        formulas: Formulas::choose(choices.iter().copied())?,
    };
    Ok(audit(&request, &|_| {})?.audit)
}

fn with(case: &Case, choices: &[&str]) -> Audit {
    let audit = run(case, None, choices).expect("well formed");
    assert_eq!(audit.verdict, Outcome::Holds, "{choices:?}");
    audit
}

/// The ids of the formulas that the ledger names.
fn named(audit: &Audit) -> Vec<&str> {
    let ids = audit.assumptions.iter().map(|a| a.id);
    ids.filter(|id| id.starts_with("F-")).collect()
}

fn text<'a>(audit: &'a Audit, id: &str) -> &'a str {
    let found = audit.assumptions.iter().find(|a| a.id == id);
    &found.unwrap_or_else(|| panic!("no {id}")).text
}

/// The largest eps of a value.
fn eps(audit: &Audit, name: &str) -> f64 {
    let value = audit.values.iter().find(|v| v.name == name);
    value.unwrap_or_else(|| panic!("no {name}")).eps.0
}

/// A matrix of four rows, times another, and what comes after that.
fn projected(nodes: Vec<NodeProto>, more: Vec<TensorProto>, around: f32) -> Case {
    let (rows, n) = (4, 16);
    let f32s_of = |shape: &[usize], v: &[f32]| Tensor::f32s(shape, v).expect("of this shape");
    let mut onnx = model(17)
        .floats("x", &[4, 16])
        .initializer(f32s("w", &[16, 16], &draw(n * n, around)))
        .node(node("MatMul", &["x", "w"], &["z"]));
    for node in nodes {
        onnx = onnx.node(node);
    }
    for tensor in more {
        onnx = onnx.initializer(tensor);
    }
    let seed = f32s_of(&[rows, n], &draw(rows * n, 0.0));
    Case {
        onnx: onnx.output("y"),
        inputs: vec![
            ("x", f32s_of(&[rows, n], &draw(rows * n, around))),
            ("seed:y", seed),
        ],
    }
}

/// Of rows whose mean grows with `around`, and their deviation less.
fn layer_norm_about(around: f32) -> Case {
    let nodes = vec![node("LayerNormalization", &["z", "s", "b"], &["y"])];
    let more = vec![
        f32s("s", &[16], &draw(16, 1.0)),
        f32s("b", &[16], &draw(16, 0.0)),
    ];
    projected(nodes, more, around)
}

fn layer_norm() -> Case {
    layer_norm_about(0.0)
}

/// Of a value with this mean and variance.
fn batch_norm(mean: f32) -> Case {
    let nodes = vec![node(
        "BatchNormalization",
        &["z", "s", "b", "m", "v"],
        &["y"],
    )];
    let more = vec![
        f32s("s", &[16], &draw(16, 1.0)),
        f32s("b", &[16], &draw(16, 0.0)),
        f32s("m", &[16], &draw(16, mean)),
        f32s("v", &[16], &draw(16, 2.0)),
    ];
    projected(nodes, more, 0.0)
}

fn of_one(op: &str) -> Case {
    projected(vec![node(op, &["z"], &["y"])], Vec::new(), 0.0)
}

fn cross_entropy(reduction: &str) -> Case {
    let attributes = [onnx_builder::text("reduction", reduction)];
    let loss = node_with("SoftmaxCrossEntropyLoss", &["z", "l"], &["y"], &attributes);
    let mut case = projected(vec![loss], vec![i64s("l", &[4], &[3, 0, 15, 7])], 0.0);
    let shape: &[usize] = if reduction == "none" { &[4] } else { &[] };
    let n = shape.iter().product();
    case.inputs[1].1 = Tensor::f32s(shape, draw(n, 1.0)).expect("of this shape");
    case
}

#[test]
fn the_ledger_names_what_the_model_has_and_nothing_else() {
    let (variance, deviation) = ("F-variance", "F-deviation");
    assert!(named(&with(&of_one("Relu"), &[])).is_empty());
    assert_eq!(
        named(&with(&layer_norm(), &[])),
        [variance, deviation, "F-gradients"]
    );
    assert_eq!(
        named(&with(&batch_norm(0.0), &[])),
        [deviation, "F-batch-norm", "F-gradients"]
    );
    assert_eq!(
        named(&with(&of_one("Softmax"), &[])),
        ["F-softmax", "F-softmax-gradient"]
    );
    // Every element of the log-softmax has a cotangent of its own.
    assert_eq!(
        named(&with(&of_one("LogSoftmax"), &[])),
        ["F-softmax", "F-log-softmax-gradient"]
    );
    for reduction in ["none", "sum", "mean"] {
        let labels = [
            "F-softmax",
            "F-log-softmax-gradient",
            "F-cross-entropy-gradient",
        ];
        assert_eq!(named(&with(&cross_entropy(reduction), &[])), labels);
    }
    assert_eq!(named(&with(&of_one("Tanh"), &[])), ["F-gradients"]);
    assert!(text(&with(&of_one("Tanh"), &[]), "F-gradients").contains("Tanh is any"));
}

#[test]
fn without_a_backward_pass_no_gradient_is_named() {
    let mut case = cross_entropy("mean");
    let softmax = node("Softmax", &["z"], &["p"]);
    case.onnx.graph().node.push(softmax);
    case.onnx = case.onnx.output("p");
    case.inputs.truncate(1);
    case.onnx.graph().output.retain(|o| o.name == "p");
    let audit = with(&case, &[]);
    assert_eq!(named(&audit), ["F-softmax"], "forward only: no seed");
}

#[test]
fn every_variant_is_named_and_holds() {
    let cases = [
        (Formula::Variance, layer_norm()),
        (Formula::Deviation, layer_norm()),
        (Formula::BatchNorm, batch_norm(0.5)),
        (Formula::Elu, of_one("Elu")),
        (Formula::Softmax, of_one("Softmax")),
        (Formula::LogSoftmaxGradient, of_one("LogSoftmax")),
        (Formula::CrossEntropyGradient, cross_entropy("mean")),
    ];
    assert_eq!(cases.len(), Formula::ALL.len());
    for (formula, case) in cases {
        let plain = text(&with(&case, &[]), formula.id()).to_owned();
        assert!(plain.contains(&format!("{}={}", formula.name(), formula.words()[0])));
        for word in formula.words() {
            let choice = format!("{}={word}", formula.name());
            let audit = with(&case, &[&choice]);
            let said = text(&audit, formula.id());
            assert!(said.contains(&format!("--formula {choice};")), "{said}");
            assert_eq!(audit.config.formulas[formula.name()], *word);
            assert_eq!(*word == formula.words()[0], said == plain);
        }
    }
}

#[test]
fn a_masked_softmax_has_its_shift() {
    let mask = [0.0, f32::NEG_INFINITY].repeat(8);
    let nodes = vec![
        node("Add", &["z", "mask"], &["masked"]),
        node("Softmax", &["masked"], &["y"]),
    ];
    let case = projected(nodes, vec![f32s("mask", &[16], &mask)], 0.0);
    assert_eq!(
        named(&with(&case, &[])),
        ["F-softmax", "F-softmax-gradient"]
    );
    let error = run(&case, None, &["softmax=plain"])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("masked softmax") && error.contains("softmax=plain out"),
        "{error}"
    );
}

/// The eps of y and of z's gradient under the default, over those of one formula.
fn ratios(case: &Case, format: DType, choice: &str) -> [f64; 2] {
    let all = |choices: &[&str]| run(case, Some(format), choices).expect("well formed");
    let (any, one) = (all(&[]), all(&[choice]));
    ["y", "grad:z"].map(|name| eps(&any, name) / eps(&one, name))
}

/// The figures of docs/rules.md.
#[test]
fn the_default_costs_little_and_what_costs_much_is_no_default() {
    for (format, limit) in [(DType::F32, 1.25), (DType::BF16, 1.8)] {
        let fits = |case: &Case, choice: &str| {
            let both = ratios(case, format, choice);
            println!("{format} {choice}: {:.4} {:.4}", both[0], both[1]);
            let fits = |r: &f64| (1.0..=limit).contains(r);
            assert!(both.iter().all(fits), "{format} {choice}: {both:?}");
        };
        fits(&layer_norm(), "deviation=reciprocal");
        fits(&layer_norm(), "deviation=rsqrt");
        fits(&batch_norm(0.0), "batch-norm=centred");
        fits(&batch_norm(4.0), "batch-norm=centred");
        fits(&cross_entropy("mean"), "cross-entropy-gradient=chain");
        fits(&cross_entropy("mean"), "cross-entropy-gradient=fused");
    }
    for (about, least, most) in [(0.0, 1.0, 1.5), (2.0, 0.0, 0.5)] {
        let both = ratios(&layer_norm_about(about), DType::F32, "variance=one-pass");
        println!(
            "about {about}, variance=one-pass: {:.4} {:.4}",
            both[0], both[1]
        );
        assert!(
            both.iter().all(|r| (least..=most).contains(r)),
            "{about}: {both:?}"
        );
    }
}

/// The rows of docs/rules.md whose VJP has an "or" are the gradients that the ledger knows.
#[test]
fn the_rules_and_the_ledger_agree_on_gradients() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md");
    let rules = std::fs::read_to_string(path).expect("committed");
    let several = rules.lines().filter_map(|line| {
        let line = line.strip_prefix("| `")?;
        let (name, rest) = line.split_once('`')?;
        let vjp = rest.trim_end_matches(['|', ' ']).rsplit(" | ").next()?;
        let or = [" or ", " or, "].iter().any(|or| vjp.contains(or));
        or.then_some(name)
    });
    let several: Vec<&str> = several.collect();
    // Entries of their own; and a selection, which is one formula.
    let own = ["Select", "Settle", "Softmax"];
    let expected: Vec<&str> = several.into_iter().filter(|n| !own.contains(n)).collect();
    assert_eq!(expected, SEVERAL_GRADIENTS);
}
