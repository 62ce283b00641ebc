//! arcosh x, element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// arcosh x, for x ≥ 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acosh;

impl Smooth for Acosh {
    const NAME: &'static str = "Acosh";
    const FUNCTION: Function = Function::Acosh;

    /// 1/√((x − 1)(x + 1)), largest at the lower end; +∞ at 1.
    fn slope(x: Enclosure) -> Up {
        let one = Enclosure::point(1.0);
        let least = Enclosure::point(x.lo());
        least.sub(&one).mul(&least.add(&one)).rsqrt().magnitude()
    }

    /// δ·(1/√((x − 1)(x + 1))) or, as JAX has it, δ·(1/√(x·x − 1)).
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let x = site.args[0];
        let one = g.scalar(1.0, g.ty(site.value).dtype)?;
        let (below, above) = (g.sub(x, one)?, g.add(x, one)?);
        let product = g.mul(below, above)?;
        let slope = g.rsqrt(product)?;
        let by_factors = g.mul(site.cotangent, slope)?;
        let (x, delta) = (g.held(x)?, g.held(site.cotangent)?);
        let square = g.mul(x, x)?;
        let difference = g.sub(square, one)?;
        let slope = g.rsqrt(difference)?;
        let by_square = g.mul(delta, slope)?;
        g.any_of(by_factors, &[by_square])
    }
}
