//! Overflow, underflow and NaN: what the record says of a value against what happens.

use gradbound::Config;
use gradbound::audit::range::{Occurs, RangeStatus, status};
use gradbound::config::{Accumulate, Subnormals};
use gradbound::graph::grad::append_backward;
use gradbound::graph::{Graph, ValueId};
use gradbound::obligation::Run;
use gradbound::tensor::{DType, Tensor, Ty};

type Build = fn(&mut Graph, ValueId) -> gradbound::Result<ValueId>;

fn of(dtype: DType, x: &[f64], config: &Config, build: Build) -> Option<RangeStatus> {
    let mut g = Graph::new();
    let input = g.input(Ty::new([x.len()], dtype));
    let out = build(&mut g, input).expect("well formed");
    let x = Tensor::from_f64s([x.len()].into(), dtype, x).expect("a tensor");
    let run = Run::new(&g, config, &[x]).expect("runs");
    let k = out.index();
    status(&run.values[k], &run.approx[k], &run.scales[k].scale)
}

fn plain(dtype: DType, x: &[f64], build: Build) -> RangeStatus {
    of(dtype, x, &Config::default(), build).expect("a float")
}

fn square(g: &mut Graph, x: ValueId) -> gradbound::Result<ValueId> {
    g.mul(x, x)
}

fn same() -> Config {
    Config {
        accumulate: Accumulate::Same,
        ..Config::default()
    }
}

#[test]
fn overflow_never_possible_and_certain() {
    let inside = plain(DType::F16, &[250.0, 3.0], square);
    assert_eq!((inside.overflow, inside.nan), (Occurs::Never, false));
    assert!((0.95..0.96).contains(&inside.margin.0), "{inside:?}");
    assert!(
        inside
            .notable()
            .is_some_and(|n| n.contains("of the overflow threshold"))
    );
    let beyond = plain(DType::F16, &[300.0], square);
    assert_eq!(beyond.overflow, Occurs::Certain);
    assert!(beyond.margin.0.is_infinite());
    assert!(
        beyond
            .notable()
            .is_some_and(|n| n.contains("infinite in this run"))
    );
    // This run's order stays inside; another one does not.
    let x = [60000.0, -60000.0, 60000.0];
    let order = of(DType::F16, &x, &same(), |g, x| g.sum(x, &[0], false)).expect("a float");
    assert_eq!((order.overflow, order.nan), (Occurs::Possible, false));
    assert!(order.notable().is_some_and(|n| n.contains("not excluded")));
    let wide = plain(DType::F16, &x, |g, x| g.sum(x, &[0], false));
    assert_eq!(
        wide.overflow,
        Occurs::Never,
        "an f32 accumulator has the range"
    );
    let calm = plain(DType::F32, &[1.0, 2.0], square);
    assert_eq!(calm.notable(), None);
}

#[test]
fn subnormals_never_possible_and_certain() {
    let tiny = 2f64.powf(-20.0);
    let below = |x: &[f64]| plain(DType::F16, x, square).subnormal;
    assert_eq!(below(&[0.25, 0.5]), Occurs::Never);
    assert_eq!(below(&[0.0]), Occurs::Never, "an exact product");
    assert_eq!(below(&[1.0, 2f64.powf(-10.0)]), Occurs::Certain);
    assert_eq!(below(&[1.0, tiny]), Occurs::Possible, "underflows to zero");
    let exact = plain(DType::F16, &[0.0, 1.0], |g, x| g.neg(x)).subnormal;
    assert_eq!(exact, Occurs::Never, "a zero that is exact is no underflow");
    let flush = Config {
        subnormals: Subnormals::Flush,
        ..Config::default()
    };
    let flushed = of(DType::F16, &[2f64.powf(-10.0)], &flush, square).expect("a float");
    assert_eq!(flushed.subnormal, Occurs::Certain);
}

#[test]
fn a_format_without_infinities_overflows_to_nan() {
    let sum = plain(DType::E4M3, &[448.0, 1.0], |g, x| g.add(x, x));
    assert_eq!((sum.overflow, sum.nan), (Occurs::Possible, true));
    assert!(sum.notable().is_some_and(|n| n.contains("NaN in this run")));
    let four_bits = plain(DType::E2M1, &[6.0, 1.0], |g, x| g.add(x, x));
    assert!(four_bits.nan);
}

#[test]
fn gradients_overflow_on_their_own() {
    let mut g = Graph::new();
    let x = g.input(Ty::new([1], DType::F16));
    let scalar = |value| Tensor::full([1].into(), DType::F16, value).expect("a tensor");
    let (w, seed) = (g.constant(scalar(60000.0)), g.constant(scalar(2.0)));
    let y = g.mul(x, w).expect("a product");
    let gradients = append_backward(&mut g, &[(y, seed)], None).expect("differentiable");
    let gradient = gradients.of(x).expect("a gradient");
    let run = Run::new(&g, &Config::default(), &[scalar(0.001)]).expect("runs");
    let at = |v: ValueId| {
        let k = v.index();
        status(&run.values[k], &run.approx[k], &run.scales[k].scale).expect("a float")
    };
    assert_eq!(at(y).overflow, Occurs::Never);
    assert_eq!(at(gradient).overflow, Occurs::Certain);
}

#[test]
fn integers_have_no_range_to_leave() {
    assert_eq!(
        of(DType::I64, &[1.0, 2.0], &Config::default(), |g, x| g.neg(x)),
        None
    );
}
