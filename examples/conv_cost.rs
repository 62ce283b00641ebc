//! temporary
use gradbound::bound::Approx;
use gradbound::bound::Operand;
use gradbound::config::Config;
use gradbound::graph::Graph;
use gradbound::graph::grad::append_backward;
use gradbound::interpret::{bounds, runtime, scales, spec};
use gradbound::lower::{self, Conv, Pool, Spatial};
use gradbound::number::Enclosure;
use gradbound::op::{Op, Primitive, RuleCx, Scaled, real};
use gradbound::tensor::{DType, SpecTensor, Tensor, Ty};
use std::time::Instant;

fn noise(state: &mut u64, len: usize, size: f32) -> Vec<f32> {
    (0..len)
        .map(|_| {
            *state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            ((*state >> 40) as f32 / 8_388_608.0 - 1.0) * size
        })
        .collect()
}

fn main() {
    let what = std::env::args().nth(1).unwrap_or("conv".into());
    let mut s = 1;
    let mut g = Graph::new();
    let (c, h) = (64, 56);
    let x = g.input(Ty::new([1, c, h, h], DType::F32));
    let mut inputs = vec![Tensor::f32s([1, c, h, h], noise(&mut s, c * h * h, 1.0)).unwrap()];
    let axis = Spatial {
        before: 1,
        after: 1,
        ..Spatial::default()
    };
    let out = if what == "conv" {
        let k = g.input(Ty::new([c, c, 3, 3], DType::F32));
        let b = g.input(Ty::new([c], DType::F32));
        inputs.push(Tensor::f32s([c, c, 3, 3], noise(&mut s, c * c * 9, 0.1)).unwrap());
        inputs.push(Tensor::f32s([c], noise(&mut s, c, 0.1)).unwrap());
        let how = Conv {
            axes: vec![axis; 2],
            groups: 1,
        };
        lower::conv(&mut g, x, k, Some(b), &how).unwrap()
    } else {
        let how = Pool {
            kernel: vec![3, 3],
            axes: vec![Spatial { stride: 2, ..axis }; 2],
        };
        if what == "max" {
            lower::max_pool(&mut g, x, &how).unwrap()
        } else {
            lower::average_pool(&mut g, x, &how, false).unwrap()
        }
    };
    let ty = g.ty(out).clone();
    let seed = g.input(ty.clone());
    inputs.push(Tensor::f32s(ty.shape.clone(), noise(&mut s, ty.shape.len(), 1.0)).unwrap());
    append_backward(&mut g, &[(out, seed)], None).unwrap();
    let config = Config::default();
    let t = Instant::now();
    let run = runtime::eval(&g, &config, &inputs).unwrap();
    println!("run    {:?}", t.elapsed());
    let eps: Vec<Approx> = inputs
        .iter()
        .map(|i| {
            Approx::within(gradbound::bound::Bound::from_fn(i.len(), |k| {
                gradbound::number::Up::new(i.get(k).abs() * 1e-6)
            }))
        })
        .collect();
    let t = Instant::now();
    let known = bounds::eval(&g, &config, &run, &eps);
    println!("bounds {:?}", t.elapsed());
    let t = Instant::now();
    let given: Vec<Scaled> = inputs.iter().map(Scaled::of).collect();
    let _ = scales::eval(
        &g,
        &config,
        &given,
        Some(scales::Known {
            run: &run,
            approx: &known,
        }),
    );
    println!("scales {:?}", t.elapsed());
    let t = Instant::now();
    let reals: Vec<SpecTensor<Enclosure>> = inputs.iter().map(|t| real(&(), t)).collect();
    let _ = spec::eval(&g, &(), &reals, Some(&run));
    println!("spec   {:?}", t.elapsed());
    for (k, node) in g.nodes().iter().enumerate() {
        if matches!(node.op(), Op::Input) {
            continue;
        }
        let ty = g.ty(g.values().nth(k).unwrap());
        let cx = RuleCx {
            config: &config,
            ty,
        };
        let args: Vec<&Tensor> = node.args().iter().map(|a| &run[a.index()]).collect();
        let t = Instant::now();
        let _ = node.op().run(&cx, &args);
        let r = t.elapsed();
        let ops: Vec<Operand> = node
            .args()
            .iter()
            .map(|a| Operand {
                value: &run[a.index()],
                approx: &known[a.index()],
            })
            .collect();
        let t = Instant::now();
        let _ = node.op().error(&cx, &ops, &run[k]);
        println!(
            "  {:10} {:22} run {:9.3?} error {:9.3?}",
            node.op().name(),
            format!("{}", ty.shape),
            r,
            t.elapsed()
        );
    }
}
