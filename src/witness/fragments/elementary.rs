//! The elementary functions, each inside its domain and anywhere.

use super::{Builder, Fragment, of_one};
use crate::Result;
use crate::graph::{Graph, ValueId};
use crate::lower;
use crate::op::Number;
use crate::witness::generate::Role;

/// One function on arguments of a role, and on any.
macro_rules! function {
    ($name:ident, $role:ident) => {
        &[
            |b| of_one(b, Role::$role, Graph::$name),
            |b| of_one(b, Role::Any, Graph::$name),
        ]
    };
}

/// The fragments of the primitives that this file is about.
pub fn of(primitive: &str) -> Option<&'static [Fragment]> {
    Some(match primitive {
        "Acos" => function!(acos, Unit),
        "Acosh" => &[|b| of_one(b, Role::AboveOne, Graph::acosh)],
        "Asin" => function!(asin, Unit),
        "Asinh" => function!(asinh, Moderate),
        "Atan" => function!(atan, Moderate),
        "Atanh" => function!(atanh, Unit),
        "Cos" => function!(cos, Moderate),
        "Cosh" => function!(cosh, Moderate),
        "Erf" => function!(erf, Moderate),
        "Expm1" => function!(expm1, Moderate),
        "Irrational" => &[irrational],
        "Log1p" => function!(log1p, Positive),
        "Pow" => &[pow, constant_power],
        "Rsqrt" => function!(rsqrt, Positive),
        "Sin" => function!(sin, Moderate),
        "Sinh" => function!(sinh, Moderate),
        "Softplus" => function!(softplus, Moderate),
        "Tan" => function!(tan, Moderate),
        _ => return None,
    })
}

fn irrational(b: &mut Builder) -> Result<ValueId> {
    let number = b.tape.pick(&[
        Number::TwoOverRootPi,
        Number::RootTwoOverPi,
        Number::RootHalf,
    ]);
    let x = b.any([3]);
    let number = b.graph.irrational(number, b.dtype)?;
    b.graph.mul(x, number)
}

fn pow(b: &mut Builder) -> Result<ValueId> {
    let (x, y) = (b.input([3], Role::Positive), b.input([3], Role::Moderate));
    b.graph.pow(x, y)
}

/// Bases of either sign; the exponents of products and roots among others.
pub fn constant_power(b: &mut Builder) -> Result<ValueId> {
    let exponents: [f64; 12] = [
        2.0, 3.0, 4.0, 5.0, -3.0, -1.0, -2.0, 0.5, -0.5, 1.0, 1.5, 0.1,
    ];
    let exponent = b.tape.pick(&exponents);
    let whole = exponent == exponent.trunc();
    let x = b.input(
        [3],
        if whole {
            Role::Moderate
        } else {
            Role::Positive
        },
    );
    lower::power(&mut b.graph, x, exponent)
}
