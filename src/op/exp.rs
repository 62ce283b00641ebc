//! e^x, element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// e^x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exp;

impl Smooth for Exp {
    const NAME: &'static str = "Exp";
    const FUNCTION: Function = Function::Exp;

    /// e^x, increasing.
    fn slope(x: Enclosure) -> Up {
        x.exp().magnitude()
    }

    /// δ·y, with y = e^x.
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        g.mul(site.cotangent, site.value)
    }
}
