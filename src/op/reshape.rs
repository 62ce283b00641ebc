//! The same elements, in the same order, in another shape.

use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity};
use crate::bound::{Approx, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::SpecNumber;
use crate::tensor::{Shape, SpecTensor, Tensor, Ty};

/// Reshape to the given extents; also the identity, where a value needs a second name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reshape(pub Shape);

impl Primitive for Reshape {
    fn name(&self) -> &'static str {
        "Reshape"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        if x.shape.len() != self.0.len() {
            return Err(Error::new(format!(
                "{} elements of shape {} cannot take the shape {}",
                x.shape.len(),
                x.shape,
                self.0
            ))
            .remedy("choose extents with the same product"));
        }
        Ok(Ty::new(self.0.clone(), x.dtype))
    }
    fn spec<N: SpecNumber>(&self, _cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        SpecTensor::new(self.0.clone(), args[0].data.clone())
    }
    fn run(&self, _cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        args[0].reshaped(self.0.clone())
    }
    /// ε passes through.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        Approx {
            determined: cx.approx(args, Default::default()).determined,
            ..args[0].approx.clone()
        }
    }
    fn scale(&self, _cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        args[0].scaled.clone()
    }
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let shape = g.ty(site.args[0]).shape.clone();
        Ok(vec![Some(g.reshape(site.cotangent, shape)?)])
    }
}
