//! What a wide accumulator is worth: bf16 networks with f32 accumulation against the same
//! networks accumulated in bf16, both attacked by random executions.

use gradbound::bound::Approx;
use gradbound::config::{Accumulate, Schedule};
use gradbound::graph::grad::append_backward;
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::{bounds, runtime, spec};
use gradbound::lower;
use gradbound::number::double_double::Ball;
use gradbound::number::{SpecNumber, Up};
use gradbound::op::real;
use gradbound::tensor::{DType, SpecTensor, Tensor, Ty};
use gradbound::witness::execute::{Execution, execute};
use gradbound::witness::tape::Tape;
use gradbound::{Config, Result};

/// Seeded numbers.
struct Noise(u64);

impl Noise {
    fn draw(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        self.0
    }

    fn tensor(&mut self, shape: [usize; 2], size: f64) -> Tensor {
        let unit = |bits: u64| (bits >> 40) as f64 / 8_388_608.0 - 1.0;
        let data: Vec<f64> = (0..shape[0] * shape[1])
            .map(|_| unit(self.draw()) * size)
            .collect();
        Tensor::from_f64s(shape.into(), DType::BF16, &data).unwrap()
    }
}

/// A network with its inputs, its outputs and the gradients of its inputs.
struct Network {
    graph: Graph,
    inputs: Vec<Tensor>,
    outputs: Vec<(&'static str, ValueId)>,
}

impl Network {
    fn finish(mut graph: Graph, x: ValueId, input: Tensor, output: ValueId) -> Result<Network> {
        let ty = graph.ty(output).clone();
        let ones = graph.constant(Tensor::full(ty.shape, ty.dtype, 1.0)?);
        let gradient = append_backward(&mut graph, &[(output, ones)], None)?.of(x);
        let outputs = vec![("output", output), ("gradient", gradient.unwrap())];
        Ok(Network {
            graph,
            inputs: vec![input],
            outputs,
        })
    }
}

/// x[1, n] through two hidden layers of width n.
fn mlp(n: usize) -> Result<Network> {
    let (mut g, mut noise) = (Graph::new(), Noise(1));
    let x = g.input(Ty::new([1, n], DType::BF16));
    let input = noise.tensor([1, n], 1.0);
    let size = (3.0 / n as f64).sqrt();
    let mut h = x;
    for columns in [n, n, 8] {
        let w = g.constant(noise.tensor([n, columns], size));
        let b = g.constant(noise.tensor([1, columns], 0.1));
        let product = g.matmul(h, w)?;
        h = g.add(product, b)?;
        if columns == n {
            h = g.relu(h)?;
        }
    }
    Network::finish(g, x, input, h)
}

/// softmax(QKᵀ/√n)·V·W + x for a few tokens of width n.
fn attention(tokens: usize, n: usize, small: f64) -> Result<Network> {
    let (mut g, mut noise) = (Graph::new(), Noise(2));
    let x = g.input(Ty::new([tokens, n], DType::BF16));
    let input = noise.tensor([tokens, n], 0.5);
    let size = (3.0 / n as f64).sqrt();
    let mut project = |g: &mut Graph, x: ValueId, size: f64| {
        let w = g.constant(noise.tensor([n, n], size));
        g.matmul(x, w)
    };
    // Small queries and keys, as at the start of training.
    let q = project(&mut g, x, size / small)?;
    let k = project(&mut g, x, size / small)?;
    let v = project(&mut g, x, size)?;
    let scores = g.matmul_with(q, k, false, true)?;
    let scale = lower::real(&mut g, 1.0 / (n as f64).sqrt(), DType::BF16)?;
    let scores = g.mul(scores, scale)?;
    let p = lower::softmax(&mut g, scores, 1)?;
    let mixed = g.matmul(p, v)?;
    let projected = project(&mut g, mixed, size)?;
    let output = g.add(projected, x)?;
    Network::finish(g, x, input, output)
}

/// The largest ε of each output under an accumulator; no random execution is beyond any ε
/// of any value.
fn attacked(network: &Network, accumulate: Accumulate) -> Vec<Up> {
    let config = Config {
        accumulate,
        ..Config::default()
    };
    assert_eq!(config.schedule, Schedule::Any);
    let Network {
        graph,
        inputs,
        outputs,
    } = network;
    let run = runtime::eval(graph, &config, inputs).unwrap();
    let known = bounds::eval(graph, &config, &run, &[Approx::exact()]);
    for seed in 1..=2 {
        let mut noise = Noise(seed);
        let numbers: Vec<u32> = (0..1 << 20).map(|_| (noise.draw() >> 32) as u32).collect();
        let execution = Execution {
            graph,
            config: &config,
            fixed_inputs: &[true],
            tape: &mut Tape::new(&numbers),
        };
        let computed = execute(execution, inputs).unwrap();
        let x: Vec<SpecTensor<Ball>> = inputs.iter().map(|t| real(&(), t)).collect();
        let specs = spec::eval(graph, &(), &x, Some(&computed));
        for v in graph.values() {
            let k = v.index();
            for i in 0..computed[k].len() {
                let off = specs[k].data[i].distance(computed[k].get(i));
                let eps = known[k].eps.at(i).get();
                assert!(
                    off.lo() <= eps,
                    "value {k} element {i}, {accumulate}: off by {off:?}, eps {eps:e}"
                );
            }
        }
    }
    let largest = |(_, v): &(_, ValueId)| known[v.index()].eps.largest();
    outputs.iter().map(largest).collect()
}

/// ε with f32 accumulation is at least 20 times less than with accumulation in bf16.
fn is_worth_a_wide_accumulator(name: &str, network: &Network) {
    let (wide, narrow) = (
        attacked(network, Accumulate::F32),
        attacked(network, Accumulate::Same),
    );
    for ((what, _), (wide, narrow)) in network.outputs.iter().zip(wide.iter().zip(&narrow)) {
        let (wide, narrow) = (wide.get(), narrow.get());
        let ratio = narrow / wide;
        println!("{name}, {what}: {wide:.3e} in f32, {narrow:.3e} in bf16, {ratio:.0} times");
        assert!(
            narrow.is_finite(),
            "{name}, {what}: nothing to compare with"
        );
        assert!(ratio >= 20.0, "{name}, {what}: {wide:e} against {narrow:e}");
    }
}

#[test]
fn an_mlp_in_bf16_is_twenty_times_tighter_with_f32_accumulation() {
    is_worth_a_wide_accumulator("mlp of width 256", &mlp(256).unwrap());
}

/// With larger scores, or a width of 256, accumulation in bf16 leaves no claim at all.
#[test]
fn an_attention_block_in_bf16_is_twenty_times_tighter_with_f32_accumulation() {
    let block = attention(4, 128, 64.0).unwrap();
    is_worth_a_wide_accumulator("attention of width 128", &block);
}
