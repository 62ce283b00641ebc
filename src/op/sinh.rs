//! sinh x, element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// sinh x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sinh;

impl Smooth for Sinh {
    const NAME: &'static str = "Sinh";
    const FUNCTION: Function = Function::Sinh;

    /// cosh x.
    fn slope(x: Enclosure) -> Up {
        x.cosh().magnitude()
    }

    /// δ·cosh x.
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let slope = g.cosh(site.args[0])?;
        g.mul(site.cotangent, slope)
    }
}
