//! ln x, element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Down, Enclosure, Up};

/// ln x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log;

impl Smooth for Log {
    const NAME: &'static str = "Log";
    const FUNCTION: Function = Function::Log;

    /// 1/x, largest at the lower end; no claim where that may reach 0.
    fn slope(x: Enclosure) -> Up {
        Up::ONE / Down::new(x.lo())
    }

    /// δ / x.
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        g.div(site.cotangent, site.args[0])
    }
}
