//! How points are proposed. Each strategy starts from what it is given and keeps what is
//! better; none of them judges.

use super::super::dyadic;
use super::super::point::{Input, Place, Point};
use super::super::subject::Structure;
use super::{Episode, stairs};
use crate::number::Format;
use std::fmt;
use std::str::FromStr;

/// A way to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strategy {
    /// Fresh graphs, inputs and executions, each on its own.
    Random,
    /// The same with every specification at a corner of what ε allows.
    Corner,
    /// Bits of the run's values flipped, errors grown and shrunk, choices changed; what is no
    /// worse is kept.
    Climb,
    /// Other trees, contractions and last ulps over the same inputs.
    Schedule,
    /// Inputs on which every addition of a chain rounds the same way, climbed from.
    Stairs,
    /// One coordinate after another: both corners of every element, its neighbours and powers
    /// of two, every choice of the execution; the best of each is kept.
    Sweep,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Strategy; 6] = [
        Strategy::Random,
        Strategy::Corner,
        Strategy::Climb,
        Strategy::Schedule,
        Strategy::Stairs,
        Strategy::Sweep,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Random => "random",
            Strategy::Corner => "corner",
            Strategy::Climb => "climb",
            Strategy::Schedule => "schedule",
            Strategy::Stairs => "stairs",
            Strategy::Sweep => "sweep",
        }
    }

    /// Uses up an episode's trials.
    pub(super) fn go(self, episode: &mut Episode) {
        match self {
            Strategy::Random => while episode.draw(|_, _, _| {}) {},
            Strategy::Corner => while episode.draw(to_corners) {},
            Strategy::Climb => {
                episode.settle();
                climb(episode);
            }
            Strategy::Stairs => {
                for _ in 0..LAID {
                    if !episode.draw(stairs::lay) {
                        return;
                    }
                }
                climb(episode);
            }
            Strategy::Schedule => {
                episode.settle();
                while let Some((_, mut point)) = episode.best() {
                    point.choices = other_choices(&point.choices, &mut episode.rng);
                    if !episode.try_point(point) {
                        break;
                    }
                }
            }
            Strategy::Sweep => {
                episode.settle();
                while sweep(episode) {}
            }
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Strategy {
    type Err = String;
    fn from_str(word: &str) -> Result<Self, String> {
        let found = Strategy::ALL.into_iter().find(|s| s.name() == word);
        found.ok_or_else(|| {
            let all = Strategy::ALL.map(Strategy::name);
            format!("use one of: {}", all.join(" "))
        })
    }
}

/// Stairs that are laid before one is climbed from.
const LAID: usize = 48;

/// Changes that make nothing worse.
fn climb(episode: &mut Episode) {
    while let Some((structure, mut point)) = episode.best() {
        mutate(&structure, &mut point, &mut episode.rng);
        if !episode.try_point(point) {
            break;
        }
    }
}

/// Every specification at a corner, the execution at the other end or at the run.
fn to_corners(structure: &Structure, point: &mut Point, rng: &mut fastrand::Rng) {
    let same = rng.bool().then(|| if rng.bool() { 1.0 } else { -1.0 });
    for place in point.places() {
        let t = same.unwrap_or_else(|| if rng.bool() { 1.0 } else { -1.0 });
        let s = if rng.bool() { t } else { 0.0 };
        point.change(structure, place, |p, format, determined| {
            p.at(format, determined, t, s)
        });
    }
}

/// A tape that agrees with another one up to some choice, or differs in one.
fn other_choices(choices: &[u32], rng: &mut fastrand::Rng) -> Vec<u32> {
    let n = choices.len();
    if n == 0 {
        return (0..8).map(|_| rng.u32(..)).collect();
    }
    let at = rng.usize(..n);
    let mut other = choices.to_vec();
    match rng.u8(..4) {
        0 => other[at..].iter_mut().for_each(|c| *c = rng.u32(..)),
        1 => other[at..].iter_mut().for_each(|c| *c = 0),
        _ => other[at] = rng.u32(..),
    }
    other
}

fn mutate(structure: &Structure, point: &mut Point, rng: &mut fastrand::Rng) {
    let places = point.places();
    for _ in 0..=rng.usize(..3) {
        let choose = structure.kernel.is_none() && rng.u8(..4) == 0;
        if places.is_empty() || choose {
            point.choices = other_choices(&point.choices, rng);
            continue;
        }
        let place = places[rng.usize(..places.len())];
        let (kind, bit, sign) = (rng.u8(..8), rng.u32(..), rng.bool());
        let other = places[rng.usize(..places.len())];
        let source = match &point.inputs[other.0] {
            Input::Floats { places, .. } => places[other.1].c,
            Input::Integers(_) | Input::Fixed(_) => 1.0,
        };
        let s = if sign { 1.0 } else { -1.0 };
        point.change(structure, place, |p, format, determined| match kind {
            0..=2 => moved(p, flipped(format, p.c, bit)),
            3 => moved(p, dyadic::round(format, s * source)),
            4 => with_eps(p, p.eps * if sign { 2.0 } else { 0.5 }),
            5 => with_eps(p, dyadic::ulp(format, p.c) * f64::from(bit % 5) / 2.0),
            6 => p.at(format, determined, s, s),
            _ => p.at(format, determined, s, 0.0),
        });
    }
}

/// The run's value with one bit of the significand, or now and then of the exponent, flipped.
fn flipped(format: Format, c: f64, bit: u32) -> f64 {
    if bit.is_multiple_of(5) {
        let factor = if bit.is_multiple_of(2) { 2.0 } else { 0.5 };
        return c * factor;
    }
    if bit % 17 == 1 {
        return -c;
    }
    let steps = dyadic::power(i64::from(bit >> 8) % i64::from(format.precision));
    let step = dyadic::ulp(format, c) * steps;
    if bit.is_multiple_of(2) {
        c + step
    } else {
        c - step
    }
}

/// Another run's value, with everything else moved along.
fn moved(place: &Place, c: f64) -> Place {
    if !c.is_finite() {
        return place.clone();
    }
    let by = dyadic::exact(c).sub(&dyadic::exact(place.c));
    Place {
        c,
        eps: place.eps,
        x: place.x.add(&by),
        admissible: place.admissible + (c - place.c),
    }
}

/// Another ε, with the specification and the execution as far out as before.
fn with_eps(place: &Place, eps: f64) -> Place {
    if !eps.is_finite() {
        return place.clone();
    }
    let center = dyadic::exact(place.c);
    let offset = place.x.sub(&center);
    let t = if offset.is_zero() {
        0.0
    } else if offset.is_negative() {
        -1.0
    } else {
        1.0
    };
    let x = center.add(&dyadic::exact(eps).mul(&dyadic::exact(t)));
    Place {
        eps,
        x,
        ..place.clone()
    }
}

/// One pass over all coordinates of the best point; false when nothing got better or no trial
/// is left.
fn sweep(episode: &mut Episode) -> bool {
    let Some((structure, point)) = episode.best() else {
        return false;
    };
    if point.places().is_empty() && point.choices.is_empty() {
        // Nothing to go over: other inputs are all that is left.
        return episode.draw(|_, _, _| {});
    }
    let before = episode.ratio();
    let mut places = point.places();
    episode.rng.shuffle(&mut places);
    for place in places {
        for change in CHANGES {
            let Some((_, mut point)) = episode.best() else {
                return false;
            };
            point.change(&structure, place, change);
            if !episode.try_point(point) {
                return false;
            }
        }
    }
    for at in 0..point.choices.len() {
        for value in [0, 1, 2, 3] {
            let Some((_, mut point)) = episode.best() else {
                return false;
            };
            if at >= point.choices.len() || point.choices[at] == value {
                continue;
            }
            point.choices[at] = value;
            if !episode.try_point(point) {
                return false;
            }
        }
    }
    episode.ratio() > before || episode.settle()
}

/// What a sweep tries for an element.
const CHANGES: [fn(&Place, Format, bool) -> Place; 12] = [
    |p, format, determined| p.at(format, determined, 1.0, 1.0),
    |p, format, determined| p.at(format, determined, -1.0, -1.0),
    |p, format, determined| p.at(format, determined, 1.0, 0.0),
    |p, format, determined| p.at(format, determined, -1.0, 0.0),
    |p, format, _| moved(p, p.c + dyadic::ulp(format, p.c)),
    |p, format, _| moved(p, p.c - dyadic::ulp(format, p.c)),
    |p, format, _| moved(p, p.c + 3.0 * dyadic::ulp(format, p.c)),
    |p, _, _| moved(p, -p.c),
    |p, _, _| moved(p, p.c * 2.0),
    |p, _, _| moved(p, p.c * 0.5),
    |p, _, _| with_eps(p, p.eps * 2.0),
    |p, _, _| with_eps(p, p.eps * 0.5),
];
