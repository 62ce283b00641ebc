//! Which drawn normalizations are recognized, and what that tells.

use gradbound::Result;
use gradbound::bound::{Approx, Bound};
use gradbound::config::Config;
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::{bounds, runtime};
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
