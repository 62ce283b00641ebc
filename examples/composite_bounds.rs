//! What a rule of a composite's own gains over the bound that follows from its primitives.
//!
//! Each row bounds one composite twice, from scores that are known to the same eps: as a chain
//! of primitives, and by the rule that `src/op` has for it.

use gradbound::Config;
use gradbound::Result;
use gradbound::bound::{Approx, Bound};
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::{bounds, runtime};
use gradbound::lower;
use gradbound::number::Up;
use gradbound::tensor::{DType, Tensor, Ty};

const SCORES: usize = 64;

type Composite = fn(&mut Graph, ValueId) -> Result<ValueId>;

/// z less the maximum, and the exponentials with their sum.
fn exponentials(g: &mut Graph, z: ValueId) -> Result<[ValueId; 3]> {
    let shape = g.ty(z).shape.clone();
    let shift = g.free_max(z, &[0])?;
    let shift = g.broadcast(shift, &shape)?;
    let shifted = g.sub(z, shift)?;
    let e = g.exp(shifted)?;
    let total = g.sum(e, &[0], true)?;
    Ok([shifted, e, total])
}

fn softmax_chain(g: &mut Graph, z: ValueId) -> Result<ValueId> {
    let [_, e, total] = exponentials(g, z)?;
    g.div(e, total)
}

fn log_softmax_chain(g: &mut Graph, z: ValueId) -> Result<ValueId> {
    let [shifted, _, total] = exponentials(g, z)?;
    let log = g.log(total)?;
    g.sub(shifted, log)
}

fn softmax(g: &mut Graph, z: ValueId) -> Result<ValueId> {
    lower::softmax(g, z, 0)
}

fn log_softmax(g: &mut Graph, z: ValueId) -> Result<ValueId> {
    lower::log_softmax(g, z, 0)
}

/// 1/√(mean(x²) + 1e-5) where the square is a product of two values that nothing ties.
fn deviation_chain(g: &mut Graph, x: ValueId) -> Result<ValueId> {
    let copy = g.neg(x)?;
    let copy = g.neg(copy)?;
    let squares = g.mul(x, copy)?;
    deviation_of(g, squares)
}

fn deviation(g: &mut Graph, x: ValueId) -> Result<ValueId> {
    let squares = g.square(x)?;
    deviation_of(g, squares)
}

fn deviation_of(g: &mut Graph, squares: ValueId) -> Result<ValueId> {
    let mean = g.mean(squares, &[0], true)?;
    lower::inverse_deviation(g, mean, 1e-5)
}

/// The largest eps of a composite of scores that are known to `eps`.
fn largest(composite: Composite, dtype: DType, eps: f64) -> Result<f64> {
    let mut graph = Graph::new();
    let ty = Ty::new([SCORES], dtype);
    let z = graph.input(ty.clone());
    let value = composite(&mut graph, z)?;
    let scores: Vec<f64> = (0..SCORES)
        .map(|k| ((k * 37) % 64) as f64 / 16.0 - 2.0)
        .collect();
    let inputs = [Tensor::from_f64s(ty.shape, dtype, &scores)?];
    let config = Config::default();
    let run = runtime::eval(&graph, &config, &inputs)?;
    let known = [Approx::within(Bound::Tensor(Up::new(eps)))];
    let all = bounds::eval(&graph, &config, &run, &known);
    Ok(all[value.index()].eps.largest().get())
}

fn main() -> Result<()> {
    let rows: [(&str, Composite, Composite); 3] = [
        ("softmax", softmax_chain, softmax),
        ("log-softmax", log_softmax_chain, log_softmax),
        ("1/√(mean x² + e)", deviation_chain, deviation),
    ];
    println!("| composite | format | eps of the scores | chain | own rule |");
    println!("|---|---|---|---|---|");
    for (name, chain, own) in rows {
        for (dtype, eps) in [
            (DType::F32, 0.0),
            (DType::F32, 1e-3),
            (DType::BF16, 0.1),
            (DType::BF16, 1.0),
            (DType::BF16, 4.0),
        ] {
            let (a, b) = (largest(chain, dtype, eps)?, largest(own, dtype, eps)?);
            println!("| {name} | {dtype} | {eps} | {a:.2e} | {b:.2e} |");
        }
    }
    Ok(())
}
