//! Runs the onnx package's test cases: `onnx_conformance DIR [--filter SUBSTRING]`.
//!
//! `write_cases.py` writes DIR. Of every case whose results are floats, the model is
//! imported, executed, bounded, and its specification enclosed. Then, for every element of
//! every output, the number that the suite expects must be within the suite's tolerance of
//! the specification, the runtime within eps of it, and no obligation of any value violated.
//! Where the suite expects a NaN or an infinity, the runtime must give it, and claim nothing.
//!
//! What is not run is a closed list of reasons (`reason.rs`), decided from the model. The exit
//! status is 1 where a case fails.

mod case;
mod judge;
mod reason;
mod report;

use case::Case;
use judge::{Fate, judge};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The networks without weights are audited as models (docs/models.md), not here.
const NOT_CASES: &str = "light/";

struct Arguments {
    root: PathBuf,
    filter: String,
}

fn arguments() -> Result<Arguments, String> {
    let usage = "usage: onnx_conformance DIR [--filter SUBSTRING]";
    let (mut root, mut filter) = (None, String::new());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--filter" => filter = words.next().ok_or(usage)?,
            _ if word.starts_with("--") => return Err(format!("unknown option {word}; {usage}")),
            _ => root = Some(PathBuf::from(word)),
        }
    }
    let root = root.ok_or(usage)?;
    Ok(Arguments { root, filter })
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
    let cases = arguments().and_then(|a| case::find(&a.root, &a.filter));
    let mut cases = match cases {
        Ok(cases) => cases,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    cases.retain(|case| !case.name.starts_with(NOT_CASES));
    let fates = judge_all(&cases);
    let results: Vec<(&Case, &Fate)> = cases.iter().zip(&fates).collect();
    print!("{}", report::text(&results));
    let failed = fates.iter().any(|f| matches!(f, Fate::Failed(_)));
    ExitCode::from(u8::from(failed))
}
