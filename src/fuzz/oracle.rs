//! What must hold of every input that a fuzzer can think of.
#![expect(clippy::panic, reason = "an oracle reports by panicking")]

use super::generate::Case;
use super::node::Attack;
use crate::error::Error;
use crate::import::arrays;
use crate::import::onnx::{ImportOptions, import};
use crate::obligation::{Run, check, failures};
use crate::verdict::Outcome;
use crate::witness;
use crate::witness::case::{Claim, Rules};
use crate::witness::oracle::Judgement;
use crate::witness::record::Record;
use crate::witness::tape::Tape;
use std::path::Path;

/// Every obligation of the case, forward and backward, holds or is undecided on its run.
///
/// A graph whose run is misuse (an index out of range, a NaN cast to an integer) owes
/// nothing.
pub fn obligations_hold(case: &Case) {
    let Ok(run) = Run::new(&case.graph, &case.config, &case.inputs) else {
        return;
    };
    let checks = check(&case.graph, &run, &case.inputs, &[]);
    for failure in failures(&case.graph, &checks) {
        if failure.verdict.outcome() == Outcome::Violated {
            panic!("{failure:?} in {:?}", case.graph.nodes());
        }
    }
}

/// The obligation stands at the point; the number of elements with a finite bound.
pub fn stands(attack: &Attack) -> usize {
    let Some(score) = attack.structure.judge(&attack.point, &Rules::TRUE) else {
        return 0;
    };
    if let Some(what) = score.violation {
        let (op, obligation) = (attack.subject.name(), attack.subject.obligation);
        panic!("{obligation:?} of {op}: {what}");
    }
    score.checks
}

/// All values of an execution are within their eps and scales; the number of elements with a
/// finite bound.
pub fn execution_holds(case: &witness::case::Case, choices: &[u32]) -> usize {
    let Some(computed) = case.execute(&mut Tape::new(choices)) else {
        return 0;
    };
    let spec = case.spec(&computed);
    let mut checks = 0;
    for claim in [Claim::Sound, Claim::ScaleSound, Claim::Adjoint] {
        let Some(claims) = case.claims(claim, &Rules::TRUE, &computed) else {
            continue;
        };
        if let Some(other) = case.another_value(&claims, &computed) {
            panic!("{}", case.tell(&other, &computed));
        }
        case.judge(&claims, &computed, &spec, &mut |judged| {
            match &judged.judgement {
                Judgement::NoClaim | Judgement::Undefined | Judgement::Undecided => {}
                Judgement::Holds(_) => checks += 1,
                Judgement::Violated(_) => panic!("{claim:?}: {}", case.tell(&judged, &computed)),
            }
            true
        });
    }
    checks
}

/// Reading and replaying a witness gives a verdict or an error that helps.
pub fn witnesses_never_panic(bytes: &[u8]) {
    with_file(bytes, "json", |path| {
        let judged = Record::read(path).map_err(|e| assert!(e.file().is_some(), "{e}"));
        let Ok(record) = judged else {
            return;
        };
        let judged = record.subject().and_then(|s| record.replay(&s));
        if let Err(e) = judged {
            assert!(e.remedy_text().is_some(), "{e}");
        }
    });
}

/// Importing gives a model or a helpful error.
pub fn import_never_panics(bytes: &[u8]) {
    with_file(bytes, "onnx", |path| {
        if let Err(e) = import(path, &ImportOptions::default()) {
            is_helpful(&e);
        }
    });
}

/// Reading arrays gives arrays or a helpful error.
pub fn arrays_never_panic(bytes: &[u8], ending: &str) {
    with_file(bytes, ending, |path| {
        if let Err(e) = arrays::read(path) {
            is_helpful(&e);
        }
    });
}

fn is_helpful(e: &Error) {
    assert!(e.file().is_some() && e.remedy_text().is_some(), "{e}");
}

fn with_file(bytes: &[u8], ending: &str, f: impl Fn(&Path)) {
    let Ok(folder) = tempfile::tempdir() else {
        return; // no room for a file is not what is tested
    };
    let path = folder.path().join(format!("input.{ending}"));
    if std::fs::write(&path, bytes).is_ok() {
        f(&path);
    }
}
