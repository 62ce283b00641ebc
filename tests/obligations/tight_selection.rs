//! The jumps of selections are attained.

use crate::tightness::{Witness, ratio, scalars};
use gradbound::graph::Graph;
use gradbound::graph::grad::append_backward;
use gradbound::op::{Relation, Rounding};
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

/// Specification and execution have different first maxima, and pick elements 4 apart.
#[test]
fn an_uncertain_index_picks_either_element() {
    let mut g = Graph::new();
    let x = g.input(Ty::new([2], DType::F32));
    let data = g.input(Ty::new([2], DType::F32));
    let index = g.arg_max(x, 0, false).unwrap();
    let out = g.gather(data, index, 0).unwrap();
    let torn = Witness {
        c: vec![1.0, 1.125],
        eps: vec![0.25, 0.0],
        x: vec![1.25, 1.125],
        hat: vec![1.0, 1.125],
    };
    let of_index = ratio(
        &g,
        index,
        &[torn.clone(), Witness::exact(&[3.0, -1.0])],
        &[],
    );
    nearly("an uncertain index", of_index);
    let of_data = ratio(&g, out, &[torn, Witness::exact(&[3.0, -1.0])], &[]);
    nearly("what an uncertain index picks", of_data);
}

#[test]
fn a_crossed_integer_is_a_jump() {
    for to in [
        Rounding::Floor,
        Rounding::Ceil,
        Rounding::Nearest,
        Rounding::Truncate,
    ] {
        let (mut g, ids) = scalars(1);
        let out = g.round(ids[0], to).unwrap();
        let jump = if to == Rounding::Nearest { 2.5 } else { 3.0 };
        let torn = Witness {
            c: vec![jump],
            eps: vec![0.125],
            x: vec![jump - 0.125],
            hat: vec![jump + 0.125],
        };
        nearly(&format!("{to:?}"), ratio(&g, out, &[torn], &[]));
        let decided = Witness::corner(1.25, 0.0625, 1.0);
        assert!(
            ratio(&g, out, &[decided], &[]).is_nan(),
            "{to:?} of 1.25 is exact"
        );
    }
}

/// Factors that each round by nearly half an ulp, and factors at the corners of their ε.
#[test]
fn prod_is_nearly_attained() {
    let mut g = Graph::new();
    let x = g.input(Ty::new([2], DType::F32));
    let out = g.prod(x, &[0], false).unwrap();
    let mut by_rounding = 0.0_f64;
    for i in 0..400 {
        let a = 1.0 + f64::from(i * 371) / 8_388_608.0;
        let b = 1.0 + f64::from(i * 67 + 3) / 8_388_608.0;
        by_rounding = by_rounding.max(ratio(&g, out, &[Witness::exact(&[a, b])], &[]));
    }
    nearly("prod by rounding", by_rounding);
    let corner = Witness {
        c: vec![3.0, 2.0],
        eps: vec![0.25, 0.25],
        x: vec![3.25, 2.25],
        hat: vec![3.5, 2.5],
    };
    nearly("prod by propagation", ratio(&g, out, &[corner], &[]));
}
