//! `gradbound::kernel` draws from the whole domain of a role, and cotangents from all floats: what
//! is only wrong far from 1 is found, and what is right passes.

#![allow(
    clippy::disallowed_methods,
    reason = "code under attack computes as people write it"
)]

#[path = "common/kernels.rs"]
mod kernels;

use gradbound::graph::{Graph, ValueId};
use gradbound::kernel::{Dim, Input, Kernel, Role, Slices};
use gradbound::obligation::Obligation;
use gradbound::tensor::DType;
use kernels::found_in;

type Meaning = fn(&mut Graph, ValueId) -> gradbound::Result<ValueId>;
type Case = (&'static str, Role, Meaning, fn(f32) -> f32);

/// f of each element, computed by g.
fn each(name: &str, role: Role, f: Meaning, g: fn(f32) -> f32) -> Kernel {
    Kernel::new(name)
        .input(Input::floats([Dim::up_to(4)]).role(role))
        .spec(move |graph, x| f(graph, x[0]))
        .runtime_on(move |x: &Slices<f32>| x[0].iter().map(|x| g(*x)).collect())
}

fn log(g: &mut Graph, x: ValueId) -> gradbound::Result<ValueId> {
    g.log(x)
}

fn sqrt(g: &mut Graph, x: ValueId) -> gradbound::Result<ValueId> {
    g.sqrt(x)
}

fn rsqrt(g: &mut Graph, x: ValueId) -> gradbound::Result<ValueId> {
    let root = g.sqrt(x)?;
    recip(g, root)
}

fn exp(g: &mut Graph, x: ValueId) -> gradbound::Result<ValueId> {
    g.exp(x)
}

fn recip(g: &mut Graph, x: ValueId) -> gradbound::Result<ValueId> {
    let one = g.scalar(1.0, DType::F32)?;
    g.div(one, x)
}

#[test]
fn what_is_wrong_far_from_one_is_found() {
    let wrong: [Case; 9] = [
        ("log of at least 1e-4", Role::Positive, log, |p| {
            p.max(1e-4).ln()
        }),
        ("log to 100", Role::Positive, log, |x| {
            if x > 100.0 { 0.0 } else { x.ln() }
        }),
        ("log of normal floats", Role::Positive, log, |x| {
            if x < f32::MIN_POSITIVE {
                f32::MIN_POSITIVE.ln()
            } else {
                x.ln()
            }
        }),
        ("log of a probability", Role::Probability, log, |p| {
            p.max(1e-7).ln()
        }),
        ("sqrt from 2^-120", Role::Positive, sqrt, |x| {
            if x < 2f32.powi(-120) { 0.0 } else { x.sqrt() }
        }),
        ("rsqrt with an epsilon", Role::Positive, rsqrt, |x| {
            1.0 / (x + 1e-12).sqrt()
        }),
        ("reciprocal to 2^100", Role::NonZero, recip, |x| {
            if x.abs() > 2f32.powi(100) {
                0.0
            } else {
                1.0 / x
            }
        }),
        ("log of at most 1e10", Role::AboveOne, log, |x| {
            x.min(1e10).ln()
        }),
        ("exp to 88", Role::Any, exp, |x| {
            if x >= 88.0 { f32::INFINITY } else { x.exp() }
        }),
    ];
    for (name, role, f, g) in wrong {
        found_in(&each(name, role, f, g), Obligation::Sound);
    }
}

#[test]
fn what_is_right_over_a_whole_domain_passes() {
    let right: [Case; 6] = [
        ("log", Role::Positive, log, f32::ln),
        ("log of a probability", Role::Probability, log, f32::ln),
        ("log of at least 1", Role::AboveOne, log, f32::ln),
        ("sqrt", Role::Positive, sqrt, f32::sqrt),
        ("rsqrt", Role::Positive, rsqrt, |x| 1.0 / x.sqrt()),
        ("exp", Role::Any, exp, f32::exp),
    ];
    for (name, role, f, g) in right {
        for attack in each(name, role, f, g).assert_sound().attacks {
            assert!(
                attack.claimed > 100 && attack.undecided == 0,
                "{name}: {attack:?}"
            );
        }
    }
}

fn square(slope: fn(f32, f32) -> f32) -> Kernel {
    let each = |g: &mut Graph, x| g.square(x);
    let kernel = self::each("square", Role::Within(1e6), each, |x| x * x);
    kernel.vjp_on(move |x: &Slices<f32>, dy| {
        vec![x[0].iter().zip(dy).map(|(x, dy)| slope(*x, *dy)).collect()]
    })
}

#[test]
fn cotangents_are_any_floats_unless_the_kernel_says_otherwise() {
    square(|x, dy| dy * (2.0 * x)).assert_sound();
    let clamped = |x: f32, dy: f32| dy.clamp(-32.0, 32.0) * (2.0 * x);
    found_in(&square(clamped), Obligation::VjpSound);
    let flushed = |x: f32, dy: f32| {
        let dy = if dy.is_subnormal() { 0.0 } else { dy };
        dy * (2.0 * x)
    };
    found_in(&square(flushed), Obligation::VjpSound);
    // What is never drawn is not found: the role says what cotangents are.
    square(clamped).cotangent(Role::Unit).assert_sound();
}
