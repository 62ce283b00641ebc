//! What graphs are attacked with: run values c, errors ε, specification values x = c + tε
//! and admissible values x̂. Nothing here judges.

mod roles;

use crate::Config;
use crate::blocks::Blocks;
use crate::bound::{Approx, Bound};
use crate::config::{Accumulate, Contract, Execution, Granularity, Schedule, Subnormals};
use crate::libm::Libm;
use crate::number::dyadic::Dyadic;
use crate::number::{Format, Up};
use crate::tensor::{DType, Tensor, Ty};
use crate::witness::dyadic::{self, power, ulp};
use crate::witness::tape::Tape;
use roles::{Theme, small_in};
use std::num::NonZeroUsize;

/// What an input of a fragment may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Role {
    /// Any float.
    Any,
    /// Floats that elementary functions take without leaving the range.
    Moderate,
    /// Greater than 0; moderate in a graph.
    Positive,
    /// At most 1 in magnitude.
    Unit,
    /// At least 1; moderate in a graph.
    AboveOne,
    /// Known exactly, and -2, -1, 0, 1 or 2: what every format holds, and its products.
    Small,
    /// Any float but 0.
    NonZero,
    /// At most this in magnitude.
    Within(f64),
    /// From 0 to 1.
    Probability,
    /// An exact index below n, which is not 0.
    Index(usize),
}

/// One input of a case.
#[derive(Debug, Clone)]
pub struct Given {
    /// The run's value.
    pub c: Tensor,
    /// ε, and whether c is the only admissible value.
    pub approx: Approx,
    /// The specification's value.
    pub x: Vec<Dyadic>,
    /// An admissible value.
    pub admissible: Tensor,
}

impl Given {
    /// The same with the norms of the errors of its rows (2 of four), or of all of it (3), as
    /// these two values have them; 0 and 1 leave only what is known of each element.
    #[must_use]
    pub fn with_norms(mut self, of_four: u32) -> Given {
        let width = match of_four % 4 {
            0 | 1 => return self,
            2 => self.c.shape().last().copied().unwrap_or(1),
            _ => self.c.len(),
        };
        if self.c.dtype().is_float() {
            let upper = |x: &Dyadic| Up::magnitude(x.abs().enclose().hi());
            let off = |i: usize| {
                let of = |y: f64| upper(&dyadic::exact(y).sub(&self.x[i]));
                of(self.c.get(i)).max(of(self.admissible.get(i)))
            };
            self.approx.blocks = Some(Blocks::of(width, self.c.len(), off));
        }
        self
    }
}

/// A configuration; the default for the simplest choice. Formats of at most four bits have many
/// in which executions are fixed: elsewhere a few operations leave no claim.
pub fn config(tape: &mut Tape, subnormals: Subnormals, dtype: DType) -> Config {
    let drawn = any_config(tape, subnormals);
    let coarse = dtype.format().is_some_and(|f| f.precision < 5);
    if !coarse || tape.coin() {
        return drawn;
    }
    Config {
        schedule: tape.pick(&[Schedule::Left, Schedule::Pairwise]),
        contract: Contract::Off,
        libm: Libm::Correct,
        granularity: Granularity::Element,
        ..drawn
    }
}

fn any_config(tape: &mut Tape, subnormals: Subnormals) -> Config {
    let (schedule, contract) = tape.pick(&[
        (Schedule::Any, Contract::Any),
        (Schedule::Any, Contract::Any),
        (Schedule::Any, Contract::Off),
        (Schedule::Left, Contract::Off),
        (Schedule::Left, Contract::Any),
        (Schedule::Pairwise, Contract::Off),
        (Schedule::Pairwise, Contract::Any),
        (blocked(2), Contract::Off),
        (blocked(3), Contract::Any),
    ]);
    Config {
        schedule,
        contract,
        subnormals,
        accumulate: tape.pick(&[
            Accumulate::Default,
            Accumulate::Same,
            Accumulate::F32,
            Accumulate::F64,
        ]),
        libm: tape.pick(&[Libm::Portable, Libm::Correct, Libm::Ulp(1.5), Libm::XlaCpu]),
        granularity: tape.pick(&[
            Granularity::Element,
            Granularity::Element,
            Granularity::Element,
            Granularity::Tensor,
        ]),
        execution: Execution {
            fused: tape.coin(),
            flushed: tape.coin(),
        },
    }
}

fn blocked(n: usize) -> Schedule {
    Schedule::Blocked(NonZeroUsize::new(n).expect("not zero"))
}

/// An error bound: none, fractions of an ulp, comparable to c, or larger than everything.
fn error(tape: &mut Tape, format: Format, c: f64, role: Role) -> f64 {
    let p = i64::from(format.precision);
    let c = if c == 0.0 { 1.0 } else { c.abs() };
    let quarters = tape.between(0, 9) as f64;
    let eps = match tape.below(12) {
        0..=4 => 0.0,
        5 => quarters / 4.0 * power(-p) * c,
        6 => ulp(format, c) * quarters,
        7 => c * power(-tape.between(4, 12)),
        8 => c / 2.0 + ulp(format, c) * (quarters - 4.0),
        9 if role == Role::Any => c * (1.0 + quarters),
        10 if role == Role::Any => power(tape.between(-6, 6)),
        11 if role == Role::Any => power(i64::from(format.e_min) - p + 1) * quarters,
        _ => c * power(-6),
    };
    if eps.is_finite() && eps >= 0.0 {
        eps
    } else {
        0.0
    }
}

/// Where in [c − ε, c + ε] the specification lies, in units of ε.
fn position(tape: &mut Tape) -> f64 {
    match tape.below(4) {
        0 => 0.0,
        1 => 1.0,
        2 => -1.0,
        _ => tape.between(-64, 64) as f64 / 64.0,
    }
}

/// A float of the format within ε of x: near a corner or inside, c where the drawn one is not.
fn admissible(tape: &mut Tape, format: Format, c: f64, x: &Dyadic, eps: f64) -> f64 {
    let target = x.add(&dyadic::exact(position(tape)).mul(&dyadic::exact(eps)));
    let near = dyadic::nearest(format, &target);
    if !near.is_finite() {
        return c;
    }
    let step = ulp(format, near);
    [near, near - step, near + step]
        .into_iter()
        .map(|y| dyadic::round(format, y))
        .find(|y| y.is_finite() && dyadic::exact(*y).sub(x).within(eps))
        .unwrap_or(c)
}

/// A unit of which all inputs of a case are small multiples, known exactly: a format of few
/// bits holds little more, and what is made of several inputs has a finite bound for little
/// more.
pub fn all_small(tape: &mut Tape, dtype: DType) -> Option<f64> {
    let bits = dtype.format()?.precision;
    let often = match bits {
        ..3 => tape.below(4) > 0,
        3..8 => tape.coin(),
        _ => false,
    };
    often.then(|| tape.pick(&[1.0, 0.5, 0.5]))
}

/// An input of the given type with everything that the attack needs to know of it.
pub fn input(tape: &mut Tape, ty: &Ty, role: Role, small: Option<f64>) -> Given {
    input_by(tape, ty, role, small, Theme::of_graph)
}

/// The same for somebody's own code: from the whole domain of its role, which no graph around it
/// narrows.
pub fn input_of_kernel(tape: &mut Tape, ty: &Ty, role: Role, small: Option<f64>) -> Given {
    input_by(tape, ty, role, small, Theme::of_kernel)
}

fn input_by(
    tape: &mut Tape,
    ty: &Ty,
    role: Role,
    small: Option<f64>,
    theme: fn(&mut Tape, Role) -> Theme,
) -> Given {
    let len = ty.shape.len();
    let Some(format) = ty.dtype.format() else {
        return index(tape, ty, role);
    };
    let small = small.or((role == Role::Small).then_some(1.0));
    let exact = tape.below(4) == 0 || small.is_some();
    let determined = exact || tape.below(4) == 1;
    let theme = match small {
        None => theme(tape, role),
        Some(_) => Theme::Role,
    };
    let (mut c, mut x, mut hat, mut eps) = (vec![], vec![], vec![], vec![]);
    for _ in 0..len {
        let value = match small {
            Some(unit) => small_in(tape, role, unit),
            None => theme.value(tape, format, role, &c),
        };
        // Inputs are finite; what was drawn next to the largest float may not be.
        let value = match value.is_finite() {
            true => value,
            false => format.largest().copysign(value),
        };
        let e = if exact {
            0.0
        } else {
            error(tape, format, value, role)
        };
        let spec = dyadic::exact(value).add(&dyadic::exact(position(tape)).mul(&dyadic::exact(e)));
        hat.push(if determined {
            value
        } else {
            admissible(tape, format, value, &spec, e)
        });
        c.push(value);
        x.push(spec);
        eps.push(Up::new(e));
    }
    let bound = if exact {
        Bound::Zero
    } else {
        Bound::from_fn(len, |i| eps[i])
    };
    let approx = Approx {
        determined,
        ..Approx::within(bound)
    };
    let tensor =
        |data: &[f64]| Tensor::from_f64s(ty.shape.clone(), ty.dtype, data).expect("lengths agree");
    Given {
        c: tensor(&c),
        approx,
        x,
        admissible: tensor(&hat),
    }
}

/// An input that is known exactly, as a run gives it.
pub fn exactly(c: &Tensor) -> Given {
    let x = |i: usize| match c.integer(i) {
        Some(n) => Dyadic::integer(n),
        None => dyadic::exact(c.get(i)),
    };
    Given {
        admissible: c.clone(),
        c: c.clone(),
        approx: Approx::exact(),
        x: (0..c.len()).map(x).collect(),
    }
}

fn index(tape: &mut Tape, ty: &Ty, role: Role) -> Given {
    let n = match role {
        Role::Index(n) => n,
        _ => 10,
    };
    let mut pick = || (u64::from(tape.draw()) << 32 | u64::from(tape.draw())) % n as u64;
    let picked: Vec<i64> = (0..ty.shape.len()).map(|_| pick() as i64).collect();
    let c = Tensor::i64s(ty.shape.clone(), picked.clone()).expect("lengths agree");
    let x = picked.iter().map(|n| Dyadic::integer(*n)).collect();
    Given {
        admissible: c.clone(),
        c,
        approx: Approx::exact(),
        x,
    }
}
