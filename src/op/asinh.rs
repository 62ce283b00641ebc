//! arsinh x, element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// arsinh x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asinh;

impl Smooth for Asinh {
    const NAME: &'static str = "Asinh";
    const FUNCTION: Function = Function::Asinh;

    /// 1/√(1 + x²), largest where |x| is least.
    fn slope(x: Enclosure) -> Up {
        let least = Enclosure::point(x.abs().lo());
        let square = least.mul(&least);
        Enclosure::point(1.0).add(&square).rsqrt().magnitude()
    }

    /// δ·(1/√(x·x + 1)).
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let x = site.args[0];
        let one = g.scalar(1.0, g.ty(site.value).dtype)?;
        let square = g.mul(x, x)?;
        let sum = g.add(square, one)?;
        let slope = g.rsqrt(sum)?;
        g.mul(site.cotangent, slope)
    }
}
