//! What the bound of a composite loses, and what a rule of its own gains over the bound that
//! follows from its primitives.
//!
//! Every composite is bounded from arguments that are known to the same eps: as a chain of
//! primitives and, where `src/op` has a rule for it, by that. Beside both stands what errors
//! of the arguments alone can do to first order, the largest Σ |∂yᵢ/∂xⱼ|·eps: no bound can be
//! less (but for the order of the rounding errors).

use gradbound::Config;
use gradbound::Result;
use gradbound::bound::{Approx, Bound};
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::{bounds, runtime, spec};
use gradbound::lower::{self, Gelu, Variance};
use gradbound::number::dual::Dual;
use gradbound::number::{Enclosure, SpecNumber, Up};
use gradbound::op::Number;
use gradbound::tensor::{DType, SpecTensor, Tensor, Ty};

/// Arguments of a composite.
const WIDTH: usize = 64;

type Composite = fn(&mut Graph, ValueId) -> Result<ValueId>;

/// z less the maximum, and the exponentials with their sum.
fn exponentials(g: &mut Graph, z: ValueId) -> Result<[ValueId; 4]> {
    let shape = g.ty(z).shape.clone();
    let shift = g.free_max(z, &[0])?;
    let shift = g.broadcast(shift, &shape)?;
    let shifted = g.sub(z, shift)?;
    let e = g.exp(shifted)?;
    let total = g.sum(e, &[0], true)?;
    Ok([shift, shifted, e, total])
}

fn softmax_chain(g: &mut Graph, z: ValueId) -> Result<ValueId> {
    let [_, _, e, total] = exponentials(g, z)?;
    g.div(e, total)
}

fn log_softmax_chain(g: &mut Graph, z: ValueId) -> Result<ValueId> {
    let [_, shifted, _, total] = exponentials(g, z)?;
    let log = g.log(total)?;
    g.sub(shifted, log)
}

fn log_sum_exp_chain(g: &mut Graph, z: ValueId) -> Result<ValueId> {
    let [shift, _, _, total] = exponentials(g, z)?;
    let log = g.log(total)?;
    g.add(shift, log)
}

/// A value times itself, where nothing ties the two factors.
fn square_chain(g: &mut Graph, x: ValueId) -> Result<ValueId> {
    let copy = g.neg(x)?;
    let copy = g.neg(copy)?;
    g.mul(x, copy)
}

fn centred(g: &mut Graph, x: ValueId) -> Result<ValueId> {
    let mean = g.mean(x, &[0], true)?;
    g.sub(x, mean)
}

fn variance_chain(g: &mut Graph, x: ValueId) -> Result<ValueId> {
    let centred = centred(g, x)?;
    let squares = square_chain(g, centred)?;
    g.mean(squares, &[0], true)
}

fn layer_norm_chain(g: &mut Graph, x: ValueId) -> Result<ValueId> {
    let variance = variance_chain(g, x)?;
    let inverse = lower::inverse_deviation(g, variance, 1e-5)?;
    let centred = centred(g, x)?;
    g.mul(centred, inverse)
}

fn rms_norm_chain(g: &mut Graph, x: ValueId) -> Result<ValueId> {
    let squares = square_chain(g, x)?;
    let mean = g.mean(squares, &[0], true)?;
    let inverse = lower::inverse_deviation(g, mean, 1e-5)?;
    g.mul(x, inverse)
}

fn sigmoid_chain(g: &mut Graph, x: ValueId) -> Result<ValueId> {
    let opposite = g.neg(x)?;
    let e = g.exp(opposite)?;
    let one = g.scalar(1.0, g.ty(x).dtype)?;
    let divisor = g.add(one, e)?;
    g.div(one, divisor)
}

fn softplus_chain(g: &mut Graph, x: ValueId) -> Result<ValueId> {
    let (magnitude, line) = (g.abs(x)?, g.relu(x)?);
    let opposite = g.neg(magnitude)?;
    let e = g.exp(opposite)?;
    let log = g.log1p(e)?;
    g.add(line, log)
}

fn gelu_chain(g: &mut Graph, x: ValueId) -> Result<ValueId> {
    let dtype = g.ty(x).dtype;
    let (half, one) = (g.scalar(0.5, dtype)?, g.scalar(1.0, dtype)?);
    let factor = g.irrational(Number::RootHalf, dtype)?;
    let scaled = g.mul(x, factor)?;
    let erf = g.erf(scaled)?;
    let gate = g.add(erf, one)?;
    let halved = g.mul(x, half)?;
    g.mul(halved, gate)
}

fn swish_chain(g: &mut Graph, x: ValueId) -> Result<ValueId> {
    let gate = g.sigmoid(x)?;
    g.mul(x, gate)
}

/// One composite: by its primitives, and as `lower` makes it.
struct Row {
    name: &'static str,
    chain: Composite,
    own: Composite,
}

const ROWS: [Row; 10] = [
    Row {
        name: "softmax",
        chain: softmax_chain,
        own: |g, z| lower::softmax(g, z, 0),
    },
    Row {
        name: "log-softmax",
        chain: log_softmax_chain,
        own: |g, z| lower::log_softmax(g, z, 0),
    },
    Row {
        name: "log-sum-exp",
        chain: log_sum_exp_chain,
        own: |g, z| lower::log_sum_exp(g, z, &[0], true),
    },
    Row {
        name: "sigmoid",
        chain: sigmoid_chain,
        own: |g, x| g.sigmoid(x),
    },
    Row {
        name: "softplus",
        chain: softplus_chain,
        own: |g, x| g.softplus(x),
    },
    Row {
        name: "variance",
        chain: variance_chain,
        own: |g, x| {
            Ok(lower::standardize(g, x, &[0], 1e-5, Variance::TwoPass)?
                .moments
                .variance)
        },
    },
    Row {
        name: "layer norm",
        chain: layer_norm_chain,
        own: |g, x| Ok(lower::standardize(g, x, &[0], 1e-5, Variance::TwoPass)?.value),
    },
    Row {
        name: "RMS norm",
        chain: rms_norm_chain,
        own: |g, x| lower::rms_normalize(g, x, &[0], 1e-5),
    },
    Row {
        name: "GELU",
        chain: gelu_chain,
        own: |g, x| lower::gelu(g, x, Gelu::Erf),
    },
    Row {
        name: "swish",
        chain: swish_chain,
        own: |g, x| lower::swish(g, x, 1.0),
    },
];

/// Numbers from −2 to 2 in no order.
fn scores() -> Vec<f64> {
    (0..WIDTH)
        .map(|k| ((k * 37) % WIDTH) as f64 / 16.0 - 2.0)
        .collect()
}

fn graph_of(composite: Composite, dtype: DType) -> Result<(Graph, ValueId)> {
    let mut graph = Graph::new();
    let x = graph.input(Ty::new([WIDTH], dtype));
    let value = composite(&mut graph, x)?;
    Ok((graph, value))
}

/// eps of a composite's elements, of arguments that are known to `eps`.
fn bounded(composite: Composite, dtype: DType, eps: f64) -> Result<Vec<f64>> {
    let (graph, value) = graph_of(composite, dtype)?;
    let config = Config::default();
    let inputs = [Tensor::from_f64s([WIDTH].into(), dtype, &scores())?];
    let run = runtime::eval(&graph, &config, &inputs)?;
    let known = [Approx::within(Bound::Tensor(Up::new(eps)))];
    let all = bounds::eval(&graph, &config, &run, &known);
    let len = graph.ty(value).shape.len();
    Ok((0..len)
        .map(|i| all[value.index()].eps.at(i).get())
        .collect())
}

/// Σⱼ |∂yᵢ/∂xⱼ| per element of a composite.
fn sensitivities(composite: Composite) -> Result<Vec<f64>> {
    let (graph, value) = graph_of(composite, DType::F64)?;
    let mut sums = vec![0.0; graph.ty(value).shape.len()];
    for j in 0..WIDTH {
        let seeded = |(k, x): (usize, f64)| Dual {
            value: Enclosure::point(x),
            tangent: Enclosure::point(if k == j { 1.0 } else { 0.0 }),
        };
        let data: Vec<Dual<Enclosure>> = scores().into_iter().enumerate().map(seeded).collect();
        let inputs = [SpecTensor::new([WIDTH].into(), data)];
        let all = spec::eval(&graph, &(), &inputs, None);
        for (sum, y) in sums.iter_mut().zip(all[value.index()].data.iter()) {
            *sum += y.tangent.abs().lo();
        }
    }
    Ok(sums)
}

/// The largest, and the mean of logarithms, of eps over what must be.
fn against(bounds: &[f64], least: &[f64], eps: f64) -> (f64, f64) {
    let largest = bounds
        .iter()
        .fold(0.0, |m: f64, &b| if b > m { b } else { m });
    let log = |(b, l): (&f64, &f64)| (b / (l * eps)).ln();
    let mean = bounds.iter().zip(least).map(log).sum::<f64>() / bounds.len() as f64;
    (largest, mean.exp())
}

fn main() -> Result<()> {
    println!(
        "| composite | format | eps of the arguments | chain | over the least | own | over the least |"
    );
    println!("|---|---|---|---|---|---|---|");
    for Row { name, chain, own } in ROWS {
        let least = sensitivities(own)?;
        for (dtype, eps) in [
            (DType::F32, 1e-4),
            (DType::F32, 1e-2),
            (DType::BF16, 0.1),
            (DType::BF16, 1.0),
        ] {
            let (chain, a) = against(&bounded(chain, dtype, eps)?, &least, eps);
            let (own, b) = against(&bounded(own, dtype, eps)?, &least, eps);
            println!("| {name} | {dtype} | {eps} | {chain:.2e} | {a:.2} | {own:.2e} | {b:.2} |");
        }
    }
    Ok(())
}
