//! Judges an execution against bounds: |x̂ − x| ≤ ε and |x|, |x̂| ≤ B, in exact rationals, or
//! in intervals of 192 places where the graph has functions without rational values.

use crate::graph::Graph;
use crate::interpret::spec;
use crate::libm::Function;
use crate::number::exact::Rational;
use crate::number::precise::{Places, Precise};
use crate::number::{SpecNumber, Up};
use crate::op::{Op, Primitive};
use crate::tensor::{SpecTensor, Tensor};
use crate::witness::dyadic::Dyadic;
use num_rational::BigRational;
use num_traits::{Signed, ToPrimitive, Zero};

const PLACES: Places = Places(192);

/// The specification of every value.
pub enum Spec {
    /// Rationals.
    Exact(Vec<SpecTensor<Rational>>),
    /// Intervals of 192 places.
    Enclosed(Vec<SpecTensor<Precise>>),
}

/// How one element fared.
pub enum Judgement {
    /// The bound is +∞, or the specification is not defined.
    NoClaim,
    /// Within the bound, at this share of it.
    Holds(f64),
    /// Beyond it; what was measured.
    Violated(String),
}

/// Functions that are irrational nearly everywhere; their primitives bear their names.
pub fn is_smooth(op: &Op) -> bool {
    let named = |f: &Function| format!("{f:?}") == op.name();
    let sums = matches!(op, Op::LogSumExp(_) | Op::Softmax(_));
    let others = matches!(op, Op::Sqrt(_) | Op::Irrational(_) | Op::Pow(_));
    sums || others || Function::ALL.iter().any(named)
}

impl Spec {
    /// Evaluates the specification over inputs x; free shifts are those of `run`.
    pub fn of(graph: &Graph, x: &[&[Dyadic]], run: &[Tensor]) -> Spec {
        let shapes = graph.inputs().iter().map(|v| graph.ty(*v).shape.clone());
        let given = shapes.zip(x);
        if graph.nodes().iter().any(|n| is_smooth(n.op())) {
            let precise = |x: &Dyadic| x.precise(PLACES);
            let inputs: Vec<_> = given
                .map(|(s, x)| SpecTensor::new(s, x.iter().map(precise).collect::<Vec<_>>()))
                .collect();
            Spec::Enclosed(spec::eval(graph, &PLACES, &inputs, Some(run)))
        } else {
            let exact = |x: &Dyadic| Rational::from(x.rational());
            let inputs: Vec<_> = given
                .map(|(s, x)| SpecTensor::new(s, x.iter().map(exact).collect::<Vec<_>>()))
                .collect();
            Spec::Exact(spec::eval(graph, &(), &inputs, Some(run)))
        }
    }

    /// |x̂ − x| ≤ ε?
    pub fn error(&self, value: usize, at: usize, computed: f64, eps: Up) -> Judgement {
        if !eps.is_finite() {
            return Judgement::NoClaim;
        }
        match self {
            Spec::Exact(all) => match all[value].data[at].value() {
                None => undefined(computed, eps),
                Some(x) => exactly(x, computed, eps),
            },
            Spec::Enclosed(all) => {
                let x = &all[value].data[at];
                if x.endpoints().is_none() {
                    return undefined(computed, eps);
                }
                let distance = x.distance(computed);
                if !computed.is_finite() || distance.lo() > eps.get() {
                    let x = x.enclose();
                    return Judgement::Violated(format!(
                        "computed {computed:e}, spec {x:?}: off by {distance:?}, eps {:e}",
                        eps.get()
                    ));
                }
                Judgement::Holds(share(distance.lo(), eps.get()))
            }
        }
    }

    /// max(|x|, |x̂|) ≤ B?
    pub fn scale(&self, value: usize, at: usize, computed: f64, scale: Up) -> Judgement {
        if !scale.is_finite() {
            return Judgement::NoClaim;
        }
        let (least, above) = match self {
            Spec::Exact(all) => match all[value].data[at].value() {
                None => return undefined(computed, scale),
                Some(x) => {
                    let above = x.abs() > rational(scale.get());
                    (x.abs().to_f64().unwrap_or(0.0), above)
                }
            },
            Spec::Enclosed(all) => {
                let x = &all[value].data[at];
                if x.endpoints().is_none() {
                    return undefined(computed, scale);
                }
                let least = x.enclose().abs().lo();
                (least, least > scale.get())
            }
        };
        let runtime = if computed.is_nan() {
            f64::INFINITY
        } else {
            computed.abs()
        };
        if above || runtime > scale.get() {
            return Judgement::Violated(format!(
                "computed {computed:e}, |spec| at least {least:e}, scale {:e}",
                scale.get()
            ));
        }
        let largest = if runtime > least { runtime } else { least };
        Judgement::Holds(share(largest, scale.get()))
    }
}

/// A finite bound where the specification is undefined claims something of nothing.
fn undefined(computed: f64, bound: Up) -> Judgement {
    if computed.is_finite() {
        return Judgement::NoClaim;
    }
    Judgement::Violated(format!(
        "computed {computed:e}, spec undefined, bound {:e}",
        bound.get()
    ))
}

fn rational(x: f64) -> BigRational {
    Dyadic::new(x).rational()
}

fn exactly(x: &BigRational, computed: f64, eps: Up) -> Judgement {
    let violated = |error: f64| {
        Judgement::Violated(format!(
            "computed {computed:e}, spec {:e}: off by {error:e}, eps {:e}",
            x.to_f64().unwrap_or(f64::NAN),
            eps.get()
        ))
    };
    if !computed.is_finite() {
        return violated(f64::INFINITY);
    }
    let error = (rational(computed) - x).abs();
    let near = error.to_f64().unwrap_or(f64::INFINITY);
    if error.is_zero() {
        return Judgement::Holds(0.0);
    }
    if error > rational(eps.get()) {
        return violated(near);
    }
    Judgement::Holds(share(near, eps.get()))
}

fn share(quantity: f64, bound: f64) -> f64 {
    if quantity == 0.0 {
        0.0
    } else {
        quantity / bound
    }
}
