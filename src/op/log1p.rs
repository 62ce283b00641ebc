//! ln(1 + x), element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Down, Enclosure, SpecNumber, Up};

/// ln(1 + x), without the loss near 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log1p;

impl Smooth for Log1p {
    const NAME: &'static str = "Log1p";
    const FUNCTION: Function = Function::Log1p;

    /// 1/(1 + x), largest at the lower end; no claim where 1 + x may reach 0.
    fn slope(x: Enclosure) -> Up {
        Up::ONE / Down::new(Enclosure::point(1.0).add(&x).lo())
    }

    /// δ / (1 + x).
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let one = g.scalar(1.0, g.ty(site.value).dtype)?;
        let shifted = g.add(site.args[0], one)?;
        g.div(site.cotangent, shifted)
    }
}
