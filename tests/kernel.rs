//! `gradbound::kernel`: sound kernels pass, planted faults are found and made small, code that
//! fails is no violation, a test that claims nothing fails, witnesses replay.

use gradbound::bound::Bound;
use gradbound::kernel::{Dim, Input, Kernel, Report, Role, Slices, Standing};
use gradbound::lower::{self, Gelu};
use gradbound::number::Up;
use gradbound::obligation::Obligation;
use gradbound::tensor::{DType, Tensor};
use half::f16;

fn silu() -> Kernel {
    Kernel::new("silu")
        .input(Input::floats([Dim::up_to(9)]).role(Role::Within(80.0)))
        .spec(|g, x| lower::swish(g, x[0], 1.0))
        .runtime_on(|x: &Slices<f32>| x[0].iter().map(|x| x / (1.0 + (-x).exp())).collect())
        .vjp_on(|x: &Slices<f32>, dy| {
            let slope = |x: f32| {
                let s = 1.0 / (1.0 + (-x).exp());
                s * (1.0 + x * (1.0 - s))
            };
            vec![x[0].iter().zip(dy).map(|(x, dy)| dy * slope(*x)).collect()]
        })
        .trials(400)
}

/// x·w for x [m, k] and w [k, n], and its gradients; the last is transposed where it is wrong.
fn product(transposed: bool) -> Kernel {
    let (m, k, n) = (
        || Dim::up_to(4).named("m"),
        || Dim::up_to(4).named("k"),
        || Dim::up_to(4).named("n"),
    );
    let multiply =
        |a: &dyn Fn(usize, usize) -> f32, b: &dyn Fn(usize, usize) -> f32, size: [usize; 3]| {
            let [m, k, n] = size;
            let one = |i: usize| (0..k).map(|t| a(i / n, t) * b(t, i % n)).sum();
            (0..m * n).map(one).collect::<Vec<f32>>()
        };
    Kernel::new("product")
        .input([m(), k()])
        .input([k(), n()])
        .spec(|g, x| g.matmul(x[0], x[1]))
        .runtime_on(move |x: &Slices<f32>| {
            let (m, k, n) = (x.shape(0)[0], x.shape(0)[1], x.shape(1)[1]);
            multiply(&|i, t| x[0][i * k + t], &|t, j| x[1][t * n + j], [m, k, n])
        })
        .vjp_on(move |x: &Slices<f32>, dy| {
            let (m, k, n) = (x.shape(0)[0], x.shape(0)[1], x.shape(1)[1]);
            let dx = multiply(&|i, t| dy[i * n + t], &|t, j| x[1][j * n + t], [m, n, k]);
            let dw = multiply(&|i, t| x[0][t * k + i], &|t, j| dy[t * n + j], [k, m, n]);
            let turned = |i: usize| dw[(i % k) * n + i / k];
            let wrong = (0..k * n).map(turned).collect();
            vec![dx, if transposed { wrong } else { dw }]
        })
        .trials(800)
}

/// Σ x².
fn squares(last: usize) -> Kernel {
    Kernel::new("squares")
        .input([Dim::up_to(12)])
        .spec(|g, x| {
            let squares = g.square(x[0])?;
            g.sum(squares, &[0], false)
        })
        .runtime_on(move |x: &Slices<f32>| {
            let count = x[0].len() - last.min(x[0].len() - 1);
            vec![x[0][..count].iter().map(|x| x * x).sum()]
        })
        .trials(400)
}

fn attacked(kernel: &Kernel) -> Report {
    kernel.attack().expect("can be attacked")
}

#[test]
fn sound_kernels_pass_and_come_near_their_bounds() {
    for (kernel, near) in [(silu(), 0.1), (product(false), 0.3), (squares(0), 0.15)] {
        let report = kernel.assert_sound();
        let sound = report.of(Obligation::Sound).expect("attacked");
        let nearest = sound.nearest.expect("claimed");
        assert!(nearest > near, "{report}");
        assert!(
            sound.claimed > 100 && sound.unclaimed < sound.claimed,
            "{report}"
        );
    }
}

#[test]
fn every_native_format_is_attacked() {
    let report = Kernel::new("a·b + a")
        .input([Dim::up_to(5).named("n")])
        .input([Dim::up_to(5).named("n")])
        .spec(|g, x| {
            let product = g.mul(x[0], x[1])?;
            g.add(product, x[0])
        })
        .runtime(|x| {
            // As hardware without these formats does it: by f64, rounded after each operation.
            let rounded =
                |values: Vec<f64>| Tensor::from_f64s(x[0].shape().clone(), x[0].dtype(), &values);
            let (a, b) = (x[0].to_f64s(), x[1].to_f64s());
            let products = rounded(a.iter().zip(&b).map(|(a, b)| a * b).collect())?;
            let sums = products
                .to_f64s()
                .iter()
                .zip(&a)
                .map(|(p, a)| p + a)
                .collect();
            Ok(rounded(sums)?)
        })
        .formats([DType::F64, DType::F32, DType::F16, DType::BF16])
        .trials(400)
        .assert_sound();
    assert_eq!(report.attacks.len(), 12);
    for attack in &report.attacks {
        assert!(attack.nearest.is_some_and(|r| r > 0.4), "{report}");
    }
}

/// The attack of the obligation that a fault is planted in.
fn found(kernel: &Kernel, obligation: Obligation) -> gradbound::kernel::Attack {
    let report = attacked(kernel);
    let attack = report.of(obligation).expect("attacked").clone();
    assert_eq!(attack.standing, Standing::Unsound, "{report}");
    attack
}

fn text(attack: &gradbound::kernel::Attack) -> String {
    attack.witness.as_ref().expect("a witness").text.clone()
}

#[test]
fn a_dropped_term_is_found_and_shrinks_to_two_elements() {
    let text = text(&found(&squares(1), Obligation::Sound));
    assert!(text.contains("input 0: f32[2]"), "{text}");
    assert!(text.contains("computed bits 0x"), "{text}");
}

#[test]
fn a_transposed_gradient_is_found_in_the_gradient_alone() {
    let attack = found(&product(true), Obligation::VjpSound);
    let text = text(&attack);
    assert!(text.contains("the gradient of input 1"), "{text}");
    assert!(text.contains("cotangent: f32["), "{text}");
    let small = |shape: &str| text.contains(shape);
    assert!(
        small("f32[1, 2]") || small("f32[2, 1]") || small("f32[2, 2]"),
        "{text}"
    );
    let report = attacked(&product(true));
    let sound = report.of(Obligation::Sound).expect("attacked");
    assert_eq!(sound.standing, Standing::Holds, "{report}");
}

#[test]
fn a_mean_over_one_less_is_found() {
    let kernel = Kernel::new("mean")
        .input([Dim::between(2..=40)])
        .spec(|g, x| g.mean(x[0], &[0], false))
        .runtime_on(|x: &Slices<f32>| vec![x[0].iter().sum::<f32>() / (x[0].len() - 1) as f32])
        .trials(200);
    let text = text(&found(&kernel, Obligation::Sound));
    assert!(text.contains("input 0: f32[2]"), "{text}");
}

/// An exponential by f64, rounded: within half an ulp, so one ulp is true of exact inputs.
fn exponential(ulps: f64) -> Kernel {
    Kernel::new("exp")
        .input(Input::floats([Dim::fixed(1)]).role(Role::Within(40.0)))
        .spec(|g, x| g.exp(x[0]))
        .runtime_on(|x: &Slices<f32>| x[0].iter().map(|x| f64::from(*x).exp() as f32).collect())
        .bound(move |cx, _, out| {
            Bound::from_fn(out.len(), |i| {
                // What rounds to a power of two may be above it, where ulps are larger.
                let above = Up::magnitude(out.get(i)) * Up::new(1.000_000_1);
                Up::new(ulps) * (cx.half_ulp(above) + Up::new(1e-60))
            })
        })
        .exact()
        .trials(1500)
}

#[test]
fn an_author_s_own_bound_is_attacked_as_it_is() {
    let nearest = exponential(1.01).assert_sound().attacks[0].nearest;
    assert!(nearest.is_some_and(|r| r > 0.95), "{nearest:?}");
    let text = text(&found(&exponential(0.7), Obligation::Sound));
    assert!(text.contains("input 0: f32[1]"), "{text}");
}

#[test]
fn a_scale_that_is_too_small_is_found() {
    let kernel = || squares(0).scale(|_, _| Bound::uniform(Up::new(50.0)));
    found(&kernel(), Obligation::FwdScaleSound);
    let within = kernel().scale(|cx, x| {
        let squares = (0..x[0].len()).fold(Up::ZERO, |s, i| s + x[0].at(i) * x[0].at(i));
        let grown = squares * Up::new(1.00001);
        Bound::uniform(grown + cx.half_ulp(grown) + Up::new(1e-40))
    });
    within.assert_sound();
    let gradient = silu().vjp_scale(|_, _, x, dy| Bound::from_fn(x[0].len(), |i| dy.at(i)));
    found(&gradient, Obligation::VjpScaleSound);
}

#[test]
fn code_that_fails_is_not_a_bound_that_fails() {
    let failing = |how: fn(usize) -> Vec<f32>| {
        let kernel = Kernel::new("failing")
            .input([Dim::up_to(8)])
            .spec(|g, x| g.neg(x[0]))
            .runtime_on(move |x: &Slices<f32>| match x[0].len() {
                5 => how(5),
                _ => x[0].iter().map(|x| -x).collect(),
            });
        let report = attacked(&kernel.trials(300));
        let attack = report.of(Obligation::Sound).expect("attacked").clone();
        assert_eq!(attack.standing, Standing::Failed, "{report}");
        text(&attack)
    };
    let panicked = failing(|_| panic!("not for five"));
    assert!(
        panicked.contains("a panic at tests/kernel.rs"),
        "{panicked}"
    );
    assert!(
        panicked.contains("not for five") && panicked.contains("f32[5]"),
        "{panicked}"
    );
    let short = failing(|_| vec![1.0]);
    assert!(
        short.contains("1 elements cannot fill the shape [5]"),
        "{short}"
    );
    let error = Kernel::new("error")
        .input([Dim::fixed(1)])
        .spec(|g, x| g.neg(x[0]))
        .runtime(|_| Err("no such device".into()))
        .trials(20);
    assert!(text(&attacked(&error).attacks[0]).contains("an error: no such device"));
    let other = error.runtime(|x| Ok(Tensor::f32s([2], vec![x[0].get(0) as f32; 2])?));
    assert!(text(&attacked(&other).attacks[0]).contains("f32[2] where the meaning is f32[1]"));
}

#[test]
#[should_panic(expected = "sound in f32 is vacuous")]
fn a_test_that_claims_nothing_fails() {
    Kernel::new("reciprocal of nothing")
        .input([Dim::fixed(2)])
        .spec(|g, x| {
            let zero = g.sub(x[0], x[0])?;
            g.div(x[0], zero)
        })
        .runtime_on(|x: &Slices<f32>| x[0].iter().map(|x| x / 0.0).collect())
        .trials(50)
        .assert_sound();
}

#[test]
fn what_is_missing_is_said() {
    let said = |kernel: Kernel| kernel.attack().expect_err("misuse").to_string();
    let nothing = Kernel::new("k").input([2]);
    assert!(said(nothing.clone()).contains("has no code"));
    let code = nothing.runtime(|x| Ok(x[0].clone()));
    assert!(said(code.clone()).contains("has no meaning"));
    let misfit = code
        .input([Dim::up_to(4)])
        .spec(|g, x| g.matmul(x[0], x[1]));
    assert!(said(misfit).contains("node `k`"));
}

#[test]
fn domains_are_kept_and_indices_are_below_their_extent() {
    let rows = || Dim::up_to(6).named("rows");
    let kernel = Kernel::new("log of rows")
        .input(Input::floats([rows(), Dim::fixed(2)]).role(Role::Positive))
        .input(Input::indices([Dim::up_to(4)], rows()))
        .spec(|g, x| {
            let logs = g.log(x[0])?;
            g.gather(logs, x[1], 0)
        })
        .runtime_on(|x: &Slices<f32>| {
            assert!(x[0].iter().all(|x| *x > 0.0), "outside the domain");
            let of = |i: &i64| x[0][2 * *i as usize..][..2].to_vec();
            x.indices(1).iter().flat_map(of).map(f32::ln).collect()
        });
    let report = kernel.trials(400).assert_sound();
    assert!(
        report.attacks[0].nearest.is_some_and(|r| r > 0.1),
        "{report}"
    );
}

#[test]
fn zeros_of_both_signs_and_subnormals_reach_the_code() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static SEEN: [AtomicBool; 2] = [AtomicBool::new(false), AtomicBool::new(false)];
    let kernel = Kernel::new("identity")
        .input([Dim::up_to(4)])
        .spec(|g, x| g.neg(x[0]))
        .runtime_on(|x: &Slices<f32>| {
            let seen = |k: usize, is: fn(&f32) -> bool| {
                SEEN[k].fetch_or(x[0].iter().any(is), Ordering::Relaxed)
            };
            seen(0, |x| x.to_bits() == 1 << 31);
            seen(1, |x| x.is_subnormal());
            x[0].iter().map(|x| -x).collect()
        });
    kernel.trials(300).assert_sound();
    assert!(SEEN.iter().all(|s| s.load(Ordering::Relaxed)), "{SEEN:?}");
}

#[test]
fn a_witness_file_replays() {
    let folder = tempfile::tempdir().expect("a folder");
    let attack = found(&product(true), Obligation::VjpSound);
    let witness = attack.witness.expect("a witness");
    let path = witness.write(folder.path()).expect("written");
    let again = product(true).replay(&path).expect("replays");
    assert_eq!(again.standing, Standing::Unsound);
    assert_eq!(again.text, witness.text);
    let mended = product(false).replay(&path).expect("replays");
    assert_eq!(mended.standing, Standing::Holds);
    assert!(mended.ratio <= 1.0);
    let other = silu()
        .replay(&path)
        .expect_err("another kernel")
        .to_string();
    assert!(other.contains("vjp_sound of `product`"), "{other}");
}

#[test]
fn the_same_seed_finds_the_same() {
    let text = |seed: u64| {
        let report = attacked(&silu().seed(seed));
        let witness = report.attacks[0]
            .witness
            .as_ref()
            .expect("near")
            .text
            .clone();
        format!("{report}{witness}")
    };
    assert_eq!(text(3), text(3));
    assert_ne!(text(3), text(4));
}

#[test]
fn bytes_of_a_fuzzer_are_trials() {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut bytes = || -> Vec<u8> { (0..400).map(|_| rng.u8(..)).collect() };
    let faults = |kernel: Kernel, bytes: &[Vec<u8>]| {
        let judged = bytes.iter().map(|b| kernel.judge_bytes(b));
        judged.filter(Result::is_err).count()
    };
    let all: Vec<Vec<u8>> = (0..300).map(|_| bytes()).collect();
    assert_eq!(faults(product(false), &all), 0);
    assert!(faults(product(true), &all) > 10);
    assert!(silu().judge_bytes(&[]).is_ok());
}

#[test]
fn sixteen_bits_on_slices() {
    let kernel = Kernel::new("gelu")
        .input([Dim::up_to(4)])
        .spec(|g, x| lower::gelu(g, x[0], Gelu::Erf))
        .runtime_on(|x: &Slices<f16>| {
            // Through f64, rounded once: an execution that is better than any step by step.
            let gelu = |x: &f16| {
                let x = x.to_f64();
                f16::from_f64(0.5 * x * (1.0 + core_math::erf(x / 2f64.sqrt())))
            };
            x[0].iter().map(gelu).collect()
        });
    let report = kernel.trials(300).assert_sound();
    assert!(
        report.attacks[0].nearest.is_some_and(|r| r > 0.2),
        "{report}"
    );
}
