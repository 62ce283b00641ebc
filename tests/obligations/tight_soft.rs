//! The bounds of squares, softmax and log-sum-exp are nearly attained.

use crate::tightness::{Witness, ratio, scalars};
use gradbound::graph::Graph;
use gradbound::graph::grad::append_backward;
use gradbound::lower;
use gradbound::tensor::{DType, Tensor, Ty};

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

/// At a label of small probability p·δ − δ rounds little more than once and (p − 1)·δ twice;
/// the bound is for both.
#[test]
fn label_gradients_are_nearly_attained() {
    let mut g = Graph::new();
    let [z, delta] = [[1, 2], [1, 1]].map(|shape| g.input(Ty::new(shape, DType::F32)));
    let log_prob = lower::log_softmax(&mut g, z, 1).unwrap();
    let label = g.constant(Tensor::i64s([1, 1], [0]).unwrap());
    let picked = g.pick_labels(log_prob, label, 1).unwrap();
    let gradients = append_backward(&mut g, &[(picked, delta)], None).unwrap();
    let out = gradients.of(z).unwrap();
    let mut best = [0.0_f64; 2];
    for i in 0..40 {
        for j in 0..40 {
            let z = -5.0 - f64::from(i * 371) / 65_536.0;
            let delta = 2.0 - f64::from(1 + j * 371) / 8_388_608.0;
            let pair = [Witness::exact(&[z, 0.0]), Witness::exact(&[delta])];
            // The tape's coins are all tails or all heads, and so is the choice of formula.
            best = [0, 1].map(|k| best[k].max(ratio(&g, out, &pair, &[k as u32; 200])));
        }
    }
    println!("gradient of a label: {best:?}");
    assert!(best[0] < 0.5 && (0.55..=1.0).contains(&best[1]), "{best:?}");
}
