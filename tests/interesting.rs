//! `gradbound::interesting`: each front end draws everything that rounding goes wrong on.

use arbitrary::{Arbitrary, Unstructured};
use gradbound::interesting::{Cancelling, Drawn, Elements, Interesting};
use proptest::prelude::{Strategy, any};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestError, TestRng, TestRunner};
use quickcheck::Gen;
use std::fmt::Debug;

const DRAWS: usize = 10_000;

/// What a front end draws.
struct Drawing {
    floats: Vec<f32>,
    tensors: Vec<Elements<f32>>,
    dots: Vec<Cancelling<f32>>,
}

fn by_proptest() -> Drawing {
    fn all<T: Debug + proptest::arbitrary::Arbitrary>(n: usize) -> Vec<T> {
        let mut runner = TestRunner::deterministic();
        let strategy = any::<T>();
        let draw = |_| strategy.new_tree(&mut runner).expect("drawn").current();
        (0..n).map(draw).collect()
    }
    Drawing {
        floats: all::<Interesting<f32>>(DRAWS).iter().map(|x| x.0).collect(),
        tensors: all(500),
        dots: all(500),
    }
}

fn by_quickcheck() -> Drawing {
    use quickcheck::Arbitrary;
    fn all<T: Arbitrary>(n: usize) -> Vec<T> {
        let mut g = Gen::new(100);
        (0..n).map(|_| T::arbitrary(&mut g)).collect()
    }
    Drawing {
        floats: all::<Interesting<f32>>(DRAWS).iter().map(|x| x.0).collect(),
        tensors: all(500),
        dots: all(500),
    }
}

fn by_arbitrary() -> Drawing {
    fn all<T: for<'a> Arbitrary<'a>>(n: usize) -> Vec<T> {
        let mut rng = fastrand::Rng::with_seed(5);
        let mut draw = || {
            let bytes: Vec<u8> = (0..6000).map(|_| rng.u8(..)).collect();
            T::arbitrary(&mut Unstructured::new(&bytes)).expect("drawn")
        };
        (0..n).map(|_| draw()).collect()
    }
    Drawing {
        floats: all::<Interesting<f32>>(DRAWS).iter().map(|x| x.0).collect(),
        tensors: all(500),
        dots: all(500),
    }
}

fn is_power(x: f32) -> bool {
    x.is_normal() && x.to_bits() << 9 == 0
}

fn next_to_power(x: f32) -> bool {
    let neighbours = [x.next_up(), x.next_down()];
    x.is_normal() && !is_power(x) && neighbours.into_iter().any(is_power)
}

/// The class and how many of 10,000 floats are in it.
fn classes(floats: &[f32]) -> Vec<(&'static str, usize)> {
    let in_f16 = |x: f32| (1e-4..6e4).contains(&x.abs());
    let classes: [(&str, &dyn Fn(f32) -> bool); 8] = [
        ("subnormals", &|x| x.is_subnormal()),
        ("powers of two", &is_power),
        ("their neighbours", &next_to_power),
        ("ties of bf16", &|x| x.to_bits() & 0xffff == 0x8000),
        ("ties of f16", &|x| {
            in_f16(x) && x.to_bits() & 0x1fff == 0x1000
        }),
        ("near overflow", &|x| x.abs() > f32::MAX / 8.0),
        ("+0", &|x| x.to_bits() == 0),
        ("-0", &|x| x.to_bits() == 1 << 31),
    ];
    let count = |is: &dyn Fn(f32) -> bool| floats.iter().filter(|x| is(**x)).count();
    classes
        .iter()
        .map(|(name, is)| (*name, count(is)))
        .collect()
}

fn has_everything(drawing: &Drawing) {
    assert!(drawing.floats.iter().all(|x| x.is_finite()));
    for (class, count) in classes(&drawing.floats) {
        assert!(count >= 10, "{class}: {count} of {DRAWS}");
    }
    let ranks: Vec<usize> = (0..5)
        .map(|r| {
            drawing
                .tensors
                .iter()
                .filter(|t| t.shape.len() == r)
                .count()
        })
        .collect();
    assert!(ranks.iter().all(|n| *n > 10), "{ranks:?}");
    let cancels = |t: &&Elements<f32>| {
        let opposite = |x: &f32| *x != 0.0 && t.data.contains(&-x);
        t.shape.iter().product::<usize>() == t.data.len() && t.data.iter().any(opposite)
    };
    let cancelling = drawing.tensors.iter().filter(cancels).count();
    assert!(
        cancelling > 50,
        "{cancelling} tensors with pairs that cancel"
    );
    let ill_conditioned = |d: &&Cancelling<f32>| {
        let terms = || {
            d.a.iter()
                .zip(&d.b)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
        };
        terms().sum::<f64>().abs() < 1e-6 * terms().map(f64::abs).sum::<f64>()
    };
    let ill = drawing.dots.iter().filter(ill_conditioned).count();
    assert!(ill > 450, "{ill} of 500 dot products are ill-conditioned");
}

#[test]
fn proptest_draws_everything() {
    has_everything(&by_proptest());
}

#[test]
fn quickcheck_draws_everything() {
    has_everything(&by_quickcheck());
}

#[test]
fn arbitrary_draws_everything() {
    has_everything(&by_arbitrary());
}

/// A proptest failure shrinks to a float of few digits.
#[test]
fn a_strategy_shrinks() {
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let failed = runner.run(&any::<Interesting<f64>>(), |x| {
        proptest::prop_assert!(x.0.abs() < 3.0);
        Ok(())
    });
    let Err(TestError::Fail(_, Interesting(x))) = failed else {
        panic!("some float is 3 or more: {failed:?}");
    };
    assert!(x.to_bits().trailing_zeros() >= 48, "{x:e}");
}

#[test]
fn simpler_ones_end() {
    let mut tensor = by_quickcheck()
        .tensors
        .into_iter()
        .max_by_key(|t| t.data.len())
        .expect("one");
    let mut steps = 0;
    while let Some(next) = tensor.simpler().into_iter().next() {
        tensor = next;
        steps += 1;
        assert!(steps < 10_000, "{tensor:?}");
    }
    assert_eq!(tensor.data, [0.0]);
}
