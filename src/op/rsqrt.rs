//! 1/√x, element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// 1/√x, for x > 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rsqrt;

impl Smooth for Rsqrt {
    const NAME: &'static str = "Rsqrt";
    const FUNCTION: Function = Function::Rsqrt;

    /// ½·x^(−3/2), largest at the lower end; +∞ where that may reach 0.
    fn slope(x: Enclosure) -> Up {
        let root = x.rsqrt();
        let cube = root.mul(&root).mul(&root);
        cube.magnitude() * Up::new(0.5)
    }

    /// δ·(−½·(y/x)), with y = 1/√x.
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let half = g.scalar(-0.5, g.ty(site.value).dtype)?;
        let quotient = g.div(site.value, site.args[0])?;
        let slope = g.mul(half, quotient)?;
        g.mul(site.cotangent, slope)
    }
}
