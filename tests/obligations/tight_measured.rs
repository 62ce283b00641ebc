//! What a determined execution lost is what the bound says, not what it might have lost.

use gradbound::Config;
use gradbound::bound::{Approx, Bound};
use gradbound::config::{Contract, Schedule};
use gradbound::graph::Graph;
use gradbound::interpret::{bounds, runtime, spec};
use gradbound::number::exact::Rational;
use gradbound::number::{SpecNumber, Up};
use gradbound::op::real;
use gradbound::tensor::{DType, Tensor, Ty};

fn draw(n: usize, seed: u64) -> Vec<f32> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..n).map(|_| rng.f32() - 0.5).collect()
}

/// Products and sums of so many terms, from left to right and in any order: the largest eps over
/// the largest error, and eps (any) over eps (left).
fn shares(length: usize) -> [[f64; 2]; 2] {
    let inputs = [
        Tensor::f32s([4, length], draw(4 * length, 1)).unwrap(),
        Tensor::f32s([length, 3], draw(3 * length, 2)).unwrap(),
    ];
    let mut g = Graph::new();
    let (a, b) = (g.input(inputs[0].ty()), g.input(inputs[1].ty()));
    let values = [g.matmul(a, b).unwrap(), g.sum(a, &[1], false).unwrap()];
    let exact: Vec<_> = inputs.iter().map(|t| real::<Rational>(&(), t)).collect();
    values.map(|value| {
        let known = |schedule| {
            let config = Config {
                schedule,
                contract: Contract::Off,
                ..Config::default()
            };
            let run = runtime::eval(&g, &config, &inputs).unwrap();
            let known = bounds::eval(&g, &config, &run, &[Approx::exact(), Approx::exact()]);
            let eps = known[value.index()].eps.to_vec(run[value.index()].len());
            (run, eps)
        };
        let (run, eps) = known(Schedule::Left);
        let truth = spec::eval(&g, &(), &exact, Some(&run));
        let c = &run[value.index()];
        let mut worst = 1.0_f64;
        for (i, x) in truth[value.index()].data.iter().enumerate() {
            let off = x.distance(c.get(i)).lo();
            assert!(off <= eps[i].get(), "{off:e} above {:e}", eps[i].get());
            if off > 1e-9 {
                worst = worst.max(eps[i].get() / off);
            }
        }
        let largest = |eps: &[Up]| eps.iter().fold(Up::ZERO, |a, &b| a.max(b)).get();
        [worst, largest(&known(Schedule::Any).1) / largest(&eps)]
    })
}

#[test]
fn a_determined_sum_loses_what_it_loses() {
    for (length, gained) in [(3, 1.0), (64, 8.0), (1000, 40.0)] {
        for [worst, gain] in shares(length) {
            assert!(worst < 1.01, "{length}: {worst}");
            assert!(gain > gained, "{length}: {gain}");
        }
    }
}

/// What is not determined is not measured: the run says nothing of another execution.
#[test]
fn an_open_execution_is_not_measured() {
    let x = Tensor::f32s([64], draw(64, 3)).unwrap();
    let mut g = Graph::new();
    let v = g.input(Ty::new([64], DType::F32));
    let sum = g.sum(v, &[0], false).unwrap();
    let eps = |approx: Approx, contract| {
        let config = Config {
            schedule: Schedule::Left,
            contract,
            ..Config::default()
        };
        let run = runtime::eval(&g, &config, std::slice::from_ref(&x)).unwrap();
        bounds::eval(&g, &config, &run, &[approx])[sum.index()]
            .eps
            .at(0)
    };
    let exact = eps(Approx::exact(), Contract::Off);
    let moved = eps(Approx::within(Bound::Tensor(Up::new(1e-30))), Contract::Off);
    assert!(moved > Up::new(4.0) * exact, "{moved:?}, {exact:?}");
    assert!(eps(Approx::exact(), Contract::Any) > Up::new(4.0) * exact);
}
