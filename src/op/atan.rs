//! arctan x, element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Down, Enclosure, SpecNumber, Up};

/// arctan x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Atan;

impl Smooth for Atan {
    const NAME: &'static str = "Atan";
    const FUNCTION: Function = Function::Atan;

    /// 1/(1 + x²), largest where |x| is least.
    fn slope(x: Enclosure) -> Up {
        let least = Enclosure::point(x.abs().lo());
        let divisor = Enclosure::point(1.0).add(&least.mul(&least));
        Up::ONE / Down::new(divisor.lo())
    }

    /// δ / (1 + x·x).
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let x = site.args[0];
        let one = g.scalar(1.0, g.ty(site.value).dtype)?;
        let square = g.mul(x, x)?;
        let divisor = g.add(square, one)?;
        g.div(site.cotangent, divisor)
    }
}
