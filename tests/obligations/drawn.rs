//! Which drawn normalizations are recognized, and what that tells.

use gradbound::Result;
use gradbound::bound::{Approx, Bound};
use gradbound::config::{Config, Contract, Schedule};
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::{bounds, runtime};
use gradbound::libm::Libm;
use gradbound::lower;
use gradbound::number::Up;
use gradbound::op::Op;
use gradbound::tensor::{DType, Tensor, Ty};

const N: usize = 16;

/// √(mean(of²) + e) over an axis.
fn root(g: &mut Graph, of: ValueId, e: f64, axis: usize) -> Result<ValueId> {
    let square = g.square(of)?;
    let mean = g.mean(square, &[axis], true)?;
    let e = lower::real(g, e, DType::F32)?;
    let shifted = g.add(e, mean)?;
    g.sqrt(shifted)
}

fn reciprocal(g: &mut Graph, of: ValueId) -> Result<ValueId> {
    let one = g.scalar(1.0, DType::F32)?;
    g.div(one, of)
}

/// What `draw` makes of two inputs, recognized.
fn recognized(draw: impl Fn(&mut Graph, [ValueId; 2]) -> Result<ValueId>) -> (Graph, ValueId) {
    let mut g = Graph::new();
    let inputs = [0; 2].map(|_| g.input(Ty::new([1, N], DType::F32)));
    let value = draw(&mut g, inputs).unwrap();
    let y = lower::drawn_normalization(&mut g, value).unwrap();
    (g, y)
}

/// What `draw` makes of one number, recognized.
fn recognized_of(draw: impl FnOnce(&mut Graph, ValueId) -> Result<ValueId>) -> (Graph, ValueId) {
    let mut g = Graph::new();
    let x = g.input(Ty::new([1, 1], DType::F32));
    let value = draw(&mut g, x).unwrap();
    let y = lower::drawn_normalization(&mut g, value).unwrap();
    (g, y)
}

fn is_recognized(draw: impl Fn(&mut Graph, [ValueId; 2]) -> Result<ValueId>) -> bool {
    let (g, y) = recognized(draw);
    matches!(g.node(y).op(), Op::Conditioned(_))
}

fn quotient(g: &mut Graph, x: ValueId) -> Result<ValueId> {
    let root = root(g, x, 1e-5, 1)?;
    g.div(x, root)
}

#[test]
fn every_way_to_draw_a_normalization_is_recognized() {
    assert!(is_recognized(|g, [x, _]| quotient(g, x)));
    assert!(is_recognized(|g, [x, _]| {
        let root = root(g, x, 1e-5, 1)?;
        let inverse = reciprocal(g, root)?;
        g.mul(inverse, x)
    }));
    assert!(is_recognized(|g, [x, _]| {
        let square = g.square(x)?;
        let mean = g.mean(square, &[1], true)?;
        let e = g.scalar(0.5, DType::F32)?;
        let shifted = g.add(mean, e)?;
        let inverse = g.rsqrt(shifted)?;
        g.mul(x, inverse)
    }));
    assert!(is_recognized(|g, [x, _]| {
        let mean = g.mean(x, &[1], true)?;
        let centred = g.sub(x, mean)?;
        quotient(g, centred)
    }));
}

#[test]
fn what_only_looks_like_one_is_not() {
    assert!(!is_recognized(|g, [x, other]| {
        let root = root(g, other, 1e-5, 1)?;
        g.div(x, root)
    }));
    assert!(!is_recognized(|g, [x, _]| {
        let root = root(g, x, -1e-5, 1)?;
        g.div(x, root)
    }));
    assert!(!is_recognized(|g, [x, _]| {
        let square = g.square(x)?;
        let total = g.sum(square, &[1], true)?;
        let e = g.scalar(1.0, DType::F32)?;
        let shifted = g.add(total, e)?;
        let root = g.sqrt(shifted)?;
        g.div(x, root)
    }));
    assert!(!is_recognized(|g, [x, other]| {
        let square = g.square(x)?;
        let mean = g.mean(square, &[1], true)?;
        let shifted = g.add(mean, other)?;
        let root = g.sqrt(shifted)?;
        g.div(x, root)
    }));
}

/// An element that is not finite is none of a least one: here the first row's −1 would be passed over.
#[test]
fn a_summand_that_is_no_number_somewhere_is_not_recognized() {
    let draw = |summands: [f64; 3]| {
        let mut g = Graph::new();
        let x = g.input(Ty::new([3, N], DType::F32));
        let square = g.square(x).unwrap();
        let mean = g.mean(square, &[1], true).unwrap();
        let e = Tensor::from_f64s([3, 1].into(), DType::F32, &summands).unwrap();
        let e = g.constant(e);
        let shifted = g.add(mean, e).unwrap();
        let root = g.sqrt(shifted).unwrap();
        let value = g.div(x, root).unwrap();
        let y = lower::drawn_normalization(&mut g, value).unwrap();
        matches!(g.node(y).op(), Op::Conditioned(_))
    };
    assert!(draw([1.0, 0.5, 2.0]));
    for none in [f64::NAN, f64::INFINITY] {
        assert!(!draw([-1.0, none, 2.0]));
        assert!(!draw([1.0, none, 2.0]));
    }
}

/// A reciprocal root that is K ulp off moves y as far, however little squares leave: the range of y
/// holds the largest that the table admits.
#[test]
fn a_range_holds_what_the_table_of_functions_admits() {
    let x = f64::from(1.0_f32 + 2.0 * f32::EPSILON);
    for k in [2.5, 40.0, 1000.0] {
        let mut root = None;
        let (g, y) = recognized_of(|g, x| {
            let square = g.square(x)?;
            let mean = g.mean(square, &[1], true)?;
            let e = lower::real(g, 1e-12, DType::F32)?;
            let shifted = g.add(mean, e)?;
            let inverse = g.rsqrt(shifted)?;
            root = Some(inverse);
            g.mul(x, inverse)
        });
        let config = Config {
            schedule: Schedule::Left,
            contract: Contract::Off,
            libm: Libm::Ulp(k),
            ..Config::default()
        };
        let x = Tensor::from_f64s([1, 1].into(), DType::F32, &[x]).unwrap();
        let run = runtime::eval(&g, &config, std::slice::from_ref(&x)).unwrap();
        let given = Approx::within(Bound::Tensor(Up::new(1e-12)));
        let known = bounds::eval(&g, &config, &run, &[given]);
        // The run's root is rounded to nearest, so K − ½ ulp above it are within the table.
        let off = (k - 0.5).floor() * f64::from(f32::EPSILON) / 2.0;
        let inverse = run[root.unwrap().index()].get(0) + off;
        let largest = (x.get(0) * inverse) as f32;
        let range = known[y.index()].range;
        assert!(
            f64::from(largest) <= range.hi(),
            "{k}: {largest}, {range:?}"
        );
        assert!(range.hi() < 1.0 + 4.0 * off + 1e-4, "{k}: {range:?}");
    }
}

/// However far off its argument is, a normalized value is not much more than twice √n off.
#[test]
fn a_drawn_normalization_ends_the_growth_of_errors() {
    let (g, y) = recognized(|g, [x, _]| quotient(g, x));
    let x = Tensor::from_f64s([1, N].into(), DType::F32, &[1.0; N]).unwrap();
    let config = Config::default();
    let run = runtime::eval(&g, &config, &[x.clone(), x]).unwrap();
    let given = Approx::within(Bound::Tensor(Up::new(1000.0)));
    let known = bounds::eval(&g, &config, &run, &[given.clone(), given]);
    let eps = known[y.index()].eps.largest().get();
    assert!(eps < 10.0, "{eps}");
}
