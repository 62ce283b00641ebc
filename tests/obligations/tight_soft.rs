//! The bounds of squares, softmax and log-sum-exp are nearly attained.

use crate::tightness::{Witness, ratio, scalars};
use gradbound::graph::Graph;
use gradbound::tensor::{DType, Ty};

fn nearly(what: &str, reached: f64) {
    println!("{what}: {reached:.4}");
    assert!(
        (0.9..=1.0).contains(&reached),
        "{what} reaches only {reached} of its bound"
    );
}

#[test]
fn square_is_nearly_attained() {
    let (mut g, ids) = scalars(1);
    let out = g.square(ids[0]).unwrap();
    let rounding = (0..600)
        .map(|i| 1.0 + f64::from(i * 371) / 8_388_608.0)
        .map(|x| ratio(&g, out, &[Witness::exact(&[x])], &[]))
        .fold(0.0, f64::max);
    nearly("rounding of a square", rounding);
    for t in [1.0, -1.0] {
        let corner = Witness::corner(t * 1.5, 0.125, t);
        nearly("error of a square's base", ratio(&g, out, &[corner], &[]));
    }
}

/// Two elements that the specification and the execution tear apart in opposite ways.
fn torn(apart: f64) -> Witness {
    Witness {
        c: vec![0.0, 0.0],
        eps: vec![apart; 2],
        x: vec![apart / 2.0, -apart / 2.0],
        hat: vec![-apart / 2.0, apart / 2.0],
    }
}

fn pair() -> (Graph, gradbound::graph::ValueId) {
    let mut g = Graph::new();
    let x = g.input(Ty::new([2], DType::F32));
    (g, x)
}

#[test]
fn softmax_is_nearly_attained() {
    let (mut g, x) = pair();
    let p = g.softmax_over(x, &[0]).unwrap();
    nearly("errors of scores", ratio(&g, p, &[torn(0.0625)], &[]));
}

#[test]
fn log_sum_exp_is_nearly_attained() {
    let (mut g, x) = pair();
    let l = g.log_sum_exp_over(x, &[0], false).unwrap();
    let moved = Witness {
        c: vec![0.0, 0.0],
        eps: vec![0.0625; 2],
        x: vec![0.03125; 2],
        hat: vec![-0.03125; 2],
    };
    nearly("errors of summands", ratio(&g, l, &[moved], &[]));
}
