//! What random cases come upon too rarely: each case here is one that a wrong rule fails.

use crate::programs::{fixed, of};
use crate::tightness::{Witness, ratio};
use gradbound::Config;
use gradbound::blocks::Blocks;
use gradbound::bound::{Approx, Bound};
use gradbound::config::{Contract, Schedule, Subnormals};
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::{bounds, runtime};
use gradbound::libm::Libm;
use gradbound::number::{Format, Function, Up};
use gradbound::op::Rounding;
use gradbound::tensor::{DType, Tensor, Ty};

fn known(g: &Graph, config: &Config, inputs: &[Tensor], given: &[Approx], v: ValueId) -> Approx {
    let run = runtime::eval(g, config, inputs).unwrap();
    bounds::eval(g, config, &run, given)[v.index()].clone()
}

/// Which of 2 and 200 is picked is open, also in the sum that the picked one goes into, and
/// whatever is known of the norms of what it is picked from.
#[test]
fn a_sum_of_what_an_open_index_picks() {
    let mut g = Graph::new();
    let [x, y, z] = [2, 2, 1].map(|n| g.input(Ty::new([n], DType::F32)));
    let index = g.arg_max(x, 0, false).unwrap();
    let sums = g.add(y, y).unwrap();
    let picked = g.gather(sums, index, 0).unwrap();
    let picked = g.reshape(picked, [1].into()).unwrap();
    let out = g.add(picked, z).unwrap();
    let inputs = [&[1.0, 1.0][..], &[1.0, 100.0], &[0.0]].map(|data| of(DType::F32, data));
    for norms in [None, Some(Blocks::new(2, vec![Up::ZERO]))] {
        let y = Approx {
            blocks: norms,
            ..Approx::within(Bound::Tensor(Up::new(1e-3)))
        };
        let given = [
            Approx::within(Bound::Tensor(Up::new(0.5))),
            y,
            Approx::exact(),
        ];
        for v in [picked, out] {
            let of_v = known(&g, &Config::default(), &inputs, &given, v);
            assert!(of_v.eps.at(0).get() >= 198.0, "{:?}", of_v.eps);
            let norm = of_v.blocks.map_or(Up::INFINITY, |b| b.of_element(0));
            assert!(norm.get() >= 198.0, "{norm:?}");
        }
    }
}

/// λ − 5/4·λ + 3/2·λ: the partial sum −λ/4 may be flushed, and no number besides.
#[test]
fn a_partial_sum_that_is_flushed_leaves_nothing_determined() {
    let least = 2f64.powi(-126);
    let inputs = [of(DType::F32, &[least, -1.25 * least, 1.5 * least])];
    let mut g = Graph::new();
    let x = g.input(inputs[0].ty());
    let sum = g.sum(x, &[0], false).unwrap();
    for subnormals in [Subnormals::Gradual, Subnormals::Flush] {
        let config = Config {
            subnormals,
            ..fixed()
        };
        let of_sum = known(&g, &config, &inputs, &[Approx::exact()], sum);
        let flushes = subnormals == Subnormals::Flush;
        assert_eq!(of_sum.determined, !flushes);
        assert_eq!(of_sum.eps.at(0).get() >= least / 4.0, flushes);
    }
}

/// A sum of three sums of two is one of six terms: five additions, each of which may lose half
/// an ulp of 1.
#[test]
fn a_sum_of_sums_is_nearly_attained() {
    let mut g = Graph::new();
    let [x, y] = [0; 2].map(|_| g.input(Ty::new([3], DType::F32)));
    let pairs = g.add(x, y).unwrap();
    let sum = g.sum(pairs, &[0], false).unwrap();
    let unit = 2f64.powi(-24);
    let inputs = [
        Witness::exact(&[1.0, unit, unit]),
        Witness::exact(&[unit; 3]),
    ];
    let mut rng = fastrand::Rng::with_seed(1);
    let best = (0..4000).fold(0.0_f64, |best, _| {
        let numbers: Vec<u32> = (0..40).map(|_| rng.u32(..)).collect();
        best.max(ratio(&g, sum, &inputs, &numbers))
    });
    assert!((0.9..=1.0).contains(&best), "{best}");
}

/// 64 products of a quarter of the least double vanish one by one, and are 16 of it together.
#[test]
fn products_of_doubles_that_vanish_are_not_measured_in_doubles() {
    let tiny = 2f64.powi(-538);
    let inputs =
        [[1, 64], [64, 1]].map(|shape| Tensor::full(shape.into(), DType::F64, tiny).unwrap());
    let mut g = Graph::new();
    let [a, b] = [0, 1].map(|k: usize| g.input(inputs[k].ty()));
    let dot = g.matmul(a, b).unwrap();
    let of_dot = known(
        &g,
        &fixed(),
        &inputs,
        &[Approx::exact(), Approx::exact()],
        dot,
    );
    assert!(
        of_dot.eps.at(0).get() >= 16.0 * f64::from_bits(1),
        "{:?}",
        of_dot.eps
    );
}

/// XLA's exponential was measured to be 5.5 ulp off where its result is beyond 2^127.
#[test]
fn an_exponential_near_overflow_may_be_further_off() {
    let measured = 5.5 * 2f64.powi(127 - 23);
    for libm in [Libm::XlaCpu, Libm::Portable] {
        for function in [Function::Exp, Function::Expm1] {
            let allowed = |m: f64| libm.error(function, Format::F32, Up::new(m)).get();
            assert!(allowed(1.5 * 2f64.powi(127)) >= measured);
            assert!(allowed(1.5 * 2f64.powi(126)) < measured);
        }
    }
}

/// (1 + 2⁻¹²)² is 1 + 2⁻¹¹ where it is stored, and 2⁻²⁴ more where a sum recomputes it and
/// contracts, whatever tree is declared.
#[test]
fn a_stored_product_is_recomputed_in_a_sum() {
    let factor = 1.0 + 2f64.powi(-12);
    let inputs = [
        of(DType::F32, &[factor]),
        of(DType::F32, &[-1.0 - 2f64.powi(-11)]),
    ];
    let mut g = Graph::new();
    let [x, z] = [0, 1].map(|k: usize| g.input(inputs[k].ty()));
    let product = g.mul(x, x).unwrap();
    let stored = g.held_summand(product).unwrap();
    let sum = g.add(stored, z).unwrap();
    for schedule in [Schedule::Any, Schedule::Left, Schedule::Pairwise] {
        for contract in [Contract::Off, Contract::Any] {
            let config = Config {
                schedule,
                contract,
                ..fixed()
            };
            let of_sum = known(
                &g,
                &config,
                &inputs,
                &[Approx::exact(), Approx::exact()],
                sum,
            );
            let lost = of_sum.eps.at(0).get();
            assert!(
                contract == Contract::Off || lost >= 2f64.powi(-24),
                "{lost:e}"
            );
            let none = schedule != Schedule::Any && contract == Contract::Off;
            assert!(!none || lost <= 2f64.powi(-40), "{lost:e}");
        }
    }
}

/// Six numbers, and how far y times each of them and then divided by each, rounded every time, is
/// above y where that is much.
fn rough(y: f32) -> ([f32; 6], f32) {
    let mut rng = fastrand::Rng::with_seed(7);
    let each = (0..200_000).map(|_| {
        let by = [0; 6].map(|_| 1.0 + rng.f32());
        let product = by.iter().fold(y, |t, q| t * q);
        (by, by.iter().fold(product, |t, q| t / q) - y)
    });
    each.fold(
        ([1.0; 6], 0.0),
        |best, next| {
            if next.1 > best.1 { next } else { best }
        },
    )
}

/// y + z, or with y·q/q for y, or z + y: what is known of the norm of y's error speaks for the
/// second as well, which loses more, wherever it stands among them and in the sum with w.
#[test]
fn the_norms_of_a_value_are_those_of_every_formula() {
    let c = 1.0 + f32::EPSILON;
    let (by, lost) = rough(c);
    let unit = f64::from(f32::EPSILON) / 2.0;
    assert!(f64::from(lost) >= 6.0 * unit, "{lost:e}");
    let off = 14.0 * unit;
    for rough_is_last in [false, true] {
        let mut g = Graph::new();
        let [y, z, w] = [0; 3].map(|_| g.input(Ty::new([1], DType::F32)));
        let factors = by.map(|_| g.input(Ty::new([1], DType::F32)));
        let first = g.add(y, z).unwrap();
        let mut other = g.held(y).unwrap();
        for factor in factors {
            other = g.mul(other, factor).unwrap();
        }
        for divisor in factors {
            other = g.div(other, divisor).unwrap();
        }
        let other = g.add(other, z).unwrap();
        let held = g.held_summand(y).unwrap();
        let turned = g.add(z, held).unwrap();
        let others = if rough_is_last {
            [turned, other]
        } else {
            [other, turned]
        };
        let value = g.any_of(first, &others).unwrap();
        let out = g.add(value, w).unwrap();
        let numbers = [c, 0.0, 0.0].into_iter().chain(by);
        let numbers: Vec<Tensor> = numbers.map(|x| of(DType::F32, &[f64::from(x)])).collect();
        let within = |eps: f64, norm: f64| Approx {
            blocks: Some(Blocks::new(1, vec![Up::new(norm)])),
            ..Approx::within(Bound::Tensor(Up::new(eps)))
        };
        let mut given = vec![within(4.0 * off, off), within(0.0, 0.0), within(0.0, 0.0)];
        given.extend(by.map(|_| Approx::exact()));
        // The specification is `off` below c, an execution that starts from c ends `lost` above.
        for v in [value, out] {
            let of_v = known(&g, &Config::default(), &numbers, &given, v);
            let least = off + f64::from(lost);
            let norm = of_v
                .blocks
                .expect("norms of the arguments are known")
                .of_element(0);
            assert!(norm.get() >= least, "{norm:?} below {least:e}");
            assert!(
                of_v.eps.at(0).get() >= least,
                "{:?} below {least:e}",
                of_v.eps
            );
        }
    }
}

/// E2M3 ends at 7½ and has no 8.
#[test]
fn an_integer_beyond_the_range_is_no_claim() {
    let inputs = [of(DType::E2M3, &[7.0, 5.0])];
    for to in [Rounding::Ceil, Rounding::Nearest] {
        let mut g = Graph::new();
        let x = g.input(inputs[0].ty());
        let whole = g.round(x, to).unwrap();
        let given = [Approx::within(Bound::Tensor(Up::new(0.25)))];
        let of_whole = known(&g, &Config::default(), &inputs, &given, whole);
        assert!(!of_whole.eps.at(0).is_finite(), "{to:?}");
        assert!(of_whole.eps.at(1).is_finite(), "{to:?}");
    }
}
