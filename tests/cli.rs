//! The command line as other programs use it: exit statuses, streams, files.

use gradbound::import::arrays::write_npz;
use gradbound::tensor::{DType, Tensor};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn digits(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/digits")
        .join(file)
}

fn gradbound(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gradbound"))
        .args(args)
        .output()
        .expect("the binary starts")
}

/// `audit` on digits with further arguments, into its own folder.
fn audit(more: &[&str]) -> (Output, tempfile::TempDir) {
    let out = tempfile::tempdir().expect("a temporary folder");
    let (model, inputs) = (digits("model.onnx"), digits("inputs.npz"));
    let folder = out.path().join("results");
    let mut args = vec![
        "audit",
        model.to_str().expect("utf-8"),
        "--out",
        folder.to_str().expect("utf-8"),
    ];
    if !more.contains(&"--inputs") {
        args.extend(["--inputs", inputs.to_str().expect("utf-8")]);
    }
    args.extend(more);
    (gradbound(&args), out)
}

fn status(output: &Output) -> Option<i32> {
    output.status.code()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn holding_is_zero_and_writes_both_files() {
    let observed = digits("observed.npz");
    let (output, out) = audit(&["--observed", observed.to_str().expect("utf-8")]);
    assert_eq!(status(&output), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("HOLDS"));
    assert!(
        output.stderr.is_empty(),
        "no progress where stderr is no terminal"
    );
    let json = std::fs::read(out.path().join("results/audit.json")).expect("written");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["schema"], "gradbound-audit/1");
    assert_eq!(json["verdict"], "holds");
    assert_eq!(json["config"]["accumulate"], "f32");
    let page = std::fs::read_to_string(out.path().join("results/report.html")).expect("written");
    assert!(page.contains("grad:w1"));
    let count = std::fs::read_dir(out.path().join("results"))
        .expect("a folder")
        .count();
    assert_eq!(count, 2, "nothing else is left behind");
}

#[test]
fn json_goes_to_stdout_and_equals_the_file() {
    let (output, out) = audit(&["--json"]);
    assert_eq!(status(&output), Some(0));
    let file = std::fs::read(out.path().join("results/audit.json")).expect("written");
    assert_eq!(output.stdout, file);
}

#[test]
fn a_chosen_formula_is_in_the_record() {
    let eps = |more: &[&str]| {
        let (output, _out) = audit(&[&["--json"], more].concat());
        assert_eq!(status(&output), Some(0), "{}", text(&output.stderr));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let values = json["values"].as_array().expect("values");
        let scores = values.iter().find(|v| v["name"] == "grad:logits");
        let eps = scores.expect("a gradient")["eps"].as_f64().expect("finite");
        (
            eps,
            json["config"]["formulas"].clone(),
            json["assumptions"].clone(),
        )
    };
    let (any, formulas, assumptions) = eps(&[]);
    assert_eq!(formulas["cross-entropy-gradient"], "any");
    assert_eq!(formulas["variance"], "two-pass");
    assert!(assumptions.to_string().contains("or (p − y)·δ"));
    for word in ["chain", "fused"] {
        let choice = format!("cross-entropy-gradient={word}");
        let (one, formulas, _) = eps(&["--formula", &choice, "--formula", "variance=one-pass"]);
        assert_eq!(formulas["cross-entropy-gradient"], word);
        assert_eq!(formulas["variance"], "one-pass");
        println!("{word}: any is {} times its eps", any / one);
        assert!((0.99..1.0).contains(&(one / any)), "{one} and {any}");
    }
}

/// The loss of digits in adjoint form: a third of what the rules alone say, and of what it is made.
#[test]
fn an_adjoint_says_where_an_error_is_born() {
    let json = |more: &[&str]| -> serde_json::Value {
        let (output, _out) = audit(&[more, &["--json"]].concat());
        assert_eq!(status(&output), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let (plain, adjoint) = (json(&[]), json(&["--adjoint", "loss"]));
    let loss = |audit: &serde_json::Value| {
        let values = audit["values"].as_array().expect("a list");
        let found = values.iter().find(|v| v["name"] == "loss");
        found.expect("digits have a loss").clone()
    };
    let number = |v: &serde_json::Value| v.as_f64().expect("a number");
    let (before, after) = (loss(&plain), loss(&adjoint));
    assert!(before.get("born").is_none());
    assert!(number(&after["eps"]) < 0.4 * number(&before["eps"]));
    let born = &after["born"];
    let shares = born["largest"].as_array().expect("a list");
    let sum: f64 = shares.iter().map(|s| number(&s["eps"])).sum();
    assert!(sum <= 1.001 * number(&born["eps"]) && sum > 0.9 * number(&born["eps"]));
    let has_a8 = |audit: &serde_json::Value| {
        let all = audit["assumptions"].as_array().expect("a list");
        all.iter().any(|a| a["id"] == "A8")
    };
    assert!(has_a8(&adjoint) && !has_a8(&plain));
    // Under flush it says nothing, and that is said.
    let flushed = json(&["--adjoint", "loss", "--subnormals", "flush"]);
    assert!(loss(&flushed).get("born").is_none() && !has_a8(&flushed));
    assert!(flushed["warnings"].to_string().contains("no adjoint form"));
}

#[test]
fn a_violation_is_one_and_names_the_blamed_value() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("observed.npz");
    let zeros = Tensor::full([8, 10].into(), DType::F32, 0.0).expect("zeros");
    write_npz(&path, &[("logits".to_string(), zeros)]).expect("written");
    let (output, out) = audit(&["--observed", path.to_str().expect("utf-8")]);
    assert_eq!(status(&output), Some(1));
    assert!(text(&output.stdout).contains("blame: logits"));
    assert!(out.path().join("results/audit.json").exists());
}

#[test]
fn no_claim_is_three_and_is_named() {
    // Twenty-four bits of libm error leave exp, and all that follows, without a claim.
    let (output, _out) = audit(&["--libm", "ulp:100000000"]);
    assert_eq!(status(&output), Some(3), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("undecided: loss"));
}

#[test]
fn output_that_cannot_be_written_is_two() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let Ok(full) = full else {
        return; // no such device on this system
    };
    let status = Command::new(env!("CARGO_BIN_EXE_gradbound"))
        .arg("ops")
        .stdout(full)
        .stderr(std::process::Stdio::null())
        .status()
        .expect("the binary starts");
    assert_eq!(status.code(), Some(2));
}

#[test]
fn witnesses_of_an_earlier_audit_do_not_stay() {
    let (output, out) = audit(&[]);
    assert_eq!(status(&output), Some(0));
    let results = out.path().join("results");
    std::fs::create_dir(results.join("witnesses")).expect("a folder");
    std::fs::write(results.join("witnesses/1.json"), "{}").expect("written");
    let (model, inputs) = (digits("model.onnx"), digits("inputs.npz"));
    let again = gradbound(&[
        "audit",
        model.to_str().expect("utf-8"),
        "--inputs",
        inputs.to_str().expect("utf-8"),
        "--out",
        results.to_str().expect("utf-8"),
    ]);
    assert_eq!(status(&again), Some(0));
    assert!(!results.join("witnesses").exists());
}

/// Misuse: status 2, a message with a remedy, nothing on stdout, nothing written.
fn is_misuse(more: &[&str], says: &str) {
    let (output, out) = audit(more);
    assert_eq!(status(&output), Some(2), "{more:?}");
    let message = text(&output.stderr);
    assert!(message.contains(says), "{more:?}: {message}");
    assert!(output.stdout.is_empty());
    let left = std::fs::read_dir(out.path()).expect("a folder").count();
    assert_eq!(left, 0, "{more:?} leaves nothing behind");
}

#[test]
fn misuse_is_two_with_a_remedy_and_writes_nothing() {
    is_misuse(&["--adjoint", "nothing"], "does not have");
    is_misuse(&["--inputs", "/nonexistent.npz"], "help:");
    is_misuse(&["--inputs", "/dev/null"], "help:");
    is_misuse(&["--observed", "/nonexistent.npz"], "help:");
    is_misuse(&["--loss", "nobody"], "its outputs are: logits, loss");
    is_misuse(&["--loss", "logits"], "no scalar loss");
    is_misuse(&["--schedule", "sideways"], "any left pairwise blocked:N");
    is_misuse(&["--schedule", "blocked:0"], "positive");
    is_misuse(&["--contract", "off", "--execute", "fma"], "--contract off");
    is_misuse(&["--execute", "flush"], "--subnormals gradual");
    is_misuse(&["--libm", "ulp:-1"], "at least 0.5");
    is_misuse(&["--format", "f8"], "f64 f32 tf32");
    is_misuse(&["--no-such-option"], "--no-such-option");
    is_misuse(
        &["--formula", "variants=one-pass"],
        "variance deviation batch-norm elu softmax log-softmax-gradient cross-entropy-gradient",
    );
    is_misuse(&["--formula", "variance=three-pass"], "two-pass one-pass");
    is_misuse(&["--formula", "variance"], "two-pass one-pass");
    let twice = ["--formula", "softmax=plain", "--formula", "softmax=shifted"];
    is_misuse(&twice, "more than once");
    let neither = [
        "--formula",
        "softmax=plain",
        "--formula",
        "cross-entropy-gradient=fused",
    ];
    is_misuse(&neither, "by the chain");
    let model = digits("model.onnx");
    let no_inputs = gradbound(&["audit", model.to_str().expect("utf-8")]);
    assert_eq!(status(&no_inputs), Some(2));
    assert!(text(&no_inputs.stderr).contains("--inputs"));
}

/// Inputs of digits with one array replaced or added.
fn with_input(name: &str, tensor: Option<Tensor>, says: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("inputs.npz");
    let images = Tensor::full([8, 64].into(), DType::F32, 0.5).expect("images");
    let labels = Tensor::i64s([8], vec![1; 8]).expect("labels");
    let mut all = vec![
        ("images".to_string(), images),
        ("labels".to_string(), labels),
    ];
    all.retain(|(n, _)| n != name);
    all.extend(tensor.map(|t| (name.to_string(), t)));
    write_npz(&path, &all).expect("written");
    is_misuse(&["--inputs", path.to_str().expect("utf-8")], says);
}

#[test]
fn unusable_inputs_are_two() {
    let full = |shape: [usize; 2], x: f64| Tensor::full(shape.into(), DType::F32, x).ok();
    with_input("images", None, "images");
    with_input("images", full([8, 63], 0.5), "63");
    with_input("images", full([7, 64], 0.5), "7");
    with_input("images", full([8, 64], f64::NAN), "NaN");
    with_input("images", full([8, 64], f64::INFINITY), "infinity");
    with_input("images", Tensor::i64s([8, 64], vec![0; 512]).ok(), "int64");
    with_input(
        "labels",
        Tensor::i64s([8], vec![10; 8]).ok(),
        "out of range",
    );
    with_input(
        "labels",
        Tensor::f32s([8], vec![1.0_f32; 8]).ok(),
        "float32",
    );
    with_input("seed:logits", full([8, 9], 1.0), "seed");
    with_input("seed:logits", full([8, 10], f64::NAN), "NaN");
}

#[test]
fn what_is_no_model_is_two() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let whole = std::fs::read(digits("model.onnx")).expect("readable");
    for (name, bytes) in [
        ("empty.onnx", &whole[..0]),
        ("half.onnx", &whole[..whole.len() / 2]),
        ("model.txt", &whole[..]),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        let inputs = digits("inputs.npz");
        let output = gradbound(&[
            "audit",
            path.to_str().expect("utf-8"),
            "--inputs",
            inputs.to_str().expect("utf-8"),
        ]);
        assert_eq!(status(&output), Some(2), "{name}");
        assert!(text(&output.stderr).contains(name));
    }
}

#[test]
fn unused_arrays_are_a_warning() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("observed.npz");
    let one = Tensor::f32s([1], vec![1.0_f32]).expect("one");
    write_npz(&path, &[("nobody".to_string(), one)]).expect("written");
    let (output, _out) = audit(&["--observed", path.to_str().expect("utf-8")]);
    assert_eq!(status(&output), Some(0));
    assert!(text(&output.stderr).contains("`nobody`"));
    let (quiet, _out) = audit(&["--quiet", "--observed", path.to_str().expect("utf-8")]);
    assert!(quiet.stderr.is_empty());
}

#[test]
fn the_list_of_operations_is_complete_and_is_json() {
    let output = gradbound(&["ops", "--json"]);
    assert_eq!(status(&output), Some(0));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let all: Vec<&str> = json["onnx"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|o| o["op"].as_str())
        .collect();
    for op in [
        "Gemm",
        "MatMul",
        "Softmax",
        "LogSoftmax",
        "SoftmaxCrossEntropyLoss",
        "Gather",
    ] {
        assert!(all.contains(&op), "{op}");
    }
    assert_eq!(status(&gradbound(&["--version"])), Some(0));
    assert_eq!(status(&gradbound(&[])), Some(2));
}
