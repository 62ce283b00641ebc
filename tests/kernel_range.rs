//! `gradbound::kernel` at the ends of the range: what only goes wrong next to underflow or
//! overflow is found, and so is a test that says less than it seems to.

#[path = "common/kernels.rs"]
mod kernels;

use gradbound::bound::Bound;
use gradbound::kernel::{Attack, Dim, Input, Kernel, Role, Slices, Standing};
use gradbound::lower;
use gradbound::number::Up;
use gradbound::obligation::Obligation;
use kernels::{attacks, found_in};

fn sound(kernel: &Kernel) -> Vec<Attack> {
    attacks(kernel, Obligation::Sound)
}

fn found(kernel: &Kernel) {
    found_in(kernel, Obligation::Sound);
}

fn flushed(y: f32) -> f32 {
    if y.abs() < f32::MIN_POSITIVE { 0.0 } else { y }
}

#[test]
fn flushed_squares_are_found() {
    let each = Kernel::new("square flushes")
        .input([Dim::up_to(4)])
        .spec(|g, x| g.square(x[0]))
        .runtime_on(|x: &Slices<f32>| x[0].iter().map(|v| flushed(v * v)).collect());
    found(&each);
    let wide = each.runtime_on(|x: &Slices<f64>| {
        let flushed = |y: f64| if y < f64::MIN_POSITIVE { 0.0 } else { y };
        x[0].iter().map(|v| flushed(v * v)).collect()
    });
    found(&wide);
    let sum = Kernel::new("sum of flushed squares")
        .input([Dim::up_to(4)])
        .spec(|g, x| {
            let squares = g.square(x[0])?;
            g.sum(squares, &[0], false)
        })
        .runtime_on(|x: &Slices<f32>| vec![x[0].iter().map(|v| flushed(v * v)).sum()]);
    found(&sum);
}

#[test]
fn an_exponential_that_overflows_is_found() {
    let silu = Kernel::new("silu overflows")
        .input([Dim::up_to(8)])
        .spec(|g, x| lower::swish(g, x[0], 1.0))
        .runtime_on(|x: &Slices<f32>| x[0].iter().map(|v| v / (1.0 + (-v).exp())).collect());
    found(&silu);
}

/// Much of what is drawn still has a finite bound.
#[test]
fn a_product_of_two_still_has_bounds() {
    let product = Kernel::new("product")
        .input([Dim::up_to(8).named("n")])
        .input([Dim::up_to(8).named("n")])
        .spec(|g, x| g.mul(x[0], x[1]))
        .runtime_on(|x: &Slices<f32>| x[0].iter().zip(&x[1]).map(|(a, b)| a * b).collect());
    for attack in sound(&product) {
        assert_eq!(attack.standing, Standing::Holds, "{attack:?}");
        assert!(attack.claimed > 9 * attack.unclaimed, "{attack:?}");
    }
}

#[test]
fn a_bound_of_what_is_not_defined_is_counted() {
    let logarithm = Kernel::new("log of anything")
        .input(Input::floats([Dim::fixed(2)]).role(Role::NonZero))
        .spec(|g, x| g.log(x[0]))
        .runtime_on(|x: &Slices<f32>| x[0].iter().map(|x| x.abs().ln()).collect())
        .exact()
        .trials(200);
    let derived = &sound(&logarithm)[0];
    assert_eq!(derived.undecided, 0, "{derived:?}");
    let stated = logarithm.bound(|_, _, _| Bound::uniform(Up::new(1e-3)));
    let attack = &sound(&stated)[0];
    assert!(attack.undecided > 50 && attack.claimed > 50, "{attack:?}");
}

#[test]
fn a_gradient_too_many_is_no_gradient() {
    let kernel = Kernel::new("negation")
        .input([Dim::up_to(3)])
        .spec(|g, x| g.neg(x[0]))
        .runtime_on(|x: &Slices<f32>| x[0].iter().map(|x| -x).collect())
        .vjp_on(|_: &Slices<f32>, dy| {
            let negated: Vec<f32> = dy.iter().map(|dy| -dy).collect();
            vec![negated.clone(), negated]
        })
        .trials(20);
    let report = kernel.attack().expect("can be attacked");
    let attack = report.of(Obligation::VjpSound).expect("attacked");
    assert_eq!(attack.standing, Standing::Failed, "{report}");
    let text = &attack.witness.as_ref().expect("a witness").text;
    assert!(text.contains("2 gradients for 1 inputs"), "{text}");
}
