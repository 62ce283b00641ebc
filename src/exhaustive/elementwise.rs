//! One operation, element by element, on every tuple of values of a format.
//!
//! # What is compared
//! c runs over all tuples of values. Around each, every operand has an error of at most
//! ε = k ulp (k = 0: it is exact): the specification takes x at c and at both ends of
//! c ± ε, every combination of them; an execution takes every tuple of values x̂ of the format
//! with |x̂ − x| ≤ ε, and each result that `admissible` lists for it. The
//! bound that the rule gives at c, for one element at a time, has to cover all of them.

use super::admissible::{self, Extremes, Results, flush};
use super::check::{About, Check};
use super::judge::{self, Judged};
use super::operations::{Freedom, Operation, Subject};
use super::patterns::{hex, patterns};
use super::tally::{BEYOND, Case, Tally, ratio};
use super::tuples::{Tuple, Tuples};
use crate::bound::{Approx, Bound};
use crate::config::{Config, Subnormals};
use crate::error::{Error, Result};
use crate::interpret::{bounds, runtime, scales, spec};
use crate::number::{Enclosure, Up};
use crate::op::Scaled;
use crate::tensor::{DType, Shape, SpecTensor, Tensor};
use crate::verdict::Outcome;
use std::sync::OnceLock;

/// Tuples in a block.
const BLOCK: u64 = 4096;

/// One operation in one format under one configuration.
pub struct Elementwise {
    operation: Operation,
    dtype: DType,
    /// The operands' errors, in ulp of each.
    ulps: u32,
    config: Config,
    /// What the executions are admitted by: the same, but where a test plants another table.
    admitted: Config,
    /// The argument whose gradient is checked; else the value is.
    argument: Option<usize>,
    /// What the bound is multiplied with before it is compared: 1 but where a test plants an
    /// unsound one.
    share: f64,
    prepared: OnceLock<Result<Prepared>>,
}

/// What all blocks use.
struct Prepared {
    tuples: Tuples,
    /// Over one element, for the bounds.
    single: Subject,
    /// Over a block, for the specification.
    block: Subject,
    /// The admissible results at every tuple.
    results: Vec<Results>,
}

/// What a rule claims at one tuple.
struct Claim {
    eps: Up,
    scale: Up,
}

impl Elementwise {
    /// The operation's value, or with an argument the gradient of it, with operands that are
    /// off by a number of ulp.
    pub fn new(
        operation: Operation,
        dtype: DType,
        ulps: u32,
        config: Config,
        argument: Option<usize>,
    ) -> Elementwise {
        Elementwise {
            operation,
            dtype,
            ulps,
            config,
            admitted: config,
            argument,
            share: 1.0,
            prepared: OnceLock::new(),
        }
    }

    fn inputs(&self) -> usize {
        self.operation.arity + usize::from(self.argument.is_some())
    }

    /// How many tuples there are.
    fn count(&self) -> u64 {
        let count = patterns(self.dtype).map_or(0, |p| p.count);
        (0..self.inputs()).fold(1, |all, _| all * count)
    }

    fn subject(&self, n: usize) -> Result<Subject> {
        match self.argument {
            None => self.operation.forward(self.dtype, n),
            Some(argument) => self
                .operation
                .backward(self.dtype, n, argument)?
                .ok_or_else(|| Error::new(format!("{} has no gradient", self.operation.name))),
        }
    }

    fn prepared(&self) -> Result<&Prepared> {
        let prepared = self.prepared.get_or_init(|| self.prepare());
        prepared.as_ref().map_err(Clone::clone)
    }

    fn prepare(&self) -> Result<Prepared> {
        let tuples = Tuples::new(self.dtype, self.inputs(), self.ulps)?;
        Ok(Prepared {
            single: self.subject(1)?,
            block: self.subject(self.width())?,
            results: self.results(&tuples)?,
            tuples,
        })
    }

    fn width(&self) -> usize {
        let count = self.count();
        (if count < BLOCK { count } else { BLOCK }) as usize
    }

    /// The admissible results at every tuple of patterns.
    fn results(&self, all: &Tuples) -> Result<Vec<Results>> {
        let tuples: Vec<Tuple> = (0..all.count()).map(|n| all.get(n)).collect();
        let column = |k: usize| tuples.iter().map(|t| t[k]).collect::<Vec<f64>>();
        let columns: Vec<Vec<f64>> = (0..self.inputs()).map(column).collect();
        let subject = self.subject(tuples.len())?;
        let mut results = admissible::runs(&subject, &self.admitted, self.dtype, &columns)?;
        let out = subject.graph.ty(subject.output).dtype.format();
        let extremes = Extremes::new(&self.operation, &self.admitted, all.patterns, self.dtype);
        if let (Some(extremes), None) = (extremes, self.argument) {
            for (tuple, results) in tuples.iter().zip(&mut results) {
                extremes.add(tuple, results)?;
            }
        }
        if let (Subnormals::Flush, None, Some(out)) = (self.admitted.subnormals, self.argument, out)
        {
            flush_operands(&mut results, &tuples, all);
            results.iter_mut().for_each(|r| flush(r, out));
        }
        Ok(results)
    }

    /// What the rules say of the result at one tuple.
    fn claim(&self, p: &Prepared, tuple: &Tuple) -> Result<Claim> {
        let one = |&x: &f64| Tensor::from_f64s(Shape::from([1]), self.dtype, &[x]);
        let inputs: Vec<Tensor> = tuple.iter().map(one).collect::<Result<_>>()?;
        let eps = |x: &f64| p.tuples.eps(*x);
        let given: Vec<Approx> = tuple
            .iter()
            .map(|x| match eps(x) {
                Up::ZERO => Approx::exact(),
                eps => Approx::within(Bound::Tensor(eps)),
            })
            .collect();
        let size = |x: &f64| Scaled::new(Bound::uniform(Up::magnitude(*x) + eps(x) + eps(x)));
        let sizes: Vec<Scaled> = tuple.iter().map(size).collect();
        let graph = &p.single.graph;
        let run = runtime::eval(graph, &self.config, &inputs)?;
        let approx = bounds::eval(graph, &self.config, &run, &given);
        let out = p.single.output.index();
        let known = scales::Known {
            run: &run,
            approx: &approx,
        };
        let eps = approx[out].eps.at(0);
        // Without a claim about the error, the scale that the operands' scales imply remains.
        let known = eps.is_finite().then_some(known);
        let scale = scales::eval(graph, &self.config, &sizes, known)[out]
            .scale
            .at(0);
        Ok(Claim {
            eps: if self.share < 1.0 {
                Up::new(self.share) * eps
            } else {
                eps
            },
            scale,
        })
    }

    fn case(&self, tuple: &Tuple, reals: &Tuple, y: f64, judged: &Judged, bound: Up) -> Case {
        let end = |x: f64| {
            if x.abs() < BEYOND {
                x
            } else {
                BEYOND.copysign(x)
            }
        };
        let bound = end(bound.get());
        Case {
            inputs: tuple.iter().map(|&x| hex(self.dtype, x)).collect(),
            reals: if self.ulps == 0 {
                Vec::new()
            } else {
                reals.to_vec()
            },
            result: if y.is_finite() { y } else { BEYOND },
            spec: [end(judged.spec.lo()), end(judged.spec.hi())],
            quantity: end(judged.quantity.lo()),
            bound,
            ratio: ratio(judged.quantity.lo(), bound),
        }
    }
}

/// Adds the results of tuples in which some subnormal operands are zeros.
fn flush_operands(results: &mut [Results], tuples: &[Tuple], all: &Tuples) {
    let subnormal = |x: f64| x != 0.0 && x.abs() < all.format.lambda().get();
    let count = all.patterns.count;
    for (n, tuple) in tuples.iter().enumerate() {
        // Zeroing the operands one after the other reaches every subset of them.
        let mut place = 1;
        for &x in tuple.iter().rev() {
            if subnormal(x) {
                // Pattern 0 is zero; tuples of smaller patterns are finished.
                let digit = (n as u64 / place) % count;
                let zeroed = results[n - (digit * place) as usize].clone();
                let own = &mut results[n];
                own.extend(
                    zeroed
                        .into_iter()
                        .filter(|y| !own.contains(y))
                        .collect::<Results>(),
                );
            }
            place *= count;
        }
    }
}

/// A block under way.
struct Walk<'a> {
    check: &'a Elementwise,
    p: &'a Prepared,
    error: Tally,
    scale: Tally,
}

impl Walk<'_> {
    /// Compares everything at one tuple and one corner with the claims there.
    fn compare(&mut self, n: u64, tuple: &Tuple, corner: &Tuple, z: Enclosure, claim: &Claim) {
        let reals = self.p.tuples.moved(tuple, corner);
        let refine = |quantity: &dyn Fn(judge::Element) -> Enclosure, y: f64, bound: Up| {
            judge::climb(&self.p.single, &reals, y, bound, quantity)
        };
        let parts = [(claim.eps, true), (claim.scale, false)];
        for e in self.p.tuples.executions(n, tuple, &reals) {
            for &y in &self.p.results[e as usize] {
                for (bound, is_error) in parts {
                    if !bound.is_finite() {
                        continue;
                    }
                    let tally = if is_error {
                        &mut self.error
                    } else {
                        &mut self.scale
                    };
                    let quantity = |e: judge::Element| if is_error { e.error } else { e.magnitude };
                    let mut judged = judge::at_once(z, y, bound, &quantity);
                    if judged.outcome == Outcome::Undecided {
                        tally.refined += 1;
                        judged = refine(&quantity, y, bound);
                    }
                    let share = ratio(judged.quantity.lo(), bound.get());
                    tally.decided(judged.outcome, share, || {
                        self.check.case(tuple, &reals, y, &judged, bound)
                    });
                }
            }
        }
    }

    /// An infinity or a NaN stands for no real: nothing may be claimed of what depends on it.
    fn refuse(&mut self, tuple: &Tuple, claim: &Claim) {
        let z = self.check.at(self.p, tuple);
        if self.check.argument.is_some() && z.magnitude().is_finite() {
            return; // the gradient of a linear operation does not depend on its argument
        }
        for (bound, tally) in [(claim.eps, &mut self.error), (claim.scale, &mut self.scale)] {
            if bound.is_finite() {
                let judged = Judged::beyond(Enclosure::ENTIRE);
                tally.decided(Outcome::Violated, BEYOND, || {
                    self.check.case(tuple, tuple, BEYOND, &judged, bound)
                });
            }
        }
    }
}

impl Check for Elementwise {
    fn about(&self) -> About {
        let operands = match self.ulps {
            0 => "exact operands".to_string(),
            k => format!("operands within {k} ulp"),
        };
        let exact = self.operation.freedom == Freedom::None && self.argument.is_none();
        let libm = if exact {
            String::new()
        } else {
            format!(", libm {}", self.config.libm)
        };
        let of = self
            .argument
            .map_or(String::new(), |k| format!(", gradient of argument {k}"));
        About {
            op: self.operation.name.clone(),
            format: self.dtype.to_string(),
            config: format!("{operands}{of}{libm}, {}", self.config.subnormals),
            obligations: match self.argument {
                None => vec!["sound", "fwd_scale_sound"],
                Some(_) => vec!["vjp_sound", "vjp_scale_sound"],
            },
        }
    }

    fn blocks(&self) -> u64 {
        self.count() / self.width() as u64
    }

    fn block(&self, index: u64) -> Result<Vec<Tally>> {
        let p = self.prepared()?;
        let width = self.width() as u64;
        let numbers = index * width..(index + 1) * width;
        let tuples: Vec<Tuple> = numbers.clone().map(|n| p.tuples.get(n)).collect();
        let claims: Vec<Claim> = tuples
            .iter()
            .map(|t| self.claim(p, t))
            .collect::<Result<_>>()?;
        let mut walk = Walk {
            check: self,
            p,
            error: Tally {
                inputs: width,
                ..Tally::default()
            },
            scale: Tally {
                inputs: width,
                ..Tally::default()
            },
        };
        for (tuple, claim) in tuples.iter().zip(&claims) {
            walk.error.without_claim += u64::from(!claim.eps.is_finite());
            walk.scale.without_claim += u64::from(!claim.scale.is_finite());
            if tuple.iter().any(|x| !x.is_finite()) {
                walk.refuse(tuple, claim);
            }
        }
        for corner in p.tuples.corners() {
            let spec = self.specification(p, &tuples, &corner);
            for (i, n) in numbers.clone().enumerate() {
                if tuples[i].iter().all(|x| x.is_finite()) {
                    walk.compare(n, &tuples[i], &corner, spec[i], &claims[i]);
                }
            }
        }
        Ok(vec![walk.error, walk.scale])
    }
}

impl Elementwise {
    /// The specification's value at one tuple; infinities and NaN are any real.
    fn at(&self, p: &Prepared, tuple: &Tuple) -> Enclosure {
        let one = |&x: &f64| SpecTensor::new(Shape::from([1]), vec![Enclosure::point(x)]);
        let inputs: Vec<SpecTensor<Enclosure>> = tuple.iter().map(one).collect();
        let values = spec::eval(&p.single.graph, &(), &inputs, None);
        values[p.single.output.index()].data[0]
    }

    /// The specification's values at a corner of every tuple's box.
    fn specification(&self, p: &Prepared, tuples: &[Tuple], corner: &Tuple) -> Vec<Enclosure> {
        let shape = Shape::from([tuples.len()]);
        let operand = |k: usize| {
            let at = |t: &Tuple| Enclosure::point(p.tuples.moved(t, corner)[k]);
            SpecTensor::new(shape.clone(), tuples.iter().map(at).collect::<Vec<_>>())
        };
        let inputs: Vec<SpecTensor<Enclosure>> = (0..self.inputs()).map(operand).collect();
        let values = spec::eval(&p.block.graph, &(), &inputs, None);
        values[p.block.output.index()].data.to_vec()
    }
}

#[cfg(test)]
mod tests;
