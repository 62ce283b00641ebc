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

    /// δ − δ·y², δ·(1 − y²) (as PyTorch has it) or (δ + δy)·(1 − y) (as JAX has it), with
    /// y = tanh x.
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let (y, delta) = (site.value, site.cotangent);
        let one = g.scalar(1.0, g.ty(y).dtype)?;
        let squared = g.mul(y, y)?;
        let lost = g.mul(delta, squared)?;
        let expanded = g.sub(delta, lost)?;
        let slope = g.sub(one, squared)?;
        let multiplied = g.mul(delta, slope)?;
        let part = g.mul(delta, y)?;
        let above = g.add(delta, part)?;
        let below = g.sub(one, y)?;
        let factored = g.mul(above, below)?;
        g.any_of(&[expanded, multiplied, factored])
    }
}
