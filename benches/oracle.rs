//! How fast the judge of attacks is: exact sums of products beside rationals that look for common
//! divisors, and checks of elements per second.
//!
//! `cargo bench --bench oracle` prints the table of docs/benchmarks.md, then criterion's figures.
#![allow(
    clippy::float_arithmetic,
    clippy::disallowed_methods,
    reason = "figures of a benchmark, no bounds"
)]

use criterion::{Criterion, Throughput};
use gradbound::graph::Graph;
use gradbound::number::accumulator::Accumulator;
use gradbound::number::dyadic::Dyadic;
use gradbound::number::exact::Rational;
use gradbound::number::gemm::Layout;
use gradbound::number::spec::Factor;
use gradbound::number::{SpecNumber, Up};
use gradbound::tensor::{DType, Tensor, Ty};
use gradbound::witness::oracle::{Judgement, Spec};
use num_rational::BigRational;
use num_traits::Zero;
use std::hint::black_box;
use std::time::{Duration, Instant};

const LENGTH: usize = 4096;

/// Floats of either sign whose exponents spread over a few powers of two.
fn floats(seed: u64, dtype: DType) -> Vec<f64> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut draw = || (rng.f64() - 0.5) * (rng.i32(-4..=4) as f64).exp2();
    let drawn: Vec<f64> = (0..LENGTH).map(|_| draw()).collect();
    let narrow = Tensor::from_f64s([LENGTH].into(), dtype, &drawn);
    narrow.expect("of this type").to_f64s()
}

/// Σ xᵢyᵢ of the same numbers in three ways.
struct Dot {
    x: Vec<f64>,
    y: Vec<f64>,
    exact: [Vec<Rational>; 2],
    ratios: [Vec<BigRational>; 2],
}

impl Dot {
    fn new(dtype: DType) -> Dot {
        let (x, y) = (floats(1, dtype), floats(2, dtype));
        let both = [&x, &y];
        let exact = |of: &Vec<f64>| of.iter().map(|x| Rational::from_f64(&(), *x)).collect();
        let ratio = |x: &f64| BigRational::from_float(*x).expect("finite");
        let ratios = |of: &Vec<f64>| of.iter().map(ratio).collect();
        Dot {
            exact: both.map(exact),
            ratios: both.map(ratios),
            x,
            y,
        }
    }

    fn accumulated(&self) -> Dyadic {
        let mut sum = Accumulator::default();
        for (x, y) in self.x.iter().zip(&self.y) {
            sum.add_product_f64(*x, *y);
        }
        sum.total()
    }

    /// As the specification computes it.
    fn specified(&self) -> Vec<Rational> {
        let factor = |k: usize, (rows, columns)| {
            let layout = Layout {
                rows,
                columns,
                row_step: columns,
                column_step: 1,
            };
            Factor::new(&self.exact[k], layout)
        };
        Rational::product(&(), factor(0, (1, LENGTH)), factor(1, (LENGTH, 1)))
    }

    fn rational(&self) -> BigRational {
        let terms = self.ratios[0].iter().zip(&self.ratios[1]);
        terms.fold(BigRational::zero(), |sum, (x, y)| sum + x * y)
    }
}

/// An elementwise operation of two f32 tensors, its run and the bounds to check.
struct Elements {
    graph: Graph,
    inputs: [Vec<Dyadic>; 2],
    run: Vec<Tensor>,
    eps: Up,
}

impl Elements {
    fn new(product: bool) -> gradbound::Result<Elements> {
        let mut graph = Graph::new();
        let ty = Ty::new([LENGTH], DType::F32);
        let (x, y) = (graph.input(ty.clone()), graph.input(ty));
        if product {
            graph.mul(x, y)?;
        } else {
            graph.add(x, y)?;
        }
        let data = [floats(3, DType::F32), floats(4, DType::F32)];
        let exact = |x: &f64| Dyadic::from_f64(*x).expect("finite");
        let inputs = [0, 1].map(|k| data[k].iter().map(exact).collect());
        let native = |data: &Vec<f64>| Tensor::from_f64s([LENGTH].into(), DType::F32, data);
        let tensors = [native(&data[0])?, native(&data[1])?];
        let config = gradbound::Config::default();
        let run = gradbound::interpret::runtime::eval(&graph, &config, &tensors)?;
        Ok(Elements {
            graph,
            inputs,
            run,
            eps: Up::new(1e-4),
        })
    }

    /// Evaluates the specification and judges every element of the result.
    fn judge(&self) -> usize {
        let x: Vec<&[Dyadic]> = self.inputs.iter().map(Vec::as_slice).collect();
        let spec = Spec::of(&self.graph, &x, &self.run);
        let computed = self.run[2].to_f64s();
        let held = computed
            .iter()
            .enumerate()
            .filter(|(i, c)| matches!(spec.error(2, *i, **c, self.eps), Judgement::Holds(_)));
        held.count()
    }
}

/// The median time of a call, of at least 20 of them.
fn time<T>(mut f: impl FnMut() -> T) -> Duration {
    let mut all: Vec<Duration> = Vec::new();
    let start = Instant::now();
    while all.len() < 20 || start.elapsed() < Duration::from_millis(500) {
        let start = Instant::now();
        black_box(f());
        all.push(start.elapsed());
    }
    all.sort();
    all[all.len() / 2]
}

fn table() -> gradbound::Result<()> {
    println!(
        "| dot product of {LENGTH} | rationals | exact floats | ratio | as specified | ratio |"
    );
    println!("|---|---|---|---|---|---|");
    for dtype in [DType::F32, DType::F64] {
        let dot = Dot::new(dtype);
        let truth = dot.rational();
        assert_eq!(dot.accumulated().rational(), truth);
        assert_eq!(dot.specified()[0].value(), Some(truth));
        let slow = time(|| dot.rational());
        let [fast, spec] = [time(|| dot.accumulated()), time(|| dot.specified())];
        let ratio = |t: Duration| slow.as_secs_f64() / t.as_secs_f64();
        println!(
            "| {dtype} | {slow:.1?} | {fast:.1?} | {:.0} | {spec:.1?} | {:.0} |",
            ratio(fast),
            ratio(spec)
        );
    }
    println!("\n| f32 checks per second and thread | millions |\n|---|---|");
    for (name, product) in [("Add", false), ("Mul", true)] {
        let elements = Elements::new(product)?;
        assert_eq!(elements.judge(), LENGTH);
        let each = time(|| elements.judge()).as_secs_f64() / LENGTH as f64;
        println!("| {name} | {:.1} |", 1e-6 / each);
    }
    Ok(())
}

fn main() -> gradbound::Result<()> {
    table()?;
    let mut criterion = Criterion::default()
        .sample_size(20)
        .measurement_time(Duration::from_secs(2))
        .warm_up_time(Duration::from_millis(500))
        .configure_from_args();
    let dot = Dot::new(DType::F32);
    let mut group = criterion.benchmark_group("oracle");
    group.throughput(Throughput::Elements(LENGTH as u64));
    group.bench_function("dot, rationals", |b| b.iter(|| dot.rational()));
    group.bench_function("dot, exact floats", |b| b.iter(|| dot.accumulated()));
    group.bench_function("dot, as specified", |b| b.iter(|| dot.specified()));
    let elements = Elements::new(true)?;
    group.bench_function("f32 products judged", |b| b.iter(|| elements.judge()));
    group.finish();
    criterion.final_summary();
    Ok(())
}
