//! The main job on the trained network of examples/digits: everything holds, is finite, and
//! is as tight as an independent evaluation of the rules says.

#[path = "common/digits.rs"]
mod digits;

use digits::{by_name, finite, folder, left, request, run};
use gradbound::audit::Request;
use gradbound::import::arrays::{self, ArrayFile};
use gradbound::tensor::DType;
use gradbound::verdict::Outcome;
use std::path::Path;

/// 7 forward values, then the gradients of these, of the images and of six parameters.
const ROWS: usize = 7 + 7 + 7;

#[test]
fn everything_holds_against_jax_in_f32() {
    let audit = run(&Request {
        observed: Some(folder().join("observed.npz")),
        ..request()
    });
    assert_eq!(audit.verdict, Outcome::Holds);
    assert_eq!(audit.values.len(), ROWS);
    for v in &audit.values {
        assert!(finite(v.eps) && finite(v.scale), "{}", v.name);
        let observed = v
            .observed
            .as_ref()
            .unwrap_or_else(|| panic!("{} unobserved", v.name));
        assert!(observed.ratio.0 <= 1.0, "{}", v.name);
    }
    assert!(audit.blame.is_none() && audit.warnings.is_empty());
    assert!(
        audit
            .obligations
            .iter()
            .all(|o| o.verdict == Outcome::Holds && o.checked > 0)
    );
}

#[test]
fn everything_holds_in_f64_where_only_escalation_decides() {
    for observed in [None, Some(folder().join("observed_f64.npz"))] {
        let with = observed.is_some();
        let audit = run(&Request {
            observed,
            format: Some(DType::F64),
            ..request()
        });
        assert_eq!(audit.verdict, Outcome::Holds);
        for v in &audit.values {
            let error = v.error.expect("a run has an error");
            assert!(
                error.upper.0 - error.lower.0 <= 0.01 * v.eps.0,
                "{}",
                v.name
            );
            assert_eq!(v.observed.is_some(), with, "{}", v.name);
        }
    }
}

#[test]
fn a_float32_observation_is_no_float64_result() {
    let audit = run(&Request {
        observed: Some(folder().join("observed.npz")),
        format: Some(DType::F64),
        ..request()
    });
    assert_eq!(audit.verdict, Outcome::Violated);
    // Float32 products of these pixels are exact in float64, its sums are not.
    assert_eq!(audit.blame.expect("someone is to blame").value, "h1_pre");
}

#[test]
fn a_named_loss_gives_the_default_gradients() {
    let default = run(&request());
    let named = run(&Request {
        loss: Some("loss".to_string()),
        ..request()
    });
    let eps = |a: &gradbound::audit::Audit| a.values.iter().map(|v| v.eps.0).collect::<Vec<_>>();
    assert_eq!(eps(&default), eps(&named));
    let forward = run(&Request {
        forward_only: true,
        adjoint: Vec::new(),
        confidence: None,
        ..request()
    });
    assert_eq!(forward.values.len(), 7);
}

#[test]
fn left_is_strictly_tighter_wherever_a_reduction_is_involved() {
    let (any, left) = (
        run(&request()),
        run(&Request {
            config: left(),
            ..request()
        }),
    );
    assert_eq!(left.verdict, Outcome::Holds);
    let left = by_name(&left);
    for v in &any.values {
        let l = left[v.name.as_str()];
        // The seed and the exact 1/8 that the mean hands on meet no reduction.
        if ["grad:loss", "grad:log_prob"].contains(&v.name.as_str()) {
            assert_eq!((l.eps.0, v.eps.0), (0.0, 0.0));
        } else {
            assert!(l.eps.0 < v.eps.0, "{}: {} and {}", v.name, l.eps.0, v.eps.0);
        }
    }
}

fn reference() -> ArrayFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/digits_bounds.npz");
    arrays::read(&path).expect("committed beside its script")
}

fn column(file: &ArrayFile, key: &str) -> Vec<f64> {
    file.arrays[key].to_f64s(DType::F64).expect("float64")
}

#[test]
fn bounds_are_as_tight_as_an_independent_evaluation() {
    let reference = reference();
    let request = request();
    let prepared = gradbound::audit::prepare::prepare(&request).expect("well formed");
    let run =
        gradbound::obligation::Run::new(&prepared.model.graph, &request.config, &prepared.inputs)
            .expect("runs");
    let subjects = gradbound::audit::subjects::subjects(&prepared);
    assert_eq!(subjects.len(), ROWS);
    for s in subjects {
        let eps = &run.approx[s.id.index()].eps;
        let theirs = column(&reference, &format!("eps:{}", s.name));
        let truth = column(&reference, &format!("true_error:{}", s.name));
        let jax = column(&reference, &format!("jax_error:{}", s.name));
        for i in 0..theirs.len() {
            let ours = eps.at(i).get();
            assert!(
                ours <= 1.05 * theirs[i] + 1e-40,
                "{}[{i}]: {ours} {}",
                s.name,
                theirs[i]
            );
            assert!(ours >= truth[i] && ours >= jax[i], "{}[{i}]", s.name);
        }
    }
}

#[test]
fn scales_are_within_one_and_a_half_of_the_truth() {
    let reference = reference();
    for v in &run(&request()).values {
        let truth = column(&reference, &format!("true_max:{}", v.name))[0];
        assert!(v.scale.0 >= truth, "{}", v.name);
        assert!(
            v.scale.0 <= 1.5 * truth,
            "{}: {} and {truth}",
            v.name,
            v.scale.0
        );
    }
}
