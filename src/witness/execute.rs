//! A random admissible execution of a graph: the tree of every sum, the fusing of every
//! product, the last ulps of every elementary function and every flush are drawn from a
//! tape, as far as the configuration leaves them open.

mod products;
mod sums;

use crate::Config;
use crate::config::{Contract, Schedule, Subnormals};
use crate::graph::{Graph, ValueId};
use crate::number::Format;
use crate::number::spec::Steps;
use crate::op::{Op, Primitive, RuleCx};
use crate::tensor::{DType, Tensor};
use crate::witness::dyadic;
use crate::witness::elementary::{self, Computed};
use crate::witness::formula::{Expr, Sym, elements_of, formulas};
use crate::witness::tape::Tape;
use std::collections::HashMap;

/// What an execution goes by.
pub struct Execution<'a, 't> {
    /// What is executed.
    pub graph: &'a Graph,
    /// Which executions are admissible.
    pub config: &'a Config,
    /// Inputs that are known to be constants.
    pub fixed_inputs: &'a [bool],
    /// Where the choices come from.
    pub tape: &'a mut Tape<'t>,
}

/// A summand of a flattened reduction.
#[derive(Clone, Copy)]
enum Leaf {
    Value(f64),
    Product(f64, f64),
}

struct State<'a, 't> {
    run: Execution<'a, 't>,
    ids: Vec<ValueId>,
    formulas: Vec<Vec<Sym>>,
    constant: Vec<bool>,
    values: Vec<Tensor>,
    computed: Computed,
    /// Long sums of exponentials of the present node, by their formulas.
    shared: HashMap<usize, f64>,
}

/// Additions, and what only moves the results of additions: an open nest runs through them.
fn is_linear(op: &Op) -> bool {
    moves(op)
        || reduces(op)
        || matches!(
            op,
            Op::Add(_) | Op::Sub(_) | Op::AddN(_) | Op::Neg(_) | Op::ScatterAdd(_) | Op::Fold(_)
        )
}

fn moves(op: &Op) -> bool {
    matches!(
        op,
        Op::Reshape(_)
            | Op::Transpose(_)
            | Op::Broadcast(_)
            | Op::Slice(_)
            | Op::Embed(_)
            | Op::Concat(_)
            | Op::Gather(_)
            | Op::Select(_)
            | Op::Settle(_)
            | Op::Windows(_)
            | Op::AnyOf(_)
            | Op::Conditioned(_)
            | Op::Held(_)
    )
}

/// Sums in an accumulator.
fn reduces(op: &Op) -> bool {
    matches!(op, Op::Sum(_) | Op::MatMul(_) | Op::Mean(_))
}

/// Sums of exponentials: inside one primitive, also in an accumulator.
fn sums_exponentials(op: &Op) -> bool {
    matches!(op, Op::LogSumExp(_) | Op::Softmax(_))
}

/// Every value of the graph, in arena order; `None` where an operation is not defined for
/// its arguments (a cast of NaN to an integer, an index that leaves its axis).
pub fn execute(run: Execution, inputs: &[Tensor]) -> Option<Vec<Tensor>> {
    let mut state = State {
        ids: run.graph.values().collect(),
        formulas: Vec::new(),
        constant: Vec::new(),
        values: Vec::new(),
        computed: Computed::default(),
        shared: HashMap::new(),
        run,
    };
    let mut given = inputs.iter().zip(state.run.fixed_inputs);
    for id in state.ids.clone() {
        let node = state.run.graph.node(id);
        let args_fixed = node.args().iter().all(|a| state.constant[a.index()]);
        let (value, constant) = match node.op() {
            Op::Input => {
                let (value, fixed) = given.next()?;
                (value.clone(), *fixed)
            }
            op => (
                state.node(id)?,
                args_fixed
                    && (moves(op)
                        || matches!(
                            op,
                            Op::Constant(_) | Op::Irrational(_) | Op::Cast(_) | Op::Neg(_)
                        )),
            ),
        };
        state.values.push(value);
        state.constant.push(constant);
    }
    Some(state.values)
}

impl State<'_, '_> {
    fn op(&self, value: usize) -> &Op {
        self.run.graph.node(self.ids[value]).op()
    }

    fn format(&self, value: usize) -> Option<Format> {
        self.run.graph.ty(self.ids[value]).dtype.format()
    }

    fn any_tree(&self) -> bool {
        self.run.config.schedule == Schedule::Any
    }

    fn may_contract(&self) -> bool {
        self.run.config.contract == Contract::Any
    }

    fn node(&mut self, id: ValueId) -> Option<Tensor> {
        let (graph, k) = (self.run.graph, id.index());
        let ty = graph.ty(id);
        let formula = match graph.node(id).op() {
            // The formula that this execution goes by.
            Op::AnyOf(any) => {
                let args = any.formulas(graph.node(id).args());
                elements_of(graph, args[self.run.tape.below(args.len())])
            }
            Op::Constant(_) | Op::Irrational(_) => Vec::new(),
            _ if ty.dtype.is_float() => formulas(graph, id, &self.values),
            _ => Vec::new(),
        };
        self.formulas.resize(k, Vec::new());
        self.formulas.push(formula);
        self.shared.clear();
        let Some(format) = self.format(k).filter(|_| !self.formulas[k].is_empty()) else {
            return self.exactly(id);
        };
        if matches!(self.op(k), Op::Gather(_) | Op::ScatterAdd(_)) {
            self.exactly(id)?; // an index may be out of range
        }
        if matches!(self.op(k), Op::Round(_) | Op::Mod(_)) {
            return self.natively(id, format);
        }
        let elements: Vec<f64> = (0..ty.shape.len())
            .map(|i| {
                let formula = self.formulas[k][i].clone();
                let mut result = self.eval(k, &formula, format);
                if self.converts_in_steps(id, format) && self.run.tape.coin() {
                    result = dyadic::round(Format::F32, result);
                }
                // A conversion has no operation in its formula, only the rounding.
                self.flush(format, dyadic::round(format, result))
            })
            .collect();
        Tensor::from_f64s(ty.shape.clone(), ty.dtype, &elements).ok()
    }

    /// A conversion from f64 to less than f32, which may go by way of f32.
    fn converts_in_steps(&self, id: ValueId, to: Format) -> bool {
        let (graph, node) = (self.run.graph, self.run.graph.node(id));
        let from = |a: &ValueId| graph.ty(*a).dtype == DType::F64;
        let narrow = to.precision < Format::F32.precision;
        matches!(node.op(), Op::Cast(_)) && narrow && node.args().iter().all(from)
    }

    /// Integers, booleans and constants leave no choice.
    fn exactly(&mut self, id: ValueId) -> Option<Tensor> {
        let node = self.run.graph.node(id);
        let args: Vec<&Tensor> = node
            .args()
            .iter()
            .map(|a| &self.values[a.index()])
            .collect();
        let cx = RuleCx {
            config: self.run.config,
            ty: self.run.graph.ty(id),
        };
        node.op().run(&cx, &args).ok()
    }

    /// Remainders and roundings to integers have one result, which the library's own
    /// execution gives; only flushing is open.
    fn natively(&mut self, id: ValueId, format: Format) -> Option<Tensor> {
        let node = self.run.graph.node(id);
        let mut args = Vec::new();
        for arg in node.args() {
            let ty = self.run.graph.ty(*arg);
            let loaded: Vec<f64> = (0..ty.shape.len())
                .map(|at| self.load(arg.index(), at))
                .collect();
            args.push(Tensor::from_f64s(ty.shape.clone(), ty.dtype, &loaded).ok()?);
        }
        let (config, ty) = (self.run.config, self.run.graph.ty(id));
        let cx = RuleCx { config, ty };
        let result = node.op().run(&cx, &args.iter().collect::<Vec<_>>()).ok()?;
        let stored: Vec<f64> = (result.to_f64s().into_iter())
            .map(|x| self.flush(format, x))
            .collect();
        Tensor::from_f64s(ty.shape.clone(), ty.dtype, &stored).ok()
    }

    /// Under flush a subnormal may become zero wherever it is produced or used.
    fn flush(&mut self, format: Format, x: f64) -> f64 {
        let subnormal = x != 0.0 && x.abs() < dyadic::power(i64::from(format.e_min));
        let open = self.run.config.subnormals == Subnormals::Flush;
        if open && subnormal && self.run.tape.coin() {
            0.0
        } else {
            x
        }
    }

    fn load(&mut self, value: usize, at: usize) -> f64 {
        let x = self.values[value].get(at);
        match self.format(value) {
            Some(format) => self.flush(format, x),
            None => x,
        }
    }

    /// One element of node k, rounded to its storage format.
    fn eval(&mut self, k: usize, e: &Sym, format: Format) -> f64 {
        match e.expr() {
            Expr::Add(..) | Expr::Sub(..) => self.stored_sum(k, e, format),
            Expr::Element { .. } | Expr::Mul(..) if reduces(self.op(k)) => {
                self.stored_sum(k, e, format)
            }
            Expr::Element { .. } | Expr::Mul(..) if matches!(self.op(k), Op::Prod(_)) => {
                self.product(e, format)
            }
            Expr::Element { value, at } => self.load(*value, *at),
            Expr::Const(x) => *x,
            Expr::Mul(a, b) => {
                let (a, b) = (self.eval(k, a, format), self.eval(k, b, format));
                self.flush(format, dyadic::mul(format, a, b))
            }
            Expr::Div(a, b) if matches!(self.op(k), Op::Mean(_)) => self.mean(k, a, b, format),
            Expr::Div(a, b) if matches!(self.op(k), Op::Share(_)) => self.share(k, a, b, format),
            Expr::Div(a, b) => {
                let fixed =
                    matches!(b.expr(), Expr::Element { value, .. } if self.constant[*value]);
                let (a, b) = (self.eval(k, a, format), self.eval(k, b, format));
                self.divide(a, b, fixed, format)
            }
            Expr::Neg(a) => -self.eval(k, a, format),
            Expr::Abs(a) => self.eval(k, a, format).abs(),
            Expr::Max(..) | Expr::Min(..) => self.extreme(k, e, format),
            Expr::Step(steps, a) => stepped(*steps, self.eval(k, a, format)),
            Expr::Sqrt(a) => {
                let a = self.eval(k, a, format);
                self.flush(format, dyadic::sqrt(format, a))
            }
            Expr::Pow(a, b) => {
                let (a, b) = (self.eval(k, a, format), self.eval(k, b, format));
                let libm = self.run.config.libm;
                let z = elementary::power_within_table(self.run.tape, libm, a, b, format);
                self.flush(format, z)
            }
            Expr::Smooth(function, a) => {
                let a = self.eval(k, a, format);
                let libm = self.run.config.libm;
                let tape = &mut *self.run.tape;
                let y = self.computed.within_table(tape, libm, *function, a, format);
                self.flush(format, y)
            }
        }
    }

    /// The largest or least of a row, whose formula is as deep as the row is long.
    fn extreme(&mut self, k: usize, e: &Sym, format: Format) -> f64 {
        let (mut first, mut others) = (e, Vec::new());
        while let Expr::Max(a, b) | Expr::Min(a, b) = first.expr() {
            others.push((matches!(first.expr(), Expr::Max(..)), b));
            first = a;
        }
        let mut x = self.eval(k, first, format);
        while let Some((largest, other)) = others.pop() {
            let y = self.eval(k, other, format);
            x = if largest {
                larger(x, y)
            } else {
                -larger(-x, -y)
            };
        }
        x
    }

    /// A quotient; a divisor that is a constant may have been replaced by its reciprocal.
    fn divide(&mut self, x: f64, y: f64, fixed: bool, format: Format) -> f64 {
        let quotient = if fixed && self.any_tree() && self.run.tape.coin() {
            let reciprocal = self.flush(format, dyadic::div(format, 1.0, y));
            dyadic::mul(format, x, reciprocal)
        } else {
            dyadic::div(format, x, y)
        };
        self.flush(format, quotient)
    }

    /// A mean divides its sum in the accumulator or, after storing it, in the storage format.
    fn mean(&mut self, k: usize, sum: &Sym, count: &Sym, format: Format) -> f64 {
        let Expr::Const(n) = count.expr() else {
            unreachable!("a mean divides by a count")
        };
        let (sum, accumulator) = self.sum(k, sum, format);
        let stored =
            self.any_tree() && dyadic::round(format, sum).is_finite() && self.run.tape.coin();
        let within = if stored { format } else { accumulator };
        let sum = self.flush(within, dyadic::round(within, sum));
        let count = self.count(*n, within);
        let mean = self.divide(sum, count, true, within);
        self.flush(format, dyadic::round(format, mean))
    }

    /// A division by a count, in storage or in the accumulator.
    fn share(&mut self, k: usize, x: &Sym, count: &Sym, format: Format) -> f64 {
        let Expr::Const(n) = count.expr() else {
            unreachable!("a share divides by a count")
        };
        let x = self.eval(k, x, format);
        let stored = self.any_tree() && self.run.tape.coin();
        let within = if stored {
            format
        } else {
            self.run.config.accumulator(format)
        };
        let count = self.count(*n, within);
        let share = self.divide(x, count, true, within);
        self.flush(format, dyadic::round(format, share))
    }

    /// A count, rounded to the format of the division or as it is.
    fn count(&mut self, n: f64, within: Format) -> f64 {
        let rounded = dyadic::round(within, n);
        match rounded == n || (rounded.is_finite() && self.run.tape.coin()) {
            true => rounded,
            false => n,
        }
    }

    /// Which two of n operands are combined next.
    fn pair(&mut self, n: usize) -> (usize, usize) {
        if !self.any_tree() {
            return (0, 1);
        }
        let i = self.run.tape.below(n);
        (i, (i + 1 + self.run.tape.below(n - 1)) % n)
    }
}

/// The larger; NaN where either is.
fn larger(x: f64, y: f64) -> f64 {
    if y > x || y.is_nan() { y } else { x }
}

fn stepped(steps: Steps, x: f64) -> f64 {
    if x > 0.0 {
        steps.above
    } else if x < 0.0 {
        steps.below
    } else if x == 0.0 {
        steps.at
    } else {
        f64::NAN
    }
}
