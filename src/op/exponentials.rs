//! What softmax and log-sum-exp share: e = exp x, d = Σe over some axes, and how far the
//! computed d can be from Σ exp x̂ of the same execution's x̂.
//!
//! # Statement
//! Let x̂ be an admissible argument, D = Σ exp x̂ⱼ over a row, d̂ the computed sum of the
//! computed exponentials. Then L·D ≤ d̂ ≤ (1 + r)·D.
//! # Derivation
//! êⱼ = exp(x̂ⱼ)·(1 + θⱼ) + αⱼ with |θⱼ| ≤ θ (the table's error in the normal range) and |αⱼ| ≤ α
//! (its error below, and a flush). So |Σê − D| ≤ t·D with t = θ + nα/D. The sum's tree adds
//! g·Σê and, in absolute terms, its underflow (`nest`): r = t + g'·max(1 + t, 1/D). With
//! tight enclosures the same sums over the elements' own error bounds are sharper.
//! L = 1 − r; and since every ê is at least 0 and rounding is monotone, a sum is never less
//! than its largest term, whatever the tree: d̂ ≥ max ê ≥ (1 − θ)·D/n − α.
//! # The shift
//! Where x = z − shift for the free maximum of the same execution's ẑ (`FreeMax`), some
//! x̂ⱼ is 0 and none is positive, up to ρ: an execution may take zⱼ − shift in one tree, without
//! storing zⱼ, while the shift was stored. Both trees have the same leaves, but for products
//! that are rounded in one and contracted in the other: ρ is twice the roundings of the nest
//! and those of its leaves, and 0 where schedule, contraction and subnormals are fixed. So
//! x̂ⱼ ≤ ρⱼ, and D ≥ e^−ρⱼ for the largest ρⱼ of those that may be the maximum (x̂ⱼ ≥ −ρⱼ is
//! possible, which excludes padding far below), however large ε is.
//! # Assumes
//! A5, with which the computed exponential is never negative; A1; A2 (else A2'); A3.

use super::nest::Nest;
use super::reduction::Axes;
use super::rule::{RuleCx, float};
use crate::bound::{Bound, Operand};
use crate::config::Subnormals;
use crate::error::{Error, Result};
use crate::libm::Function;
use crate::number::{Down, Enclosure, Format, SpecNumber, Up};
use crate::tensor::Shape;
use crate::tensor::{DType, SpecTensor, Ty};

/// One row of exponentials that are added up.
pub(crate) struct Row {
    /// What the exponents are taken relative to, so that no exponential overflows f64.
    pub origin: f64,
    /// Σ exp(lo − origin) over the arguments' enclosures.
    pub low: Enclosure,
    /// Σ exp(hi − origin).
    pub high: Enclosure,
    /// An upper bound on every execution's D.
    pub most: Up,
    /// Number of elements.
    pub count: usize,
    /// The largest ε among the arguments.
    pub largest: Up,
    /// A lower bound on every execution's largest exponential.
    pub top: Down,
    /// θ.
    pub relative: Up,
    /// α.
    pub absolute: Up,
    /// L: every execution's d̂ is at least L·Σ exp x̂.
    pub shrunk: Down,
    /// r: every execution's d̂ is at most (1 + r)·Σ exp x̂.
    pub grown: Up,
    /// False where some execution may overflow, or nothing is known of an argument.
    pub defined: bool,
    /// True where it is not decided which elements take part.
    pub open: bool,
}

/// The arguments of the primitives that add up exponentials: x; then z, where x = z − the
/// free maximum of z; then which elements take part.
pub(crate) struct Exponents<'a> {
    pub x: &'a Operand<'a>,
    pub z: Option<&'a Operand<'a>>,
    pub kept: Option<&'a Operand<'a>>,
}

/// x, and the optional arguments' types: z like x, `kept` boolean of x's shape.
pub(crate) fn infer<'a>(args: &[&'a Ty]) -> Result<&'a Ty> {
    let (x, rest) = match args {
        [x] => (*x, None),
        [x, z] => (*x, Some((*z, None))),
        [x, z, kept] => (*x, Some((*z, Some(*kept)))),
        _ => {
            return Err(Error::new(format!(
                "takes 1 to 3 arguments, not {}",
                args.len()
            )));
        }
    };
    float(x)?;
    if let Some((z, kept)) = rest {
        if z != x {
            return Err(Error::new(format!("{x} is not {z} less a shift")));
        }
        if kept.is_some_and(|k| k.dtype != DType::Bool || k.shape != x.shape) {
            return Err(Error::new(format!(
                "a mask that is no boolean tensor like {x}"
            )));
        }
    }
    Ok(x)
}

/// For each element whether it takes part: exactly 1 or 0, else `None`.
pub(crate) fn takes_part<N: SpecNumber>(kept: Option<&SpecTensor<N>>, i: usize) -> Option<bool> {
    match kept {
        None => Some(true),
        Some(kept) => kept.data[i].as_integer().map(|k| k != 0),
    }
}

impl<'a> Exponents<'a> {
    pub fn new(args: &'a [Operand<'a>]) -> Exponents<'a> {
        Exponents {
            x: &args[0],
            z: args.get(1),
            kept: args.get(2),
        }
    }

    /// True where element i takes part.
    pub fn keeps(&self, i: usize) -> bool {
        self.kept.is_none_or(|kept| kept.c(i) != 0.0)
    }

    /// True where it is not decided which elements take part.
    fn is_open(&self, i: usize) -> bool {
        self.kept.is_some_and(|kept| kept.eps(i) != Up::ZERO)
    }

    /// The rows over some axes, in the order of the reduced elements.
    pub fn rows(&self, cx: &RuleCx, format: Format, axes: &Axes) -> (Vec<usize>, Vec<Row>) {
        let targets = axes.targets(self.x.shape());
        let count = axes.count(self.x.shape());
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); self.x.len() / count.max(1)];
        let mut open = vec![false; members.len()];
        for (i, &target) in targets.iter().enumerate() {
            if self.keeps(i) {
                members[target].push(i);
            }
            open[target] |= self.is_open(i);
        }
        let unit = unit_sum(cx, count);
        let slack = self.z.map(|_| self.slack(cx, format));
        let row = |(row, open): (&Vec<usize>, &bool)| {
            let mut row = self.row(cx, format, row, unit, slack.as_ref());
            row.open = *open;
            row.defined &= !open;
            row
        };
        let rows = members.iter().zip(&open).map(row).collect();
        (targets, rows)
    }

    /// ρ per element: how far the shifted maximum of an execution may be from 0.
    fn slack(&self, cx: &RuleCx, format: Format) -> Bound {
        if cx.config.is_fixed() {
            return Bound::Zero; // both are the same bits
        }
        let ty = self.x.value.ty();
        let cx = &RuleCx { ty: &ty, ..*cx };
        // A product that is rounded here and contracted there may be z itself.
        let product = |i: usize| self.z.map_or(Up::ZERO, |z| z.magnitude(i));
        let once = Nest::of(cx, self.x).recomputed(cx, format, product);
        once.zip(&once, self.x.len(), |a, b| a + b)
    }

    fn row(
        &self,
        cx: &RuleCx,
        format: Format,
        members: &[usize],
        unit: Up,
        slack: Option<&Bound>,
    ) -> Row {
        let x = self.x;
        let libm = cx.config.libm;
        let known = members
            .iter()
            .all(|&i| x.eps(i).is_finite() && x.c(i).is_finite());
        let origin = members
            .iter()
            .map(|&i| x.c(i))
            .fold(f64::NEG_INFINITY, larger);
        let rho = |i: usize| slack.map_or(Up::INFINITY, |rho| rho.at(i));
        let may_be_largest = |i: usize| x.enclosure(i).hi() >= negated(rho(i).get());
        let slack = slack.map(|_| {
            let candidates = members.iter().filter(|&&i| may_be_largest(i));
            candidates.map(|&i| rho(i)).fold(Up::ZERO, Up::max)
        });
        let zero = Enclosure::point(0.0);
        let (mut low, mut high, mut sup) = (zero, zero, zero);
        let (mut floor, mut own, mut largest) = (f64::NEG_INFINITY, Up::ZERO, Up::ZERO);
        for &i in members {
            let e = x.enclosure(i);
            low = low.add(&relative(e.lo(), origin));
            high = high.add(&relative(e.hi(), origin));
            let ceiling = rho(i).get();
            let most = if e.hi() < ceiling { e.hi() } else { ceiling };
            sup = sup.add(&Enclosure::point(most).exp());
            own += libm.error(
                Function::Exp,
                format,
                Enclosure::point(most).exp().magnitude(),
            );
            floor = larger(floor, e.lo());
            largest = largest.max(x.eps(i));
        }
        let floor = larger(
            floor,
            slack.map_or(f64::NEG_INFINITY, |rho| negated(rho.get())),
        );
        let top = Down::new(Enclosure::point(floor).exp().lo());
        let mut row = Row {
            origin,
            low,
            high,
            most: sup.magnitude(),
            count: members.len(),
            largest,
            top,
            relative: libm.error(Function::Exp, format, Up::new(2.0_f64.next_down())),
            absolute: lost(cx, format),
            shrunk: Down::new(0.0),
            grown: Up::INFINITY,
            defined: known && !members.is_empty(),
            open: false,
        };
        row.bound_sum(format, unit, own);
        let total = sup.magnitude() * (Up::ONE + row.grown);
        let limit = cx.config.accumulator(format).overflow_threshold();
        row.defined &= total.get() < limit && total.get() < format.overflow_threshold();
        row
    }
}

impl Row {
    /// L and r, from the sum's own relative error and the exponentials' errors added up.
    fn bound_sum(&mut self, format: Format, unit: Up, own: Up) {
        let n = Up::count(self.count);
        let least = self.least();
        let flushed = if self.absolute > format.lambda() {
            self.absolute
        } else {
            Up::ZERO
        };
        let each = self.relative + n * self.absolute / least;
        let sums = (own + n * flushed) / least;
        let terms = each.min(sums);
        let reach = (Up::ONE + terms).max(Up::ONE / least);
        self.grown = terms + unit * reach;
        let down = Down::new(1.0) - self.grown;
        // d̂ ≥ max ê ≥ (1 − θ)·top − α, and the largest of n terms is a part 1/n of D.
        let largest = Down::new(1.0) - (self.relative + self.absolute / self.top);
        let part = Down::new((Enclosure::point(largest.get()).div(&count(self.count))).lo());
        self.shrunk = if down > part { down } else { part };
    }

    /// A lower bound on every execution's D.
    pub fn least(&self) -> Down {
        let exact = self.low.mul(&Enclosure::point(self.origin).exp()).lo();
        if exact > self.top.get() {
            Down::new(exact)
        } else {
            self.top
        }
    }

    /// A bound on |ln d̂ − ln D|.
    pub fn log_error(&self) -> Up {
        if self.shrunk.get() <= 0.0 {
            return Up::INFINITY;
        }
        // −ln(1 − r) ≤ r/(1 − r), and ln(1 + r) ≤ r.
        let below = Enclosure::point(self.shrunk.get()).log().magnitude();
        let sharper = self.grown / (Down::new(1.0) - self.grown);
        below.min(sharper).max(self.grown)
    }

    /// Where ln D of every execution lies: the image of the enclosures' box, within what the
    /// shift leaves.
    pub fn log_sum(&self) -> Enclosure {
        let origin = Enclosure::point(self.origin);
        let of = |sum: &Enclosure| sum.log().add(&origin);
        let least = Enclosure::point(self.least().get()).log().lo();
        let most = Enclosure::point(self.most.get()).log().hi();
        let (lo, hi) = (of(&self.low).lo(), of(&self.high).hi());
        Enclosure::new(larger(lo, least), if most < hi { most } else { hi })
    }

    /// An enclosure of exp(x)/D over the box, for one element's enclosure.
    pub fn weight(&self, x: Enclosure) -> Enclosure {
        let (lo, hi) = (relative(x.lo(), self.origin), relative(x.hi(), self.origin));
        let one = Enclosure::point(1.0);
        let share = |own: &Enclosure, others: Enclosure| {
            let others = others.max(&Enclosure::point(0.0));
            own.div(&own.add(&others))
        };
        let most = share(&hi, self.low.sub(&lo)).min(&one).hi();
        let least = share(&lo, self.high.sub(&hi))
            .max(&Enclosure::point(0.0))
            .lo();
        let within = |x: f64, other: f64| if x.is_finite() { x } else { other };
        let (least, most) = (within(least, 0.0), within(most, 1.0));
        Enclosure::new(if least < most { least } else { most }, most)
    }
}

fn negated(x: f64) -> f64 {
    Enclosure::point(x).neg().lo()
}

fn larger(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

fn count(n: usize) -> Enclosure {
    Enclosure::from_i64(&(), n as i64)
}

/// exp(x − origin); the whole line where x is infinite.
fn relative(x: f64, origin: f64) -> Enclosure {
    Enclosure::point(x).sub(&Enclosure::point(origin)).exp()
}

/// α: the error of an exponential below the normal range.
fn lost(cx: &RuleCx, format: Format) -> Up {
    let error = cx.config.libm.error(Function::Exp, format, format.lambda());
    match cx.config.subnormals {
        Subnormals::Gradual => error,
        Subnormals::Flush => error + format.lambda(),
    }
}

/// The error of a sum of n non-negative terms, relative to max(Σ, 1).
fn unit_sum(cx: &RuleCx, n: usize) -> Up {
    let terms = Nest::leaf(Bound::Tensor(Up::ONE), Bound::Zero);
    terms
        .collected(&vec![0; n], &Shape::from(vec![1]), n)
        .relative_error(cx)
}
