//! Formulas: what each element of a node is, as an expression over its arguments' elements.
//!
//! A primitive's specification is generic in its number, so evaluating it over symbols
//! gives its formula without knowing the primitive.

use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::spec::Steps;
use crate::number::{Enclosure, SpecNumber};
use crate::op::{Primitive, SpecCx};
use crate::tensor::{SpecTensor, Tensor};
use std::sync::Arc;

#[derive(Debug)]
pub enum Expr {
    /// An element of a value of the graph.
    Element {
        value: usize,
        at: usize,
    },
    Const(f64),
    Add(Sym, Sym),
    Sub(Sym, Sym),
    Mul(Sym, Sym),
    Div(Sym, Sym),
    Max(Sym, Sym),
    Min(Sym, Sym),
    Neg(Sym),
    Abs(Sym),
    Sqrt(Sym),
    Smooth(Function, Sym),
    Pow(Sym, Sym),
    Step(Steps, Sym),
}

/// A shared expression.
#[derive(Debug, Clone)]
pub struct Sym(Arc<Expr>);

impl Sym {
    fn new(expr: Expr) -> Sym {
        Sym(Arc::new(expr))
    }
    pub fn expr(&self) -> &Expr {
        &self.0
    }
    /// The same for what is one expression, as long as that lives.
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
    fn and(&self, y: &Sym, make: fn(Sym, Sym) -> Expr) -> Sym {
        Sym::new(make(self.clone(), y.clone()))
    }
    fn of(&self, make: impl Fn(Sym) -> Expr) -> Sym {
        Sym::new(make(self.clone()))
    }
}

impl SpecNumber for Sym {
    type Env = ();
    fn from_f64((): &(), x: f64) -> Self {
        Sym::new(Expr::Const(x))
    }
    fn from_i64((): &(), n: i64) -> Self {
        Sym::new(Expr::Const(n as f64))
    }
    fn add(&self, y: &Self) -> Self {
        self.and(y, Expr::Add)
    }
    fn sub(&self, y: &Self) -> Self {
        self.and(y, Expr::Sub)
    }
    fn mul(&self, y: &Self) -> Self {
        self.and(y, Expr::Mul)
    }
    fn div(&self, y: &Self) -> Self {
        self.and(y, Expr::Div)
    }
    fn max(&self, y: &Self) -> Self {
        self.and(y, Expr::Max)
    }
    fn min(&self, y: &Self) -> Self {
        self.and(y, Expr::Min)
    }
    fn neg(&self) -> Self {
        self.of(Expr::Neg)
    }
    fn abs(&self) -> Self {
        self.of(Expr::Abs)
    }
    fn sqrt(&self) -> Self {
        self.of(Expr::Sqrt)
    }
    fn function(&self, function: Function) -> Self {
        self.of(|x| Expr::Smooth(function, x))
    }
    fn pow(&self, y: &Self) -> Self {
        self.and(y, Expr::Pow)
    }
    fn like(&self, x: f64) -> Self {
        Sym::new(Expr::Const(x))
    }
    fn step(&self, (): &(), steps: Steps) -> Self {
        self.of(|x| Expr::Step(steps, x))
    }
    fn enclose(&self) -> Enclosure {
        match self.expr() {
            Expr::Const(x) => Enclosure::point(*x),
            _ => Enclosure::ENTIRE,
        }
    }
    fn distance(&self, _c: f64) -> Enclosure {
        Enclosure::ENTIRE
    }
}

/// Every element of a value, as it stands.
pub fn elements_of(graph: &Graph, value: ValueId) -> Vec<Sym> {
    let element = |at| Expr::Element {
        value: value.index(),
        at,
    };
    let elements = (0..graph.ty(value).shape.len()).map(element);
    elements.map(Sym::new).collect()
}

/// The formula of every element of a node; integer arguments enter with their values.
pub fn formulas(graph: &Graph, value: ValueId, values: &[Tensor]) -> Vec<Sym> {
    let node = graph.node(value);
    let args: Vec<SpecTensor<Sym>> = node
        .args()
        .iter()
        .map(|a| {
            let (ty, value) = (graph.ty(*a), a.index());
            let element = |at| match ty.dtype.is_float() {
                true => Sym::new(Expr::Element { value, at }),
                false => Sym::new(Expr::Const(values[value].get(at))),
            };
            let elements: Vec<Sym> = (0..ty.shape.len()).map(element).collect();
            SpecTensor::new(ty.shape.clone(), elements)
        })
        .collect();
    let cx = SpecCx {
        env: &(),
        ty: graph.ty(value),
        run: None,
    };
    let args: Vec<&SpecTensor<Sym>> = args.iter().collect();
    node.op().spec(&cx, &args).data.to_vec()
}
