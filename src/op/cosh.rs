//! cosh x, element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// cosh x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cosh;

impl Smooth for Cosh {
    const NAME: &'static str = "Cosh";
    const FUNCTION: Function = Function::Cosh;

    /// |sinh x|.
    fn slope(x: Enclosure) -> Up {
        x.sinh().magnitude()
    }

    /// δ·sinh x.
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let slope = g.sinh(site.args[0])?;
        g.mul(site.cotangent, slope)
    }
}
