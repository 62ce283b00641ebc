//! ln(1 + e^x), element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// ln(1 + e^x) = max(x, 0) + ln(1 + e^−|x|).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Softplus;

impl Smooth for Softplus {
    const NAME: &'static str = "Softplus";
    const FUNCTION: Function = Function::Softplus;

    /// σ(x), increasing.
    fn slope(x: Enclosure) -> Up {
        x.sigmoid().magnitude()
    }

    /// δ·σ(x).
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let slope = g.sigmoid(site.args[0])?;
        g.mul(site.cotangent, slope)
    }
}
