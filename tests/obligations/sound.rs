//! `sound`, `fwd_scale_sound`, `vjp_sound` and `vjp_scale_sound` of every primitive.

use crate::attack::{Attack, Claim, Outcome};
use crate::fragments::{self, Fragment};
use gradbound::config::Subnormals;
use gradbound::op::PRIMITIVES;
use gradbound::tensor::DType;

/// The wide formats get most cases; the narrow ones go through other conversions.
const FORMATS: [(DType, u32); 4] = [
    (DType::F32, 100),
    (DType::F64, 80),
    (DType::F16, 40),
    (DType::BF16, 40),
];

/// Attacks one claim about a fragment in every format; panics with the violation.
pub fn attack_all(name: &str, fragment: Fragment, change: impl Fn(Attack) -> Attack) -> Outcome {
    let mut all = Outcome::default();
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
        all.elements += outcome.elements;
        all.claims += outcome.claims;
        all.largest = all.largest.max(outcome.largest);
    }
    all
}

/// An attack on bounds of which most claim nothing would prove nothing.
pub fn demand_claims(name: &str, outcome: &Outcome, percent: usize) {
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

/// A quotient's error is bounded only where the divisor stays off zero, a scale never.
fn least_share(primitive: &str, claim: Claim, backward: bool) -> usize {
    let divides = matches!(
        primitive,
        "Div" | "Log" | "Sqrt" | "MaxOver" | "Mean" | "Settle" | "FreeMax"
    );
    match (claim, divides) {
        (Claim::ScaleSound, true) => 0,
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
