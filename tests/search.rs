//! `gradbound search` as other programs use it: what it finds replays, goes on where it was,
//! and outlives a kill.

#[path = "common/found.rs"]
mod found;
#[path = "common/onnx_builder.rs"]
mod onnx_builder;

use found::{found, text};
use gradbound::Config;
use gradbound::import::arrays::write_npz;
use gradbound::obligation::Obligation;
use gradbound::tensor::{DType, Tensor};
use gradbound::witness::case::Rules;
use gradbound::witness::record::MAX_LENGTH;
use gradbound::witness::search::{Budget, Search, State, Strategy};
use gradbound::witness::subject::Subject;
use onnx_builder::{model, node};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

fn search(args: &[&str], corpus: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradbound"));
    command.arg("search").args(args);
    if !args.contains(&"--replay") {
        command.arg("--corpus").arg(corpus);
    }
    command
}

fn run(args: &[&str], corpus: &Path) -> Output {
    search(args, corpus).output().expect("the binary starts")
}

fn witnesses(corpus: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(corpus).into_iter().flatten();
    let paths = entries.map(|e| e.expect("readable").path());
    let is_witness = |p: &PathBuf| {
        let name = p.file_name().and_then(|n| n.to_str()).unwrap_or("");
        name.starts_with("dot-") && !name.contains("progress") && name.ends_with(".json")
    };
    paths.filter(is_witness).collect()
}

/// The trials that a folder's progress speaks of, those of an unfinished round included.
fn saved_trials(corpus: &Path) -> Option<u64> {
    let files = std::fs::read_dir(corpus).into_iter().flatten();
    let mut paths = files.map(|f| f.expect("readable").path());
    let path = paths.find(|p| p.to_string_lossy().ends_with(".progress.json"))?;
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let ahead = json["ahead"].as_array()?.iter();
    let ahead = ahead.map(|f| f[3].as_u64().expect("a number"));
    Some(json["trials"].as_u64()? + ahead.sum::<u64>())
}

fn ratio(witness: &Path) -> f64 {
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(witness).expect("readable")).expect("JSON");
    json["ratio"]
        .as_str()
        .expect("a string")
        .parse()
        .expect("a number")
}

const DOT: [&str; 8] = [
    "--op",
    "dot",
    "--length",
    "8",
    "--obligation",
    "sound",
    "--exact",
    "--json",
];

#[test]
fn what_is_found_replays_and_any_number_of_threads_finds_it() {
    let corpus = tempfile::tempdir().expect("a folder");
    let budget = ["--trials", "4000", "--threads", "1"];
    let output = run(&[&DOT[..], &budget].concat(), corpus.path());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let one = found(&output);
    assert!(one["ratio"].as_f64().expect("a claim") > 0.3, "{one}");
    let witness = one["witness"].as_str().expect("a file");
    let again = run(&["--replay", witness], corpus.path());
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    let shown = one["ratio"].to_string();
    assert!(
        text(&again.stdout).contains(&format!("ratio {shown} ")),
        "{}",
        text(&again.stdout)
    );

    let other = tempfile::tempdir().expect("a folder");
    let budget = ["--trials", "4000", "--threads", "2"];
    let two = found(&run(&[&DOT[..], &budget].concat(), other.path()));
    assert_eq!(one["ratio"], two["ratio"]);
}

#[test]
fn a_resumed_search_keeps_what_was_found() {
    let corpus = tempfile::tempdir().expect("a folder");
    let first = found(&run(
        &[&DOT[..], &["--trials", "4000"]].concat(),
        corpus.path(),
    ));
    let more = ["--trials", "8000", "--resume"];
    let second = found(&run(&[&DOT[..], &more].concat(), corpus.path()));
    assert_eq!(second["trials"], 8000);
    let (first, second) = (first["ratio"].as_f64(), second["ratio"].as_f64());
    // A witness that was made simpler is worth a thousandth less at most.
    assert!(second.expect("a claim") >= 0.998 * first.expect("a claim"));
}

#[test]
fn a_kill_loses_nothing_that_was_found() {
    let corpus = tempfile::tempdir().expect("a folder");
    let mut child = search(&[&DOT[..], &["--time", "600"]].concat(), corpus.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the binary starts");
    let begun = Instant::now();
    let mut saved = None;
    while (witnesses(corpus.path()).len() < 3 || saved.is_none())
        && begun.elapsed() < Duration::from_secs(60)
    {
        std::thread::sleep(Duration::from_millis(20));
        saved = saved_trials(corpus.path());
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    let left = witnesses(corpus.path());
    assert!(left.len() >= 3, "{} witnesses", left.len());
    let ratios = left.iter().map(|w| ratio(w));
    let best = ratios.fold(0.0, |best, r| if r > best { r } else { best });
    for witness in &left {
        let path = witness.to_str().expect("utf-8");
        let again = run(&["--replay", path], corpus.path());
        assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    }
    let more = ["--trials", "400", "--resume", "--strategy", "random"];
    let resumed = found(&run(&[&DOT[..], &more].concat(), corpus.path()));
    assert!(resumed["ratio"].as_f64().expect("a claim") >= 0.998 * best);
    let saved = saved.expect("progress within a minute");
    assert!(saved > 0 && resumed["trials"].as_u64() >= Some(saved));
}

#[test]
fn misuse_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let bad = folder.path().join("bad.json");
    std::fs::write(&bad, "{\"schema\": \"gradbound-witness/1\"}").expect("written");
    let bad = bad.to_str().expect("utf-8");
    for (args, word) in [
        (&["--op", "Addd"][..], "no operation"),
        (&["--replay", bad], "bad.json"),
        (&["--replay", "/nowhere/at/all.json"], "cannot be read"),
        (&["--op", "dot", "--length", "0"], "--length"),
        (
            &["--op", "dot", "--strategy", "luck"],
            "random corner climb",
        ),
        (
            &["/nowhere/model.onnx", "--inputs", "/nowhere/x.npz"],
            "/nowhere/model.onnx",
        ),
        (&[], "MODEL"),
    ] {
        let output = run(args, folder.path());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = text(&output.stderr);
        assert!(said.contains(word), "{args:?}: {said}");
    }
}

#[test]
fn a_models_executions_are_searched() {
    let corpus = tempfile::tempdir().expect("a folder");
    let digits = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/digits");
    let (model, inputs) = (digits.join("model.onnx"), digits.join("inputs.npz"));
    let (model, inputs) = (
        model.to_str().expect("utf-8"),
        inputs.to_str().expect("utf-8"),
    );
    let args = [
        model,
        "--inputs",
        inputs,
        "--obligation",
        "sound",
        "--trials",
        "20",
        "--strategy",
        "random",
        "--json",
    ];
    let output = run(&args, corpus.path());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let result = found(&output);
    assert!(result["ratio"].as_f64().expect("a claim") > 0.0);
    let witness = result["witness"].as_str().expect("a file");
    let again = run(&["--replay", witness], corpus.path());
    assert_eq!(
        again.status.code(),
        Some(2),
        "a model's witness needs the model"
    );
    let again = run(
        &["--replay", witness, model, "--inputs", inputs],
        corpus.path(),
    );
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
}

/// The largest share of the bound of some operation that a strategy finds.
fn nearest((name, length): (&str, usize), strategy: Strategy, trials: u64) -> f64 {
    let config = Some(Config::default());
    let subject = Subject::operation(name, Obligation::Sound, DType::F32, config, true, length);
    let search = Search {
        subject: &subject.expect("an operation"),
        strategies: &[strategy],
        seed: 0,
        rules: Rules::TRUE,
        live: &|_| {},
    };
    let budget = Budget {
        trials: Some(trials),
        ..Budget::default()
    };
    let best = search.run(State::default(), budget, &mut |_| true).best;
    best.expect("a claim").score.ratio
}

/// The worst case of summation, to which nothing climbs by chance: every addition rounds up.
#[test]
fn stairs_come_near_the_bound_of_long_sums() {
    for (name, least) in [("sum", 0.99), ("dot", 0.95), ("layer_norm", 0.4)] {
        let sized = (name, if name == "layer_norm" { 8 } else { 64 });
        let [stairs, climbed] =
            [Strategy::Stairs, Strategy::Climb].map(|strategy| nearest(sized, strategy, 800));
        assert!(stairs >= least && stairs <= 1.0, "{name}: {stairs}");
        assert!(stairs > climbed, "{name}: {stairs} and {climbed}");
    }
}

/// A sum is an expression as deep as it is long.
#[test]
fn the_longest_sums_are_searched() {
    let reached = nearest(("dot", MAX_LENGTH), Strategy::Stairs, 3);
    assert!(reached > 0.5 && reached <= 1.0, "{reached}");
}

/// Where the best point has neither floats nor choices there is nothing to sweep over.
#[test]
fn sweeps_over_integers_end() {
    for seed in [1, 2, 3] {
        let scale = Obligation::FwdScaleSound;
        let subject = Subject::operation("Cast", scale, DType::F32, None, false, 3);
        let search = Search {
            subject: &subject.expect("an operation"),
            strategies: &[Strategy::Sweep],
            seed,
            rules: Rules::TRUE,
            live: &|_| {},
        };
        let budget = Budget {
            trials: Some(40_000),
            ..Budget::default()
        };
        let state = search.run(State::default(), budget, &mut |_| true);
        assert!(state.made() >= 40_000);
    }
}

/// x is used by both factors, so that two contributions to its gradient are added.
#[test]
fn a_models_accumulations_are_searched() {
    let folder = tempfile::tempdir().expect("a folder");
    let onnx = model(17).floats("x", &[3]).output("loss");
    let onnx = onnx.node(node("Sin", &["x"], &["s"]));
    let onnx = onnx.node(node("Mul", &["s", "x"], &["p"]));
    let file = onnx
        .node(node("ReduceSum", &["p"], &["loss"]))
        .save(folder.path());
    let inputs = folder.path().join("x.npz");
    let x = Tensor::f32s([3], vec![0.3, 1.7, -2.9]).expect("three floats");
    write_npz(&inputs, &[("x".to_owned(), x)]).expect("writable");
    let [file, inputs] = [&file, &inputs].map(|p| p.to_str().expect("utf-8"));
    for obligation in ["add_sound", "add_scale_sound"] {
        let of_model = [file, "--inputs", inputs, "--obligation", obligation];
        let output = run(
            &[&of_model[..], &["--trials", "200", "--json"]].concat(),
            folder.path(),
        );
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let ratio = found(&output)["ratio"].as_f64().expect("a claim");
        assert!(ratio > 0.3, "{obligation}: {ratio}");
    }
}

/// Every element of a softmax divides by the sum of its row, and the largest of a row is an
/// expression as deep as the row is long.
#[test]
fn long_rows_are_searched_in_their_time() {
    let corpus = tempfile::tempdir().expect("a folder");
    for (op, length) in [
        ("softmax", "300"),
        ("softmax", "16384"),
        ("layer_norm", "4096"),
    ] {
        let args = ["--op", op, "--exact", "--obligation", "sound", "--json"];
        let begun = Instant::now();
        let more = ["--time", "1", "--length", length];
        let output = run(&[&args[..], &more].concat(), corpus.path());
        let (taken, said) = (begun.elapsed(), text(&output.stderr));
        assert!(output.status.code().is_some(), "{op} {length}: {said}");
        assert!(found(&output)["trials"].as_u64() > Some(0), "{op} {length}");
        assert!(taken < Duration::from_secs(60), "{op} {length}: {taken:?}");
    }
}
