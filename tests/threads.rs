//! Results are the same, to the bit, for any number of threads.

use gradbound::config::{Accumulate, Config};
use gradbound::graph::Graph;
use gradbound::graph::grad::append_backward;
use gradbound::number::Enclosure;
use gradbound::number::SpecNumber;
use gradbound::obligation::{Run, check};
use gradbound::tensor::{DType, Tensor, Ty};

/// A layer wide enough for threads, its gradients, and a batch of small products.
fn graph() -> Graph {
    let mut g = Graph::new();
    let x = g.input(Ty::new([70, 90], DType::F32));
    let w = g.input(Ty::new([90, 300], DType::F32));
    let product = g.matmul(x, w).unwrap();
    let y = g.tanh(product).unwrap();
    let delta = g.input(Ty::new([70, 300], DType::F32));
    append_backward(&mut g, &[(y, delta)], None).unwrap();
    let a = g.input(Ty::new([5, 3, 4], DType::F32));
    g.matmul_with(a, a, false, true).unwrap();
    g
}

fn inputs(graph: &Graph) -> Vec<Tensor> {
    let mut state = 1_u64;
    let mut draw = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 40) as i32 as f64 / 8388608.0 - 1.0
    };
    let tensor = |ty: &Ty| {
        let data: Vec<f64> = (0..ty.shape.len()).map(|_| draw()).collect();
        let exact = Tensor::f64s(ty.shape.clone(), data).unwrap();
        exact.cast(ty.dtype).unwrap()
    };
    let types: Vec<Ty> = graph
        .inputs()
        .iter()
        .map(|v| graph.ty(*v).clone())
        .collect();
    types.iter().map(tensor).collect()
}

/// Everything an audit would print of a run, exactly.
fn everything(threads: usize, accumulate: Accumulate) -> Vec<String> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| {
        let graph = graph();
        let inputs = inputs(&graph);
        let config = Config {
            accumulate,
            ..Config::default()
        };
        let run = Run::new(&graph, &config, &inputs).unwrap();
        let checks = check(&graph, &run, &inputs, &[]);
        let spec = |e: Enclosure| format!("{:?}", (e.lo(), e.hi(), e.enclose().mid()));
        (0..graph.len())
            .map(|v| {
                format!(
                    "{:?} {:?} {:?} {} {}",
                    run.values[v],
                    run.approx[v].eps,
                    run.scales[v].scale,
                    spec(checks.error[v].largest),
                    spec(checks.scale[v].largest),
                )
            })
            .collect()
    })
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    for accumulate in [Accumulate::Same, Accumulate::F64] {
        let one = everything(1, accumulate);
        for threads in [2, 3, 7] {
            assert_eq!(everything(threads, accumulate), one, "{threads} threads");
        }
    }
}
