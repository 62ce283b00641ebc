//! How large the roundings of one node are.

use crate::bound::{Approx, Bound, Operand};
use crate::config::{Accumulate, Config};
use crate::graph::Graph;
use crate::interpret::bounds;
use crate::number::{Format, Up};
use crate::op::{Op, Primitive, RuleCx};
use crate::tensor::{DType, Tensor, Ty};
use smallvec::SmallVec;
use std::sync::Arc;

/// P2's factor: the mean square of a sum's partial sums is at most so many times that of a random
/// order.
pub const SPREAD: f64 = 2.0;

/// What a value is moved by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Noise {
    /// Where it is made, per element.
    pub own: Option<Arc<[f64]>>,
    /// At every use besides, where each use may have a copy of its own.
    pub of_copies: Option<Arc<[f64]>>,
}

impl Noise {
    /// Where a value is made.
    pub fn of(own: Vec<f64>) -> Noise {
        Noise {
            own: own.iter().any(|b| *b != 0.0).then(|| own.into()),
            of_copies: None,
        }
    }

    /// True where nothing moves.
    pub fn is_none(&self) -> bool {
        self.own.is_none() && self.of_copies.is_none()
    }
}

/// The terms that a value is the sum of, if it is computed as one sum.
#[derive(Clone)]
struct Terms {
    /// How many, per element.
    count: Tensor,
    /// The sum of their squares.
    squares: Tensor,
    /// True where some are products.
    products: bool,
}

/// The roundings of every node of a run, at exact arguments.
///
/// # Statement
/// Given all that was computed before, a node's rounding has a mean square below b², and is below b
/// where it is a single rounding.
/// # Formula
/// For a sum of n terms with Σt² = Q that makes c, in an accumulator of unit roundoff u:
/// b² = (½ulp c)² + SPREAD·u²·(n − 2)·(Q/6 + c²/3) + u²Q (where terms are products) + (nη)²; for all
/// else, and where it is less, what the rules say of exact arguments.
/// # Derivation
/// The sum of m terms out of n, drawn without replacement, has a mean of cm/n and a variance of
/// (m/n)(1 − m/n)·n/(n − 1)·(Q − c²/n). Over m = 2 … n − 1 mean squares add up to at most
/// (n − 2)(Q/6 + c²/3) and what P2's factor covers; each partial sum loses u times its own size. The
/// last addition makes c itself.
pub(super) fn of(graph: &Graph, config: &Config, run: &[Tensor]) -> Vec<Noise> {
    let mut terms: Vec<Option<Terms>> = vec![None; graph.len()];
    let mut all: Vec<Noise> = Vec::with_capacity(graph.len());
    let mut uses = vec![0_usize; graph.len()];
    let args = graph.nodes().iter().flat_map(|n| n.args());
    args.for_each(|a| uses[a.index()] += 1);
    let mut ahead = uses.clone();
    for (k, node) in graph.nodes().iter().enumerate() {
        let site = Site {
            graph,
            config,
            run,
            k,
        };
        terms[k] = site.terms(&terms);
        let own = site.own(terms[k].as_ref());
        let copies = site.copies(&all, own.as_deref());
        all.push(Noise {
            own,
            of_copies: copies,
        });
        // What nothing uses from here on is let go; what one operation uses has no second copy.
        for a in node.args() {
            let a = a.index();
            ahead[a] -= 1;
            if ahead[a] == 0 {
                terms[a] = None;
            }
        }
    }
    for (noise, uses) in all.iter_mut().zip(uses) {
        if uses < 2 {
            noise.of_copies = None;
        }
    }
    all
}

/// A node of a run.
struct Site<'a> {
    graph: &'a Graph,
    config: &'a Config,
    run: &'a [Tensor],
    k: usize,
}

impl Site<'_> {
    fn op(&self) -> &Op {
        self.graph.nodes()[self.k].op()
    }

    fn args(&self) -> impl Iterator<Item = usize> {
        self.graph.nodes()[self.k].args().iter().map(|a| a.index())
    }

    fn cx(&self) -> RuleCx<'_> {
        RuleCx {
            config: self.config,
            ty: self.graph.type_at(self.k),
        }
    }

    fn own(&self, terms: Option<&Terms>) -> Option<Arc<[f64]>> {
        let format = self.cx().format()?;
        if matches!(self.op(), Op::Input | Op::Constant(_)) || is_one_of_its_arguments(self.op()) {
            return None;
        }
        let rule = self.by_rule();
        let own: Arc<[f64]> = match terms.filter(|_| adds(self.op())) {
            Some(terms) => (0..rule.len())
                .map(|i| less(self.of_sum(format, terms, i), rule[i]))
                .collect(),
            None => rule.into(),
        };
        own.iter().any(|b| *b != 0.0).then_some(own)
    }

    /// What the rules say of exact arguments.
    fn by_rule(&self) -> Vec<f64> {
        let exact = Approx::within(Bound::Zero);
        let operands: SmallVec<[Operand; 3]> = (self.args())
            .map(|a| Operand {
                value: &self.run[a],
                approx: &exact,
            })
            .collect();
        let out = &self.run[self.k];
        let eps = bounds::local(self.op(), &self.cx(), &operands, out).eps;
        eps.to_vec(out.len()).iter().map(|e| e.get()).collect()
    }

    fn of_sum(&self, format: Format, terms: &Terms, i: usize) -> f64 {
        let accumulator = self.config.accumulator(format);
        let c = self.run[self.k].get(i);
        let (n, squares) = (terms.count.get(i), terms.squares.get(i));
        let unit = accumulator.unit().get();
        // A mean is a part of its sum.
        let is_part = matches!(self.op(), Op::Mean(_)) && n > 1.0;
        let parts = if is_part { n } else { 1.0 };
        let sum = c * parts;
        let between = if n > 2.0 { n - 2.0 } else { 0.0 };
        let between = SPREAD * between * (squares / 6.0 + sum * sum / 3.0);
        let products = if terms.products { squares } else { 0.0 };
        let under = n * accumulator.eta().get();
        let accumulated = (unit * unit * (between + products)).sqrt() + under;
        let last = format.ulp(Up::magnitude(c)).get() / 2.0;
        last.hypot(accumulated / parts)
    }

    /// The terms of a node's value, if it is a sum, or moves one.
    fn terms(&self, known: &[Option<Terms>]) -> Option<Terms> {
        let op = self.op();
        let args: SmallVec<[usize; 3]> = self.args().collect();
        if !self.graph.type_at(self.k).dtype.is_float() || args.is_empty() {
            return None;
        }
        if matches!(op, Op::MatMul(_)) {
            return self.products(&args);
        }
        if matches!(op, Op::Add(_) | Op::Sub(_) | Op::AddN(_)) {
            let mut each = args.iter().map(|&a| self.terms_of(a, known));
            let first = each.next()??;
            return each.try_fold(first, |sum, next| sum.plus(&next?));
        }
        let moves = passes(op) && args.iter().any(|a| known[*a].is_some());
        if !adds(op) && !moves {
            return None;
        }
        let floats = args.iter().filter(|a| self.run[**a].dtype().is_float());
        let each: Option<Vec<Terms>> = floats.map(|&a| self.terms_of(a, known)).collect();
        let each = each?;
        let picked = |f: fn(&Terms) -> &Tensor| {
            let mut each = each.iter();
            let moved = args.iter().map(|&a| match self.run[a].dtype().is_float() {
                true => each.next().map(|t| f(t).clone()),
                false => Some(self.run[a].clone()),
            });
            self.apply(&moved.collect::<Option<Vec<Tensor>>>()?)
        };
        let (mut count, mut squares) = (picked(|t| &t.count)?, picked(|t| &t.squares)?);
        if matches!(op, Op::Mean(_)) && !count.is_empty() {
            let share = (self.run[args[0]].len() / count.len()) as f64;
            (count, squares) = (scaled(&count, share)?, scaled(&squares, share)?);
        }
        Some(Terms {
            count,
            squares,
            products: each.iter().any(|t| t.products),
        })
    }

    /// The terms of dot products.
    fn products(&self, args: &[usize]) -> Option<Terms> {
        let [a, b] = [square(&self.run[args[0]])?, square(&self.run[args[1]])?];
        let squares = self.apply(&[a, b])?;
        let length = self.run[args[0]].shape().last().copied().unwrap_or(1);
        Some(Terms {
            count: map(&squares, |_| length as f64)?,
            squares,
            products: true,
        })
    }

    /// The terms of an argument: its own where trees are open, else the argument.
    fn terms_of(&self, a: usize, known: &[Option<Terms>]) -> Option<Terms> {
        match &known[a] {
            Some(terms) if self.cx().any_tree() => Some(terms.clone()),
            _ => Some(Terms {
                count: ones(&self.run[a])?,
                squares: square(&self.run[a])?,
                products: false,
            }),
        }
    }

    /// The operation on other numbers.
    fn apply(&self, args: &[Tensor]) -> Option<Tensor> {
        let ty = Ty::new(self.graph.type_at(self.k).shape.clone(), DType::F64);
        let config = Config {
            accumulate: Accumulate::F64,
            ..Config::default()
        };
        let cx = RuleCx {
            config: &config,
            ty: &ty,
        };
        let args: SmallVec<[&Tensor; 3]> = args.iter().collect();
        self.op().run(&cx, &args).ok()
    }

    /// What a copy of the value may lose besides, if uses may have copies: its own rounding, and
    /// that of what it moves.
    fn copies(&self, known: &[Noise], own: Option<&[f64]>) -> Option<Arc<[f64]>> {
        let declared = self.config.is_fixed();
        if declared || !crate::adjoint::is_copied(self.op()) {
            return None;
        }
        let moved = passes(self.op()).then(|| {
            let any = self.args().any(|a| known[a].of_copies.is_some());
            let args = self.args().map(|a| {
                let value = &self.run[a];
                match (&known[a].of_copies, value.dtype().is_float()) {
                    (Some(noise), _) => Tensor::f64s(value.shape().clone(), noise.clone()).ok(),
                    (None, true) => map(value, |_| 0.0),
                    (None, false) => Some(value.clone()),
                }
            });
            let args: Option<Vec<Tensor>> = args.collect();
            any.then(|| self.apply(&args?)).flatten()
        });
        match moved.flatten() {
            Some(moved) => Some(moved.to_f64s().into()),
            None => own.map(Arc::from),
        }
    }
}

impl Terms {
    fn plus(&self, other: &Terms) -> Option<Terms> {
        Some(Terms {
            count: sum(&self.count, &other.count)?,
            squares: sum(&self.squares, &other.squares)?,
            products: self.products || other.products,
        })
    }
}

/// Sums, whose roundings depend on their order.
fn adds(op: &Op) -> bool {
    matches!(
        op,
        Op::Add(_)
            | Op::AddN(_)
            | Op::Fold(_)
            | Op::MatMul(_)
            | Op::Mean(_)
            | Op::ScatterAdd(_)
            | Op::Sub(_)
            | Op::Sum(_)
    )
}

/// What only moves elements.
fn passes(op: &Op) -> bool {
    matches!(
        op,
        Op::Broadcast(_)
            | Op::Concat(_)
            | Op::Embed(_)
            | Op::Gather(_)
            | Op::Reshape(_)
            | Op::Slice(_)
            | Op::Transpose(_)
            | Op::Windows(_)
    )
}

/// True for what is one of its arguments, by whatever formula.
fn is_one_of_its_arguments(op: &Op) -> bool {
    matches!(
        op,
        Op::AnyOf(_) | Op::Conditioned(_) | Op::FreeMax(_) | Op::Held(_) | Op::Settle(_)
    )
}

/// The less of two, the other where one is undefined.
fn less(x: f64, other: f64) -> f64 {
    if x < other { x } else { other }
}

fn map(x: &Tensor, f: impl Fn(f64) -> f64) -> Option<Tensor> {
    let all: Vec<f64> = x.to_f64s().into_iter().map(f).collect();
    Tensor::f64s(x.shape().clone(), all).ok()
}

fn square(x: &Tensor) -> Option<Tensor> {
    map(x, |x| x * x)
}

fn ones(x: &Tensor) -> Option<Tensor> {
    map(x, |_| 1.0)
}

fn scaled(x: &Tensor, factor: f64) -> Option<Tensor> {
    map(x, |x| x * factor)
}

fn sum(x: &Tensor, y: &Tensor) -> Option<Tensor> {
    let both = x.to_f64s().into_iter().zip(y.to_f64s());
    let all: Vec<f64> = both.map(|(x, y)| x + y).collect();
    Tensor::f64s(x.shape().clone(), all).ok()
}
