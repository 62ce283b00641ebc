//! Exhaustive checks: the quick ones, and the command as other programs use it.

use gradbound::config::Subnormals;
use gradbound::exhaustive::{Check, Found, Selection, checks, search};
use gradbound::libm::Libm;
use gradbound::tensor::DType;
use gradbound::verdict::Outcome;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn found(checks: Vec<Box<dyn Check>>) -> Found {
    let folder = tempfile::tempdir().expect("a temporary folder");
    search(checks, folder.path(), false, &|_| {}).expect("a search")
}

/// Everything holds, and most checks claim something.
fn holds(checks: Vec<Box<dyn Check>>) -> Found {
    let found = found(checks);
    for record in &found.checks {
        let witness = record.witness();
        assert!(
            witness.is_none(),
            "{} in {}, {}, {}: {witness:?}",
            record.op,
            record.format,
            record.obligation,
            record.config
        );
        assert!(record.tally.inputs > 0);
    }
    let claiming = found.checks.iter().filter(|r| r.tally.compared > 0).count();
    assert!(
        claiming * 4 > found.checks.len() * 3,
        "{claiming} of {}",
        found.checks.len()
    );
    assert_eq!(found.verdict(), Outcome::Holds);
    found
}

fn every(selection: Selection) -> Vec<Box<dyn Check>> {
    checks(&selection).expect("checks")
}

fn plain(format: DType) -> Selection {
    Selection {
        format: Some(format),
        libm: Some(Libm::Portable),
        subnormals: Some(Subnormals::Gradual),
        ulps: Some(0),
        ..Selection::default()
    }
}

#[test]
fn every_value_of_f16() {
    let found = holds(every(plain(DType::F16)));
    assert!(found.checks.iter().all(|r| r.tally.inputs == 1 << 16));
}

#[test]
fn every_value_of_bf16() {
    holds(every(plain(DType::BF16)));
}

/// Values, pairs and triples of FP4, sums with a bias, and dots of three in any tree.
#[test]
fn everything_of_fp4() {
    let all = Selection {
        format: Some(DType::E2M1),
        libm: Some(Libm::Portable),
        ..Selection::default()
    };
    let mut wanted = checks(&all).expect("checks");
    let any = "accumulate f32, schedule any, contraction any";
    wanted.retain(|c| c.about().op != "MatMul(length 3)" || c.about().config == any);
    let found = holds(wanted);
    let mut dots = found.checks.iter().filter(|r| r.op == "MatMul(length 3)");
    assert!(dots.all(|r| r.tally.inputs == 1 << 24 && r.tally.compared > 1 << 22));
}

#[test]
fn every_pair_of_a_format_of_six_bits() {
    for op in ["Add", "Mul", "Div", "Mod", "Compare"] {
        let op = Some(op.to_string());
        let selection = Selection {
            op,
            ..plain(DType::E3M2)
        };
        holds(every(selection));
    }
}

fn gradbound(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradbound"));
    command.args(args).output().expect("the binary starts")
}

/// All of Tanh in a format.
fn tanh(format: &str, out: &str, more: &[&str]) -> Output {
    let words = "search --exhaustive --op Tanh --out";
    let mut args: Vec<&str> = words.split(' ').collect();
    args.extend([out, "--format", format]);
    args.extend(more);
    gradbound(&args)
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).expect("written")).expect("JSON")
}

#[test]
fn the_command_writes_a_record_and_a_page() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().to_str().expect("utf-8");
    let page = folder.path().join("page.md");
    let write = ["--write", page.to_str().expect("utf-8")];
    let output = tanh("e4m3", out, &write);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        output.stderr.is_empty(),
        "no progress where stderr is no terminal"
    );
    let record = json(&folder.path().join("exhaustive.json"));
    assert_eq!(record["schema"], "gradbound-exhaustive/1");
    let checks = record["checks"].as_array().expect("checks");
    assert!(
        checks
            .iter()
            .all(|c| c["op"] == "Tanh" && c["verdict"] == "holds")
    );
    let page = std::fs::read_to_string(page).expect("a page");
    assert!(page.contains("| Tanh |"), "{page}");
}

#[test]
fn misuse_is_two() {
    let nothing = [
        "search",
        "--exhaustive",
        "--op",
        "Tang",
        "--out",
        "/nonexistent",
    ];
    for args in [&["search"][..], &nothing] {
        let output = gradbound(args);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(!output.stderr.is_empty(), "a message says what to do");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().to_str().expect("utf-8");
    std::fs::write(folder.path().join("exhaustive.progress.json"), "{").expect("a file");
    assert_eq!(tanh("e2m1", out, &["--resume"]).status.code(), Some(2));
}

/// Blocks that are done of the only check under way.
fn done(folder: &Path) -> Option<u64> {
    let text = std::fs::read(folder.join("exhaustive.progress.json")).ok()?;
    let state: serde_json::Value = serde_json::from_slice(&text).expect("the file is always whole");
    let parts = state["parts"].as_object()?;
    parts.values().next()?["next"].as_u64()
}

/// What other rules have checked is not checked.
#[test]
fn the_state_of_another_build_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().to_str().expect("utf-8");
    assert_eq!(tanh("e2m1", out, &[]).status.code(), Some(0));
    assert_eq!(tanh("e2m1", out, &["--resume"]).status.code(), Some(0));
    let path = folder.path().join("exhaustive.progress.json");
    let text = std::fs::read_to_string(&path).expect("a state");
    let mut state: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    state["build"] = "0".repeat(64).into();
    std::fs::write(&path, state.to_string()).expect("a file");
    let output = tanh("e2m1", out, &["--resume"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("another build"), "{message}");
}

/// A search that is killed goes on where it was: blocks are not done again.
#[test]
fn a_killed_search_goes_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().to_str().expect("utf-8");
    let mut before = 0;
    for _ in 0..2 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gradbound"))
            .args(["search", "--exhaustive", "--op", "Exp", "--format", "f32"])
            .args(["--threads", "1", "--resume", "--quiet", "--out", out])
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let begun = Instant::now();
        while done(folder.path()).is_none_or(|n| n <= before) {
            assert!(
                begun.elapsed() < Duration::from_secs(120),
                "nothing was written"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        child.kill().expect("SIGKILL");
        child.wait().expect("a status");
        let now = done(folder.path()).expect("a state");
        assert!(now > before, "{now} blocks after {before}");
        before = now;
    }
}
