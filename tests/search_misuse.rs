//! `gradbound search` with what it cannot do: another search's corpus, files that are no
//! witnesses, options that do nothing. Each is named, and nothing runs without an end.

#[path = "common/found.rs"]
mod found;

use found::{found, text};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradbound"));
    let output = command.arg("search").args(args).output();
    output.expect("the binary starts")
}

/// Fails as misuse, and says so in these words.
fn refused(args: &[&str], word: &str) {
    let output = run(args);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert!(said.contains(word), "{args:?}: {said}");
}

fn path(path: &Path) -> &str {
    path.to_str().expect("utf-8")
}

fn dot<'a>(corpus: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let common = ["--op", "dot", "--obligation", "sound", "--json", "--corpus"];
    [&common[..], &[path(corpus)], more].concat()
}

#[test]
fn another_search_in_the_same_folder_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let searched = |more: &[&str]| {
        let output = run(&dot(folder.path(), &[&["--trials", "400"], more].concat()));
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        found(&output)
    };
    let first = searched(&[]);
    let others: [&[&str]; 4] = [
        &["--exact"],
        &["--length", "5"],
        &["--libm", "ulp:7"],
        &["--any-config"],
    ];
    for other in others {
        let resumed = searched(&[other, &["--resume"]].concat());
        assert_ne!(resumed["witness"], first["witness"], "{other:?}");
        assert_eq!(resumed["trials"], 400, "{other:?}");
        assert!(
            resumed["trials_per_second"].as_f64() > Some(0.0),
            "{other:?}"
        );
    }
    // The same search has no trials left to make.
    let again = searched(&["--resume"]);
    assert_eq!(again["trials_per_second"], 0.0);
    assert!(again["ratio"].as_f64() >= first["ratio"].as_f64().map(|r| 0.998 * r));
}

/// A witness, changed and written beside itself.
fn changed(witness: &str, change: impl Fn(&mut serde_json::Value)) -> std::path::PathBuf {
    let mut json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(witness).expect("readable")).expect("JSON");
    change(&mut json);
    let path = Path::new(witness).with_file_name("changed.json");
    std::fs::write(&path, json.to_string()).expect("written");
    path
}

#[test]
fn a_witness_of_no_point_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = found(&run(&dot(folder.path(), &["--trials", "50"])));
    let witness = one["witness"].as_str().expect("a file");
    let crafted = |part: &str, value: serde_json::Value, word: &str| {
        let path_of = changed(witness, |json| {
            json["inputs"][0]["floats"][part][0] = value.clone();
        });
        refused(&["--replay", path(&path_of)], word);
    };
    let outside = "outside its own assumptions";
    crafted("x", serde_json::json!(["1", i64::MIN]), "cannot be read");
    crafted("x", serde_json::json!(["1", 9000]), outside);
    crafted("c", "0x7ff8000000000000".into(), outside);
    crafted("eps", "0x7ff0000000000000".into(), outside);
    crafted("eps", "0xbff0000000000000".into(), outside);
    crafted("c", "0x3ff0000000000001".into(), outside);
    crafted("admissible", "0x7fe0000000000000".into(), outside);
    let few = changed(witness, |json| json["inputs"] = serde_json::json!([]));
    refused(&["--replay", path(&few)], "as many inputs");
    if cfg!(unix) {
        refused(&["--replay", "/dev/zero"], "/dev/zero");
    }
}

#[test]
fn options_that_would_do_nothing_are_refused() {
    for (args, word) in [
        (&["--op", "Exp", "--loss", "y"][..], "MODEL"),
        (&["--op", "Exp", "--inputs", "x.npz"], "MODEL"),
        (&["--op", "Exp", "--write", "page.md"], "--exhaustive"),
        (&["--op", "Exp", "--routine", "system"], "--exhaustive"),
        (&["--op", "Exp", "--ulps", "1"], "--exhaustive"),
        (&["--op", "Exp", "--out", "folder"], "--exhaustive"),
        (&["--exhaustive", "--op", "Exp", "--ulps", "2"], "0, 1 or 3"),
        (&["--op", "Exp", "--threads", "1025"], "1024"),
    ] {
        refused(args, word);
    }
    for option in [
        &["--any-config"][..],
        &["--exact"],
        &["--length", "3"],
        &["--schedule", "any"],
        &["--contract", "any"],
        &["--accumulate", "f64"],
        &["--seed", "0"],
        &["--corpus", "folder"],
        &["--inputs", "x.npz"],
        &["--loss", "y"],
        &["--trials", "1"],
    ] {
        let every = ["--exhaustive", "--op", "Exp", "--format", "e5m2"];
        refused(&[&every[..], option].concat(), option[0]);
    }
}

#[test]
fn a_model_has_the_obligations_of_its_values() {
    let digits = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/digits");
    let (model, inputs) = (digits.join("model.onnx"), digits.join("inputs.npz"));
    let of_model = [path(&model), "--inputs", path(&inputs)];
    refused(
        &[&of_model[..], &["--obligation", "add_sound"]].concat(),
        "used more than once",
    );
    let folder = tempfile::tempdir().expect("a folder");
    let args = [
        "--obligation",
        "sound",
        "--trials",
        "1",
        "--json",
        "--corpus",
    ];
    let one = found(&run(
        &[&of_model[..], &args, &[path(folder.path())]].concat()
    ));
    let witness = one["witness"].as_str().expect("a file");
    let other = changed(witness, |json| json["arrays"] = "0".into());
    refused(
        &[&["--replay", path(&other)], &of_model[..]].concat(),
        "other inputs",
    );
}

#[test]
fn tables_that_admit_nearly_everything_end() {
    let folder = tempfile::tempdir().expect("a folder");
    for libm in ["ulp:1e9", "ulp:1e300"] {
        for format in ["f32", "f64", "f16"] {
            let args = ["--op", "Exp", "--libm", libm, "--format", format];
            let more = ["--trials", "200", "--corpus", path(folder.path())];
            let output = run(&[&args[..], &more].concat());
            let code = output.status.code();
            assert!(
                [Some(0), Some(3)].contains(&code),
                "{libm} {format}: {}",
                text(&output.stdout)
            );
        }
    }
}

/// Stairs are laid no longer than there is time, and progress is kept while a round runs.
#[test]
fn slow_trials_keep_their_time_and_their_progress() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = ["--length", "2048", "--exact", "--strategy", "stairs"];
    let begun = Instant::now();
    run(&dot(folder.path(), &[&long[..], &["--time", "2"]].concat()));
    let taken = begun.elapsed();
    assert!(taken < Duration::from_secs(30), "{taken:?}");

    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradbound"));
    let args = dot(folder.path(), &[&long[..], &["--time", "600"]].concat());
    let child = command.arg("search").args(&args).spawn();
    let mut child = child.expect("the binary starts");
    let kept = || {
        let files = std::fs::read_dir(folder.path()).into_iter().flatten();
        let mut paths = files.map(|f| f.expect("readable").path());
        let progress = paths.find(|p| path(p).ends_with("progress.json"))?;
        let json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(progress).ok()?).ok()?;
        (json["ahead"] != serde_json::json!([])).then_some(json)
    };
    let begun = Instant::now();
    let mut seen = None;
    while seen.is_none() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(50));
        seen = kept();
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    let seen = seen.expect("progress within a round");
    let ahead = seen["ahead"].as_array().expect("a list");
    let trials = |f: &serde_json::Value| f[3].as_u64().expect("a number");
    let before = seen["trials"].as_u64().expect("a number");
    let least = before + ahead.iter().map(trials).sum::<u64>();
    let resumed = [&long[..], &["--resume", "--trials", "1"]].concat();
    let resumed = found(&run(&dot(folder.path(), &resumed)));
    assert!(resumed["trials"].as_u64() >= Some(least), "{resumed}");
}
