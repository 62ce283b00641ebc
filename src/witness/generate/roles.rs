//! Values in a role: near 1, as graphs of many operations take them, or from the whole domain.

use super::Role;
use crate::number::Format;
use crate::witness::dyadic::{self, power, ulp};
use crate::witness::floats::{
    below_normal, end_of_exponential, float, next_to, significand, step_of_one,
};
use crate::witness::tape::Tape;

/// What the elements of an input have in common.
#[derive(Debug, Clone, Copy)]
pub(super) enum Theme {
    /// Only the role.
    Role,
    /// Any floats of the role's domain.
    Anywhere,
    /// What an exponential overflows, underflows or is 1 beside a summand at.
    Exponential,
    Ones,
    StepsOfOne,
    BelowNormal,
}

impl Theme {
    /// Of an input of a graph: only floats in no role have others than their role.
    pub fn of_graph(tape: &mut Tape, role: Role) -> Theme {
        match role {
            Role::Any => match tape.below(8) {
                5 => Theme::Ones,
                6 => Theme::StepsOfOne,
                7 => Theme::BelowNormal,
                _ => Theme::Role,
            },
            _ => Theme::Role,
        }
    }

    /// Of an input of a kernel.
    pub fn of_kernel(tape: &mut Tape, role: Role) -> Theme {
        match role {
            // These say what is drawn and no more.
            Role::Moderate | Role::Small | Role::Index(_) => Theme::Role,
            Role::Any => match tape.below(8) {
                4 => Theme::Exponential,
                5 => Theme::Ones,
                6 => Theme::StepsOfOne,
                7 => Theme::BelowNormal,
                _ => Theme::Role,
            },
            Role::Positive
            | Role::Unit
            | Role::AboveOne
            | Role::NonZero
            | Role::Within(_)
            | Role::Probability => match tape.below(8) {
                4 | 5 => Theme::Anywhere,
                6 => Theme::Exponential,
                7 => Theme::BelowNormal,
                _ => Theme::Role,
            },
        }
    }

    /// One element, after the earlier ones.
    pub fn value(self, tape: &mut Tape, format: Format, role: Role, earlier: &[f64]) -> f64 {
        let x = match self {
            Theme::Role => return in_role(tape, format, role, earlier),
            Theme::Anywhere if tape.coin() => {
                let sign = if tape.coin() { -1.0 } else { 1.0 };
                let (p, e_min) = (i64::from(format.precision), i64::from(format.e_min));
                let exponent = tape.between(e_min - p + 1, i64::from(format.e_max));
                dyadic::round(format, sign * significand(tape, format) * power(exponent))
            }
            Theme::Anywhere => float(tape, format, earlier),
            Theme::Exponential => end_of_exponential(tape, format),
            Theme::Ones => 1.0,
            Theme::StepsOfOne => step_of_one(tape, format),
            Theme::BelowNormal => below_normal(tape, format),
        };
        into_domain(tape, format, role, x)
    }
}

/// A float of the role's domain that any float stands for, itself where it is in it.
fn into_domain(tape: &mut Tape, format: Format, role: Role, x: f64) -> f64 {
    let least = power(i64::from(format.e_min) - i64::from(format.precision) + 1);
    let largest = format.largest();
    // What overflows here is as large as a float may be.
    let inverse = |x: f64| match dyadic::round(format, 1.0 / x) {
        y if y.is_finite() => y,
        y => largest.copysign(y),
    };
    let unit = |x: f64| if x.abs() > 1.0 { inverse(x) } else { x };
    match role {
        Role::Positive if x == 0.0 => least,
        Role::Positive => x.abs(),
        Role::NonZero if x == 0.0 => least.copysign(x),
        Role::Unit => unit(x),
        Role::Probability => unit(x).abs(),
        Role::AboveOne if x.abs() < 1.0 => inverse(x.abs()),
        Role::AboveOne => x.abs(),
        Role::Within(r) if x.abs() > r => {
            toward_zero(format, tape.between(-64, 64) as f64 / 64.0 * r)
        }
        _ => x,
    }
}

fn in_role(tape: &mut Tape, format: Format, role: Role, earlier: &[f64]) -> f64 {
    let moderate = |tape: &mut Tape| match tape.below(5) {
        0 => tape.between(-3, 3) as f64,
        1 => dyadic::round(
            format,
            significand(tape, format) * power(tape.between(-12, 3)),
        ),
        2 => -dyadic::round(
            format,
            significand(tape, format) * power(tape.between(-12, 3)),
        ),
        3 => next_to(tape, format, 1.0),
        _ => {
            let near = earlier.last().copied().unwrap_or(0.5);
            next_to(tape, format, near)
        }
    };
    match role {
        Role::Any => float(tape, format, earlier),
        Role::Moderate => moderate(tape),
        Role::Positive => match moderate(tape).abs() {
            0.0 => 1.0,
            x => x,
        },
        Role::Unit => match moderate(tape) {
            x if x.abs() > 1.0 => dyadic::round(format, 1.0 / x),
            x => x,
        },
        Role::AboveOne => dyadic::round(format, 1.0 + moderate(tape).abs()),
        Role::Small => small_in(tape, role, 1.0),
        Role::NonZero => match float(tape, format, earlier) {
            0.0 => 1.0,
            x => x,
        },
        Role::Within(_) => {
            let x = float(tape, format, earlier);
            into_domain(tape, format, role, x)
        }
        Role::Probability => match moderate(tape).abs() {
            x if x > 1.0 => dyadic::round(format, 1.0 / x),
            x => x,
        },
        Role::Index(n) => toward_zero(format, tape.below(n) as f64),
    }
}

/// The float nearest to x that is no larger in magnitude.
fn toward_zero(format: Format, x: f64) -> f64 {
    let near = dyadic::round(format, x);
    if near.abs() > x.abs() {
        dyadic::round(format, near - ulp(format, near).copysign(near))
    } else {
        near
    }
}

/// A number in a role that every format holds.
pub(super) fn small_in(tape: &mut Tape, role: Role, unit: f64) -> f64 {
    let whole = tape.between(-2, 2) as f64;
    let n = whole * unit;
    match role {
        Role::Positive => n.abs().max(0.5),
        Role::Unit => whole / 2.0,
        Role::AboveOne => 1.0 + n.abs(),
        Role::NonZero if n == 0.0 => unit,
        Role::Within(r) if n.abs() > r => 0.0,
        Role::Probability => whole.abs() / 2.0,
        _ => n,
    }
}
