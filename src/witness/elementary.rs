//! Elementary functions as a libm may compute them: any float within the table's ulp.

use crate::libm::{Function, Libm};
use crate::number::precise::{Places, Precise};
use crate::number::{Float, Format, SpecNumber};
use crate::witness::dyadic::{self, ulp};
use crate::witness::tape::Tape;
use std::collections::HashMap;

/// Places that nearly every rounding is decided with, and those for the others.
const PLACES: [Places; 2] = [Places(120), Places(320)];
/// Up to so many ulp a result is so many steps from the nearest.
const STEPS: f64 = 64.0;

/// What is known of the functions that one execution has computed: a row of n exponentials is
/// asked for each of them n times.
#[derive(Default)]
pub struct Computed(HashMap<(Function, u64, Format), Option<Known>>);

/// A function's value at a float.
struct Known {
    truth: Precise,
    /// The float nearest to it.
    near: f64,
    /// Whether the table admits what is so many steps from there.
    admitted: HashMap<i64, bool>,
}

impl Computed {
    /// Some result of a function at a float: 16-bit formats compute in f32 and round.
    pub fn within_table(
        &mut self,
        tape: &mut Tape,
        libm: Libm,
        function: Function,
        x: f64,
        format: Format,
    ) -> f64 {
        let wide = wide(format);
        let truth = |places| Precise::from_f64(&places, x).function(function);
        let known = self.0.entry((function, x.to_bits(), wide));
        let y = match known.or_insert_with(|| near(truth, wide)) {
            Some(known) => perturbed(tape, libm.ulps(function), known, wide),
            // Beyond the range of Precise, outside the domain, and at NaN.
            None => dyadic::round(wide, Float::function(x, function)),
        };
        dyadic::round(format, y)
    }
}

/// Some value of x^y.
pub fn power_within_table(tape: &mut Tape, libm: Libm, x: f64, y: f64, format: Format) -> f64 {
    let wide = wide(format);
    let truth = |places| Precise::from_f64(&places, x).pow(&Precise::from_f64(&places, y));
    let z = match near(truth, wide) {
        Some(mut known) => perturbed(tape, libm.power_ulps(), &mut known, wide),
        None => dyadic::round(wide, Float::pow(x, y)),
    };
    dyadic::round(format, z)
}

/// What a narrow format computes in.
fn wide(format: Format) -> Format {
    if format.precision < Format::F32.precision {
        Format::F32
    } else {
        format
    }
}

/// The float nearest to the truth, where that is known closely enough.
fn near(truth: impl Fn(Places) -> Precise, format: Format) -> Option<Known> {
    let [few, many] = PLACES;
    let known = truth(few);
    let e = known.enclose();
    if !e.hi().is_finite() || e.width().get() > e.abs().lo() * 2f64.powi(-50) {
        return None;
    }
    let (near, truth) = match nearest(&known, format) {
        Nearest::Decided(near) => (near, known),
        Nearest::Between(_) => {
            let known = truth(many);
            let (Nearest::Decided(near) | Nearest::Between(near)) = nearest(&known, format);
            (near, known)
        }
    };
    Some(Known {
        truth,
        near,
        admitted: HashMap::new(),
    })
}

/// A float within `k` ulp of the truth and of its sign; the nearest one for k ≤ ½.
fn perturbed(tape: &mut Tape, k: f64, known: &mut Known, format: Format) -> f64 {
    let (truth, near) = (&known.truth, known.near);
    let e = truth.enclose().abs();
    if near.is_infinite() || k <= 0.5 || (e.lo() == 0.0 && e.hi() == 0.0) {
        return near;
    }
    // An ulp of the truth; where its binade is not certain, of the lower one.
    let step = ulp(format, e.lo());
    let within = |y: f64| y.is_finite() && truth.distance(y).hi() <= k * step;
    let turned = |y: f64| y * near < 0.0 || (near == 0.0 && y < 0.0);
    if k > STEPS {
        return far(tape, k * step, near, format, within, turned);
    }
    let reach = k.ceil() as i64 + 1;
    let mut j = tape.between(-reach, reach);
    loop {
        let y = dyadic::round(format, near + j as f64 * step);
        let mut admitted = || *(known.admitted.entry(j)).or_insert_with(|| !turned(y) && within(y));
        if j == 0 || admitted() {
            return y;
        }
        j -= j.signum();
    }
}

/// A float that may be more steps away than there are floats: some 64ths of the reach, which is
/// halved until what it leads to is admitted.
fn far(
    tape: &mut Tape,
    reach: f64,
    near: f64,
    format: Format,
    within: impl Fn(f64) -> bool,
    turned: impl Fn(f64) -> bool,
) -> f64 {
    let largest = format.largest();
    let part = tape.between(-64, 64) as f64 / 64.0;
    let mut offset = part * reach.min(2.0 * largest).min(f64::MAX);
    loop {
        let y = dyadic::round(format, (near + offset).clamp(-largest, largest));
        let y = if turned(y) { 0.0_f64.copysign(near) } else { y };
        if y == near || within(y) {
            return y;
        }
        offset /= 2.0;
    }
}

/// The float nearest to the truth.
enum Nearest {
    /// Nearer than its neighbours.
    Decided(f64),
    /// As near as a neighbour as far as is known: the even one where they are, by powers that are
    /// halfway between.
    Between(f64),
}

fn nearest(truth: &Precise, format: Format) -> Nearest {
    let e = truth.enclose();
    let near = dyadic::round(format, e.mid());
    if near.is_infinite() {
        return Nearest::Decided(near);
    }
    // In a unit in which no distance between neighbours underflows.
    let unit = truth.like(if near.abs() < 1e-30 {
        2f64.powi(900)
    } else {
        1.0
    });
    // Below a power of two the neighbours are half as far.
    let step = ulp(format, near);
    let floats = [0.0, -step, step, -step / 2.0, step / 2.0].map(|by| {
        let y = dyadic::round(format, near + by);
        (y, truth.sub(&truth.like(y)).mul(&unit).abs())
    });
    // Distances themselves agree in many digits beside a tie.
    type Candidate = (f64, Precise);
    let nearer = |a: &Candidate, b: &Candidate| b.1.sub(&a.1).enclose().lo() > 0.0;
    let [first, rest @ ..] = &floats;
    let best = (rest.iter()).fold(first, |best, y| if nearer(y, best) { y } else { best });
    let mut others = floats.iter().filter(|y| y.0 != best.0);
    match others.all(|y| nearer(best, y)) {
        true => Nearest::Decided(best.0),
        false => Nearest::Between(best.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// e^x = 1 + 2^−53 + 2^−107 + …, beside the middle of two floats.
    #[test]
    fn what_is_beside_a_tie_is_decided() {
        let x = 2f64.powi(-53);
        for (x, nearest) in [
            (x, 1.0_f64.next_up()),
            (-x / 2.0, 1.0),
            (x.next_down(), 1.0),
        ] {
            let mut tape = Tape::fresh(1);
            let mut computed = Computed::default();
            let y = computed.within_table(&mut tape, Libm::Correct, Function::Exp, x, Format::F64);
            assert_eq!(y, nearest, "{x:e}");
        }
    }

    /// (1.5 + 2^−26)² is an odd multiple of 2^−52, half an ulp there.
    #[test]
    fn powers_halfway_go_to_the_even_one() {
        let mut tape = Tape::fresh(1);
        let x = 1.5 + 2f64.powi(-26);
        let y = power_within_table(&mut tape, Libm::Correct, x, 2.0, Format::F64);
        assert_eq!(y, x * x);
    }
}
