//! ln(1 + e^x), element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// ln(1 + e^x) = max(x, 0) + ln(1 + e^−|x|).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Softplus;

impl Smooth for Softplus {
    const NAME: &'static str = "Softplus";
    const FUNCTION: Function = Function::Softplus;

    /// σ(x), increasing.
    fn slope(x: Enclosure) -> Up {
        x.sigmoid().magnitude()
    }

    /// δ·σ(x) or, as JAX has it (its softplus is logaddexp(x, 0)), δ·e^(x − y): there the rounding
    /// of y enters, |y|·u of the slope. y is computed again of the x at hand, since the two are
    /// the same real of no other y.
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let slope = g.sigmoid(site.args[0])?;
        let by_slope = g.mul(site.cotangent, slope)?;
        let (x, argument) = (g.held_summand(site.args[0])?, g.held(site.args[0])?);
        let y = g.softplus(argument)?;
        let difference = g.sub(x, y)?;
        let slope = g.exp(difference)?;
        let delta = g.held(site.cotangent)?;
        let by_difference = g.mul(delta, slope)?;
        g.any_of(by_slope, &[by_difference])
    }
}
