//! One comparison, by f64 intervals and then by every rung that a check climbs.

use super::operations::Subject;
use crate::interpret::spec;
use crate::number::double_double::Ball;
use crate::number::exact::Rational;
use crate::number::precise::{Places, Precise};
use crate::number::{Enclosure, SpecNumber, Up};
use crate::tensor::{Shape, SpecTensor};
use crate::verdict::Outcome;

/// Binary places of the last rungs.
const PLACES: [usize; 3] = [192, 512, 2048];

/// What is known of one result: its error, and the larger of its and the specification's
/// magnitudes.
#[derive(Debug, Clone, Copy)]
pub struct Element {
    /// |ŷ − z|.
    pub error: Enclosure,
    /// max(|ŷ|, |z|).
    pub magnitude: Enclosure,
}

/// A comparison and what it was about.
#[derive(Debug, Clone, Copy)]
pub struct Judged {
    /// Whether the quantity is at most the bound.
    pub outcome: Outcome,
    /// What was compared.
    pub quantity: Enclosure,
    /// Where the specification's value lies.
    pub spec: Enclosure,
}

impl Judged {
    /// A result that is no number, against a bound.
    pub fn beyond(spec: Enclosure) -> Judged {
        Judged {
            outcome: Outcome::Violated,
            quantity: Enclosure::new(f64::MAX, f64::INFINITY),
            spec,
        }
    }

    fn new(spec: Enclosure, quantity: Enclosure, bound: Up) -> Judged {
        let outcome = if quantity.hi() <= bound.get() {
            Outcome::Holds
        } else if quantity.lo() > bound.get() {
            Outcome::Violated
        } else {
            Outcome::Undecided
        };
        Judged {
            outcome,
            quantity,
            spec,
        }
    }
}

fn element<N: SpecNumber>(z: &N, y: f64) -> Element {
    let size = z.enclose().abs();
    let larger = |x: f64| if y.abs() > x { y.abs() } else { x };
    Element {
        error: z.distance(y),
        magnitude: Enclosure::new(larger(size.lo()), larger(size.hi())),
    }
}

/// By the interval that is at hand.
pub fn at_once(z: Enclosure, y: f64, bound: Up, quantity: &dyn Fn(Element) -> Enclosure) -> Judged {
    if !y.is_finite() {
        return Judged::beyond(z);
    }
    Judged::new(z, quantity(element(&z, y)), bound)
}

/// By double-double balls, exact rationals and intervals of growing precision, until decided.
pub fn climb(
    subject: &Subject,
    reals: &[f64],
    y: f64,
    bound: Up,
    quantity: &dyn Fn(Element) -> Enclosure,
) -> Judged {
    let mut judged = rung::<Ball>(subject, &(), reals, y, bound, quantity);
    if judged.outcome == Outcome::Undecided {
        judged = rung::<Rational>(subject, &(), reals, y, bound, quantity);
    }
    for places in PLACES {
        if judged.outcome == Outcome::Undecided {
            judged = rung::<Precise>(subject, &Places(places), reals, y, bound, quantity);
        }
    }
    judged
}

fn rung<N: SpecNumber>(
    subject: &Subject,
    env: &N::Env,
    reals: &[f64],
    y: f64,
    bound: Up,
    quantity: &dyn Fn(Element) -> Enclosure,
) -> Judged {
    let one = |&x: &f64| SpecTensor::new(Shape::from([1]), vec![N::from_f64(env, x)]);
    let inputs: Vec<SpecTensor<N>> = reals.iter().map(one).collect();
    let values = spec::eval(&subject.graph, env, &inputs, None);
    let z = &values[subject.output.index()].data[0];
    Judged::new(z.enclose(), quantity(element(z, y)), bound)
}
