//! The jumps of selections are attained.

use crate::tightness::{Witness, ratio, scalars};
use gradbound::graph::Graph;
use gradbound::graph::grad::append_backward;
use gradbound::op::Relation;
use gradbound::tensor::{DType, Ty};

fn nearly(what: &str, reached: f64) {
    println!("{what}: {reached:.4}");
    assert!(
        (0.9..=1.0).contains(&reached),
        "{what} reaches only {reached} of its bound"
    );
}

/// The specification compares x = ¼ with 0, the execution x̂ = −¼: they select values that
/// are a whole 4 apart, and a decided comparison costs nothing.
#[test]
fn an_undecided_comparison_selects_either_branch() {
    let (mut g, ids) = scalars(4);
    let condition = g.compare(Relation::Less, ids[0], ids[1]).unwrap();
    let out = g.select(condition, ids[2], ids[3]).unwrap();
    let rest = [
        Witness::exact(&[0.0]),
        Witness::exact(&[3.0]),
        Witness::exact(&[-1.0]),
    ];
    let over = |x: Witness| {
        let mut all = vec![x];
        all.extend(rest.clone());
        ratio(&g, out, &all, &[])
    };
    let torn = Witness {
        c: vec![0.0],
        eps: vec![0.5],
        x: vec![0.25],
        hat: vec![-0.25],
    };
    nearly("an undecided selection", over(torn));
    let decided = over(Witness::corner(1.0, 0.125, 1.0));
    assert!(decided.is_nan(), "a decided selection is exact: 0/0");
}

/// Specification and execution have different first maxima: the cotangent goes elsewhere.
#[test]
fn an_undecided_winner_costs_the_whole_cotangent() {
    let mut g = Graph::new();
    let x = g.input(Ty::new([2], DType::F32));
    let delta = g.input(Ty::new([1], DType::F32));
    let top = g.pool_max(x, &[0], true, &[]).unwrap();
    let gradient = append_backward(&mut g, &[(top, delta)], None)
        .unwrap()
        .of(x)
        .unwrap();
    let over = |x: Witness| ratio(&g, gradient, &[x, Witness::exact(&[-3.0])], &[]);
    let torn = Witness {
        c: vec![1.0, 1.125],
        eps: vec![0.25, 0.0],
        x: vec![1.25, 1.125],
        hat: vec![1.0, 1.125],
    };
    nearly("an undecided winner", over(torn));
    let apart = over(Witness::exact(&[1.0, 1.0]));
    assert!(apart.is_nan(), "of two exact equals the first wins: 0/0");
}
