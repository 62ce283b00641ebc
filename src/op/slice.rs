//! A regular part of a tensor.

use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity};
use crate::bound::{Approx, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::SpecNumber;
use crate::tensor::{Shape, SpecTensor, Tensor, Ty};
use crate::op::Embed;
use crate::op::movement::movement_rules;
use crate::op::reduction::advance;

/// Along axis k: `lengths[k]` elements from `starts[k]`, `steps[k]` apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice(Box<Window>);

/// Where a part of a tensor lies in the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    pub starts: Vec<usize>,
    pub steps: Vec<isize>,
    pub lengths: Vec<usize>,
}

impl Window {
    /// Positions in `whole` of the window's elements, row-major.
    pub(crate) fn positions(&self, whole: &Shape) -> Vec<usize> {
        let strides = whole.strides();
        let part = Shape::from(self.lengths.clone());
        let mut index = vec![0; part.rank()];
        let mut positions = Vec::with_capacity(part.len());
        for _ in 0..part.len() {
            let along = |a: usize| {
                self.starts[a].wrapping_add_signed(index[a] as isize * self.steps[a]) * strides[a]
            };
            positions.push((0..part.rank()).map(along).sum());
            advance(&mut index, &part);
        }
        positions
    }

    /// Fails unless the window lies in a tensor of this shape.
    pub(crate) fn check(&self, whole: &Shape) -> Result<()> {
        let ranks = [self.starts.len(), self.steps.len(), self.lengths.len()];
        let fits = ranks.iter().all(|&r| r == whole.rank())
            && (0..whole.rank()).all(|a| {
                let last = (self.lengths[a].saturating_sub(1) as isize)
                    .checked_mul(self.steps[a])
                    .and_then(|d| self.starts[a].checked_add_signed(d));
                self.steps[a] != 0
                    && (self.lengths[a] == 0
                        || (self.starts[a] < whole[a] && last.is_some_and(|l| l < whole[a])))
            });
        if fits {
            return Ok(());
        }
        Err(Error::new(format!("the slice {self:?} leaves the shape {whole}"))
            .remedy("starts and ends must lie within the extents, steps must not be 0"))
    }
}

impl Slice {
    pub(crate) fn new(starts: &[usize], steps: &[isize], lengths: &[usize]) -> Slice {
        Slice(Box::new(Window {
            starts: starts.to_vec(),
            steps: steps.to_vec(),
            lengths: lengths.to_vec(),
        }))
    }

    fn sources(&self, x: &Shape, _out: &Shape) -> Vec<usize> {
        self.0.positions(x)
    }
}

impl Primitive for Slice {
    fn name(&self) -> &'static str {
        "Slice"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        self.0.check(&x.shape)?;
        Ok(Ty::new(self.0.lengths.clone(), x.dtype))
    }
    movement_rules!();
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let whole = g.ty(site.args[0]).shape.clone();
        let back = Embed::new(self.0.as_ref().clone(), whole);
        Ok(vec![Some(g.push(back, &[site.cotangent])?)])
    }
}
