//! The error function, element by element.

use super::elementary::Smooth;
use super::irrational::Number;
use super::rule::VjpSite;
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// erf x = (2/√π)·∫ e^(−t²) dt from 0 to x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erf;

impl Smooth for Erf {
    const NAME: &'static str = "Erf";
    const FUNCTION: Function = Function::Erf;

    /// (2/√π)·e^(−x²), largest where |x| is least.
    fn slope(x: Enclosure) -> Up {
        let least = Enclosure::point(x.abs().lo());
        Enclosure::FRAC_2_SQRT_PI
            .mul(&least.mul(&least).neg().exp())
            .magnitude()
    }

    /// δ·((2/√π)·e^(−x·x)) or, as JAX has it, (δ·(2/√π))·e^(−x·x).
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let x = site.args[0];
        let square = g.mul(x, x)?;
        let negative = g.neg(square)?;
        let bell = g.exp(negative)?;
        let factor = g.irrational(Number::TwoOverRootPi, g.ty(site.value).dtype)?;
        let slope = g.mul(bell, factor)?;
        let by_slope = g.mul(site.cotangent, slope)?;
        let (x, delta) = (g.held(x)?, g.held(site.cotangent)?);
        let square = g.mul(x, x)?;
        let negative = g.neg(square)?;
        let bell = g.exp(negative)?;
        let scaled = g.mul(delta, factor)?;
        let in_turn = g.mul(scaled, bell)?;
        g.any_of(by_slope, &[in_turn])
    }
}
