//! Results of real programs that a bound once did not cover.

use gradbound::Config;
use gradbound::bound::Approx;
use gradbound::config::{Accumulate, Contract, Schedule, Subnormals};
use gradbound::graph::grad::append_backward;
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::{bounds, runtime, scales};
use gradbound::libm::Libm;

use gradbound::lower::{self, Coordinates, Filter, Resize};
use gradbound::op::{Cast, Scaled};
use gradbound::tensor::{DType, Tensor};

/// What is known of a value over inputs that are known exactly.
fn known(g: &Graph, config: &Config, inputs: &[Tensor], of: ValueId) -> (Tensor, Approx) {
    let run = runtime::eval(g, config, inputs).unwrap();
    let exact: Vec<Approx> = inputs.iter().map(|_| Approx::exact()).collect();
    let all = bounds::eval(g, config, &run, &exact);
    (run[of.index()].clone(), all[of.index()].clone())
}

pub fn of(dtype: DType, data: &[f64]) -> Tensor {
    Tensor::from_f64s([data.len()].into(), dtype, data).unwrap()
}

pub fn fixed() -> Config {
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

/// What is known of the gradient of f by x, over exact inputs x and δ.
fn gradient(
    config: &Config,
    [x, delta]: [Tensor; 2],
    f: impl Fn(&mut Graph, ValueId) -> gradbound::Result<ValueId>,
) -> (Tensor, Approx) {
    let mut g = Graph::new();
    let v = g.input(x.ty());
    let y = f(&mut g, v).unwrap();
    let seed = g.input(delta.ty());
    let gradients = append_backward(&mut g, &[(y, seed)], None).unwrap();
    let of = gradients.of(v).unwrap();
    known(&g, config, &[x, delta], of)
}

/// The gradients of all three formulas, as a program differentiates them; the first two were
/// 1.34 and 1.19 of a bound that knew the first formula only.
#[test]
fn the_gradient_of_hard_swish_is_that_of_any_formula() {
    let cases: [(f32, f32); 3] = [
        (-5.754_085e-3, -0.249_679_5),
        (-0.127_271_56, 1.925_239_6),
        (-8.692_67e-3, 2.855_864e-2),
    ];
    for (x, d) in cases {
        let inputs = [
            of(DType::F32, &[f64::from(x)]),
            of(DType::F32, &[f64::from(d)]),
        ];
        let line = x + 3.0;
        let (part, sixth) = (d * (1.0_f32 / 6.0), d / 6.0);
        let gradients = [
            part * line + part * x,
            sixth * line + sixth * x,
            d * (line / 6.0) + (d * x) / 6.0,
            d * (x / 6.0 + 0.5) + (d * x) / 6.0,
        ];
        let exact = f64::from(d) * (f64::from(x) / 3.0 + 0.5);
        for config in [Config::default(), fixed()] {
            let (_, approx) = gradient(&config, inputs.clone(), lower::hard_swish);
            let eps = approx.eps.at(0).get();
            for g in gradients {
                let off = (f64::from(g) - exact).abs();
                assert!(off <= eps, "{x:e}, {d:e}: {off:e} above {eps:e}");
            }
            assert!(eps < 4e-7 * f64::from(d.abs()), "{eps:e}");
        }
    }
}

/// Under flush, and where the maximum is not known exactly but which element attains it is.
#[test]
fn the_gradient_of_a_maximum_goes_to_the_one_that_attains_it() {
    let flush = Config {
        subnormals: Subnormals::Flush,
        ..Config::default()
    };
    let largest = |g: &mut Graph, v: ValueId| {
        let third = g.scalar(3.0, DType::F32)?;
        let part = g.div(v, third)?;
        g.max_over(part, &[0], true)
    };
    let exact = |g: &mut Graph, v: ValueId| g.max_over(v, &[0], true);
    for config in [flush, Config::default()] {
        let inputs = || [of(DType::F32, &[1.0, 2.0, 3.0]), of(DType::F32, &[1.0])];
        let (c, approx) = gradient(&config, inputs(), exact);
        assert_eq!(c.to_f64s(), [0.0, 0.0, 1.0]);
        assert!(approx.eps.largest().get() < 1e-6, "{:?}", approx.eps);
        let (c, approx) = gradient(&config, inputs(), largest);
        assert!(c.get(0) == 0.0 && c.get(2) > 0.3);
        assert!(approx.eps.largest().get() < 1e-6, "{:?}", approx.eps);
    }
    // Which of the first two it is is open: each may have all of it, or half, or nothing.
    let near = [of(DType::F32, &[1.0, 1.0, 0.5]), of(DType::F32, &[1.0])];
    let (_, approx) = gradient(&Config::default(), near, largest);
    let eps = |i| approx.eps.at(i).get();
    assert!(
        (0.3..2.0).contains(&eps(0)) && (0.3..2.0).contains(&eps(1)),
        "{:?}",
        approx.eps
    );
    assert!(eps(2) < 1e-6);
}

/// x⁴ and x⁵ as JAX computes them in bf16, and the gradient 4x³δ, 3.2, 5.2 and 2 times what a
/// `pow` would be allowed.
#[test]
fn a_power_may_be_a_product() {
    let config = Config {
        libm: Libm::Correct,
        ..Config::default()
    };
    let round = |x: f64| half::bf16::from_f64(x).to_f64();
    for x in [1.007_812_5, 1.148_437_5, 1.304_687_5, -1.687_5] {
        let inputs = || [of(DType::BF16, &[x]), of(DType::BF16, &[1.0])];
        let square = round(x * x);
        let fourth = round(square * square);
        for (n, product) in [(4.0, fourth), (5.0, round(fourth * x))] {
            let mut g = Graph::new();
            let v = g.input(inputs()[0].ty());
            let y = lower::power(&mut g, v, n).unwrap();
            let (_, approx) = known(&g, &config, &inputs()[..1], y);
            let off = (product - x.powi(n as i32)).abs();
            let eps = approx.eps.at(0).get();
            assert!(
                off <= eps && eps <= 0.05 * product.abs(),
                "{x}^{n}: {off:e}, {eps:e}"
            );
        }
        let (_, approx) = gradient(&config, inputs(), |g, v| lower::power(g, v, 4.0));
        let slope = round(4.0 * round(square * x));
        let off = (slope - 4.0 * x.powi(3)).abs();
        assert!(off <= approx.eps.at(0).get(), "{x}: {off:e}");
    }
}

/// 2²⁵ + 2¹⁷ + 1 is above a tie of bf16, its f32 is the tie, which goes down.
#[test]
fn an_integer_may_become_bf16_by_way_of_f32() {
    let n = (1 << 25) + (1 << 17) + 1;
    let inputs = [Tensor::i64s([1], vec![n]).unwrap()];
    let mut g = Graph::new();
    let v = g.input(inputs[0].ty());
    let y = g.push(Cast::to(DType::BF16), &[v]).unwrap();
    let (_, approx) = known(&g, &fixed(), &inputs, y);
    assert!(!approx.determined);
    let eps = approx.eps.at(0).get();
    assert!((131_073.0..131_100.0).contains(&eps), "{eps}");
}

/// Along the last axis first, or with products of the weights, which are all exact here: 0 where
/// the other order has 2⁻²⁵.
#[test]
fn resizing_takes_either_axis_first() {
    let b = 1.0 + 2f64.powi(-23);
    for (data, exact) in [
        ([1.0, b, -1.0, -1.0], 2f64.powi(-25)),
        ([1.0, b, -1.0, -b], 0.0),
    ] {
        let x = Tensor::from_f64s([2, 2].into(), DType::F32, &data).unwrap();
        let mut g = Graph::new();
        let v = g.input(x.ty());
        let along = |axis| Resize {
            axis,
            extent: 4,
            scale: 2.0,
            coordinates: Coordinates::Asymmetric,
            filter: Filter::Linear { antialias: false },
            exclude_outside: false,
        };
        let y = lower::resize(&mut g, v, &[along(0), along(1)]).unwrap();
        for config in [Config::default(), fixed()] {
            let (c, approx) = known(&g, &config, std::slice::from_ref(&x), y);
            let at = 4 + 1;
            // By columns first, and by ¼ of each of the four from left to right.
            let [p, q, r, s] = data.map(|x| x as f32);
            let by_columns = 0.5 * (0.5 * p + 0.5 * q) + 0.5 * (0.5 * r + 0.5 * s);
            let at_once = ((0.25 * p + 0.25 * q) + 0.25 * r) + 0.25 * s;
            for value in [by_columns, at_once] {
                let off = (f64::from(value) - exact).abs();
                let eps = approx.eps.at(at).get();
                assert!(off <= eps && eps < 3e-7, "{off:e} above {eps:e}");
            }
            assert!(c.get(at).abs() < 3e-7);
        }
    }
}

/// Along the last of three axes, at its end: ONNX Runtime adds the last element eight times an
/// eighth of it, and gets 0x1.9d6284p0 for 0x1.9d6288p0.
#[test]
fn resizing_along_one_axis_may_sum_over_the_whole_image() {
    let last = f32::from_bits(0x3fce_b144);
    let data = [f64::from(f32::from_bits(0x3fbe_de25)), f64::from(last)];
    let mut sum = 0.0_f32;
    for _ in 0..8 {
        sum += 0.125 * last;
    }
    assert_eq!(sum, f32::from_bits(0x3fce_b142));
    let eps = |shape: &[usize], axis, coordinates| {
        let x = Tensor::from_f64s(shape.into(), DType::F32, &data).unwrap();
        let mut g = Graph::new();
        let v = g.input(x.ty());
        let how = Resize {
            axis,
            extent: 4,
            scale: 2.0,
            coordinates,
            filter: Filter::Linear { antialias: false },
            exclude_outside: false,
        };
        let y = lower::resize(&mut g, v, &[how]).unwrap();
        let (c, approx) = known(&g, &Config::default(), std::slice::from_ref(&x), y);
        assert_eq!(c.get(3), f64::from(last));
        (approx.eps.at(3).get(), approx.eps.at(1).get())
    };
    let off = f64::from(last) - f64::from(sum);
    for coordinates in [Coordinates::Asymmetric, Coordinates::HalfPixel] {
        let (end, _) = eps(&[1, 1, 2], 2, coordinates);
        // Four roundings to even happen to come to two thirds of the worst.
        assert!(off <= end && end < 3.0 * off, "{off:e} above {end:e}");
        // No kernel knows what the axes of six are.
        let (end, inside) = eps(&[1, 1, 1, 1, 1, 2], 5, coordinates);
        assert!(end < off && inside < off, "{end:e} {inside:e}");
    }
}

/// √x, 1/x and their like by a `pow` that is off by all it may be.
#[test]
fn a_root_may_be_a_power() {
    let config = Config {
        libm: Libm::Ulp(2.0),
        ..Config::default()
    };
    for (exponent, power) in [
        (0.5, f64::sqrt as fn(f64) -> f64),
        (-0.5, |x| 1.0 / x.sqrt()),
        (-1.0, |x| 1.0 / x),
        (-2.0, |x| 1.0 / (x * x)),
    ] {
        let inputs = || [of(DType::F32, &[1.75]), of(DType::F32, &[1.0])];
        let mut g = Graph::new();
        let v = g.input(inputs()[0].ty());
        let y = lower::power(&mut g, v, exponent).unwrap();
        let (_, approx) = known(&g, &config, &inputs()[..1], y);
        let ulp = f64::from(f32::EPSILON) * power(1.75).log2().floor().exp2();
        let eps = approx.eps.at(0).get();
        assert!((2.0 * ulp..6.0 * ulp).contains(&eps), "{exponent}: {eps:e}");
        // δ·(n·x^(n − 1)) has two roundings more.
        let (_, approx) = gradient(&config, inputs(), |g, v| lower::power(g, v, exponent));
        let slope = (exponent * power(1.75) / 1.75).abs();
        let ulp = f64::from(f32::EPSILON) * slope.log2().floor().exp2();
        let eps = approx.eps.at(0).get();
        assert!(
            (2.5 * ulp..16.0 * ulp).contains(&eps),
            "{exponent}: {eps:e}"
        );
    }
}

/// Neighbours beyond an end are the element at the end, each times its own weight: four products
/// of one element, whose weights add up to 1.
#[test]
fn neighbours_that_are_one_element_are_not_one_product() {
    let along = |axis, extent, scale, filter| Resize {
        axis,
        extent,
        scale,
        coordinates: Coordinates::HalfPixel,
        filter,
        exclude_outside: false,
    };
    let cubic = Filter::Cubic {
        a: -0.75,
        antialias: false,
    };
    let x = 0.712_345_6_f32;
    let weights: [f32; 4] = [-0.035_156_25, 0.261_718_75, 0.878_906_25, -0.105_468_75];
    let sum = weights.iter().fold(0.0_f32, |sum, w| sum + w * x);
    assert_ne!(sum, x);
    let input = Tensor::f32s([1, 1, 1, 1], vec![x]).unwrap();
    let mut g = Graph::new();
    let v = g.input(input.ty());
    let y = lower::resize(&mut g, v, &[along(3, 2, 2.0, cubic)]).unwrap();
    let (_, approx) = known(&g, &Config::default(), std::slice::from_ref(&input), y);
    let off = (f64::from(sum) - f64::from(x)).abs();
    let eps = approx.eps.at(0).get();
    assert!(
        off <= eps && eps < 8.0 * f64::from(f32::EPSILON),
        "{off:e} above {eps:e}"
    );
    // An axis that keeps its first element alone is not one that stays.
    let linear = Filter::Linear { antialias: false };
    for filter in [linear, cubic] {
        let mut g = Graph::new();
        let v = g.input(gradbound::tensor::Ty::new([3, 2, 2], DType::F32));
        let first = Resize {
            coordinates: Coordinates::Asymmetric,
            ..along(1, 1, 0.5, filter)
        };
        let y = lower::resize(&mut g, v, &[first, along(2, 4, 2.0, filter)]).unwrap();
        assert_eq!(g.ty(y).shape.to_vec(), [3, 1, 4]);
    }
}
