//! 1/√x, element by element.

use super::elementary::Smooth;
use super::rule::{Primitive, VjpSite};
use super::{Div, Sqrt};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::libm::Function;
use crate::number::{Enclosure, SpecNumber, Up};

/// 1/√x, for x > 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rsqrt;

impl Smooth for Rsqrt {
    const NAME: &'static str = "Rsqrt";
    const FUNCTION: Function = Function::Rsqrt;

    /// ½·x^(−3/2), largest at the lower end; +∞ where that may reach 0.
    fn slope(x: Enclosure) -> Up {
        let root = x.rsqrt();
        let cube = root.mul(&root).mul(&root);
        cube.magnitude() * Up::new(0.5)
    }

    /// δ·(−½·(y/x)), with y = 1/√x; or the chain through 1 and the root, in any of the ways in
    /// which the quotient and the root are differentiated; or (−½δ)·y³.
    fn pull_back(g: &mut Graph, site: &VjpSite) -> Result<ValueId> {
        let half = g.scalar(-0.5, g.ty(site.value).dtype)?;
        let quotient = g.div(site.value, site.args[0])?;
        let slope = g.mul(half, quotient)?;
        let at_once = g.mul(site.cotangent, slope)?;
        let (x, delta) = (g.held(site.args[0])?, g.held(site.cotangent)?);
        // Formulas of one real are functions of the same held values: y is computed again.
        let y = g.rsqrt(x)?;
        let cubed = {
            let square = g.mul(y, y)?;
            let cube = g.mul(square, y)?;
            let halved = g.mul(delta, half)?;
            g.mul(halved, cube)?
        };
        let mut others = vec![cubed];
        others.extend(through_the_root(g, x, delta)?);
        g.any_of(at_once, &others)
    }
}

/// What the VJPs of the quotient 1/s and of s = √x make of a cotangent.
fn through_the_root(g: &mut Graph, x: ValueId, delta: ValueId) -> Result<Option<ValueId>> {
    let one = g.scalar(1.0, g.ty(x).dtype)?;
    let root = g.sqrt(x)?;
    let ty = g.ty(x).shape.clone();
    let one = g.broadcast(one, &ty)?;
    let value = g.div(one, root)?;
    let quotient = VjpSite {
        value,
        args: &[one, root],
        cotangent: delta,
    };
    let Some(&Some(cotangent)) = Div.vjp(g, &quotient)?.get(1) else {
        return Ok(None);
    };
    let root = VjpSite {
        value: root,
        args: &[x],
        cotangent,
    };
    Ok(Sqrt.vjp(g, &root)?.first().copied().flatten())
}
