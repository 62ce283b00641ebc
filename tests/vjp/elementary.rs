//! The elementary functions, at arguments inside their domains.

use super::Function;
use super::{closely, exactly, of_one};
use gradbound::Result;
use gradbound::graph::{Graph, ValueId};
use gradbound::lower::{self, Decay, Gelu};
use gradbound::op::Number;
use gradbound::tensor::DType;

/// f(x/8): |x| is below 8 in every identity.
fn of_eighth(g: &mut Graph, f: fn(&mut Graph, ValueId) -> Result<ValueId>) -> Result<ValueId> {
    let x = super::float(g, [5]);
    let eighth = g.scalar(0.125, DType::F64)?;
    let x = g.mul(x, eighth)?;
    f(g, x)
}

/// f(1 + x).
fn of_successor(g: &mut Graph, f: fn(&mut Graph, ValueId) -> Result<ValueId>) -> Result<ValueId> {
    let x = super::float(g, [5]);
    let one = g.scalar(1.0, DType::F64)?;
    let x = g.add(x, one)?;
    f(g, x)
}

identities! {
    acos: closely ["Acos"], |g| of_eighth(g, Graph::acos);
    acosh: closely ["Acosh"], |g| of_successor(g, Graph::acosh);
    asin: closely ["Asin"], |g| of_eighth(g, Graph::asin);
    asinh: closely ["Asinh"], |g| of_one(g, Graph::asinh);
    atan: closely ["Atan"], |g| of_one(g, Graph::atan);
    atanh: closely ["Atanh"], |g| of_eighth(g, Graph::atanh);
    cos: closely ["Cos"], |g| of_one(g, Graph::cos);
    cosh: closely ["Cosh"], |g| of_one(g, Graph::cosh);
    erf: closely ["Erf"], |g| of_one(g, Graph::erf);
    expm1: closely ["Expm1"], |g| of_one(g, Graph::expm1);
    irrational: closely ["Irrational"], |g| of_one(g, |g, x| {
        let factor = g.irrational(Number::RootTwoOverPi, DType::F64)?;
        g.mul(x, factor)
    });
    log1p: closely ["Log1p"], |g| of_one(g, Graph::log1p);
    rsqrt: closely ["Rsqrt"], |g| of_one(g, Graph::rsqrt);
    sin: closely ["Sin"], |g| of_one(g, Graph::sin);
    sinh: closely ["Sinh"], |g| of_one(g, Graph::sinh);
    softplus: closely ["Softplus"], |g| of_one(g, Graph::softplus);
    tan: closely ["Tan"], |g| of_one(g, Graph::tan);
    pow: closely ["Pow"], |g| super::of_two(g, Graph::pow);
    cube: exactly [], |g| of_one(g, |g, x| lower::power(g, x, 3.0));
    fifth_power_of_any_sign: exactly ["Pow"], |g| of_one(g, |g, x| lower::power(g, x, 5.0));
    inverse_square: exactly [], |g| of_one(g, |g, x| lower::power(g, x, -2.0));
    inverse_fourth_power: exactly ["Pow"], |g| of_one(g, |g, x| lower::power(g, x, -4.0));
    fractional_power: closely ["Pow"], |g| of_one(g, |g, x| lower::power(g, x, 1.25));
    elu: closely [], |g| of_one(g, |g, x| {
        let negative = g.neg(x)?;
        lower::elu(g, negative, 1.5, Decay::Exp)
    });
    selu: closely [], |g| of_one(g, |g, x| {
        let negative = g.neg(x)?;
        lower::selu(g, negative, [1.75, 1.125], Decay::Expm1)
    });
    celu: closely [], |g| of_one(g, |g, x| {
        let negative = g.neg(x)?;
        lower::celu(g, negative, 0.5, Decay::Expm1)
    });
    gelu_by_erf: closely ["Conditioned"], |g| of_one(g, |g, x| lower::gelu(g, x, Gelu::Erf));
    gelu_by_tanh: closely [], |g| of_one(g, |g, x| lower::gelu(g, x, Gelu::Tanh));
    swish: closely [], |g| of_one(g, |g, x| lower::swish(g, x, 1.5));
    mish: closely [], |g| of_one(g, lower::mish);
    softsign: exactly [], |g| of_one(g, lower::softsign);
}
