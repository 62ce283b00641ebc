//! The harness attacked: a bound that is too small must be caught.

use crate::attack::Attack;
use gradbound::tensor::DType;
use gradbound::witness::fragments;

/// Halves every eps of a primitive and demands a violation in both wide formats.
fn caught(primitive: &str) {
    for dtype in [DType::F32, DType::F64] {
        let attack = Attack {
            planted: 0.5,
            ..Attack::on(fragments::of(primitive).expect("attacked")[0], dtype)
        };
        assert!(
            attack.run().violation.is_some(),
            "half of {primitive}'s eps went unnoticed in {dtype}: the attack is too weak"
        );
    }
}

macro_rules! planted {
    ($($test:ident: $primitive:literal),+ $(,)?) => {$(
        #[test]
        fn $test() {
            caught($primitive);
        }
    )+};
}

planted! {
    half_of_the_eps_of_add_is_caught: "Add",
    half_of_the_eps_of_sub_is_caught: "Sub",
    half_of_the_eps_of_mul_is_caught: "Mul",
    half_of_the_eps_of_div_is_caught: "Div",
    half_of_the_eps_of_sqrt_is_caught: "Sqrt",
    half_of_the_eps_of_exp_is_caught: "Exp",
    half_of_the_eps_of_cast_is_caught: "Cast",
    half_of_the_eps_of_sum_is_caught: "Sum",
    half_of_the_eps_of_mean_is_caught: "Mean",
    half_of_the_eps_of_dot_is_caught: "MatMul",
    half_of_the_eps_of_add_n_is_caught: "AddN",
}

/// A bound that is cut by a hundredth where it is attained exactly is caught as well.
#[test]
fn a_hundredth_less_is_caught_where_the_bound_is_attained() {
    let attack = Attack {
        planted: 0.99,
        ..Attack::on(fragments::of("Step").expect("attacked")[0], DType::F32)
    };
    assert!(attack.run().violation.is_some());
}
