//! The seeded networks that benchmarks measure.
#![allow(dead_code, reason = "each benchmark uses a part")]

use gradbound::bound::Approx;
use gradbound::config::Config;
use gradbound::graph::grad::append_backward;
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::{bounds, runtime, spec};
use gradbound::number::Enclosure;
use gradbound::op::real;
use gradbound::tensor::{DType, SpecTensor, Tensor, Ty};
use std::time::Instant;

/// The wide and deep ones: names and widths.
pub fn networks() -> [(&'static str, Vec<usize>); 3] {
    [
        ("784-1024-1024-10", vec![784, 1024, 1024, 10]),
        ("8 layers of 512", vec![512; 9]),
        ("12 layers of 256", vec![256; 13]),
    ]
}

/// A seeded ReLU network with mean squared activation as its loss, differentiated.
pub struct Mlp {
    /// Forward and backward.
    pub graph: Graph,
    pub inputs: Vec<Tensor>,
    /// The last activation.
    pub output: ValueId,
    /// The mean of its squares; the last activation where there is no loss.
    pub loss: ValueId,
    /// The gradient with respect to the first layer's activation.
    pub gradient: ValueId,
}

impl Mlp {
    /// Forward alone.
    pub fn forward(batch: usize, widths: &[usize]) -> gradbound::Result<Mlp> {
        let (graph, inputs, output, gradient) = Mlp::layers(batch, widths)?;
        Ok(Mlp {
            graph,
            inputs,
            output,
            loss: output,
            gradient,
        })
    }

    pub fn new(batch: usize, widths: &[usize]) -> gradbound::Result<Mlp> {
        let (mut graph, inputs, h, first) = Mlp::layers(batch, widths)?;
        let squared = graph.mul(h, h)?;
        let loss = graph.mean(squared, &[0, 1], false)?;
        let one = graph.scalar(1.0, DType::F32)?;
        let gradients = append_backward(&mut graph, &[(loss, one)], None)?;
        Ok(Mlp {
            graph,
            inputs,
            output: h,
            loss,
            gradient: gradients.of(first).expect("the first layer is reached"),
        })
    }

    /// The graph, its input, the last and the first activation.
    fn layers(
        batch: usize,
        widths: &[usize],
    ) -> gradbound::Result<(Graph, Vec<Tensor>, ValueId, ValueId)> {
        let mut state = 1_u64;
        let mut noise = |len: usize, size: f32| -> Vec<f32> {
            (0..len)
                .map(|_| {
                    state = state
                        .wrapping_mul(6364136223846793005)
                        .wrapping_add(1442695040888963407);
                    ((state >> 40) as f32 / 8_388_608.0 - 1.0) * size
                })
                .collect()
        };
        let mut graph = Graph::new();
        let x = graph.input(Ty::new([batch, widths[0]], DType::F32));
        let inputs = vec![Tensor::f32s(
            [batch, widths[0]],
            noise(batch * widths[0], 1.0),
        )?];
        let (mut h, mut first) = (x, None);
        for pair in widths.windows(2) {
            let (n, k) = (pair[0], pair[1]);
            let size = (6.0 / n as f32).sqrt();
            let w = graph.constant(Tensor::f32s([n, k], noise(n * k, size))?);
            let b = graph.constant(Tensor::f32s([k], noise(k, 0.1))?);
            let product = graph.matmul(h, w)?;
            let sum = graph.add(product, b)?;
            h = graph.relu(sum)?;
            first = first.or(Some(h));
        }
        Ok((graph, inputs, h, first.unwrap_or(x)))
    }

    pub fn plain(&self, config: &Config) -> Vec<Tensor> {
        runtime::eval(&self.graph, config, &self.inputs).expect("runs")
    }

    pub fn bounded(&self, config: &Config, run: &[Tensor]) -> Vec<Approx> {
        bounds::eval(&self.graph, config, run, &[Approx::exact()])
    }

    pub fn enclosed(&self, run: &[Tensor]) -> Vec<SpecTensor<Enclosure>> {
        let inputs = [real(&(), &self.inputs[0])];
        spec::eval(&self.graph, &(), &inputs, Some(run))
    }
}

/// How long it takes.
pub fn seconds(f: impl FnOnce()) -> f64 {
    let start = Instant::now();
    f();
    start.elapsed().as_secs_f64()
}
