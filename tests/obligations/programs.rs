//! Results of real programs that a bound once did not cover.

use gradbound::Config;
use gradbound::bound::Approx;
use gradbound::config::{Accumulate, Contract, Schedule};
use gradbound::graph::grad::append_backward;
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::{bounds, runtime, scales};
use gradbound::libm::Libm;
use gradbound::lower;
use gradbound::op::{Cast, Scaled};
use gradbound::tensor::{DType, Tensor};

/// What is known of a value over inputs that are known exactly.
fn known(g: &Graph, config: &Config, inputs: &[Tensor], of: ValueId) -> (Tensor, Approx) {
    let run = runtime::eval(g, config, inputs).unwrap();
    let exact: Vec<Approx> = inputs.iter().map(|_| Approx::exact()).collect();
    let all = bounds::eval(g, config, &run, &exact);
    (run[of.index()].clone(), all[of.index()].clone())
}

fn of(dtype: DType, data: &[f64]) -> Tensor {
    Tensor::from_f64s([data.len()].into(), dtype, data).unwrap()
}

fn fixed() -> Config {
    Config {
        schedule: Schedule::Left,
        contract: Contract::Off,
        libm: Libm::Correct,
        ..Config::default()
    }
}

/// e^x lies just below a tie of f16: rounded once it is 1.0068359375, by way of f32 the next float.
#[test]
fn a_function_in_a_narrow_format_may_round_twice() {
    let inputs = [of(DType::F16, &[0.007_297_515_869_140_625])];
    for libm in [Libm::Correct, Libm::CoreMath, Libm::Ulp(0.5)] {
        let mut g = Graph::new();
        let x = g.input(inputs[0].ty());
        let y = g.exp(x).unwrap();
        let config = Config { libm, ..fixed() };
        assert!(!known(&g, &config, &inputs, y).1.determined, "{libm:?}");
    }
}

/// (1.203125·1)·(1.8125·1.125) is 2.4375 in bf16, from left to right it is 2.46875.
#[test]
fn a_product_runs_in_the_declared_tree() {
    let inputs = [of(DType::BF16, &[1.203_125, 1.0, 1.812_5, 1.125])];
    let mut g = Graph::new();
    let x = g.input(inputs[0].ty());
    let y = g.prod(x, &[0], false).unwrap();
    let config = |schedule| Config {
        schedule,
        accumulate: Accumulate::Same,
        ..fixed()
    };
    let blocked = Schedule::Blocked(std::num::NonZeroUsize::new(2).unwrap());
    for (schedule, product) in [
        (Schedule::Pairwise, 2.437_5),
        (blocked, 2.437_5),
        (Schedule::Left, 2.468_75),
    ] {
        let (c, approx) = known(&g, &config(schedule), &inputs, y);
        assert!(approx.determined);
        assert_eq!(c.get(0), product, "{schedule}");
    }
}

/// JAX computes the slope of softplus as e^(x − y), 0.999_751_15 at 8.3; the sigmoid is
/// 0.999_751_54.
#[test]
fn the_gradient_of_softplus_may_come_from_its_value() {
    let inputs = [of(DType::F32, &[8.3]), of(DType::F32, &[1.0])];
    let mut g = Graph::new();
    let x = g.input(inputs[0].ty());
    let y = g.softplus(x).unwrap();
    let delta = g.input(inputs[1].ty());
    let gradients = append_backward(&mut g, &[(y, delta)], None).unwrap();
    let gradient = gradients.of(x).unwrap();
    let (_, approx) = known(&g, &Config::default(), &inputs, gradient);
    let eps = approx.eps.at(0).get();
    // Most of it is what the portable table allows the value of softplus.
    assert!((4.0e-7..1.0e-5).contains(&eps), "{eps:e}");
}

/// x·6/6, rounded twice, is not x.
#[test]
fn hard_swish_may_divide_at_the_end() {
    let x = 3.656_530_9_f32;
    let inputs = [of(DType::F32, &[f64::from(x)])];
    let mut g = Graph::new();
    let v = g.input(inputs[0].ty());
    let y = lower::hard_swish(&mut g, v).unwrap();
    let (_, approx) = known(&g, &Config::default(), &inputs, y);
    let others = [
        x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        x * ((x + 3.0).clamp(0.0, 6.0) / 6.0),
    ];
    for other in others {
        let off = (f64::from(other) - f64::from(x)).abs();
        assert!(off <= approx.eps.at(0).get(), "{off:e}");
    }
    assert_ne!(others[0], x);
}

/// 1 + 2⁻⁸ + 2⁻⁴⁰ is nearest to 1 + 2⁻⁷ in bf16, but to f32's 1 + 2⁻⁸, a tie that goes to 1.
#[test]
fn a_conversion_may_go_by_way_of_f32() {
    let x = 1.0 + 2f64.powi(-8) + 2f64.powi(-40);
    let inputs = [of(DType::F64, &[x])];
    let mut g = Graph::new();
    let v = g.input(inputs[0].ty());
    let y = g.push(Cast::to(DType::BF16), &[v]).unwrap();
    let (_, approx) = known(&g, &fixed(), &inputs, y);
    assert!(!approx.determined);
    let eps = approx.eps.at(0).get();
    assert!(x - 1.0 <= eps && eps <= 1.001 * (x - 1.0), "{eps:e}");
}

/// 2⁵³ as an integer shows the next float above as its magnitude.
#[test]
fn the_scale_of_a_large_integer_holds() {
    let inputs = [of(DType::F64, &[2f64.powi(53), -(2f64.powi(60))])];
    let mut g = Graph::new();
    let v = g.input(inputs[0].ty());
    let y = g.push(Cast::to(DType::I64), &[v]).unwrap();
    let config = Config::default();
    let run = runtime::eval(&g, &config, &inputs).unwrap();
    let all = scales::eval(&g, &config, &[Scaled::of(&inputs[0])], None);
    for i in 0..2 {
        let (b, c) = (all[y.index()].scale.at(i), run[y.index()].magnitude(i));
        assert!(b >= c, "{b:?} and {c:?}");
    }
}
