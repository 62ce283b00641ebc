//! What the ℓ2 norms of errors say is nearly attained, and far less than what is known element
//! by element.

use crate::tightness::{Witness, ratio};
use gradbound::Config;
use gradbound::blocks::Blocks;
use gradbound::bound::{Approx, Bound};
use gradbound::graph::Graph;
use gradbound::interpret::{bounds, runtime};
use gradbound::lower::{self, Variance};
use gradbound::number::Up;
use gradbound::tensor::{DType, Tensor, Ty};

/// ±1/8: the rows are orthogonal and of length 1, and all is exact.
fn hadamard() -> Tensor {
    let sign = |i: usize| 1.0 - 2.0 * f64::from(((i / 64) & (i % 64)).count_ones() % 2);
    let data: Vec<f64> = (0..64 * 64).map(|i| sign(i) / 8.0).collect();
    Tensor::from_f64s([64, 64].into(), DType::F32, &data).unwrap()
}

/// One element is off, and is so again after every second of four rotations: element by element
/// it might be 64 times as much in all of them.
#[test]
fn products_of_rows_are_nearly_attained() {
    let mut g = Graph::new();
    let x = g.input(Ty::new([1, 64], DType::F32));
    let weights = g.constant(hadamard());
    let mut y = x;
    for _ in 0..4 {
        y = g.matmul(y, weights).unwrap();
    }
    let mut off = Witness::exact(&[0.0; 64]);
    (off.eps[0], off.x[0], off.hat[0]) = (0.125, 0.0625, -0.0625);
    let reached = ratio(&g, y, &[off], &[]);
    // 64 equal singular values: each norm that is computed is 64^(1/256) of itself too large.
    assert!((0.96..=1.0).contains(&reached), "{reached}");
}

/// The same through a softmax, a sum, a rotation of positions and a Relu.
#[test]
fn rows_keep_their_norms_on_the_way() {
    let mut g = Graph::new();
    let x = g.input(Ty::new([1, 64], DType::F32));
    let weights = g.constant(hadamard());
    let y = g.matmul(x, weights).unwrap();
    let y = g.reshape(y, [8, 8].into()).unwrap();
    let y = g.transpose(y, &[1, 0]).unwrap();
    let y = g.reshape(y, [1, 64].into()).unwrap();
    let y = g.relu(y).unwrap();
    let y = g.matmul(y, weights).unwrap();
    let c = Tensor::from_f64s([1, 64].into(), DType::F32, &[0.0; 64]).unwrap();
    let config = Config::default();
    let run = runtime::eval(&g, &config, &[c]).unwrap();
    let eps = |i: usize| if i == 0 { Up::new(0.125) } else { Up::ZERO };
    let known = bounds::eval(
        &g,
        &config,
        &run,
        &[Approx::within(Bound::from_fn(64, eps))],
    );
    // Element by element it would be 64·(1/8)·(1/8)·(1/8).
    let largest = known[y.index()].eps.largest().get();
    assert!((0.125..0.127).contains(&largest), "{largest}");
}

/// A row of ±1 that is off by ε in ℓ2: all along itself, or one element alone. Element by element its
/// variance might be off by 2ε, and a value by √2·ε more.
#[test]
fn normalizations_know_what_a_row_is_off_together() {
    const EPS: f64 = 1.0 / 64.0;
    let mut g = Graph::new();
    let x = g.input(Ty::new([1, 64], DType::F32));
    let parts = lower::standardize(&mut g, x, &[1], 1e-5, Variance::TwoPass).unwrap();
    let c: Vec<f64> = (0..64).map(|i| f64::from(1 - 2 * (i % 2))).collect();
    let row = Tensor::from_f64s([1, 64].into(), DType::F32, &c).unwrap();
    let config = Config::default();
    let run = runtime::eval(&g, &config, &[row]).unwrap();
    let given = Approx {
        blocks: Some(Blocks::new(64, vec![Up::new(EPS)])),
        ..Approx::within(Bound::Tensor(Up::new(EPS)))
    };
    let known = bounds::eval(&g, &config, &run, &[given]);
    let moments = |x: &[f64]| {
        let mean = x.iter().sum::<f64>() / 64.0;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 64.0;
        (variance, 1.0 / (variance + 1e-5).sqrt(), mean)
    };
    let along: Vec<f64> = c.iter().map(|c| c * (1.0 + EPS / 8.0)).collect();
    let mut alone = c.clone();
    alone[0] += EPS;
    let (before, after, moved) = (moments(&c), moments(&along), moments(&alone));
    let value = |x: f64, m: (f64, f64, f64)| (x - m.2) * m.1;
    for (what, part, off) in [
        ("variance", parts.moments.variance, after.0 - before.0),
        (
            "inverse deviation",
            parts.inverse_deviation,
            before.1 - after.1,
        ),
        (
            "value",
            parts.value,
            value(alone[0], moved) - value(c[0], before),
        ),
    ] {
        let reached = off / known[part.index()].eps.largest().get();
        println!("{what}: {reached:.4}");
        assert!((0.75..=1.0).contains(&reached), "{what}: {reached}");
    }
}
