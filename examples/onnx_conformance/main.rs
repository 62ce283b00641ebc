//! Runs the onnx package's test cases:
//! `onnx_conformance DIR [--filter SUBSTRING] [--write docs/operators.md]`.
//!
//! `write_cases.py` writes DIR. Of every case whose results are floats, the model is
//! imported, executed, bounded, and its specification enclosed. Then, for every element of
//! every output, the number that the suite expects must be within the suite's tolerance of
//! the specification, the runtime within eps of it, and no obligation of any value violated.
//! Where the suite expects a NaN or an infinity, the runtime must give it, and claim nothing.
//! The gradients of what passes are certified as well, and may violate nothing.
//!
//! What is not run is a closed list of reasons (`reason.rs`), decided from the model. The exit
//! status is 1 where a case fails.

mod backward;
mod case;
mod judge;
mod page;
mod reason;
mod report;

use case::Case;
use gradbound::import::onnx::supported;
use judge::{Fate, judge};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The networks without weights are audited as models (docs/models.md), not here.
const NOT_CASES: &str = "light/";

struct Arguments {
    root: PathBuf,
    filter: String,
    /// The page to write, and the counts it is made from beside this file.
    page: Option<PathBuf>,
}

fn arguments() -> Result<Arguments, String> {
    let usage = "usage: onnx_conformance DIR [--filter SUBSTRING | --write docs/operators.md]";
    let (mut root, mut filter, mut page) = (None, String::new(), None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--filter" => filter = words.next().ok_or(usage)?,
            "--write" => page = Some(PathBuf::from(words.next().ok_or(usage)?)),
            _ if word.starts_with("--") => return Err(format!("unknown option {word}; {usage}")),
            _ => root = Some(PathBuf::from(word)),
        }
    }
    let root = root.ok_or(usage)?;
    if page.is_some() && !filter.is_empty() {
        return Err(format!("the page counts all cases; {usage}"));
    }
    Ok(Arguments { root, filter, page })
}

/// Writes the page and the counts that it is made from.
fn write(page: &Path, results: &[(&Case, &Fate)]) -> Result<(), String> {
    let counts = report::results(results);
    let text = serde_json::to_string_pretty(&counts).map_err(|e| e.to_string())?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/onnx_conformance");
    let put = |path: &Path, text: String| {
        std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
    };
    put(&folder.join("results.json"), text + "\n")?;
    put(page, page::render(supported(), &counts))
}

/// Judges all cases, on all cores; the fates are in the cases' order.
fn judge_all(cases: &[Case]) -> Vec<Fate> {
    let next = AtomicUsize::new(0);
    let fates = Mutex::new(vec![None; cases.len()]);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((k, case)) = {
                    let k = next.fetch_add(1, Ordering::Relaxed);
                    cases.get(k).map(|case| (k, case))
                } {
                    let fate = judge(case);
                    let mut fates = fates.lock().unwrap_or_else(|e| e.into_inner());
                    fates[k] = Some(fate);
                }
            });
        }
    });
    let fates = fates.into_inner().unwrap_or_else(|e| e.into_inner());
    fates.into_iter().flatten().collect()
}

fn main() -> ExitCode {
    // A panic inside a case is reported as that case's failure.
    std::panic::set_hook(Box::new(|_| {}));
    match run() {
        Ok(all_passed) => ExitCode::from(u8::from(!all_passed)),
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(2)
        }
    }
}

/// Judges the cases and prints what became of them; whether none failed.
fn run() -> Result<bool, String> {
    let arguments = arguments()?;
    let mut cases = case::find(&arguments.root, &arguments.filter)?;
    cases.retain(|case| !case.name.starts_with(NOT_CASES));
    let fates = judge_all(&cases);
    let results: Vec<(&Case, &Fate)> = cases.iter().zip(&fates).collect();
    print!("{}", report::text(&results));
    if let Some(page) = &arguments.page {
        write(page, &results)?;
    }
    Ok(!fates.iter().any(|f| matches!(f, Fate::Failed(_))))
}
