//! Judges an execution against bounds: |x̂ − x| ≤ ε and |x|, |x̂| ≤ B, in exact rationals, or
//! in intervals of 192 places, and of 1024 where those do not decide, where the graph has
//! functions without rational values.

use crate::graph::Graph;
use crate::interpret::spec;
use crate::libm::Function;
use crate::number::dyadic::Dyadic;
use crate::number::exact::Rational;
use crate::number::precise::{Places, Precise};
use crate::number::{Enclosure, Format, SpecNumber, Up};
use crate::op::{Op, Primitive};
use crate::tensor::{SpecTensor, Tensor};
use std::cell::OnceCell;
use std::cmp::Ordering;

/// How precise intervals are, and how precise where they do not decide.
const PLACES: [Places; 2] = [Places(192), Places(1024)];

/// The specification of every value: in f64 intervals, which decide nearly every element of
/// formats of at most 24 bits, and exactly where they do not.
pub struct Spec<'a> {
    graph: &'a Graph,
    inputs: Vec<&'a [Dyadic]>,
    run: Option<&'a [Tensor]>,
    near: OnceCell<Vec<SpecTensor<Enclosure>>>,
    exact: OnceCell<Exact>,
    finer: OnceCell<Vec<SpecTensor<Precise>>>,
}

/// What decides where f64 intervals do not.
enum Exact {
    /// Rationals.
    Rational(Vec<SpecTensor<Rational>>),
    /// Intervals.
    Enclosed(Vec<SpecTensor<Precise>>),
}

/// How one element fared.
#[derive(Debug, Clone)]
pub enum Judgement {
    /// The bound is +∞.
    NoClaim,
    /// The bound is finite, but the specification is not defined, as far as can be told: a
    /// number beyond every range that is computed with is none either.
    Undefined,
    /// The finest intervals have the bound in them; what comes so near to one is mostly equal.
    Undecided,
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

impl Judgement {
    /// The worse of two.
    #[must_use]
    pub fn worse(self, other: Judgement) -> Judgement {
        use Judgement::{Holds, NoClaim, Undecided, Undefined, Violated};
        match (self, other) {
            (Violated(what), _) | (_, Violated(what)) => Violated(what),
            (Undecided, _) | (_, Undecided) => Undecided,
            (Holds(a), Holds(b)) => Holds(if a > b { a } else { b }),
            (Holds(share), Undefined | NoClaim) | (Undefined | NoClaim, Holds(share)) => {
                Holds(share)
            }
            (Undefined, Undefined | NoClaim) | (NoClaim, Undefined) => Undefined,
            (NoClaim, NoClaim) => NoClaim,
        }
    }
}

impl<'a> Spec<'a> {
    /// Over inputs x; free shifts are those of `run`.
    pub fn of(graph: &'a Graph, x: &[&'a [Dyadic]], run: &'a [Tensor]) -> Spec<'a> {
        Spec {
            run: Some(run),
            ..Spec::of_reals(graph, x)
        }
    }

    /// Over inputs x, whatever an execution does: free shifts are the maximum.
    pub fn of_reals(graph: &'a Graph, x: &[&'a [Dyadic]]) -> Spec<'a> {
        Spec {
            graph,
            inputs: x.to_vec(),
            run: None,
            near: OnceCell::new(),
            exact: OnceCell::new(),
            finer: OnceCell::new(),
        }
    }

    fn eval<N: SpecNumber>(&self, env: &N::Env, of: impl Fn(&Dyadic) -> N) -> Vec<SpecTensor<N>> {
        let shapes = (self.graph.inputs().iter()).map(|v| self.graph.ty(*v).shape.clone());
        let inputs: Vec<_> = shapes
            .zip(&self.inputs)
            .map(|(shape, x)| SpecTensor::new(shape, x.iter().map(&of).collect::<Vec<_>>()))
            .collect();
        spec::eval(self.graph, env, &inputs, self.run)
    }

    fn exact(&self) -> &Exact {
        self.exact.get_or_init(|| {
            if self.graph.nodes().iter().any(|n| is_smooth(n.op())) {
                Exact::Enclosed(self.enclosed(PLACES[0]))
            } else {
                Exact::Rational(self.eval(&(), |x| Rational::from(x.clone())))
            }
        })
    }

    fn enclosed(&self, places: Places) -> Vec<SpecTensor<Precise>> {
        self.eval(&places, |x| Precise::of_dyadic(places, x))
    }

    /// What the intervals around an element say, the finer ones where the others say nothing.
    fn ladder(
        &self,
        coarse: &Precise,
        (value, at): (usize, usize),
        judge: impl Fn(&Precise) -> Judgement,
    ) -> Judgement {
        match judge(coarse) {
            Judgement::Undecided => {
                let finer = self.finer.get_or_init(|| self.enclosed(PLACES[1]));
                judge(&finer[value].data[at])
            }
            decided @ (Judgement::NoClaim
            | Judgement::Undefined
            | Judgement::Holds(_)
            | Judgement::Violated(_)) => decided,
        }
    }

    /// The element in f64 intervals, where they are narrow enough to be asked.
    fn near(&self, value: usize, at: usize) -> Option<Enclosure> {
        let format = self.graph.type_at(value).dtype.format()?;
        if format.precision > Format::F32.precision {
            return None;
        }
        let near = self.near.get_or_init(|| self.eval(&(), Dyadic::enclose));
        Some(near[value].data[at])
    }

    /// |x̂ − x| ≤ ε as f64 intervals tell, with the share of ε to a thousandth.
    fn nearly(&self, value: usize, at: usize, computed: f64, eps: Up) -> Option<Judgement> {
        let distance = self.near(value, at)?.distance(computed);
        let (lo, hi) = (distance.lo(), distance.hi());
        let known = computed.is_finite() && hi <= eps.get() && (hi - lo) * 1024.0 <= eps.get();
        known.then(|| Judgement::Holds(share(lo, eps.get())))
    }

    /// |x̂ − x| ≤ ε?
    pub fn error(&self, value: usize, at: usize, computed: f64, eps: Up) -> Judgement {
        if !eps.is_finite() {
            return Judgement::NoClaim;
        }
        if let Some(judged) = self.nearly(value, at, computed, eps) {
            return judged;
        }
        match self.exact() {
            Exact::Rational(all) => match &all[value].data[at] {
                x if x.is_known() => exactly(x, computed, eps),
                _ => undefined(computed, eps),
            },
            Exact::Enclosed(all) => {
                let judge = |x: &Precise| enclosed(x, computed, eps);
                self.ladder(&all[value].data[at], (value, at), judge)
            }
        }
    }

    /// What is not in the range that an execution and its specification are said to lie in, as
    /// far as f64 intervals tell of the latter.
    pub fn outside(&self, value: usize, at: usize, c: f64, range: Enclosure) -> Option<String> {
        let apart = |x: Enclosure| x.hi() < range.lo() || x.lo() > range.hi();
        if range == Enclosure::ENTIRE {
            return None;
        }
        let computed = c.is_finite() && apart(Enclosure::point(c));
        (computed || self.near(value, at).is_some_and(apart))
            .then(|| format!("computed {c:e}, said to lie in {range:?}"))
    }

    /// max(|x|, |x̂|) ≤ B?
    pub fn scale(&self, value: usize, at: usize, computed: f64, scale: Up) -> Judgement {
        if !scale.is_finite() {
            return Judgement::NoClaim;
        }
        if let Some(near) = self.near(value, at).map(|x| x.abs()) {
            let (lo, hi) = (near.lo(), near.hi());
            let narrow = (hi - lo) * 1024.0 <= scale.get();
            if narrow && hi <= scale.get() && computed.abs() <= scale.get() {
                let largest = if computed.abs() > lo {
                    computed.abs()
                } else {
                    lo
                };
                return Judgement::Holds(share(largest, scale.get()));
            }
        }
        match self.exact() {
            Exact::Rational(all) => {
                let x = all[value].data[at].abs();
                match x.compare(&float(scale.get())) {
                    None => undefined(computed, scale),
                    Some(order) => scaled(x.enclose().lo(), Some(order), computed, scale),
                }
            }
            Exact::Enclosed(all) => {
                let judge = |x: &Precise| {
                    if x.endpoints().is_none() {
                        return undefined(computed, scale);
                    }
                    let near = x.enclose().abs();
                    let order = if near.hi() <= scale.get() {
                        Some(Ordering::Less)
                    } else if near.lo() > scale.get() {
                        Some(Ordering::Greater)
                    } else {
                        None
                    };
                    scaled(near.lo(), order, computed, scale)
                };
                self.ladder(&all[value].data[at], (value, at), judge)
            }
        }
    }
}

/// |x̂ − x| ≤ ε of an x in an interval.
fn enclosed(x: &Precise, computed: f64, eps: Up) -> Judgement {
    if x.endpoints().is_none() {
        return undefined(computed, eps);
    }
    let distance = x.distance(computed);
    if !computed.is_finite() || distance.lo() > eps.get() {
        let x = x.enclose();
        return Judgement::Violated(format!(
            "computed {computed:e}, spec in [{:e}, {:e}]: off by {:e}, eps {:e}",
            x.lo(),
            x.hi(),
            distance.lo(),
            eps.get()
        ));
    }
    if distance.hi() > eps.get() {
        return Judgement::Undecided;
    }
    Judgement::Holds(share(distance.lo(), eps.get()))
}

/// |x|, |x̂| ≤ B where |x| is at least `least` and stands to B in this order, if one is known.
fn scaled(least: f64, order: Option<Ordering>, computed: f64, scale: Up) -> Judgement {
    let runtime = if computed.is_nan() {
        f64::INFINITY
    } else {
        computed.abs()
    };
    if order == Some(Ordering::Greater) || runtime > scale.get() {
        return Judgement::Violated(format!(
            "computed {computed:e}, |spec| at least {least:e}, scale {:e}",
            scale.get()
        ));
    }
    if order.is_none() {
        return Judgement::Undecided;
    }
    let largest = if runtime > least { runtime } else { least };
    Judgement::Holds(share(largest, scale.get()))
}

/// A finite bound where the specification is undefined claims something of nothing.
fn undefined(computed: f64, bound: Up) -> Judgement {
    if computed.is_finite() {
        return Judgement::Undefined;
    }
    Judgement::Violated(format!(
        "computed {computed:e}, spec undefined, bound {:e}",
        bound.get()
    ))
}

/// The value of a float that is not NaN; unknown at the infinities.
fn float(x: f64) -> Rational {
    Rational::from_f64(&(), x)
}

fn exactly(x: &Rational, computed: f64, eps: Up) -> Judgement {
    let violated = |error: f64| {
        Judgement::Violated(format!(
            "computed {computed:e}, spec in [{:e}, {:e}]: off by {error:e}, eps {:e}",
            x.enclose().lo(),
            x.enclose().hi(),
            eps.get()
        ))
    };
    if !computed.is_finite() {
        return violated(f64::INFINITY);
    }
    let error = x.sub(&float(computed)).abs();
    let near = error.enclose();
    match error.compare(&float(eps.get())) {
        Some(Ordering::Less | Ordering::Equal) => Judgement::Holds(share(near.lo(), eps.get())),
        Some(Ordering::Greater) => violated(near.hi()),
        None => Judgement::Undecided, // a difference too long to be held
    }
}

fn share(quantity: f64, bound: f64) -> f64 {
    if quantity == 0.0 {
        0.0
    } else {
        quantity / bound
    }
}
