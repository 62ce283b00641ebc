//! Elementary functions as a libm may compute them: any float within the table's ulp.

use crate::soft::{self, ulp};
use crate::tape::Tape;
use gradbound::libm::{Function, Libm};
use gradbound::number::precise::{Places, Precise};
use gradbound::number::{Format, SpecNumber};

const PLACES: Places = Places(120);

fn exactly(function: Function, x: f64) -> Precise {
    let x = Precise::from_f64(&PLACES, x);
    match function {
        Function::Exp => x.exp(),
        Function::Log => x.log(),
        Function::Tanh => x.tanh(),
        Function::Sigmoid => x.sigmoid(),
    }
}

/// Where the function leaves the range of f64 or that of [`Precise`], and at NaN.
fn at_the_ends(function: Function, x: f64) -> f64 {
    match function {
        Function::Exp => core_math::exp(x),
        Function::Log => core_math::log(x),
        Function::Tanh => core_math::tanh(x),
        Function::Sigmoid => 1.0 / (1.0 + core_math::exp(-x)),
    }
}

/// Some result of a function at a float: 16-bit formats compute in f32 and round.
pub fn within_table(
    tape: &mut Tape,
    libm: Libm,
    function: Function,
    x: f64,
    format: Format,
) -> f64 {
    let wide = if format.precision < Format::F32.precision {
        Format::F32
    } else {
        format
    };
    let truth = exactly(function, x);
    let e = truth.enclose();
    let known = e.hi().is_finite() && e.width().get() <= e.abs().lo() * 2f64.powi(-50);
    let y = if known && x.is_finite() {
        perturbed(tape, libm.ulps(function), &truth, wide)
    } else {
        soft::round(wide, at_the_ends(function, x))
    };
    soft::round(format, y)
}

/// A float within `k` ulp of the truth; the nearest one for k ≤ ½.
fn perturbed(tape: &mut Tape, k: f64, truth: &Precise, format: Format) -> f64 {
    let near = nearest(truth, format);
    let e = truth.enclose().abs();
    if near.is_infinite() || k <= 0.5 || (e.lo() == 0.0 && e.hi() == 0.0) {
        return near;
    }
    // An ulp of the truth; where its binade is not certain, of the lower one.
    let step = ulp(format, e.lo());
    let reach = k.ceil() as i64 + 1;
    let mut j = tape.between(-reach, reach);
    loop {
        let y = soft::round(format, near + j as f64 * step);
        if j == 0 || (y.is_finite() && truth.distance(y).hi() <= k * step) {
            return y;
        }
        j -= j.signum();
    }
}

fn nearest(truth: &Precise, format: Format) -> f64 {
    let e = truth.enclose();
    let near = soft::round(format, e.mid());
    if near.is_infinite() {
        return near;
    }
    // Below a power of two the neighbours are half as far.
    let step = ulp(format, near);
    [
        near - step,
        near + step,
        near - step / 2.0,
        near + step / 2.0,
    ]
    .map(|y| soft::round(format, y))
    .into_iter()
    .fold(near, |best, y| {
        let closer = truth.distance(y).hi() < truth.distance(best).lo();
        if closer { y } else { best }
    })
}
