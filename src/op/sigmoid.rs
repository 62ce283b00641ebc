//! 1 / (1 + e^−x), element by element.

use super::elementary::Smooth;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// 1 / (1 + e^−x).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sigmoid;

impl Smooth for Sigmoid {
    const NAME: &'static str = "Sigmoid";
    const FUNCTION: Function = Function::Sigmoid;

    /// y(1 − y) = σ(|x|)·σ(−|x|), decreasing in |x|.
    fn slope(x: Enclosure) -> Up {
        let nearest = Enclosure::point(x.abs().lo());
        nearest.sigmoid().mul(&nearest.neg().sigmoid()).magnitude()
    }

    /// δ·y − δ·y·y, δ·(y·(1 − y)) (as JAX has it) or (δ·(1 − y))·y (as PyTorch has it), with
    /// y = sigmoid x.
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let scaled = g.mul(site.cotangent, site.value)?;
        let lost = g.mul(scaled, site.value)?;
        let expanded = g.sub(scaled, lost)?;
        let (y, delta) = (g.held(site.value)?, g.held(site.cotangent)?);
        let one = g.scalar(1.0, g.ty(y).dtype)?;
        let other = g.sub(one, y)?;
        let slope = g.mul(y, other)?;
        let by_slope = g.mul(delta, slope)?;
        let part = g.mul(delta, other)?;
        let in_turn = g.mul(part, y)?;
        g.any_of(expanded, &[by_slope, in_turn])
    }
}
