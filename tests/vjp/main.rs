//! The gradient graph against forward mode: ⟨δ, J·v⟩ = ⟨Jᵀδ, v⟩ for every differentiable
//! primitive, for softmax and for the losses.
//!
//! J·v comes from duals over the specification of the forward graph, Jᵀδ from the
//! specification of the appended backward graph: two ways that share no derivative. Where
//! everything is rational they agree exactly, else to 10⁻⁴⁰.
#![allow(
    clippy::disallowed_methods,
    reason = "exact powers and ranks of cases, no bounds"
)]

use gradbound::Result;
use gradbound::graph::grad::append_backward;
use gradbound::graph::levels::UserNode;
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::spec;
use gradbound::number::SpecNumber;
use gradbound::number::exact::Rational;
use gradbound::number::precise::{Places, Precise};
use gradbound::number::spec::Steps;
use gradbound::op::{self, Kernel, PRIMITIVES};
use gradbound::tensor::{DType, Shape, SpecTensor, Tensor, Ty};
use gradbound::witness::derivative::{Pullback, formulas_apart};
use gradbound::witness::fragments::kernel::SquarePlus;
use num_bigint::BigInt;
use num_rational::BigRational;

/// A function of float inputs, under construction: integer inputs are constants.
type Function = fn(&mut Graph) -> Result<ValueId>;

fn float(g: &mut Graph, shape: impl Into<Shape>) -> ValueId {
    g.input(Ty::new(shape, DType::F64))
}

fn integers(g: &mut Graph, shape: impl Into<Shape>, data: &[i64]) -> Result<ValueId> {
    Ok(g.constant(Tensor::i64s(shape, data.to_vec())?))
}

fn of_one(g: &mut Graph, f: fn(&mut Graph, ValueId) -> Result<ValueId>) -> Result<ValueId> {
    let x = float(g, [5]);
    f(g, x)
}

fn of_two(
    g: &mut Graph,
    f: fn(&mut Graph, ValueId, ValueId) -> Result<ValueId>,
) -> Result<ValueId> {
    let (x, y) = (float(g, [2, 3]), float(g, [3]));
    f(g, x, y)
}

/// Distinct eighths, away from 0: no kink, no tie, no pole.
fn eighths(state: &mut u64, k: usize) -> i64 {
    *state = state
        .wrapping_mul(6364136223846793005)
        .wrapping_add(1442695040888963407);
    let sign = if (*state >> 40) & 1 == 1 { -1 } else { 1 };
    sign * (3 + 8 * (k as i64 % 4) + (*state >> 50) as i64 % 4 + 4 * (k as i64 / 4 % 2))
}

fn eighth<N: SpecNumber>(env: &N::Env, n: i64) -> N {
    N::from_i64(env, n).div(&N::from_i64(env, 8))
}

/// Both sides of the identity, at a point that the seed chooses.
fn both_sides<N: SpecNumber>(f: Function, env: &N::Env, positive: bool, seed: u64) -> (N, N) {
    let mut graph = Graph::new();
    let output = f(&mut graph).unwrap();
    let inputs = graph.inputs().to_vec();
    let mut state = seed;
    let mut draw = |v: ValueId, positive: bool| -> Vec<N> {
        let len = graph.ty(v).shape.len();
        let n = (0..len).map(|k| eighths(&mut state, k));
        n.map(|n| eighth(env, if positive { n.abs() } else { n }))
            .collect()
    };
    let x: Vec<Vec<N>> = inputs.iter().map(|v| draw(*v, positive)).collect();
    let v: Vec<Vec<N>> = inputs.iter().map(|v| draw(*v, false)).collect();
    let delta = draw(output, false);
    let forward = graph.clone();
    let cotangent = graph.input(graph.ty(output).clone());
    let gradients = append_backward(&mut graph, &[(output, cotangent)], None).unwrap();
    let of_input = |input: &ValueId| Some((*input, gradients.of(*input)?));
    let pullback = Pullback {
        gradients: inputs.iter().filter_map(of_input).collect(),
        forward,
        output,
        graph,
    };
    let sides = pullback.sides(env, &x, &v, &delta);
    formulas_are_one_real(&pullback.graph, &sides.values);
    (sides.forward, sides.back)
}

/// Demands that the formulas of every value that has several agree.
fn formulas_are_one_real<N: SpecNumber>(graph: &Graph, all: &[SpecTensor<N>]) {
    for difference in formulas_apart(graph, all) {
        let agree = difference.contains_zero() && difference.width().get() < 1e-40;
        assert!(agree, "formulas differ by {difference:?}");
    }
}

const SEEDS: [u64; 6] = [1, 2, 3, 5, 8, 13];

/// Demands equality in the rationals.
fn exactly(f: Function) {
    for seed in SEEDS {
        let (forward, back) = both_sides::<Rational>(f, &(), false, seed);
        assert!(forward.is_known(), "seed {seed}: no rational value");
        assert_eq!(forward, back, "seed {seed}");
        assert_ne!(
            forward,
            Rational::from_i64(&(), 0),
            "seed {seed}: nothing was compared"
        );
    }
}

/// Demands overlapping enclosures at positive points, narrower than 10⁻⁴⁰.
fn closely(f: Function) {
    let env = Places(256);
    for seed in SEEDS {
        let (forward, back) = both_sides::<Precise>(f, &env, true, seed);
        let difference = forward.sub(&back).enclose();
        assert!(
            difference.contains_zero(),
            "seed {seed}: differ by {difference:?}"
        );
        assert!(
            difference.width().get() < 1e-40,
            "seed {seed}: {difference:?} says little"
        );
        assert!(
            forward.enclose().abs().lo() > 1e-9,
            "seed {seed}: nothing was compared"
        );
    }
}

macro_rules! identities {
    ($($name:ident: $how:ident $of:expr, $f:expr;)+) => {
        $(#[test]
        fn $name() {
            let f: Function = $f;
            $how(f);
        })+
        /// Which primitives each identity is about.
        pub const COVERED: &[&[&str]] = &[$(&$of),+];
    };
}

mod basic;
mod composites;
mod elementary;
mod formulas;
mod select;
mod windows;

/// Which primitives the identities of each file are about.
const COVERED: &[&[&[&str]]] = &[
    basic::COVERED,
    elementary::COVERED,
    formulas::COVERED,
    composites::COVERED,
    select::COVERED,
    windows::COVERED,
];

/// Primitives whose gradient is zero by convention.
const WITHOUT_GRADIENT: &[&str] = &["ArgMax", "Compare", "Round", "Step", "Winner"];

#[test]
fn every_primitive_has_an_identity() {
    let of_some_file = |p: &str| {
        let mut all = COVERED.iter().flat_map(|file| file.iter());
        all.any(|of| of.contains(&p))
    };
    let covered = |p: &&&str| of_some_file(p) || WITHOUT_GRADIENT.contains(*p);
    let missing: Vec<_> = PRIMITIVES.iter().filter(|p| !covered(p)).collect();
    assert!(missing.is_empty(), "no identity for {missing:?}");
}

#[test]
fn a_step_sends_nothing_back() {
    let mut g = Graph::new();
    let x = float(&mut g, [2]);
    let out = g.step(x, Steps::SIGN).unwrap();
    let delta = float(&mut g, [2]);
    let gradients = append_backward(&mut g, &[(out, delta)], None).unwrap();
    assert_eq!(gradients.of(x), None);
}

#[test]
fn a_kernels_gradient_is_not_differentiated_again() {
    let mut g = Graph::new();
    let (x, y) = (float(&mut g, [1]), float(&mut g, [1]));
    let node = Kernel(UserNode::Rev(std::sync::Arc::new(SquarePlus)));
    let out = g.push(node, &[x, y]).unwrap();
    let gradients = append_backward(&mut g, &[(out, y)], None).unwrap();
    let gradient = gradients.of(x).unwrap();
    let refused = append_backward(&mut g, &[(gradient, y)], None).unwrap_err();
    assert!(
        refused.to_string().contains("second derivative"),
        "{refused}"
    );
}

/// f(x) = x² + x·(x + y) + y, where x is used three times, twice by one node.
fn fanning_out(g: &mut Graph, x: ValueId, y: ValueId) -> Result<ValueId> {
    let square = g.mul(x, x)?;
    let shared = g.add(x, y)?;
    let product = g.mul(x, shared)?;
    g.push(op::AddN::default(), &[square, product, y])
}

fn ratio(n: i64, d: i64) -> BigRational {
    BigRational::new(BigInt::from(n), BigInt::from(d))
}

fn value_at(graph: &Graph, of: ValueId, inputs: &[BigRational]) -> BigRational {
    let tensor =
        |x: &BigRational| SpecTensor::new(Shape::scalar(), vec![Rational::from(x.clone())]);
    let inputs: Vec<SpecTensor<Rational>> = inputs.iter().map(tensor).collect();
    let all = spec::eval(graph, &(), &inputs, None);
    all[of.index()].data[0].value().unwrap().clone()
}

#[test]
fn fan_out_adds_up_all_uses() {
    let mut g = Graph::new();
    let (x, y) = (float(&mut g, []), float(&mut g, []));
    let out = fanning_out(&mut g, x, y).unwrap();
    let delta = float(&mut g, []);
    let gradients = append_backward(&mut g, &[(out, delta)], None).unwrap();
    let point = [ratio(5, 3), ratio(-7, 4), ratio(2, 1)];
    let dx = value_at(&g, gradients.of(x).unwrap(), &point);
    let dy = value_at(&g, gradients.of(y).unwrap(), &point);
    // δ·(4x + y) and δ·(x + 1).
    assert_eq!(dx, ratio(2, 1) * (ratio(20, 3) - ratio(7, 4)));
    assert_eq!(dy, ratio(2, 1) * ratio(8, 3));
    // A central difference of a quadratic is its derivative, exactly.
    let h = ratio(1, 1 << 20);
    let moved = |h: BigRational| {
        value_at(
            &g,
            out,
            &[&point[0] + h, point[1].clone(), point[2].clone()],
        )
    };
    let difference = (moved(h.clone()) - moved(-h.clone())) / (ratio(2, 1) * h);
    assert_eq!(&point[2] * difference, dx);
}

#[test]
fn a_gradient_has_a_gradient() {
    let mut g = Graph::new();
    let x = float(&mut g, []);
    let square = g.mul(x, x).unwrap();
    let cube = g.mul(square, x).unwrap();
    let one = g.scalar(1.0, DType::F64).unwrap();
    let first = append_backward(&mut g, &[(cube, one)], None)
        .unwrap()
        .of(x)
        .unwrap();
    let second = append_backward(&mut g, &[(first, one)], None)
        .unwrap()
        .of(x)
        .unwrap();
    let third = append_backward(&mut g, &[(second, one)], None)
        .unwrap()
        .of(x)
        .unwrap();
    let at = [ratio(5, 7)];
    assert_eq!(value_at(&g, first, &at), ratio(75, 49));
    assert_eq!(value_at(&g, second, &at), ratio(30, 7));
    assert_eq!(value_at(&g, third, &at), ratio(6, 1));
}
