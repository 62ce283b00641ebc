//! cos x, element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// cos x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cos;

impl Smooth for Cos {
    const NAME: &'static str = "Cos";
    const FUNCTION: Function = Function::Cos;

    /// |sin x|.
    fn slope(x: Enclosure) -> Up {
        x.sin().magnitude()
    }

    /// −(δ·sin x).
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let slope = g.sin(site.args[0])?;
        let product = g.mul(site.cotangent, slope)?;
        g.neg(product)
    }
}
