//! Makes a witness simpler while it stays one: simpler choices, rounder numbers, smaller
//! shapes.

use super::case::Rules;
use super::dyadic;
use super::point::{Input, Place, Point};
use super::search::Best;
use super::subject::{Score, Structure, Subject};
use super::tape::Tape;
use crate::number::Format;
use std::sync::Arc;

/// How much of the ratio may be lost where nothing is violated.
const KEPT: f64 = 0.999;

/// The simplest that is found within so many trials.
pub fn shrink(subject: &Subject, rules: &Rules, best: Best, trials: u64) -> Best {
    let mut shrinking = Shrinking {
        subject,
        rules,
        least: best.score.ratio * KEPT,
        violated: best.score.violation.is_some(),
        failed: best.score.failed.is_some(),
        best,
        left: trials,
    };
    while shrinking.pass() && shrinking.left > 0 {}
    shrinking.best
}

struct Shrinking<'s> {
    subject: &'s Subject,
    rules: &'s Rules<'s>,
    best: Best,
    least: f64,
    violated: bool,
    failed: bool,
    left: u64,
}

impl Shrinking<'_> {
    /// Every simplification once; true where one was kept.
    fn pass(&mut self) -> bool {
        let structure = self.structure();
        let choices = self.choices();
        self.places() || choices || structure
    }

    fn good(&self, score: &Score) -> bool {
        if self.violated {
            score.violation.is_some()
        } else if self.failed {
            score.failed.is_some()
        } else {
            score.ratio >= self.least
        }
    }

    fn try_point(&mut self, structure: Arc<Structure>, point: Point) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        match structure.judge(&point, self.rules) {
            Some(score) if self.good(&score) => {
                self.best = Best {
                    structure,
                    point,
                    score,
                    ..self.best.clone()
                };
                true
            }
            _ => false,
        }
    }

    /// A smaller graph: the numbers that it was drawn from, one by one, made simpler.
    fn structure(&mut self) -> bool {
        let mut kept = false;
        for at in 0..self.best.structure.numbers.len() {
            for simpler in [0, 1, 2, 3] {
                kept |= self.simpler_structure(at, simpler);
            }
        }
        kept
    }

    fn simpler_structure(&mut self, at: usize, simpler: u32) -> bool {
        let mut numbers = self.best.structure.numbers.clone();
        if numbers.get(at).is_none_or(|n| *n <= simpler) {
            return false;
        }
        numbers[at] = simpler;
        let Ok(structure) = self.subject.structure(&mut Tape::new(&numbers)) else {
            return false;
        };
        if structure.roles.len() != self.best.structure.roles.len() {
            return false;
        }
        let structure = Structure {
            config: self.best.structure.config,
            ..structure
        };
        let structure = Arc::new(structure);
        let [first, last] = [false, true].map(|l| self.best.point.fitted(&structure.graph, l));
        self.try_point(Arc::clone(&structure), first) || self.try_point(structure, last)
    }

    /// Simpler choices: from the end, then one by one.
    fn choices(&mut self) -> bool {
        let mut kept = false;
        let mut length = self.best.point.choices.len();
        while length > 0 {
            length /= 2;
            let mut point = self.best.point.clone();
            point.choices.truncate(length);
            if !self.try_point(Arc::clone(&self.best.structure), point) {
                break;
            }
            kept = true;
        }
        for at in 0..self.best.point.choices.len() {
            let Some(choice) = self.choice(at).filter(|n| *n != 0) else {
                continue;
            };
            // What remains of a choice between few is as good as the number itself.
            for simpler in [0, 1, choice % 12] {
                if simpler < choice && self.left > 0 {
                    let mut point = self.best.point.clone();
                    point.choices[at] = simpler;
                    if self.try_point(Arc::clone(&self.best.structure), point) {
                        kept = true;
                        break;
                    }
                }
            }
        }
        kept
    }

    fn choice(&self, at: usize) -> Option<u32> {
        self.best.point.choices.get(at).copied()
    }

    /// Rounder numbers.
    fn places(&mut self) -> bool {
        let mut kept = false;
        for place in self.best.point.places() {
            for simpler in SIMPLER {
                // Points are as long as their inputs: none is copied that is not tried.
                if self.left == 0 {
                    return kept;
                }
                let (best, structure) = (&self.best.point, &self.best.structure);
                let simpler = best.changed(structure, place, |p, format, _| simpler(p, format));
                let changed = match (at(best, place), &simpler) {
                    (Some(old), Some(new)) => is_simpler(new, old),
                    _ => false,
                };
                if changed {
                    let (mut point, structure) = (best.clone(), Arc::clone(structure));
                    put(&mut point, place, simpler);
                    kept |= self.try_point(structure, point);
                }
            }
        }
        kept
    }
}

fn put(point: &mut Point, (input, at): (usize, usize), place: Option<Place>) {
    if let (Input::Floats { places, .. }, Some(place)) = (&mut point.inputs[input], place) {
        places[at] = place;
    }
}

fn at(point: &Point, (input, at): (usize, usize)) -> Option<&Place> {
    match &point.inputs[input] {
        Input::Floats { places, .. } => places.get(at),
        Input::Integers(_) | Input::Fixed(_) => None,
    }
}

/// How much there is to say of a number: the bits of its significand and its exponent.
fn weight(x: f64) -> u64 {
    if x == 0.0 {
        return u64::from(x.is_sign_negative());
    }
    let digits = 53 - u64::from((x.to_bits() | 1 << 52).trailing_zeros().min(52));
    digits * 4
        + u64::from(u64::BITS - dyadic::exponent(x).unsigned_abs().leading_zeros())
        + u64::from(x < 0.0)
}

fn is_simpler(new: &Place, old: &Place) -> bool {
    let off = |p: &Place| {
        u64::from(!p.x.sub(&dyadic::exact(p.c)).is_zero()) + u64::from(p.admissible != p.c)
    };
    let weigh = |p: &Place| (weight(p.c) + weight(p.eps), off(p));
    weigh(new) < weigh(old)
}

/// What is tried of an element, the simplest first.
const SIMPLER: [fn(&Place, Format) -> Place; 7] = [
    |_, _| Place::exact(0.0),
    |p, _| Place::exact(if p.c < 0.0 { -1.0 } else { 1.0 }),
    |p, _| Place::exact(p.c),
    |p, _| Place {
        x: dyadic::exact(p.c),
        ..p.clone()
    },
    |p, _| Place {
        admissible: p.c,
        ..p.clone()
    },
    |p, format| rounded(p, format, 1),
    |p, format| rounded(p, format, format.precision / 2),
];

/// c and ε with so many bits, the specification as far out as before.
fn rounded(p: &Place, format: Format, digits: i32) -> Place {
    let to = |x: f64| {
        if x == 0.0 {
            return 0.0;
        }
        let unit = dyadic::power(dyadic::exponent(x) - i64::from(digits) + 1);
        (x / unit).round() * unit
    };
    let c = dyadic::round(format, to(p.c));
    if !c.is_finite() {
        return p.clone();
    }
    let offset = p.x.sub(&dyadic::exact(p.c));
    let x = dyadic::exact(c).add(&offset);
    Place {
        c,
        eps: to(p.eps),
        x,
        admissible: c + (p.admissible - p.c),
    }
}
