//! A point of the space that is searched: for every element of every input the run's value,
//! its ε, the specification's value and an admissible one; and the choices of the execution.

use super::dyadic;
use super::generate::{self, Given};
use super::subject::Structure;
use crate::bound::{Approx, Bound};
use crate::graph::Graph;
use crate::number::dyadic::Dyadic;
use crate::number::{Format, Up};
use crate::tensor::{Tensor, Ty};

/// One element of an input: |x − c| ≤ ε and |x̂ − x| ≤ ε.
#[derive(Debug, Clone)]
pub struct Place {
    /// The run's value.
    pub c: f64,
    /// How far the specification may be from it.
    pub eps: f64,
    /// The specification's value.
    pub x: Dyadic,
    /// What the execution starts from.
    pub admissible: f64,
}

/// One input.
#[derive(Debug, Clone)]
pub enum Input {
    /// Floats, and whether the run's values are the only admissible ones.
    Floats {
        /// x̂ = c for all elements.
        determined: bool,
        /// Row-major.
        places: Vec<Place>,
    },
    /// Integers, known exactly.
    Integers(Vec<i64>),
    /// Given from outside and known exactly; never changed.
    Fixed(Tensor),
}

/// What a trial starts from, beside the structure.
#[derive(Debug, Clone)]
pub struct Point {
    /// One for every input of the graph.
    pub inputs: Vec<Input>,
    /// The tape of the execution's choices.
    pub choices: Vec<u32>,
}

impl Place {
    /// An element that is known exactly.
    pub fn exact(c: f64) -> Place {
        Place {
            c,
            eps: 0.0,
            x: dyadic::exact(c),
            admissible: c,
        }
    }

    /// The nearest that satisfies the assumptions: floats of the format, finite, x within ε of
    /// c and x̂ within ε of x.
    #[must_use]
    pub fn repaired(self, format: Format, determined: bool) -> Place {
        let finite = |x: f64, other: f64| if x.is_finite() { x } else { other };
        let c = finite(rounded(format, finite(self.c, 1.0)), 1.0);
        let eps = finite(self.eps.abs(), 0.0);
        let center = dyadic::exact(c);
        let offset = self.x.sub(&center);
        let x = if offset.within(eps) {
            self.x
        } else if offset.is_negative() {
            center.sub(&dyadic::exact(eps))
        } else {
            center.add(&dyadic::exact(eps))
        };
        let near = rounded(format, finite(self.admissible, c));
        let admits = |y: f64| y.is_finite() && dyadic::exact(y).sub(&x).within(eps);
        let admissible = if determined || !admits(near) { c } else { near };
        Place {
            c,
            eps,
            x,
            admissible,
        }
    }

    /// The specification at c + t·ε, and an execution that starts at x − s·ε or from c.
    #[must_use]
    pub fn at(&self, format: Format, determined: bool, t: f64, s: f64) -> Place {
        let eps = dyadic::exact(self.eps);
        let x = dyadic::exact(self.c).add(&eps.mul(&dyadic::exact(t)));
        let far = x.sub(&eps.mul(&dyadic::exact(s)));
        Place {
            admissible: inward(format, &far, &x),
            x,
            ..self.clone()
        }
        .repaired(format, determined)
    }
}

/// x rounded to the format; a zero keeps its sign.
fn rounded(format: Format, x: f64) -> f64 {
    match dyadic::round(format, x) {
        0.0 => 0.0_f64.copysign(x),
        y => y,
    }
}

/// The float nearest to `far` that is not further from x.
fn inward(format: Format, far: &Dyadic, x: &Dyadic) -> f64 {
    let near = dyadic::nearest(format, far);
    if !near.is_finite() {
        return near;
    }
    let beyond = dyadic::exact(near).sub(far);
    let away = far.sub(x);
    if beyond.is_negative() == away.is_negative() && !beyond.is_zero() {
        let step = dyadic::ulp(format, near);
        let back = if away.is_negative() { step } else { -step };
        return dyadic::round(format, near + back);
    }
    near
}

impl Input {
    /// Whether it is an input of that type, and all of it satisfies the assumptions as it stands.
    pub(super) fn is_admitted(&self, ty: &Ty, exact: bool) -> bool {
        match self {
            Input::Integers(_) => !ty.dtype.is_float(),
            Input::Fixed(tensor) => tensor.ty() == *ty,
            Input::Floats { determined, places } => {
                let bits = |p: &Place| [p.c, p.eps, p.admissible].map(f64::to_bits);
                let stays = |p: &Place, format| {
                    let repaired = p.clone().repaired(format, *determined);
                    bits(&repaired) == bits(p) && repaired.x == p.x && !(exact && p.eps > 0.0)
                };
                let format = ty.dtype.format();
                format.is_some_and(|format| places.iter().all(|p| stays(p, format)))
            }
        }
    }

    /// What a generator gave.
    pub fn of(given: &Given) -> Input {
        if !given.c.dtype().is_float() {
            let whole = (0..given.c.len()).map(|i| given.c.integer(i).unwrap_or(0));
            return Input::Integers(whole.collect());
        }
        let place = |i: usize| Place {
            c: given.c.get(i),
            eps: given.approx.eps.at(i).get(),
            x: given.x[i].clone(),
            admissible: given.admissible.get(i),
        };
        Input::Floats {
            determined: given.approx.determined,
            places: (0..given.c.len()).map(place).collect(),
        }
    }
}

/// Leaves so many elements, the first or the last.
fn keep<T>(all: &mut Vec<T>, len: usize, last: bool) {
    if last {
        all.drain(..all.len().saturating_sub(len));
    }
    all.truncate(len);
}

impl Point {
    /// As inputs of a graph; elements that are missing are zeros, known exactly. `None` where
    /// an input is of another kind.
    pub fn given(&self, graph: &Graph) -> Option<Vec<Given>> {
        let inputs = graph.inputs().iter().zip(&self.inputs);
        let all: Option<Vec<Given>> = inputs
            .map(|(value, input)| {
                let ty = graph.ty(*value);
                let len = ty.shape.len();
                match input {
                    Input::Floats { determined, places } if ty.dtype.is_float() => {
                        let format = ty.dtype.format()?;
                        let place = |i: usize| match places.get(i) {
                            Some(place) => place.clone().repaired(format, *determined),
                            None => Place::exact(0.0),
                        };
                        let places: Vec<Place> = (0..len).map(place).collect();
                        let eps: Vec<Up> = places.iter().map(|p| Up::new(p.eps)).collect();
                        let tensor = |of: fn(&Place) -> f64| {
                            let data: Vec<f64> = places.iter().map(of).collect();
                            Tensor::from_f64s(ty.shape.clone(), ty.dtype, &data).ok()
                        };
                        let approx = Approx {
                            determined: *determined,
                            ..Approx::within(Bound::per_element(&eps))
                        };
                        let given = Given {
                            c: tensor(|p| p.c)?,
                            admissible: tensor(|p| p.admissible)?,
                            approx,
                            x: places.into_iter().map(|p| p.x).collect(),
                        };
                        // For every other choice of an execution's first.
                        Some(given.with_norms(self.choices.first().copied().unwrap_or(0)))
                    }
                    Input::Integers(whole) if !ty.dtype.is_float() => {
                        let whole: Vec<i64> = (0..len)
                            .map(|i| whole.get(i).copied().unwrap_or(0))
                            .collect();
                        let c = Tensor::i64s(ty.shape.clone(), whole.clone()).ok()?;
                        Some(Given {
                            admissible: c.clone(),
                            c,
                            approx: Approx::exact(),
                            x: whole.into_iter().map(Dyadic::integer).collect(),
                        })
                    }
                    Input::Fixed(c) if c.ty() == *ty => Some(generate::exactly(c)),
                    Input::Floats { .. } | Input::Integers(_) | Input::Fixed(_) => None,
                }
            })
            .collect();
        all.filter(|given| given.len() == graph.inputs().len())
    }

    /// As many elements as the inputs' shapes have: the first, or the last.
    #[must_use]
    pub fn fitted(&self, graph: &Graph, last: bool) -> Point {
        let mut point = self.clone();
        for (input, value) in point.inputs.iter_mut().zip(graph.inputs()) {
            let len = graph.ty(*value).shape.len();
            match input {
                Input::Floats { places, .. } => keep(places, len, last),
                Input::Integers(whole) => keep(whole, len, last),
                Input::Fixed(_) => {}
            }
        }
        point
    }

    /// Every float element: which input, which element.
    pub fn places(&self) -> Vec<(usize, usize)> {
        let each = self.inputs.iter().enumerate();
        each.flat_map(|(k, input)| {
            let len = match input {
                Input::Floats { places, .. } => places.len(),
                Input::Integers(_) | Input::Fixed(_) => 0,
            };
            (0..len).map(move |i| (k, i))
        })
        .collect()
    }

    /// Changes one element, which stays within the assumptions.
    pub fn change(
        &mut self,
        structure: &Structure,
        (input, at): (usize, usize),
        change: impl FnOnce(&Place, Format, bool) -> Place,
    ) {
        let changed = self.changed(structure, (input, at), change);
        if let (Some(changed), Input::Floats { places, .. }) = (changed, &mut self.inputs[input]) {
            places[at] = changed;
        }
    }

    /// What one element would become; `None` where it is no float.
    pub fn changed(
        &self,
        structure: &Structure,
        (input, at): (usize, usize),
        change: impl FnOnce(&Place, Format, bool) -> Place,
    ) -> Option<Place> {
        let graph = &structure.graph;
        let format = graph.ty(graph.inputs()[input]).dtype.format()?;
        let Input::Floats { determined, places } = &self.inputs[input] else {
            return None;
        };
        let place = change(&places[at], format, *determined);
        Some(if structure.exact {
            Place::exact(place.c).repaired(format, true)
        } else {
            place.repaired(format, *determined)
        })
    }
}
