//! A kernel of one's own among built-in primitives: a hand-written squared ReLU that comes
//! with its own VJP, and a test-worthy answer to "is it sound?".
//!
//! `cargo run --release --example opaque_kernel`

use gradbound::bound::{Approx, Bound, Operand};
use gradbound::graph::context::{EList, RunList, TList, approx_ctx};
use gradbound::graph::levels::{
    FwdNode, FwdNodeScale, RevGraphScale, RevNode, RevNodeScale, derived_bound,
};
use gradbound::graph::{Graph, ValueId};
use gradbound::number::{Enclosure, Up};
use gradbound::op::{MatMul, RuleCx, ScaleOperand, real};
use gradbound::tensor::{DType, Tensor, Ty};
use gradbound::{Config, Error, Result};
use std::sync::Arc;

/// y = relu(x)², the way a kernel author would write it: one pass, no temporaries.
#[derive(Debug)]
struct SquaredRelu;

/// The same formula in primitives: what the kernel is supposed to mean.
fn meaning(g: &mut Graph, x: ValueId) -> Result<ValueId> {
    let y = g.relu(x)?;
    g.mul(y, y)
}

/// And of its gradient: 2·relu(x)·δ.
fn gradient_meaning(g: &mut Graph, x: ValueId, cotangent: ValueId) -> Result<ValueId> {
    let y = g.relu(x)?;
    let two = g.scalar(2.0, g.ty(x).dtype)?;
    let slope = g.mul(y, two)?;
    g.mul(slope, cotangent)
}

fn map(x: &Tensor, f: impl Fn(usize, f32) -> f32) -> Result<Tensor> {
    let values: Vec<f32> = (0..x.len()).map(|i| f(i, x.get(i) as f32)).collect();
    Tensor::f32s(x.shape().clone(), values)
}

impl FwdNode for SquaredRelu {
    fn name(&self) -> String {
        "squared_relu".to_string()
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        match args {
            [x] if x.dtype == DType::F32 => Ok((*x).clone()),
            _ => Err(Error::new("squared_relu takes one f32 tensor")),
        }
    }
    fn spec(&self, g: &mut Graph, args: &[ValueId]) -> Result<ValueId> {
        meaning(g, args[0])
    }
    fn runtime(&self, args: &[&Tensor]) -> Result<Tensor> {
        map(args[0], |_, x| if x > 0.0 { x * x } else { 0.0 })
    }
    fn bound(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Bound {
        derived_bound(cx, args, |g, args| meaning(g, args[0]))
    }
}

impl RevNode for SquaredRelu {
    fn vjp_spec(
        &self,
        g: &mut Graph,
        args: &[ValueId],
        d: ValueId,
    ) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(gradient_meaning(g, args[0], d)?)])
    }
    fn vjp_runtime(&self, _input: usize, args: &[&Tensor], d: &Tensor) -> Result<Tensor> {
        map(args[0], |i, x| {
            if x > 0.0 {
                2.0 * x * d.get(i) as f32
            } else {
                0.0
            }
        })
    }
    fn vjp_bound(
        &self,
        cx: &RuleCx,
        _input: usize,
        args: &[Operand],
        cotangent: &Operand,
        _out: &Tensor,
    ) -> Bound {
        derived_bound(cx, &[args[0], *cotangent], |g, a| {
            gradient_meaning(g, a[0], a[1])
        })
    }
}

impl FwdNodeScale for SquaredRelu {
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Bound {
        let grown = |b: Up| b * b + cx.half_ulp(b * b);
        Bound::from_fn(args[0].len(), |i| grown(args[0].at(i)))
    }
}

impl RevNodeScale for SquaredRelu {
    fn vjp_scale(
        &self,
        cx: &RuleCx,
        _input: usize,
        args: &[ScaleOperand],
        cotangent: &ScaleOperand,
    ) -> Bound {
        // 2|x| is exact; one product, one rounding.
        let each = |i: usize| {
            let b = Up::new(2.0) * args[0].at(i) * cotangent.at(i);
            b + cx.half_ulp(b)
        };
        Bound::from_fn(args[0].len(), each)
    }
}

fn main() -> Result<()> {
    let config = Config::default();
    let mut graph = RevGraphScale::nil(&[Ty::new([2, 3], DType::F32), Ty::new([3, 2], DType::F32)]);
    let [x, w] = [graph.context()[0], graph.context()[1]];
    let product = graph.snoc(MatMul::default(), &[x, w])?;
    let output = graph.snoc_node(Arc::new(SquaredRelu), &[product])?;

    let inputs: RunList = [
        Tensor::f32s([2, 3], vec![0.1_f32, -0.7, 0.3, 1.1, 0.2, -0.4])?,
        Tensor::f32s([3, 2], vec![0.9_f32, -0.3, 0.8, 0.5, -0.6, 0.7])?,
    ]
    .into_iter()
    .collect();
    let exact: EList = inputs.iter().map(|_| Approx::exact()).collect();
    let reals: TList<Enclosure> = inputs.iter().map(|t| real(&(), t)).collect();

    let run = graph.eval_runtime(&config, &inputs)?;
    let eps = graph.eval_bounds(&config, &inputs, &exact)?;
    println!(
        "forward:  {:?}",
        approx_ctx(&graph.eval_spec(&(), &reals), &run, &eps)
    );

    let seed = Tensor::full([2, 2].into(), DType::F32, 1.0)?;
    let gradients = graph.backprop_runtime(&config, &inputs, &[(output, seed.clone())])?;
    let bounds = graph.backprop_bounds(
        &config,
        &inputs,
        &exact,
        &[(output, (seed.clone(), Approx::exact()))],
    )?;
    let meant = graph.backprop_spec(&(), &reals, &[(output, real(&(), &seed))])?;
    println!("backward: {:?}", approx_ctx(&meant, &gradients, &bounds));
    for (name, value) in [("x", x), ("w", w)] {
        println!(
            "eps of the gradient with respect to {name}: {:.3e}",
            bounds[value.index()].eps.largest().get()
        );
    }
    Ok(())
}
