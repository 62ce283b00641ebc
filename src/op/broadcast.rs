//! Repetition along axes of extent 1, and along new leading axes.

use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity};
use crate::bound::{Approx, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::SpecNumber;
use crate::tensor::{Shape, SpecTensor, Tensor, Ty};
use crate::op::movement::movement_rules;
use crate::op::reduction::advance;

/// Broadcast to the given extents, as numpy does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broadcast(pub Shape);

impl Broadcast {
    fn sources(&self, x: &Shape, out: &Shape) -> Vec<usize> {
        let lead = out.rank() - x.rank();
        let strides = x.strides();
        let mut index = vec![0; out.rank()];
        let mut sources = Vec::with_capacity(out.len());
        for _ in 0..out.len() {
            let own = index[lead..].iter().enumerate();
            sources.push(own.map(|(a, &i)| if x[a] == 1 { 0 } else { i * strides[a] }).sum());
            advance(&mut index, out);
        }
        sources
    }
}

/// Σ of a cotangent over the axes along which `shape` was repeated.
pub(crate) fn sum_to(g: &mut Graph, y: ValueId, shape: &Shape) -> Result<ValueId> {
    let from = g.ty(y).shape.clone();
    if from == *shape {
        return Ok(y);
    }
    let lead = from.rank() - shape.rank();
    let repeated = |axis: usize| axis < lead || shape[axis - lead] != from[axis];
    let axes: Vec<usize> = (0..from.rank()).filter(|&a| repeated(a)).collect();
    let summed = g.sum(y, &axes, true)?;
    if g.ty(summed).shape == *shape {
        Ok(summed)
    } else {
        g.reshape(summed, shape.clone())
    }
}

impl Primitive for Broadcast {
    fn name(&self) -> &'static str {
        "Broadcast"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        if x.shape.broadcast_with(&self.0).as_ref() != Some(&self.0) {
            return Err(Error::new(format!(
                "the shape {} does not broadcast to {}",
                x.shape, self.0
            ))
            .remedy("every extent must be 1 or equal the wanted one, from the last axis on"));
        }
        Ok(Ty::new(self.0.clone(), x.dtype))
    }
    movement_rules!();
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let shape = g.ty(site.args[0]).shape.clone();
        Ok(vec![Some(sum_to(g, site.cotangent, &shape)?)])
    }
}
