//! sin x, element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// sin x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sin;

impl Smooth for Sin {
    const NAME: &'static str = "Sin";
    const FUNCTION: Function = Function::Sin;

    /// |cos x|.
    fn slope(x: Enclosure) -> Up {
        x.cos().magnitude()
    }

    /// δ·cos x.
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let slope = g.cos(site.args[0])?;
        g.mul(site.cotangent, slope)
    }
}
