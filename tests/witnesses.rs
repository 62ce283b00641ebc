//! Claims that once were wrong, each with the smallest witness that showed it.

use gradbound::Config;
use gradbound::bound::Approx;
use gradbound::config::{Accumulate, Contract, Schedule, Subnormals};
use gradbound::graph::grad::append_backward;
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::scales;
use gradbound::libm::Libm;
use gradbound::obligation::{Run, check, failures};
use gradbound::op::Scaled;
use gradbound::tensor::{DType, Shape, Tensor, Ty};

fn tensor(shape: impl Into<Shape>, dtype: DType, values: &[f64]) -> Tensor {
    Tensor::from_f64s(shape.into(), dtype, values).expect("as many values as the shape says")
}

/// Runs and checks; nothing may be violated.
fn certified(graph: &Graph, config: &Config, inputs: &[Tensor]) -> Run {
    let run = Run::new(graph, config, inputs).expect("runs");
    let checks = check(graph, &run, inputs, &[]);
    let violated: Vec<_> = failures(graph, &checks)
        .into_iter()
        .filter(|f| f.verdict.outcome() == gradbound::verdict::Outcome::Violated)
        .collect();
    assert!(violated.is_empty(), "{violated:?}");
    run
}

fn eps(run: &Run, value: ValueId, element: usize) -> f64 {
    run.approx[value.index()].eps.at(element).get()
}

#[test]
fn every_stored_dot_of_a_sum_may_underflow() {
    for (dtype, accumulate, x, w) in [
        (DType::F16, Accumulate::Default, -12, -13),
        (DType::F32, Accumulate::F64, -100, -50),
    ] {
        let config = Config {
            accumulate,
            ..Config::default()
        };
        let n = 1000;
        let mut g = Graph::new();
        let a = g.input(Ty::new([n, 1], dtype));
        let b = g.input(Ty::new([1, 1], dtype));
        let z = g.matmul(a, b).unwrap();
        let s = g.sum(z, &[0, 1], false).unwrap();
        let inputs = [
            tensor([n, 1], dtype, &vec![f64::from(x).exp2(); n]),
            tensor([1, 1], dtype, &[1.5 * f64::from(w).exp2()]),
        ];
        let run = certified(&g, &config, &inputs);
        assert!(eps(&run, s, 0).is_finite());
    }
}

#[test]
fn a_store_that_may_overflow_leaves_no_claim() {
    // From the left 65519.996, stored as 65504; from the right 65520, stored as infinity.
    let tiny = 0.03125;
    let mut g = Graph::new();
    let a = g.input(Ty::new([1, 6], DType::F16));
    let b = g.input(Ty::new([6, 1], DType::F16));
    let z = g.matmul(a, b).unwrap();
    let inputs = [
        tensor(
            [1, 6],
            DType::F16,
            &[255.875, 63.0 / 16.0, tiny, tiny, tiny, tiny],
        ),
        tensor(
            [6, 1],
            DType::F16,
            &[256.0, 65.0 / 16.0, tiny, tiny, tiny, tiny],
        ),
    ];
    let run = certified(&g, &Config::default(), &inputs);
    assert_eq!(eps(&run, z, 0), f64::INFINITY);
}

#[test]
fn a_mean_divides_by_the_true_count() {
    // 257 is no bfloat16, 2049 no float16.
    for (dtype, n) in [(DType::BF16, 257), (DType::F16, 2049)] {
        let mut g = Graph::new();
        let x = g.input(Ty::new([n], dtype));
        let m = g.mean(x, &[0], false).unwrap();
        let seed = g.scalar(1.0, dtype).unwrap();
        let gradients = append_backward(&mut g, &[(m, seed)], None).unwrap();
        let run = certified(&g, &Config::default(), &[tensor([n], dtype, &vec![1.0; n])]);
        let to_x = gradients.of(x).unwrap();
        // Both the quotient rounded once and the division by the rounded count are admitted.
        let u = dtype.format().unwrap().unit().get();
        let exact = 1.0 / n as f64;
        assert!(eps(&run, to_x, 0) >= exact * u / 2.0);
        assert!(eps(&run, to_x, 0) <= exact * u * 8.0);
    }
}

#[test]
fn large_integers_are_compared_as_integers() {
    let mut g = Graph::new();
    let a = g.constant(Tensor::i64s([2], vec![i64::MAX, (1 << 60) + 1]).unwrap());
    let b = g.constant(Tensor::i64s([2], vec![-1, 1 << 40]).unwrap());
    let c = g.add(a, b).unwrap();
    let f = g.cast(c, DType::F64).unwrap();
    let run = certified(&g, &Config::default(), &[]);
    assert_eq!(eps(&run, c, 0), 0.0);
    assert!(eps(&run, f, 0) > 0.0, "the cast rounds");
}

#[test]
fn a_flushed_reciprocal_is_paid_for() {
    let config = Config {
        subnormals: Subnormals::Flush,
        ..Config::default()
    };
    let mut g = Graph::new();
    let x = g.input(Ty::new([2], DType::F32));
    let d = g.constant(tensor([2], DType::F32, &[2e38, 1e-40]));
    let q = g.div(x, d).unwrap();
    let run = certified(&g, &config, &[tensor([2], DType::F32, &[1e38, 0.0])]);
    // fl(1 / 2e38) is subnormal; flushed, the quotient is 0 instead of 0.5.
    assert!(eps(&run, q, 0) >= 0.5);
    let third = g.constant(tensor([2], DType::F32, &[3.0, 1e-40]));
    let q = g.div(x, third).unwrap();
    let c = 1.511_821_6_f32;
    let run = certified(
        &g,
        &config,
        &[tensor([2], DType::F32, &[f64::from(c), 0.0])],
    );
    let by_reciprocal = f64::from(c * (1.0_f32 / 3.0));
    assert!(eps(&run, q, 0) >= (by_reciprocal - f64::from(c) / 3.0).abs());
}

#[test]
fn a_reciprocal_that_overflows_leaves_no_claim() {
    let mut g = Graph::new();
    let x = g.input(Ty::new([1], DType::F32));
    let d = g.constant(tensor([1], DType::F32, &[3e-40]));
    let q = g.div(x, d).unwrap();
    let run = certified(&g, &Config::default(), &[tensor([1], DType::F32, &[1e-40])]);
    assert_eq!(eps(&run, q, 0), f64::INFINITY);
}

#[test]
fn a_power_of_two_has_a_reciprocal_that_may_overflow_too() {
    for (dtype, d, x) in [(DType::F32, -129, -130), (DType::F16, -17, -20)] {
        let mut g = Graph::new();
        let a = g.input(Ty::new([1], dtype));
        let b = g.constant(tensor([1], dtype, &[f64::from(d).exp2()]));
        let q = g.div(a, b).unwrap();
        let inputs = [tensor([1], dtype, &[f64::from(x).exp2()])];
        let run = certified(&g, &Config::default(), &inputs);
        assert_eq!(eps(&run, q, 0), f64::INFINITY);
        let left = Config {
            schedule: Schedule::Left,
            ..Config::default()
        };
        assert_eq!(eps(&certified(&g, &left, &inputs), q, 0), 0.0);
    }
}

#[test]
fn a_count_beyond_the_accumulator_leaves_no_claim() {
    let config = Config {
        accumulate: Accumulate::Same,
        ..Config::default()
    };
    for (n, claims) in [(65519, true), (65520, false), (100_000, false)] {
        let mut g = Graph::new();
        let x = g.input(Ty::new([1], DType::F16));
        let share = g.push(gradbound::op::Share(n), &[x]).unwrap();
        let run = certified(&g, &config, &[tensor([1], DType::F16, &[333.25])]);
        assert_eq!(eps(&run, share, 0).is_finite(), claims, "{n}");
    }
}

#[test]
fn a_scale_without_a_run_knows_of_overflow() {
    let mut g = Graph::new();
    let x = g.input(Ty::new([2], DType::F32));
    let twice = g.add(x, x).unwrap();
    let sum = g.sum(x, &[0], false).unwrap();
    let given = [Scaled::of(&tensor([2], DType::F32, &[3e38, 3e38]))];
    let all = scales::eval(&g, &Config::default(), &given, None);
    for v in [twice, sum] {
        assert!(!all[v.index()].scale.largest().is_finite());
    }
}

#[test]
fn the_run_is_admissible_under_every_table() {
    let values: Vec<f64> = (-400..400).map(|k| f64::from(k) / 16.0).collect();
    for dtype in [DType::F64, DType::F32, DType::F16, DType::BF16] {
        for libm in [
            Libm::Ulp(0.5),
            Libm::Correct,
            Libm::XlaCpu,
            Libm::Glibc,
            Libm::Cuda,
        ] {
            let mut g = Graph::new();
            let x = g.input(Ty::new([values.len()], dtype));
            g.sigmoid(x).unwrap();
            g.tanh(x).unwrap();
            g.exp(x).unwrap();
            let config = Config {
                libm,
                ..Config::default()
            };
            certified(&g, &config, &[tensor([values.len()], dtype, &values)]);
        }
    }
}

#[test]
fn gates_of_exact_values_are_decided() {
    let mut g = Graph::new();
    let x = g.input(Ty::new([4], DType::F32));
    let y = g.input(Ty::new([4], DType::F32));
    let top = g.max_over(x, &[0], true).unwrap();
    let larger = g.max(x, y).unwrap();
    let seeds = [
        (top, tensor([1], DType::F32, &[1.0])),
        (larger, tensor([4], DType::F32, &[1.0; 4])),
    ]
    .map(|(v, t)| (v, g.constant(t)));
    let gradients = append_backward(&mut g, &seeds, None).unwrap();
    let inputs = [
        tensor(
            [4],
            DType::F32,
            &[0.1, 0.7, 0.7_f32.next_down().into(), 0.3],
        ),
        tensor([4], DType::F32, &[0.1, 0.2, 0.9, 0.3]),
    ];
    let run = certified(&g, &Config::default(), &inputs);
    let to_y = gradients.of(y).unwrap();
    assert_eq!(run.values[to_y.index()].to_f64s(), [0.5, 0.0, 1.0, 0.5]);
    for i in 0..4 {
        assert!(eps(&run, gradients.of(x).unwrap(), i) < 1e-6);
        assert_eq!(eps(&run, to_y, i), 0.0);
    }
}

#[test]
fn a_rung_that_decides_one_element_keeps_what_another_decided() {
    let mut g = Graph::new();
    let x = g.input(Ty::new([3], DType::F64));
    let t = g.tanh(x).unwrap();
    let inputs = [tensor([3], DType::F64, &[4_194_304.0, 0.3, -4_194_304.0])];
    let run = Run::new(&g, &Config::default(), &inputs).unwrap();
    let checks = check(&g, &run, &inputs, &[]);
    let measured = &checks.error[t.index()];
    assert!(measured.verdict.holds(), "{measured:?}");
    assert!(measured.largest.hi() <= 1e-15);
}

#[test]
fn left_without_contraction_is_determined_only_where_one_format_divides() {
    let config = Config {
        schedule: Schedule::Left,
        contract: Contract::Off,
        ..Config::default()
    };
    for (dtype, determined) in [(DType::F32, true), (DType::BF16, false)] {
        let mut g = Graph::new();
        let x = g.input(Ty::new([3], dtype));
        let m = g.mean(x, &[0], false).unwrap();
        let run = certified(&g, &config, &[tensor([3], dtype, &[0.1, 0.7, 0.3])]);
        let approx: &Approx = &run.approx[m.index()];
        assert_eq!(approx.determined, determined);
    }
}
