//! `sound`, `fwd_scale_sound`, `vjp_sound` and `vjp_scale_sound` of every primitive.

use crate::attack::{Attack, Claim, Outcome};
use crate::fragments::{self, Fragment};
use gradbound::config::Subnormals;
use gradbound::op::PRIMITIVES;
use gradbound::tensor::DType;

/// The formats that processors have get most cases; the others differ in conversions and
/// in how soon they overflow.
const FORMATS: [(DType, u32); 10] = [
    (DType::F32, 100),
    (DType::F64, 80),
    (DType::F16, 40),
    (DType::BF16, 40),
    (DType::TF32, 16),
    (DType::E4M3, 16),
    (DType::E5M2, 16),
    (DType::E3M2, 8),
    (DType::E2M3, 8),
    (DType::E2M1, 8),
];

/// Narrow formats overflow on half of what they are attacked with.
fn is_narrow(dtype: DType) -> bool {
    dtype.format().is_some_and(|f| f.precision < 8)
}

/// How attacks went in the wide and in the narrow formats.
#[derive(Default)]
pub struct Outcomes {
    wide: Outcome,
    narrow: Outcome,
}

/// Attacks one claim about a fragment in every format; panics with the violation.
pub fn attack_all(name: &str, fragment: Fragment, change: impl Fn(Attack) -> Attack) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for (dtype, cases) in FORMATS {
        let attack = change(Attack {
            cases,
            ..Attack::on(fragment, dtype)
        });
        let outcome = attack.run();
        if let Some(violation) = outcome.violation {
            panic!(
                "{name} in {dtype}, {:?}, backward {}: {violation}",
                attack.claim, attack.backward
            );
        }
        let all = if is_narrow(dtype) {
            &mut outcomes.narrow
        } else {
            &mut outcomes.wide
        };
        all.elements += outcome.elements;
        all.claims += outcome.claims;
        all.largest = all.largest.max(outcome.largest);
    }
    outcomes
}

/// An attack on bounds of which most claim nothing would prove nothing.
pub fn demand_claims(name: &str, outcomes: &Outcomes, percent: usize) {
    for (outcome, percent) in [(&outcomes.wide, percent), (&outcomes.narrow, percent / 4)] {
        let Outcome {
            elements,
            claims,
            largest,
            ..
        } = outcome;
        println!(
            "{name}: {claims} of {elements} elements with a finite bound, largest share {largest:.3}"
        );
        assert!(
            claims * 100 >= elements * percent,
            "{name}: only {claims} of {elements} elements had a finite bound"
        );
    }
}

/// A quotient's error is bounded only where the divisor stays off zero, a scale never;
/// likewise a function's inside its domain.
fn least_share(primitive: &str, claim: Claim, backward: bool) -> usize {
    let divides = matches!(
        primitive,
        "Acos"
            | "Acosh"
            | "Asin"
            | "Atanh"
            | "Conditioned"
            | "Div"
            | "FreeMax"
            | "Log"
            | "Log1p"
            | "LogSumExp"
            | "MaxOver"
            | "Mean"
            | "Mod"
            | "Pow"
            | "Rsqrt"
            | "Settle"
            | "Softmax"
            | "Sqrt"
            | "Tan"
    );
    match (claim, divides) {
        (Claim::ScaleSound, true) => 0,
        // Their gradients have a divisor.
        (Claim::ScaleSound, false) if backward && matches!(primitive, "Asinh" | "Atan") => 0,
        (Claim::Sound, true) if backward => 15,
        (Claim::Sound, true) => 25,
        (_, false) => 50,
    }
}

fn attack_primitive(primitive: &str, claim: Claim, backward: bool) {
    for (n, fragment) in fragments::of(primitive).iter().enumerate() {
        let name = format!("{primitive}, fragment {n}, {claim:?}, backward {backward}");
        let outcome = attack_all(&name, *fragment, |attack| Attack {
            claim,
            backward,
            ..attack
        });
        demand_claims(&name, &outcome, least_share(primitive, claim, backward));
    }
}

fn attack_flushed(primitive: &str) {
    for (n, fragment) in fragments::of(primitive).iter().enumerate() {
        let name = format!("{primitive} under flush, fragment {n}");
        for backward in [false, true] {
            attack_all(&name, *fragment, |attack| Attack {
                backward,
                subnormals: Subnormals::Flush,
                cases: attack.cases / 4,
                ..attack
            });
        }
    }
}

macro_rules! obligations {
    ($($primitive:ident),+ $(,)?) => {
        /// The primitives attacked here.
        const ATTACKED: &[&str] = &[$(stringify!($primitive)),+];
        $(#[allow(non_snake_case)]
        mod $primitive {
            use super::*;
            #[test]
            fn sound() {
                attack_primitive(stringify!($primitive), Claim::Sound, false);
            }
            #[test]
            fn fwd_scale_sound() {
                attack_primitive(stringify!($primitive), Claim::ScaleSound, false);
            }
            #[test]
            fn vjp_sound() {
                attack_primitive(stringify!($primitive), Claim::Sound, true);
            }
            #[test]
            fn vjp_scale_sound() {
                attack_primitive(stringify!($primitive), Claim::ScaleSound, true);
            }
            #[test]
            fn sound_under_flush() {
                attack_flushed(stringify!($primitive));
            }
        })+
    };
}
attacked!(obligations);

#[test]
fn every_primitive_is_attacked() {
    let missing: Vec<_> = PRIMITIVES
        .iter()
        .filter(|p| !ATTACKED.contains(p))
        .collect();
    assert!(
        missing.is_empty(),
        "no attack on {missing:?}: add them to names.rs and fragments.rs"
    );
}
