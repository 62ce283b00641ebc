//! arcsin x, element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// arcsin x, for |x| ≤ 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asin;

impl Smooth for Asin {
    const NAME: &'static str = "Asin";
    const FUNCTION: Function = Function::Asin;

    /// 1/√((1 − x)(1 + x)), largest where |x| is; +∞ at ±1.
    fn slope(x: Enclosure) -> Up {
        let one = Enclosure::point(1.0);
        let m = Enclosure::point(x.magnitude().get());
        one.sub(&m).mul(&one.add(&m)).rsqrt().magnitude()
    }

    /// δ·(1/√(1 − x·x)).
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let slope = inverse_root(g, site)?;
        g.mul(site.cotangent, slope)
    }
}

/// 1/√(1 − x·x).
pub(crate) fn inverse_root(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
    let x = site.args[0];
    let one = g.scalar(1.0, g.ty(site.value).dtype)?;
    let square = g.mul(x, x)?;
    let rest = g.sub(one, square)?;
    g.rsqrt(rest)
}
