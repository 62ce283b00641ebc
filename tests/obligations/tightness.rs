//! Bounds that cannot be much smaller: witnesses that come close to them.

use gradbound::Config;
use gradbound::bound::{Approx, Bound};
use gradbound::config::{Accumulate, Contract, Schedule};
use gradbound::graph::grad::append_backward;
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::{bounds, runtime, spec};
use gradbound::number::exact::Rational;
use gradbound::number::precise::{Places, Precise};
use gradbound::number::{Format, SpecNumber, Up};
use gradbound::tensor::{DType, Shape, SpecTensor, Tensor, Ty};
use gradbound::witness::dyadic;
use gradbound::witness::execute::{Execution, execute};
use gradbound::witness::oracle::is_smooth;
use gradbound::witness::tape::Tape;

/// An input: c, ε, the specification's x and an admissible x̂, as f64s that hold them.
#[derive(Clone)]
pub struct Witness {
    pub c: Vec<f64>,
    pub eps: Vec<f64>,
    pub x: Vec<f64>,
    pub hat: Vec<f64>,
}

impl Witness {
    pub fn exact(c: &[f64]) -> Witness {
        let c: Vec<f64> = c.iter().map(|c| dyadic::round(Format::F32, *c)).collect();
        Witness {
            eps: vec![0.0; c.len()],
            x: c.clone(),
            hat: c.clone(),
            c,
        }
    }

    /// One element with the specification at c + tε and the execution at c + 2tε.
    pub fn corner(c: f64, eps: f64, t: f64) -> Witness {
        Witness {
            c: vec![c],
            eps: vec![eps],
            x: vec![c + t * eps],
            hat: vec![c + 2.0 * t * eps],
        }
    }
}

/// |x̂ − x| / ε of a value's first element, for f32 inputs, an accumulator like the storage
/// and the execution that the tape says.
pub fn ratio(graph: &Graph, of: ValueId, inputs: &[Witness], numbers: &[u32]) -> f64 {
    ratio_under(Schedule::Any, graph, of, inputs, numbers)
}

fn ratio_under(
    schedule: Schedule,
    graph: &Graph,
    of: ValueId,
    inputs: &[Witness],
    numbers: &[u32],
) -> f64 {
    let config = Config {
        schedule,
        accumulate: Accumulate::Same,
        contract: Contract::Off,
        ..Config::default()
    };
    let shapes: Vec<Ty> = graph
        .inputs()
        .iter()
        .map(|v| graph.ty(*v).clone())
        .collect();
    let tensor = |pick: fn(&Witness) -> &Vec<f64>| -> Vec<Tensor> {
        let each = shapes.iter().zip(inputs);
        each.map(|(ty, w)| Tensor::from_f64s(ty.shape.clone(), ty.dtype, pick(w)).unwrap())
            .collect()
    };
    let known: Vec<Approx> = inputs.iter().map(known).collect();
    let run = runtime::eval(graph, &config, &tensor(|w| &w.c)).unwrap();
    let eps = bounds::eval(graph, &config, &run, &known)[of.index()]
        .eps
        .at(0);
    let execution = Execution {
        graph,
        config: &config,
        fixed_inputs: &vec![true; inputs.len()],
        tape: &mut Tape::new(numbers),
    };
    let computed = execute(execution, &tensor(|w| &w.hat)).unwrap()[of.index()].get(0);
    distance(graph, of, &shapes, inputs, computed) / eps.get()
}

fn known(w: &Witness) -> Approx {
    Approx::within(Bound::from_fn(w.eps.len(), |i| Up::new(w.eps[i])))
}

/// |computed − specification|, from below.
fn distance(graph: &Graph, of: ValueId, shapes: &[Ty], inputs: &[Witness], computed: f64) -> f64 {
    let smooth = graph.nodes().iter().any(|n| is_smooth(n.op()));
    if smooth {
        let places = Places(300);
        at::<Precise>(graph, &places, of, shapes, inputs)
            .distance(computed)
            .lo()
    } else {
        at::<Rational>(graph, &(), of, shapes, inputs)
            .distance(computed)
            .lo()
    }
}

fn at<N: SpecNumber>(
    graph: &Graph,
    env: &N::Env,
    of: ValueId,
    shapes: &[Ty],
    inputs: &[Witness],
) -> N {
    let x: Vec<SpecTensor<N>> = shapes
        .iter()
        .zip(inputs)
        .map(|(ty, w)| {
            let data: Vec<N> = w.x.iter().map(|x| N::from_f64(env, *x)).collect();
            SpecTensor::new(ty.shape.clone(), data)
        })
        .collect();
    spec::eval(graph, env, &x, None)[of.index()].data[0].clone()
}

pub fn scalars(n: usize) -> (Graph, Vec<ValueId>) {
    let mut g = Graph::new();
    let ids = (0..n)
        .map(|_| g.input(Ty::new(Shape::scalar(), DType::F32)))
        .collect();
    (g, ids)
}

/// Demands that pure rounding (exact inputs) and pure propagation (the corners of ε) both
/// come within a tenth of the bound.
fn nearly_attained(name: &str, exact: impl Fn(f64, f64) -> f64, corner: impl Fn(f64, f64) -> f64) {
    let mut best = [0.0_f64; 2];
    // Just above powers of two a rounding is largest against the value.
    for i in 0..12 {
        for j in 0..60 {
            let a = 1.0 + f64::from(i * 371) / 8_388_608.0;
            let b = (1.0 + f64::from(j * 67) / 8_388_608.0) * 2f64.powi(-(j % 3) * 12);
            // And just below, where reciprocals are just above.
            let below = 2.0 - b - 1.0 / 16_777_216.0;
            best[0] = best[0].max(exact(a, b)).max(exact(a, below));
        }
    }
    for t in [1.0, -1.0] {
        for s in [1.0, -1.0] {
            best[1] = best[1].max(corner(t, s));
        }
    }
    println!(
        "{name}: {:.4} by rounding, {:.4} by propagation",
        best[0], best[1]
    );
    for reached in best {
        assert!(
            (0.9..=1.0).contains(&reached),
            "{name} reaches only {reached} of its bound"
        );
    }
}

fn of_two(name: &str, f: fn(&mut Graph, ValueId, ValueId) -> gradbound::Result<ValueId>, eps: f64) {
    let (mut g, ids) = scalars(2);
    let out = f(&mut g, ids[0], ids[1]).unwrap();
    // As it stands, and with what the tape's first coin changes: a reciprocal.
    let exact = |a: f64, b: f64| {
        let pair = [Witness::exact(&[a]), Witness::exact(&[b])];
        ratio(&g, out, &pair, &[]).max(ratio(&g, out, &pair, &[1]))
    };
    let corner = |t: f64, s: f64| {
        let pair = [Witness::corner(3.0, eps, t), Witness::corner(2.0, eps, s)];
        ratio(&g, out, &pair, &[])
    };
    nearly_attained(name, exact, corner);
}

#[test]
fn add_is_nearly_attained() {
    of_two("add", Graph::add, 0.25);
}

#[test]
fn sub_is_nearly_attained() {
    of_two("sub", Graph::sub, 0.25);
}

#[test]
fn mul_is_nearly_attained() {
    of_two("mul", Graph::mul, 0.25);
}

#[test]
fn div_is_nearly_attained() {
    of_two("div", Graph::div, 2f64.powi(-9));
}

/// The gradient of tanh at a small y: δ − δy² rounds once there, δ(1 − y) + δ(1 − y)y three
/// times, and the bound is for both.
#[test]
fn any_of_is_nearly_attained() {
    let (mut g, ids) = scalars(2);
    let [delta, y] = [ids[0], ids[1]];
    let one = g.scalar(1.0, DType::F32).unwrap();
    let square = g.mul(y, y).unwrap();
    let lost = g.mul(delta, square).unwrap();
    let expanded = g.sub(delta, lost).unwrap();
    let below = g.sub(one, y).unwrap();
    let part = g.mul(delta, below).unwrap();
    let rest = g.mul(part, y).unwrap();
    let factored = g.add(part, rest).unwrap();
    let out = g.any_of(expanded, &[factored]).unwrap();
    let mut best = [0.0_f64; 2];
    for i in 0..40 {
        for j in 0..200 {
            let delta = 1.0 + f64::from(500_000 + i * 37_100) / 8_388_608.0;
            let y = -(1.0 + f64::from(1 + j * 67) / 8_388_608.0) / 4096.0;
            let pair = [Witness::exact(&[delta]), Witness::exact(&[y])];
            // The tape's coins are all tails or all heads, and so is the choice of formula.
            best = [0, 1].map(|k| best[k].max(ratio(&g, out, &pair, &[k as u32; 30])));
        }
    }
    println!("any of two formulas: {best:?}");
    assert!(best[0] < 0.5 && (0.7..=1.0).contains(&best[1]), "{best:?}");
}

/// The product's 3εxεy is needed where nothing but errors is there.
#[test]
fn the_cross_terms_of_a_product_are_attained() {
    let (mut g, ids) = scalars(2);
    let out = g.mul(ids[0], ids[1]).unwrap();
    let pair = [
        Witness::corner(0.0, 1.0, 1.0),
        Witness::corner(0.0, 1.0, 1.0),
    ];
    assert!(ratio(&g, out, &pair, &[]) > 0.99);
}

fn of_one(
    name: &str,
    f: fn(&mut Graph, ValueId) -> gradbound::Result<ValueId>,
    from: DType,
    eps: f64,
) {
    let mut g = Graph::new();
    let x = g.input(Ty::new(Shape::scalar(), from));
    let out = f(&mut g, x).unwrap();
    let exact = |a: f64, b: f64| ratio(&g, out, &[Witness::exact(&[a * b.abs()])], &[]);
    let corner = |t: f64, _s: f64| ratio(&g, out, &[Witness::corner(1.5, eps, t)], &[]);
    nearly_attained(name, exact, corner);
}

#[test]
fn sqrt_is_nearly_attained() {
    of_one("sqrt", Graph::sqrt, DType::F32, 2f64.powi(-9));
}

#[test]
fn cast_is_nearly_attained() {
    of_one("cast", |g, x| g.cast(x, DType::F16), DType::F32, 0.25);
}

/// 1 and a string of numbers that each round up by nearly an ulp of 1, one after the other.
pub fn rounding_up(n: usize) -> Vec<f64> {
    let step = 2f64.powi(-24) * (1.0 + 2f64.powi(-10));
    let mut terms = vec![step; n];
    terms[0] = 1.0;
    terms
}

#[test]
fn sum_is_nearly_attained() {
    for n in [2, 3, 10, 100] {
        let mut g = Graph::new();
        let x = g.input(Ty::new([n], DType::F32));
        let out = g.sum(x, &[0], false).unwrap();
        let reached = ratio(&g, out, &[Witness::exact(&rounding_up(n))], &[]);
        println!("sum of {n}: {reached:.4}");
        assert!(
            (0.9..=1.0).contains(&reached),
            "a sum of {n} reaches only {reached}"
        );
    }
}

/// In a declared tree only the height counts: each addition on the way of the first leaf
/// rounds up by nearly half an ulp of 1.
#[test]
fn declared_trees_are_nearly_attained() {
    let n = 1 << 10;
    let step = rounding_up(2)[1];
    for word in ["left", "pairwise", "blocked:32", "blocked:1000"] {
        let schedule: Schedule = word.parse().unwrap();
        let mut terms = vec![0.0; n];
        terms[0] = 1.0;
        match schedule {
            Schedule::Any | Schedule::Left => terms = rounding_up(n),
            Schedule::Pairwise => (0..10).for_each(|level| terms[1 << level] = step),
            Schedule::Blocked(block) => {
                terms[1..block.get()].fill(step);
                let blocks = terms.chunks_mut(block.get()).skip(1);
                blocks.for_each(|block| block[0] = step);
            }
        }
        let mut g = Graph::new();
        let x = g.input(Ty::new([n], DType::F32));
        let out = g.sum(x, &[0], false).unwrap();
        let reached = ratio_under(schedule, &g, out, &[Witness::exact(&terms)], &[]);
        println!("sum of {n}, {word}: {reached:.4}");
        assert!(
            (0.9..=1.0).contains(&reached),
            "a sum of {n}, {word}, reaches only {reached}"
        );
    }
}

#[test]
fn dot_is_nearly_attained() {
    for (n, least) in [(3, 0.6), (10, 0.85), (100, 0.9)] {
        let mut g = Graph::new();
        let x = g.input(Ty::new([1, n], DType::F32));
        let y = g.input(Ty::new([n, 1], DType::F32));
        let out = g.matmul(x, y).unwrap();
        let terms = [
            Witness::exact(&rounding_up(n)),
            Witness::exact(&vec![1.0; n]),
        ];
        let reached = ratio(&g, out, &terms, &[]);
        println!("dot of {n}: {reached:.4}");
        assert!(
            reached >= least && reached <= 1.0,
            "a dot of {n} reaches only {reached}"
        );
    }
}

/// Where x's sign is open, spec and runtime may take different branches of relu, and the
/// gradient's ε must then cover all of δ, and does not cover more.
#[test]
fn relu_gate_covers_both_branches() {
    let (mut g, ids) = scalars(2);
    let out = g.relu(ids[0]).unwrap();
    let gradient = append_backward(&mut g, &[(out, ids[1])], None)
        .unwrap()
        .of(ids[0])
        .unwrap();
    let delta = Witness::exact(&[-3.0]);
    for (x, hat) in [(-0.25, 0.5), (0.25, -0.5)] {
        let gate = Witness {
            c: vec![hat / 2.0],
            eps: vec![0.75],
            x: vec![x],
            hat: vec![hat],
        };
        let reached = ratio(&g, gradient, &[gate, delta.clone()], &[]);
        println!("relu's gate, spec {x}, runtime {hat}: {reached:.4}");
        assert!(
            (0.9..=1.0).contains(&reached),
            "the gate's jump reaches only {reached}"
        );
    }
    let decided = Witness::corner(1.0, 0.125, 1.0);
    assert!(
        ratio(&g, gradient, &[decided, delta], &[]).is_nan(),
        "a decided gate is exact: 0/0"
    );
}

/// Where ε is far above an ulp, the slope over the enclosure is nearly the slope at c.
#[test]
fn smooth_functions_are_nearly_attained() {
    type Function = fn(&mut Graph, ValueId) -> gradbound::Result<ValueId>;
    let functions: [(&str, f64, Function); 20] = [
        ("exp", 1.5, Graph::exp),
        ("expm1", 1.5, Graph::expm1),
        ("log", 1.5, Graph::log),
        ("log1p", 1.5, Graph::log1p),
        ("erf", 0.5, Graph::erf),
        ("sin", 0.5, Graph::sin),
        ("cos", 1.5, Graph::cos),
        ("tan", 0.5, Graph::tan),
        ("asin", 0.5, Graph::asin),
        ("acos", 0.5, Graph::acos),
        ("atan", 0.5, Graph::atan),
        ("sinh", 1.5, Graph::sinh),
        ("cosh", 1.5, Graph::cosh),
        ("tanh", 0.5, Graph::tanh),
        ("asinh", 1.5, Graph::asinh),
        ("acosh", 2.5, Graph::acosh),
        ("atanh", 0.5, Graph::atanh),
        ("sigmoid", 0.5, Graph::sigmoid),
        ("softplus", 0.5, Graph::softplus),
        ("rsqrt", 1.5, Graph::rsqrt),
    ];
    for (name, c, f) in functions {
        let (mut g, ids) = scalars(1);
        let out = f(&mut g, ids[0]).unwrap();
        let corner = |t: f64| ratio(&g, out, &[Witness::corner(c, 2f64.powi(-9), t)], &[]);
        attained(name, corner(1.0).max(corner(-1.0)));
    }
}

#[test]
fn a_power_is_nearly_attained() {
    let (mut g, ids) = scalars(2);
    let out = g.pow(ids[0], ids[1]).unwrap();
    let eps = 2f64.powi(-9);
    let corner = |t: f64| {
        let pair = [Witness::corner(1.5, eps, t), Witness::corner(2.5, eps, t)];
        ratio(&g, out, &pair, &[])
    };
    attained("pow", corner(1.0).max(corner(-1.0)));
}

fn attained(name: &str, reached: f64) {
    println!("{name}: {reached:.4}");
    assert!(
        (0.9..=1.0).contains(&reached),
        "{name} reaches only {reached} of its bound"
    );
}
