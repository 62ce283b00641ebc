//! tan x, element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// tan x; no claim where an odd multiple of π/2 may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tan;

impl Smooth for Tan {
    const NAME: &'static str = "Tan";
    const FUNCTION: Function = Function::Tan;

    /// 1 + tan² x; +∞ where a pole may be reached.
    fn slope(x: Enclosure) -> Up {
        let t = x.tan().abs();
        Enclosure::point(1.0).add(&t.mul(&t)).magnitude()
    }

    /// δ·(1 + y·y), with y = tan x.
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let one = g.scalar(1.0, g.ty(site.value).dtype)?;
        let squared = g.mul(site.value, site.value)?;
        let slope = g.add(squared, one)?;
        g.mul(site.cotangent, slope)
    }
}
