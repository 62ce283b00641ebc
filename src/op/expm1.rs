//! e^x − 1, element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// e^x − 1, without the cancellation near 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expm1;

impl Smooth for Expm1 {
    const NAME: &'static str = "Expm1";
    const FUNCTION: Function = Function::Expm1;

    /// e^x, increasing.
    fn slope(x: Enclosure) -> Up {
        x.exp().magnitude()
    }

    /// δ·(y + 1), with y = e^x − 1.
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let one = g.scalar(1.0, g.ty(site.value).dtype)?;
        let slope = g.add(site.value, one)?;
        g.mul(site.cotangent, slope)
    }
}
