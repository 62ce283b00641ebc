//! What picks, places, scatters and accumulates elements, forward and backward.

use gradbound::Result;
use gradbound::graph::ValueId;
use gradbound::lower::{self, Cumulative, Direction, Gemm, Written};
use gradbound::tensor::{Shape, Tensor};
use gradbound::witness::fragments::{Builder, basic};

fn scatter(b: &mut Builder) -> Result<ValueId> {
    let (data, updates) = (b.any([2, 2]), b.any([3]));
    let how = b.tape.pick(&[
        Written::Replaced,
        Written::Added,
        Written::Multiplied,
        Written::Largest,
        Written::Least,
    ]);
    let to: Vec<usize> = (0..3).map(|_| b.tape.below(4)).collect();
    lower::scatter(&mut b.graph, data, updates, &to, how)
}

/// As the import of Pad appends it: within zeros or another value, or rows again.
fn pad(b: &mut Builder) -> Result<ValueId> {
    if b.tape.coin() {
        let x = b.any([3, 2]);
        let rows = b.graph.constant(Tensor::i64s([5], [1, 0, 1, 2, 1])?);
        return b.graph.gather(x, rows, 0);
    }
    let within = basic::embed(b)?;
    let value = b.any([]);
    let inside = Tensor::bools([2, 3], [true, false, true, true, false, true])?;
    let inside = b.graph.constant(inside);
    let filling = b.graph.broadcast(value, &Shape::from([2, 3]))?;
    b.graph.select(inside, within, filling)
}

fn cumulative(b: &mut Builder) -> Result<ValueId> {
    let x = b.any([2, 4]);
    let what = b.tape.pick(&[Cumulative::Sum, Cumulative::Product]);
    let how = Direction {
        axis: 1,
        exclusive: b.tape.coin(),
        reverse: b.tape.coin(),
    };
    lower::cumulative(&mut b.graph, x, what, how)
}

fn determinant(b: &mut Builder) -> Result<ValueId> {
    let n = 1 + b.tape.below(3);
    let x = b.any([n, n]);
    lower::determinant(&mut b.graph, x)
}

/// As the import of Range appends it: start + k·step.
fn range_of_floats(b: &mut Builder) -> Result<ValueId> {
    let (start, step) = (b.any([]), b.any([]));
    let numbers = Tensor::from_f64s(Shape::from([4]), b.dtype, &[0.0, 1.0, 2.0, 3.0])?;
    let numbers = b.graph.constant(numbers);
    let distances = b.graph.mul(numbers, step)?;
    b.graph.add(start, distances)
}

fn gemm(b: &mut Builder) -> Result<ValueId> {
    let (x, y, c) = (b.any([2, 2]), b.any([2, 2]), b.any([2]));
    let c = b.tape.coin().then_some(c);
    let how = Gemm {
        alpha: b.tape.pick(&[1.0, 0.3]),
        beta: b.tape.pick(&[1.0, 0.7]),
        transpose_a: b.tape.coin(),
        transpose_b: b.tape.coin(),
    };
    lower::gemm(&mut b.graph, x, y, c, &how)
}

crate::nests::nests! {
    scatter at least 40, pad at least 40, cumulative at least 40, determinant at least 40,
    range_of_floats at least 40, gemm at least 40,
}
