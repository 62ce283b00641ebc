//! Norms of errors that are too small are found.

use gradbound::Config;
use gradbound::blocks::Blocks;
use gradbound::graph::Graph;
use gradbound::number::Up;
use gradbound::obligation::{Obligation, Run, check, failures};
use gradbound::tensor::{DType, Tensor, Ty};
use gradbound::verdict::Outcome;

/// 1 + u is 1 in each of four elements: the errors have norm 2u, in two blocks √2·u. A check of
/// a run that claims less finds it, though no element is beyond its ε.
#[test]
fn a_check_finds_a_false_norm() {
    let unit = 2f64.powi(-24);
    let mut g = Graph::new();
    let [x, y] = [0; 2].map(|_| g.input(Ty::new([4], DType::F32)));
    let sum = g.add(x, y).unwrap();
    let inputs = [1.0, unit].map(|c| Tensor::full([4].into(), DType::F32, c).unwrap());
    let outcome = |width: usize, norms: &[f64]| {
        let mut run = Run::new(&g, &Config::default(), &inputs).unwrap();
        assert!(run.approx[sum.index()].eps.at(0).get() >= unit);
        let norms = norms.iter().map(|n| Up::new(n * unit)).collect();
        run.approx[sum.index()].blocks = Some(Blocks::new(width, norms));
        let checks = check(&g, &run, &inputs, &[]);
        let failed = failures(&g, &checks);
        let judged = checks.error[sum.index()].verdict.outcome();
        assert_eq!(failed.is_empty(), judged == Outcome::Holds);
        assert!(failed.iter().all(|f| f.obligation == Obligation::Sound));
        judged
    };
    assert_eq!(outcome(4, &[2.0]), Outcome::Holds);
    assert_eq!(outcome(4, &[1.99]), Outcome::Violated);
    assert_eq!(outcome(4, &[1.0]), Outcome::Violated);
    assert_eq!(outcome(2, &[1.42, 1.42]), Outcome::Holds);
    assert_eq!(outcome(2, &[1.42, 1.41]), Outcome::Violated);
    assert_eq!(outcome(2, &[0.0, 1.42]), Outcome::Violated);
}
