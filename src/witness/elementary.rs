//! Elementary functions as a libm may compute them: any float within the table's ulp.

use crate::libm::{Function, Libm};
use crate::number::precise::{Places, Precise};
use crate::number::{Float, Format, SpecNumber};
use crate::witness::dyadic::{self, ulp};
use crate::witness::tape::Tape;

const PLACES: Places = Places(120);
/// Up to so many ulp a result is so many steps from the nearest.
const STEPS: f64 = 64.0;

/// Some result of a function at a float: 16-bit formats compute in f32 and round.
pub fn within_table(
    tape: &mut Tape,
    libm: Libm,
    function: Function,
    x: f64,
    format: Format,
) -> f64 {
    let wide = wide(format);
    let truth = Precise::from_f64(&PLACES, x).function(function);
    let y = near(tape, libm.ulps(function), &truth, wide).unwrap_or_else(|| {
        // Beyond the range of Precise, outside the domain, and at NaN.
        dyadic::round(wide, Float::function(x, function))
    });
    dyadic::round(format, y)
}

/// Some value of x^y.
pub fn power_within_table(tape: &mut Tape, libm: Libm, x: f64, y: f64, format: Format) -> f64 {
    let wide = wide(format);
    let at = |x| Precise::from_f64(&PLACES, x);
    let z = near(tape, libm.power_ulps(), &at(x).pow(&at(y)), wide)
        .unwrap_or_else(|| dyadic::round(wide, Float::pow(x, y)));
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

/// A float within `k` ulp of the truth, where that is known closely enough.
fn near(tape: &mut Tape, k: f64, truth: &Precise, format: Format) -> Option<f64> {
    let e = truth.enclose();
    let known = e.hi().is_finite() && e.width().get() <= e.abs().lo() * 2f64.powi(-50);
    known.then(|| perturbed(tape, k, truth, format))
}

/// A float within `k` ulp of the truth and of its sign; the nearest one for k ≤ ½.
fn perturbed(tape: &mut Tape, k: f64, truth: &Precise, format: Format) -> f64 {
    let near = nearest(truth, format);
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
        if j == 0 || (!turned(y) && within(y)) {
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

fn nearest(truth: &Precise, format: Format) -> f64 {
    let e = truth.enclose();
    let near = dyadic::round(format, e.mid());
    if near.is_infinite() {
        return near;
    }
    // In a unit in which no distance between neighbours underflows.
    let unit = truth.like(if near.abs() < 1e-30 {
        2f64.powi(900)
    } else {
        1.0
    });
    let distance = |y: f64| truth.sub(&truth.like(y)).mul(&unit).abs().enclose();
    // Below a power of two the neighbours are half as far.
    let step = ulp(format, near);
    [
        near - step,
        near + step,
        near - step / 2.0,
        near + step / 2.0,
    ]
    .map(|y| dyadic::round(format, y))
    .into_iter()
    .fold(near, |best, y| {
        let closer = distance(y).hi() < distance(best).lo();
        if closer { y } else { best }
    })
}
