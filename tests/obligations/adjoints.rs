//! ε in adjoint form, attacked: of every composite and primitive, of their gradients, and of nests.

use crate::attack::{Attack, Claim};
use crate::page::{Subject, subjects};
use gradbound::Config;
use gradbound::adjoint::refine;
use gradbound::bound::Approx;
use gradbound::config::{Contract, Schedule};
use gradbound::graph::{Graph, ValueId};
use gradbound::interpret::{bounds, runtime};
use gradbound::libm::Libm;
use gradbound::op::PRIMITIVES;
use gradbound::tensor::{DType, Tensor};
use gradbound::witness::fragments;
use std::collections::BTreeSet;

/// Random executions of a fragment, forward and backward; the largest share of a bound reached.
fn attacked(name: &str, fragment: fragments::Fragment) -> f64 {
    let mut largest = 0.0_f64;
    for dtype in [DType::F32, DType::BF16] {
        for backward in [false, true] {
            let outcome = Attack {
                claim: Claim::Adjoint,
                backward,
                cases: 25,
                ..Attack::on(fragment, dtype)
            }
            .run();
            if let Some(what) = outcome.violation {
                panic!("{name} in {dtype}, backward {backward}: {what}");
            }
            largest = largest.max(outcome.largest);
        }
    }
    println!("{name}: {largest:.3}");
    largest
}

fn all_attacked(subjects: &[Subject]) {
    let shares = subjects
        .iter()
        .map(|(name, _, graph)| attacked(name, *graph));
    let near = shares.filter(|share| *share > 0.5).count();
    assert!(
        3 * near > subjects.len(),
        "only {near} of {} bounds were nearly reached",
        subjects.len()
    );
}

#[test]
fn composites_hold() {
    let (first, _) = halves();
    all_attacked(&first);
}

#[test]
fn nests_hold() {
    let (_, second) = halves();
    all_attacked(&second);
}

/// Two halves of the subjects, so that two threads share them.
fn halves() -> (Vec<Subject>, Vec<Subject>) {
    let mut all = subjects();
    let second = all.split_off(all.len() / 2);
    (all, second)
}

#[test]
fn primitives_hold() {
    for primitive in PRIMITIVES {
        for fragment in fragments::of(primitive).expect("attacked") {
            attacked(primitive, *fragment);
        }
    }
}

/// The bound by the rules alone and in adjoint form, and the run.
fn both(
    config: &Config,
    inputs: &[Tensor],
    build: impl Fn(&mut Graph, &[ValueId]) -> gradbound::Result<ValueId>,
) -> (f64, f64, Tensor) {
    let mut g = Graph::new();
    let args: Vec<ValueId> = inputs.iter().map(|t| g.input(t.ty())).collect();
    let out = build(&mut g, &args).unwrap().index();
    let run = runtime::eval(&g, config, inputs).unwrap();
    let exact = vec![Approx::exact(); inputs.len()];
    let rules = bounds::eval(&g, config, &run, &exact);
    let asked = BTreeSet::from([out]);
    let refined = refine(&g, config, &run, &exact, &asked);
    let eps = |all: &[Approx]| all[out].eps.largest().get();
    (eps(&rules), eps(&refined.approx), run[out].clone())
}

fn f32s(data: &[f32]) -> Tensor {
    Tensor::f32s([data.len()], data.to_vec()).unwrap()
}

/// One computed value has one error: eˣ − eˣ is 0 in every execution.
#[test]
fn one_value_has_one_error() {
    let (rules, adjoint, _) = both(&Config::default(), &[f32s(&[0.3])], |g, v| {
        let e = g.exp(v[0])?;
        g.sub(e, e)
    });
    assert!(
        rules > 1e-7 && adjoint < 1e-6 * rules,
        "{rules:e}, {adjoint:e}"
    );
}

/// A product may be contracted in one sum and rounded in the other: fma(x, x, −x·x) is not 0.
#[test]
fn copies_of_a_product_may_differ() {
    let x = 1.000_000_1_f32;
    let inputs = [f32s(&[x])];
    let (_, adjoint, _) = both(&Config::default(), &inputs, |g, v| {
        let (p, q) = (g.mul(v[0], v[0])?, g.relu(v[0])?);
        let (left, right) = (g.add(p, q)?, g.tanh(p)?);
        let left = g.sub(left, p)?;
        let right = g.mul(right, q)?;
        g.add(left, right)
    });
    assert!(adjoint > 0.0);
    let contracted = x.mul_add(x, -(x * x));
    let (_, adjoint, c) = both(&Config::default(), &inputs, |g, v| {
        let p = g.mul(v[0], v[0])?;
        g.sub(p, p)
    });
    assert_eq!(c.get(0), 0.0);
    assert!(contracted != 0.0 && f64::from(contracted.abs()) <= adjoint);
}

/// |r| − relu(r) is 0 where both uses have the same r > 0, but each may have a copy: with its
/// product contracted or not, behind a movement, from sums in different trees.
#[test]
fn copies_are_followed_to_what_is_loaded() {
    let inputs = [f32s(&[1.1, 0.7]), f32s(&[0.9, 1.3]), f32s(&[1e-9, 1e-9])];
    type Build = fn(&mut Graph, &[ValueId]) -> gradbound::Result<ValueId>;
    let sums: [Build; 5] = [
        |g, v| {
            let p = g.mul(v[0], v[1])?;
            g.add(p, v[2])
        },
        |g, v| {
            let p = g.mul(v[0], v[1])?;
            let p = g.reshape(p, [2, 1].into())?;
            let p = g.broadcast(p, &[2, 2].into())?;
            let s = g.reshape(v[2], [2, 1].into())?;
            g.add(p, s)
        },
        |g, v| {
            let p = g.mul(v[0], v[1])?;
            let p = g.neg(p)?;
            g.sub(v[2], p)
        },
        |g, v| {
            let r = g.add_n(&[v[0], v[1], v[2]])?;
            g.mul(r, v[1])
        },
        |g, v| {
            let r = g.add_n(&[v[0], v[1], v[2]])?;
            let q = g.mul(r, v[1])?;
            let q = g.gather(q, v[3], 0)?;
            g.add(q, v[2])
        },
    ];
    let indices = Tensor::i64s([2], vec![1, 0]).unwrap();
    let inputs = [&inputs[..], &[indices]].concat();
    for (n, sum) in sums.iter().enumerate() {
        let (_, adjoint, c) = both(&Config::default(), &inputs, |g, v| {
            let r = sum(g, v)?;
            let (one, other) = (g.abs(r)?, g.relu(r)?);
            g.sub(one, other)
        });
        assert_eq!(c.get(0), 0.0);
        // Half an ulp of what is near 1 or 2, at least.
        assert!(adjoint >= 2f64.powi(-24), "{n}: {adjoint:e}");
    }
}

/// y = 0.5·(eˣ·1.5) reaches 0.9 of its bound where the function is off by its table's ulp.
#[test]
fn adjoints_are_nearly_attained() {
    let config = Config {
        libm: Libm::Ulp(64.0),
        schedule: Schedule::Left,
        contract: Contract::Off,
        ..Config::default()
    };
    let (_, adjoint, c) = both(&config, &[f32s(&[0.2])], |g, v| {
        let e = g.exp(v[0])?;
        let scaled = g.scalar(1.5, DType::F32)?;
        let scaled = g.mul(e, scaled)?;
        g.relu(scaled)
    });
    let ulp = 2f64.powi(-23);
    let reached = 1.5 * 64.0 * ulp;
    assert!(
        c.get(0) > 1.8 && reached > 0.9 * adjoint && reached < 1.02 * adjoint,
        "{adjoint:e}"
    );
}

/// A gate that is open by the rules is decided by adjoints of what comes before it.
#[test]
fn gates_are_refined_first() {
    let n = 64;
    let mut state = 7_u32;
    let mut noise = |len: usize, size: f32| -> Vec<f32> {
        (0..len)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((state >> 8) as f32 / 8_388_608.0 - 1.0) * size
            })
            .collect()
    };
    let matrix = |data: Vec<f32>, rows: usize| {
        let columns = data.len() / rows;
        Tensor::f32s([rows, columns], data).unwrap()
    };
    let mut inputs = vec![matrix(noise(n, 1.0), 1)];
    for _ in 0..8 {
        inputs.push(matrix(noise(n * n, (6.0 / n as f32).sqrt()), n));
    }
    let (rules, adjoint, _) = both(&Config::default(), &inputs, |g, v| {
        let mut h = v[0];
        for w in &v[1..] {
            let z = g.matmul(h, *w)?;
            h = g.relu(z)?;
        }
        Ok(h)
    });
    assert!(adjoint < 0.2 * rules, "{rules:e}, {adjoint:e}");
}
