//! What the derivative of a whole composite bounds is nearly attained, where the paths through
//! its primitives by themselves are not.

use crate::tightness::{Witness, ratio};
use gradbound::graph::{Graph, ValueId};
use gradbound::lower::{self, Gelu, Variance};
use gradbound::tensor::{DType, Ty};

fn nearly(what: &str, reached: f64, least: f64) {
    println!("{what}: {reached:.4}");
    assert!(
        (least..=1.0).contains(&reached),
        "{what} reaches only {reached} of its bound"
    );
}

fn row(n: usize) -> (Graph, ValueId) {
    let mut g = Graph::new();
    let x = g.input(Ty::new([n], DType::F32));
    (g, x)
}

/// The specification at c + dε, the execution at c + 2dε.
fn moved(c: &[f64], eps: f64, direction: &[f64]) -> Witness {
    let at = |far: f64| {
        let each = c.iter().zip(direction);
        each.map(|(c, d)| c + far * eps * d).collect()
    };
    Witness {
        c: c.to_vec(),
        eps: vec![eps; c.len()],
        x: at(1.0),
        hat: at(2.0),
    }
}

#[test]
fn conditioned_values_are_nearly_attained() {
    const EPS: f64 = 1.0 / 4096.0;
    // Both slopes of the product have opposite signs here: the paths add up to twice as much.
    for (what, form) in [("GELU", Gelu::Erf), ("GELU by tanh", Gelu::Tanh)] {
        let (mut g, x) = row(1);
        let y = lower::gelu(&mut g, x, form).unwrap();
        nearly(
            what,
            ratio(&g, y, &[moved(&[-1.5], EPS, &[1.0])], &[]),
            0.95,
        );
    }
    let (mut g, x) = row(1);
    let y = lower::swish(&mut g, x, 1.0).unwrap();
    nearly(
        "swish",
        ratio(&g, y, &[moved(&[-2.5], EPS, &[1.0])], &[]),
        0.95,
    );
    let (mut g, x) = row(1);
    let y = lower::mish(&mut g, x).unwrap();
    nearly(
        "mish",
        ratio(&g, y, &[moved(&[-2.5], EPS, &[1.0])], &[]),
        0.95,
    );
}

#[test]
fn conditioned_normalizations_are_nearly_attained() {
    const EPS: f64 = 1.0 / 4096.0;
    let c = [-1.0, 1.0, 1.0, -1.0];
    let away = [-1.0, 1.0, 1.0, -1.0];
    let (mut g, x) = row(4);
    let parts = lower::standardize(&mut g, x, &[0], 1e-5, Variance::TwoPass).unwrap();
    let reached = ratio(&g, parts.moments.variance, &[moved(&c, EPS, &away)], &[]);
    nearly("variance", reached, 0.95);
    let reached = ratio(&g, parts.inverse_deviation, &[moved(&c, EPS, &away)], &[]);
    nearly("inverse deviation", reached, 0.95);
    // One element far off its mean, and all others moved against it: (1 − 1/n) and
    // √(1 + y²) are not reached by one direction.
    let c = [0.0, 1.0, -1.0, 0.0];
    let reached = ratio(
        &g,
        parts.value,
        &[moved(&c, EPS, &[1.0, -1.0, -1.0, -1.0])],
        &[],
    );
    nearly("layer norm", reached, 0.7);
    let (mut g, x) = row(4);
    let y = lower::rms_normalize(&mut g, x, &[0], 1e-5).unwrap();
    let c = [0.5, 1.0, -1.0, 1.0];
    let reached = ratio(&g, y, &[moved(&c, EPS, &[1.0, -1.0, 1.0, -1.0])], &[]);
    nearly("RMS norm", reached, 0.7);
}
