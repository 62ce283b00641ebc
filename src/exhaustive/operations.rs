//! The element-by-element operations that are checked: a list of primitives with attributes.

use crate::error::Result;
use crate::graph::grad::append_backward;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::spec::Steps;
use crate::op::{self, Op, Relation, Rounding};
use crate::tensor::{DType, Shape, Ty};

/// What leaves an execution a choice of results, beside flushing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freedom {
    /// Nothing: the result is rounded correctly, or exact.
    None,
    /// The accuracy of an elementary function.
    Function(Function),
    /// The accuracy of x^y.
    Power,
}

/// A primitive under check.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The primitive and its attributes.
    pub name: String,
    /// How many arguments it takes.
    pub arity: usize,
    /// What an execution may choose.
    pub freedom: Freedom,
    op: Op,
}

/// The graph of one operation over vectors, and the value that is checked.
#[derive(Debug)]
pub struct Subject {
    /// The operation, forward or with its gradient.
    pub graph: Graph,
    /// What is checked.
    pub output: ValueId,
}

impl Operation {
    fn new(name: impl Into<String>, arity: usize, op: impl Into<Op>) -> Operation {
        Operation {
            name: name.into(),
            arity,
            freedom: Freedom::None,
            op: op.into(),
        }
    }

    fn elementary(function: Function) -> Operation {
        Operation {
            freedom: Freedom::Function(function),
            ..Operation::new(format!("{function:?}"), 1, primitive(function))
        }
    }

    /// Its value for vectors of n elements.
    pub fn forward(&self, dtype: DType, n: usize) -> Result<Subject> {
        let mut graph = Graph::new();
        let args = self.args(&mut graph, dtype, n);
        let output = graph.push(self.op.clone(), &args)?;
        Ok(Subject { graph, output })
    }

    /// The gradient of an argument, by a cotangent that is one more input; `None` where there
    /// is none.
    pub fn backward(&self, dtype: DType, n: usize, argument: usize) -> Result<Option<Subject>> {
        let mut graph = Graph::new();
        let args = self.args(&mut graph, dtype, n);
        let value = graph.push(self.op.clone(), &args)?;
        if graph.ty(value).dtype != dtype {
            return Ok(None); // the cotangent would be of another format
        }
        let cotangent = graph.input(graph.ty(value).clone());
        let gradients = append_backward(&mut graph, &[(value, cotangent)], None)?;
        let output = gradients.of(args[argument]);
        Ok(output.map(|output| Subject { graph, output }))
    }

    fn args(&self, graph: &mut Graph, dtype: DType, n: usize) -> Vec<ValueId> {
        let ty = Ty::new(Shape::from([n]), dtype);
        (0..self.arity).map(|_| graph.input(ty.clone())).collect()
    }
}

/// The primitive of an elementary function: they have the same names.
fn primitive(function: Function) -> Op {
    macro_rules! named {
        ($($name:ident)+) => {
            match function { $(Function::$name => op::$name.into(),)+ }
        };
    }
    named! {
        Exp Expm1 Log Log1p Erf Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh Asinh Acosh Atanh
        Sigmoid Softplus Rsqrt
    }
}

/// The operations of one argument.
pub fn unary() -> Vec<Operation> {
    let mut all: Vec<Operation> = Function::ALL
        .into_iter()
        .map(Operation::elementary)
        .collect();
    all.extend([
        Operation::new("Sqrt", 1, op::Sqrt),
        Operation::new("Neg", 1, op::Neg),
        Operation::new("Abs", 1, op::Abs),
        Operation::new("Square", 1, op::Square),
        Operation::new("Relu", 1, op::Relu),
    ]);
    for rounding in [
        Rounding::Floor,
        Rounding::Ceil,
        Rounding::Nearest,
        Rounding::Truncate,
    ] {
        all.push(Operation::new(
            format!("Round({rounding:?})"),
            1,
            op::Round(rounding),
        ));
    }
    let steps = [
        ("gate", Steps::RELU_GATE),
        ("sign", Steps::SIGN),
        ("half at tie", Steps::HALF_AT_TIE),
        ("is zero", Steps::IS_ZERO),
    ];
    for (name, steps) in steps {
        all.push(Operation::new(format!("Step({name})"), 1, op::Step(steps)));
    }
    for to in DType::FLOATS.into_iter().chain([DType::Bool]) {
        all.push(Operation::new(format!("Cast({to})"), 1, op::Cast::to(to)));
    }
    for count in [3, 10, 600] {
        all.push(Operation::new(
            format!("Share({count})"),
            1,
            op::Share(count),
        ));
    }
    all
}

/// The operations of two arguments.
pub fn binary() -> Vec<Operation> {
    let mut all = vec![
        Operation::new("Add", 2, op::Add),
        Operation::new("Sub", 2, op::Sub),
        Operation::new("Mul", 2, op::Mul),
        Operation::new("Div", 2, op::Div),
        Operation::new("Max", 2, op::Max),
        Operation::new("Min", 2, op::Min),
        Operation {
            freedom: Freedom::Power,
            ..Operation::new("Pow", 2, op::Pow)
        },
        Operation::new("Mod(floor)", 2, op::Mod { truncated: false }),
        Operation::new("Mod(truncated)", 2, op::Mod { truncated: true }),
    ];
    for relation in [Relation::Less, Relation::LessOrEqual, Relation::Equal] {
        all.push(Operation::new(
            format!("Compare({relation:?})"),
            2,
            op::Compare(relation),
        ));
    }
    all
}
