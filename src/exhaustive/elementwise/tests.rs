//! Bounds that are too small are caught.

use super::*;
use crate::exhaustive::operations::{binary, unary};
use crate::libm::Libm;

fn named(name: &str) -> Operation {
    let mut all = unary().into_iter().chain(binary());
    all.find(|o| o.name == name).unwrap()
}

fn check(name: &str, dtype: DType, ulps: u32, config: Config) -> Elementwise {
    Elementwise::new(named(name), dtype, ulps, config, None)
}

fn tally(check: &Elementwise, obligation: usize) -> Tally {
    let blocks = (0..check.blocks()).map(|b| check.block(b).unwrap().swap_remove(obligation));
    blocks.fold(Tally::default(), Tally::and)
}

/// Half of a bound is caught, for every operation whose bound is not twice too large.
#[test]
fn a_bound_that_is_too_small_is_violated() {
    for (name, ulps) in [
        ("Add", 0),
        ("Mul", 1),
        ("Div", 0),
        ("Sqrt", 0),
        ("Exp", 1),
        ("Round(Floor)", 1),
        ("Relu", 3),
        ("Compare(Less)", 1),
    ] {
        let mut check = check(name, DType::E3M2, ulps, Config::default());
        assert_eq!(tally(&check, 0).outcome(), Outcome::Holds, "{name}");
        check.share = 0.5;
        let violated = tally(&check, 0);
        assert_eq!(violated.outcome(), Outcome::Violated, "{name}");
        assert!(violated.largest.unwrap().ratio > 1.0);
    }
}

/// Executions by another table than the bounds assume are caught, of every function in
/// which the tables differ enough for eight bits to show it.
#[test]
fn a_table_that_is_too_small_is_violated() {
    let correct = Config {
        libm: Libm::Correct,
        ..Config::default()
    };
    for name in ["Expm1", "Log1p", "Sigmoid", "Softplus", "Tan", "Acosh"] {
        let mut check = check(name, DType::E4M3, 0, correct);
        assert_eq!(tally(&check, 0).outcome(), Outcome::Holds, "{name}");
        check = Elementwise::new(named(name), DType::E4M3, 0, correct, None);
        check.admitted.libm = Libm::XlaCpu;
        assert_eq!(tally(&check, 0).outcome(), Outcome::Violated, "{name}");
    }
}

/// Executions that flush where the bounds keep subnormals are caught.
#[test]
fn an_underflow_that_is_not_admitted_is_violated() {
    for name in ["Neg", "Sqrt", "Add"] {
        let mut check = check(name, DType::E4M3, 0, Config::default());
        check.admitted.subnormals = Subnormals::Flush;
        assert_eq!(tally(&check, 0).outcome(), Outcome::Violated, "{name}");
    }
}

/// The truth of what may be undefined: nothing may be claimed.
#[test]
fn a_truth_value_of_no_number_is_not_claimed() {
    let check = check("Cast(bool)", DType::E4M3, 0, Config::default());
    for obligation in [0, 1] {
        let tally = tally(&check, obligation);
        assert_eq!((tally.outcome(), tally.without_claim), (Outcome::Holds, 2));
    }
}
