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
        let one = g.scalar(1.0, g.ty(site.value).dtype)?;
        let other = g.sub(one, site.value)?;
        let slope = g.mul(site.value, other)?;
        let by_slope = g.mul(site.cotangent, slope)?;
        let part = g.mul(site.cotangent, other)?;
        let in_turn = g.mul(part, site.value)?;
        g.any_of(&[expanded, by_slope, in_turn])
    }
}
