//! artanh x, element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Down, Enclosure, SpecNumber, Up};

/// artanh x, for |x| < 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Atanh;

impl Smooth for Atanh {
    const NAME: &'static str = "Atanh";
    const FUNCTION: Function = Function::Atanh;

    /// 1/((1 − x)(1 + x)), largest where |x| is; +∞ at ±1.
    fn slope(x: Enclosure) -> Up {
        let one = Enclosure::point(1.0);
        let m = Enclosure::point(x.magnitude().get());
        Up::ONE / Down::new(one.sub(&m).mul(&one.add(&m)).lo())
    }

    /// δ / (1 − x·x) or, as JAX has it, (δ·(1/(1 + x)))/(1 − x).
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let x = site.args[0];
        let one = g.scalar(1.0, g.ty(site.value).dtype)?;
        let square = g.mul(x, x)?;
        let rest = g.sub(one, square)?;
        let by_square = g.div(site.cotangent, rest)?;
        let (below, above) = (g.sub(one, x)?, g.add(one, x)?);
        let delta = g.held(site.cotangent)?;
        let reciprocal = g.div(one, above)?;
        let part = g.mul(delta, reciprocal)?;
        let by_factors = g.div(part, below)?;
        g.any_of(by_square, &[by_factors])
    }
}
