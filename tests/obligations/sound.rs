//! `sound`, `fwd_scale_sound`, `vjp_sound` and `vjp_scale_sound` of every primitive.

use crate::attack::{Attack, Claim, Outcome};
use crate::ledger::attacked;
use gradbound::config::Subnormals;
use gradbound::op::PRIMITIVES;
use gradbound::tensor::DType;
use gradbound::witness::fragments::{self, Fragment};

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
    (DType::E3M2, 20),
    (DType::E2M3, 24),
    (DType::E2M1, 52),
];

/// Narrow formats overflow on half of what they are attacked with.
fn is_narrow(dtype: DType) -> bool {
    dtype.format().is_some_and(|f| f.precision < 8)
}

/// How the attacks on one claim went, by format.
pub type Record = Vec<(DType, Outcome)>;

/// Attacks one claim about a fragment in every format; panics with the violation.
pub fn attack_all(name: &str, fragment: Fragment, change: impl Fn(Attack) -> Attack) -> Record {
    let in_format = |&(dtype, cases): &(DType, u32)| {
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
        (dtype, outcome)
    };
    FORMATS.iter().map(in_format).collect()
}

/// An attack on bounds of which most claim nothing would prove nothing.
pub fn demand_claims(name: &str, record: &Record, percent: usize) {
    for (narrow, percent) in [(false, percent), (true, percent / 4)] {
        let (mut elements, mut claims, mut largest) = (0, 0, 0.0_f64);
        for (_, outcome) in record.iter().filter(|(d, _)| is_narrow(*d) == narrow) {
            elements += outcome.elements;
            claims += outcome.claims;
            largest = largest.max(outcome.largest);
        }
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
        (Claim::Sound | Claim::Adjoint, true) if backward => 15,
        (Claim::Sound | Claim::Adjoint, true) => 25,
        (_, false) => 50,
    }
}

fn attack_primitive(primitive: &str, claim: Claim, backward: bool) {
    for (n, fragment) in fragments::of(primitive)
        .expect("attacked")
        .iter()
        .enumerate()
    {
        let name = format!("{primitive}, fragment {n}, {claim:?}, backward {backward}");
        let record = attacked(&name, *fragment, claim, backward);
        demand_claims(&name, &record, least_share(primitive, claim, backward));
    }
}

fn attack_flushed(primitive: &str) {
    for (n, fragment) in fragments::of(primitive)
        .expect("attacked")
        .iter()
        .enumerate()
    {
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
