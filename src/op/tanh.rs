//! tanh x, element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// tanh x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tanh;

impl Smooth for Tanh {
    const NAME: &'static str = "Tanh";
    const FUNCTION: Function = Function::Tanh;

    /// 1 − tanh² = (1 − t)(1 + t), largest where |x| is least.
    fn slope(x: Enclosure) -> Up {
        let t = x.abs().tanh();
        let one = Enclosure::point(1.0);
        one.sub(&t).mul(&one.add(&t)).magnitude()
    }

    /// δ − δ·y², δ·(1 − y²) (as PyTorch has it) or t + ty with t = δ·(1 − y) (as JAX has
    /// it), with y = tanh x.
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let squared = g.mul(site.value, site.value)?;
        let lost = g.mul(site.cotangent, squared)?;
        let expanded = g.sub(site.cotangent, lost)?;
        let (y, delta) = (g.held(site.value)?, g.held(site.cotangent)?);
        let one = g.scalar(1.0, g.ty(y).dtype)?;
        let squared = g.mul(y, y)?;
        let slope = g.sub(one, squared)?;
        let multiplied = g.mul(delta, slope)?;
        let below = g.sub(one, y)?;
        let part = g.mul(delta, below)?;
        let rest = g.mul(part, y)?;
        let factored = g.add(part, rest)?;
        g.any_of(expanded, &[multiplied, factored])
    }
}
