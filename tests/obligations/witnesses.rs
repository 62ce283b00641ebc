//! Violations that reading or attacking found once, each as small as it gets.

use gradbound::Config;
use gradbound::bound::{Approx, Bound};
use gradbound::config::{Accumulate, Contract, Schedule, Subnormals};
use gradbound::graph::grad::append_backward;
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::{bounds, runtime, scales};
use gradbound::number::Up;
use gradbound::number::spec::Steps;
use gradbound::op::Scaled;
use gradbound::tensor::{DType, Shape, Tensor, Ty};

const F32_STEP: f32 = 1.0 / 16_777_216.0;

/// A graph with inputs of the given values.
fn over(values: &[Tensor]) -> (Graph, Vec<ValueId>) {
    let mut g = Graph::new();
    let ids = values.iter().map(|v| g.input(v.ty())).collect();
    (g, ids)
}

fn run(g: &Graph, config: &Config, values: &[Tensor]) -> Vec<Tensor> {
    runtime::eval(g, config, values).unwrap()
}

/// ε of a value's first element.
fn eps(g: &Graph, config: &Config, values: &[Tensor], known: &[Approx], of: ValueId) -> f64 {
    let run = run(g, config, values);
    bounds::eval(g, config, &run, known)[of.index()]
        .eps
        .at(0)
        .get()
}

fn within(eps: &[f64]) -> Approx {
    Approx::within(Bound::from_fn(eps.len(), |i| Up::new(eps[i])))
}

fn scale(g: &Graph, values: &[Tensor], of: ValueId) -> f64 {
    let given: Vec<Scaled> = values.iter().map(Scaled::of).collect();
    scales::eval(g, &Config::default(), &given, None)[of.index()]
        .scale
        .at(0)
        .get()
}

fn f32s(data: &[f32]) -> Tensor {
    Tensor::f32s([data.len()], data.to_vec()).unwrap()
}

fn of_dtype(dtype: DType, data: &[f64]) -> Tensor {
    Tensor::from_f64s(Shape::from([data.len()]), dtype, data).unwrap()
}

/// 65504 + 8 is 65504 in f16, but with 16 for the 8, which ε admits, it is infinite.
#[test]
fn a_sum_may_overflow_where_its_accumulator_is_stored() {
    let values = [of_dtype(DType::F16, &[65504.0, 8.0])];
    let (mut g, ids) = over(&values);
    let sum = g.sum(ids[0], &[0], false).unwrap();
    let config = Config {
        accumulate: Accumulate::F32,
        ..Config::default()
    };
    assert_eq!(
        eps(&g, &config, &values, &[within(&[0.0, 8.0])], sum),
        f64::INFINITY
    );
}

/// The scale of a sum that overflows in some tree is no finite number.
#[test]
fn the_scale_of_a_sum_that_may_overflow_is_no_claim() {
    let values = [f32s(&[3e38, 3e38, -3e38])];
    let (mut g, ids) = over(&values);
    let sum = g.sum(ids[0], &[0], false).unwrap();
    let mean = g.mean(ids[0], &[0], false).unwrap();
    assert_eq!(scale(&g, &values, sum), f64::INFINITY);
    assert_eq!(scale(&g, &values, mean), f64::INFINITY);
}

/// Where x may be NaN (∞ − ∞ in some tree), no cap on the range of f bounds f(x).
#[test]
fn functions_of_what_may_be_undefined_claim_nothing() {
    let values = [f32s(&[3e38, 3e38, -3e38, -3e38])];
    let (mut g, ids) = over(&values);
    let sum = g.sum(ids[0], &[0], false).unwrap();
    let of_sum = [
        g.tanh(sum).unwrap(),
        g.sigmoid(sum).unwrap(),
        g.step(sum, Steps::SIGN).unwrap(),
        g.exp(sum).unwrap(),
    ];
    for value in of_sum {
        assert_eq!(
            eps(&g, &Config::default(), &values, &[Approx::exact()], value),
            f64::INFINITY
        );
        assert_eq!(scale(&g, &values, value), f64::INFINITY);
    }
}

/// 1/d of a large constant d is subnormal, and flushed it makes the quotient 0.
#[test]
fn a_flushed_reciprocal_loses_the_whole_quotient() {
    let values = [f32s(&[1e38])];
    let (mut g, ids) = over(&values);
    let d = g.constant(f32s(&[2e38]));
    let quotient = g.div(ids[0], d).unwrap();
    let config = Config {
        subnormals: Subnormals::Flush,
        ..Config::default()
    };
    assert!(eps(&g, &config, &values, &[Approx::exact()], quotient) >= 0.5);
}

/// A divisor stays a constant when some other element of it may be flushed.
#[test]
fn a_subnormal_among_constants_leaves_the_others_constant() {
    let x = 3.0_f32;
    let d = 49.0_f32;
    let by_reciprocal = f64::from(x * (1.0 / d));
    let error = (by_reciprocal - f64::from(x) / f64::from(d)).abs();
    let values = [f32s(&[x, x])];
    let (mut g, ids) = over(&values);
    let d = g.constant(f32s(&[d, 1e-40]));
    let quotient = g.div(ids[0], d).unwrap();
    let config = Config {
        subnormals: Subnormals::Flush,
        ..Config::default()
    };
    let eps = eps(&g, &config, &values, &[Approx::exact()], quotient);
    assert!(error <= eps, "off by {error:e}, eps {eps:e}");
}

/// Integers beyond 2^53 are no f64s.
#[test]
fn a_large_integer_is_rounded_by_a_cast() {
    let odd = (1_i64 << 53) + 1;
    let values = [Tensor::i64s([1], vec![odd]).unwrap()];
    for dtype in [DType::F64, DType::F32] {
        let (mut g, ids) = over(&values);
        let cast = g.cast(ids[0], dtype).unwrap();
        let computed = run(&g, &Config::default(), &values)[cast.index()].get(0);
        let error = (computed as i128 - i128::from(odd)).abs() as f64;
        let eps = eps(&g, &Config::default(), &values, &[Approx::exact()], cast);
        assert!(error <= eps, "{dtype}: off by {error}, eps {eps}");
        assert!(scale(&g, &values, cast) >= 9_007_199_254_740_994.0);
    }
}

/// Just above a tie between two f16s, but not in f32: rounding twice goes wrong.
#[test]
fn f64_is_rounded_to_f16_once() {
    let x = 1.0 + 2f64.powi(-11) + 2f64.powi(-40);
    let values = [Tensor::f64s([1], vec![x]).unwrap()];
    let (mut g, ids) = over(&values);
    let cast = g.cast(ids[0], DType::F16).unwrap();
    assert_eq!(
        run(&g, &Config::default(), &values)[cast.index()].get(0),
        1.0 + 2f64.powi(-10)
    );
}

/// 7/2 is 3 in integers and 3½ in the reals.
#[test]
fn an_integer_quotient_is_no_real_quotient() {
    let values = [7, 2].map(|n| Tensor::i64s([1], vec![n]).unwrap());
    let (mut g, ids) = over(&values);
    let quotient = g.div(ids[0], ids[1]).unwrap();
    let all = run(&g, &Config::default(), &values);
    let approx = bounds::eval(
        &g,
        &Config::default(),
        &all,
        &[Approx::exact(), Approx::exact()],
    );
    let given: Vec<Scaled> = values.iter().map(Scaled::of).collect();
    let known = gradbound::obligation::Run {
        scales: scales::eval(&g, &Config::default(), &given, None),
        approx,
        values: all,
    };
    let checks = gradbound::obligation::check(&g, &known, &values, &[]);
    assert!(checks.error[quotient.index()].verdict.holds());
}

/// 1 and five numbers of a little more than half its ulp: added to 1 one after the other,
/// as a nest may, each adds a whole ulp, also where the sum of the five was moved in between.
#[test]
fn the_scale_of_a_nest_speaks_for_every_tree() {
    let five = [F32_STEP * 1.001; 5];
    let one_by_one = five.iter().fold(1.0_f32, |sum, x| sum + x);
    let steps = f32s(&five);
    let index = Tensor::i64s([1], vec![0]).unwrap();
    let values = [f32s(&[1.0]), steps.clone(), index];
    let (mut g, ids) = over(&values);
    let sum = g.sum(ids[1], &[0], true).unwrap();
    let picked = g.gather(sum, ids[2], 0).unwrap();
    let total = g.add(ids[0], picked).unwrap();
    assert!(
        f64::from(one_by_one) <= scale(&g, &values, total),
        "through a gather"
    );

    // The gradient of a gather is a scatter.
    let values = [f32s(&[1.0]), steps, Tensor::i64s([5], vec![0; 5]).unwrap()];
    let mut g = Graph::new();
    let x = g.input(Ty::new([1], DType::F32));
    let cotangent = g.input(Ty::new([5], DType::F32));
    let indices = g.input(Ty::new([5], DType::I64));
    let picked = g.gather(x, indices, 0).unwrap();
    let seeds = [(picked, cotangent)];
    let gradients = gradbound::graph::grad::append_backward(&mut g, &seeds, None).unwrap();
    let total = g.add(x, gradients.of(x).unwrap()).unwrap();
    assert!(
        f64::from(one_by_one) <= scale(&g, &values, total),
        "through a scatter"
    );
}

/// A step to a number that the format does not hold is rounded to it.
#[test]
fn a_step_is_rounded_to_the_format() {
    let values = [f32s(&[1.0])];
    let (mut g, ids) = over(&values);
    let steps = Steps {
        below: 0.0,
        at: 0.0,
        above: 0.1,
    };
    let step = g.step(ids[0], steps).unwrap();
    let eps = eps(&g, &Config::default(), &values, &[Approx::exact()], step);
    assert!(f64::from(0.1_f32) - 0.1 <= eps);
}

/// An exact tie is decided: the gradient of a maximum has a bound where the maximum is exact.
#[test]
fn the_gradient_of_an_exact_maximum_is_bounded() {
    let values = [
        f32s(&[1.0, 3.0, 2.0]),
        Tensor::f32s(Shape::scalar(), vec![1.0]).unwrap(),
    ];
    let (mut g, ids) = over(&values);
    let top = g.max_over(ids[0], &[0], false).unwrap();
    let gradients =
        gradbound::graph::grad::append_backward(&mut g, &[(top, ids[1])], None).unwrap();
    let gradient = gradients.of(ids[0]).unwrap();
    let known = [Approx::exact(), Approx::exact()];
    assert!(eps(&g, &Config::default(), &values, &known, gradient) < 1e-6);
}

/// A constant that the format does not hold is rounded to it once and for all, and then its
/// reciprocal may be taken like that of any other constant.
#[test]
fn a_rounded_constant_is_a_constant_too() {
    let (x, d) = (1.858_245_7_f32, 1.988_779_965_027_194_5_f64);
    let by_reciprocal = f64::from(x * (1.0 / d as f32));
    let error = (by_reciprocal - f64::from(x) / d).abs();
    let values = [f32s(&[x])];
    let (mut g, ids) = over(&values);
    let constant = gradbound::lower::real(&mut g, d, DType::F32).unwrap();
    let quotient = g.div(ids[0], constant).unwrap();
    let eps = eps(
        &g,
        &Config::default(),
        &values,
        &[Approx::exact()],
        quotient,
    );
    assert!(error <= eps, "off by {error:e}, eps {eps:e}");
}

/// x·x + w·x at x = 1, w = 2²⁴: programs add x, x and w in any order, and (2²⁴ + 1) + 1 is
/// 2²⁴ in f32, 2 less than the gradient.
#[test]
fn a_value_times_itself_is_pulled_back_twice() {
    let values = [f32s(&[1.0]), f32s(&[16_777_216.0]), f32s(&[1.0])];
    let (mut g, ids) = over(&values);
    let (square, product) = (
        g.mul(ids[0], ids[0]).unwrap(),
        g.mul(ids[1], ids[0]).unwrap(),
    );
    let sum = g.add(square, product).unwrap();
    let gradients = append_backward(&mut g, &[(sum, ids[2])], None).unwrap();
    let exact = vec![Approx::exact(); 3];
    let gradient = gradients.of(ids[0]).unwrap();
    assert!(eps(&g, &Config::default(), &values, &exact, gradient) >= 2.0);
}

/// −3/5 is −0.5 in E2M1, but −3/4, with the count that E2M1 holds, is −1: both are means.
#[test]
fn a_mean_by_a_count_that_is_rounded_is_not_determined() {
    let values = [of_dtype(DType::E2M1, &[-2.0, 1.0, 1.0, -2.0, -1.0])];
    let (mut g, ids) = over(&values);
    let mean = g.mean(ids[0], &[0], false).unwrap();
    let config = Config {
        schedule: Schedule::Pairwise,
        contract: Contract::Off,
        ..Config::default()
    };
    let run = run(&g, &config, &values);
    let known = &bounds::eval(&g, &config, &run, &[Approx::exact()])[mean.index()];
    assert!(!known.determined);
    assert!(known.eps.at(0).get() >= 0.4, "{:?}", known.eps);
}

/// E3M2 goes up to 28, but its least normal number is 1/4: the reciprocal of 5, flushed, is 0,
/// and so is the product with it.
#[test]
fn a_flushed_reciprocal_of_a_count_loses_all() {
    let values = [
        of_dtype(DType::E3M2, &[0.0; 5]),
        of_dtype(DType::E3M2, &[2.0]),
    ];
    let (mut g, ids) = over(&values[..1]);
    let mean = g.mean(ids[0], &[0], true).unwrap();
    let cotangent = g.input(values[1].ty());
    let gradient = append_backward(&mut g, &[(mean, cotangent)], None)
        .unwrap()
        .of(ids[0])
        .unwrap();
    for (subnormals, lost) in [(Subnormals::Flush, 0.4), (Subnormals::Gradual, 0.02)] {
        let config = Config {
            accumulate: Accumulate::Same,
            subnormals,
            ..Config::default()
        };
        let known = [Approx::exact(), Approx::exact()];
        let eps = eps(&g, &config, &values, &known, gradient);
        assert!(eps >= lost && eps.is_finite(), "{subnormals:?}: {eps}");
    }
}
