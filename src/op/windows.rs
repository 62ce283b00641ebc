//! What a kernel that slides over the last axes meets: the patches of a convolution, the
//! windows of a pool, the neighbours of an interpolation.

use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity};
use super::sliding::{Slide, Sliding, Walk};
use crate::bound::{Approx, Operand};
use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::SpecNumber;
use crate::op::Fold;
use crate::op::movement::movement_rules;
use crate::tensor::{Shape, SpecTensor, Tensor, Ty};

/// For a tensor of shape `[lead…, extent…]` the tensor `[lead…, kernel…, count…]` of what
/// every tap meets in every window; zeros outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows(pub(crate) Sliding);

impl Windows {
    pub(crate) fn new(slides: &[Slide]) -> Windows {
        Windows(Sliding(slides.into()))
    }

    fn sources(&self, x: &Shape, _out: &Shape) -> Walk {
        self.0.walk(x)
    }
}

impl Primitive for Windows {
    fn name(&self) -> &'static str {
        "Windows"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        Ok(Ty::new(self.0.windows(&x.shape)?, x.dtype))
    }
    movement_rules!();
    /// Every element's cotangents, from all the windows that it is in, added up.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(g.push(Fold(self.0.clone()), &[site.cotangent])?)])
    }
}
