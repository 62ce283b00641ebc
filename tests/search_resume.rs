//! `gradbound search --resume`: what of an earlier search counts, and files that say what no search
//! wrote.

#[path = "common/found.rs"]
mod found;

use found::{found, text};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn run(corpus: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradbound"));
    let common = ["search", "--obligation", "sound", "--json", "--corpus"];
    command.args(common).arg(corpus).args(args);
    command.output().expect("the binary starts")
}

const DOT: [&str; 4] = ["--op", "dot", "--trials", "400"];

fn searched(corpus: &Path, more: &[&str]) -> serde_json::Value {
    let output = run(corpus, &[&DOT[..], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    found(&output)
}

/// Files of the folder that end so.
fn files(corpus: &Path, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(corpus).expect("readable");
    let paths = entries.map(|e| e.expect("readable").path());
    paths
        .filter(|p| p.to_string_lossy().ends_with(end))
        .collect()
}

fn progress(corpus: &Path) -> PathBuf {
    let [path] = &files(corpus, ".progress.json")[..] else {
        panic!("one file of progress")
    };
    path.clone()
}

fn changed(path: &Path, change: impl Fn(&mut serde_json::Value)) {
    let mut json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("JSON");
    change(&mut json);
    std::fs::write(path, json.to_string()).expect("written");
}

/// Fails as misuse, and says so in all these words.
fn refused(corpus: &Path, more: &[&str], words: &[&str]) {
    let output = run(corpus, &[&DOT[..], more].concat());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{more:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn each_seed_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    for seed in ["1", "2"] {
        assert_eq!(searched(folder.path(), &["--seed", seed])["trials"], 400);
    }
    assert_eq!(files(folder.path(), ".progress.json").len(), 2);
    for seed in ["1", "2"] {
        let again = searched(folder.path(), &["--seed", seed, "--resume"]);
        assert_eq!(again["trials_per_second"], 0.0, "seed {seed}: {again}");
    }
    let other = searched(folder.path(), &["--seed", "3", "--resume"]);
    assert!(other["trials_per_second"].as_f64() > Some(0.0), "{other}");
}

/// Comparisons that nothing decides are rare: some are put into the file.
#[test]
fn what_nothing_decided_is_not_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(searched(folder.path(), &[])["undecided"], 0);
    let put = |ahead: serde_json::Value| {
        changed(&progress(folder.path()), |json| {
            assert!(json["undecided"].is_u64(), "{json}");
            json["undecided"] = 7.into();
            json["ahead"] = ahead.clone();
        });
    };
    put(serde_json::json!([]));
    for _ in 0..2 {
        assert_eq!(searched(folder.path(), &["--resume"])["undecided"], 7);
    }
    // Those of a round that was not finished, as it stands and when the search goes on.
    let json = std::fs::read(progress(folder.path())).expect("readable");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let next = json["episodes"].clone();
    put(serde_json::json!([[next, "random", "-1", 1, 5]]));
    assert_eq!(searched(folder.path(), &["--resume"])["undecided"], 12);
    let on = ["--resume", "--trials", "800"];
    let args = [&DOT[..2], &on].concat();
    assert_eq!(found(&run(folder.path(), &args))["undecided"], 12);
}

#[test]
fn progress_of_an_earlier_version_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    searched(folder.path(), &[]);
    let path = progress(folder.path());
    changed(&path, |json| {
        json.as_object_mut().expect("an object").remove("undecided");
        json["ahead"] = serde_json::json!([[json["episodes"], "random", "0.5", 7]]);
    });
    let earlier = path.to_string_lossy().replace(".seed0.", ".");
    std::fs::rename(&path, earlier).expect("renamed");
    assert_eq!(searched(folder.path(), &["--resume"])["trials"], 407);
    let other = searched(folder.path(), &["--resume", "--seed", "1"]);
    assert_eq!(other["trials"], 400);
}

#[test]
fn progress_that_no_search_wrote_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    searched(folder.path(), &[]);
    let path = progress(folder.path());
    let written = std::fs::read(&path).expect("readable");
    let resume = |word: &str| {
        refused(
            folder.path(),
            &["--resume"],
            &[word, "progress.json", "remove the file"],
        );
    };
    let impossible = |part: &str, value: serde_json::Value| {
        std::fs::write(&path, &written).expect("written");
        changed(&path, |json| json[part] = value.clone());
        resume("no search comes to");
    };
    for n in [u64::MAX, u64::MAX - 3, 1 << 60] {
        impossible("episodes", n.into());
        impossible("trials", n.into());
        impossible("undecided", n.into());
        impossible("strategies", serde_json::json!([["random", "0.5", n]]));
        impossible("ahead", serde_json::json!([[n, "random", "0.5", 1]]));
    }
    impossible("strategies", serde_json::json!([["random", "NaN", 1]]));
    impossible("strategies", serde_json::json!([["random", "much", 1]]));
    for garbage in [&b"\xff\xfe\x00"[..], b"", b"{}", b"[1]"] {
        std::fs::write(&path, garbage).expect("written");
        resume("no progress of a search");
        assert_eq!(std::fs::read(&path).expect("readable"), garbage);
    }
    std::fs::write(&path, &written).expect("written");
    changed(&path, |json| json["seed"] = 9.into());
    resume("another seed");
    std::fs::remove_file(&path).expect("removed");
    std::fs::create_dir(&path).expect("made");
    resume("cannot be read");
    refused(folder.path(), &[], &["is a folder", "--corpus DIR"]);
}

#[test]
fn a_witness_that_is_none_is_to_be_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let witness = searched(folder.path(), &[])["witness"].clone();
    std::fs::write(witness.as_str().expect("a file"), "{}").expect("written");
    let words = ["is no witness", "remove the file", "--corpus DIR"];
    refused(folder.path(), &["--resume"], &words);
}
