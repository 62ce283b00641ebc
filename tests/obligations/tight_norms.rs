//! What the ℓ2 norms of errors say is nearly attained, and far less than what is known element
//! by element.

use crate::tightness::{Witness, ratio};
use gradbound::Config;
use gradbound::bound::{Approx, Bound};
use gradbound::graph::Graph;
use gradbound::interpret::{bounds, runtime};
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
