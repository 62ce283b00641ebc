//! arccos x, element by element.

use super::asin::{Asin, inverse_root};
use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, Up};

/// arccos x, for |x| ≤ 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acos;

impl Smooth for Acos {
    const NAME: &'static str = "Acos";
    const FUNCTION: Function = Function::Acos;

    /// As of arcsin.
    fn slope(x: Enclosure) -> Up {
        Asin::slope(x)
    }

    /// −(δ·(1/√(1 − x·x))).
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let slope = inverse_root(g, site)?;
        let product = g.mul(site.cotangent, slope)?;
        g.neg(product)
    }
}
