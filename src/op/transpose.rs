//! Axes permuted.

use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity};
use crate::bound::{Approx, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::SpecNumber;
use crate::tensor::{Shape, SpecTensor, Tensor, Ty};
use crate::op::movement::movement_rules;
use crate::op::reduction::advance;
use smallvec::SmallVec;

/// Axis k of the result is axis `self.0[k]` of the argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transpose(pub Box<[usize]>);

impl Transpose {
    fn sources(&self, x: &Shape, out: &Shape) -> Vec<usize> {
        let strides = x.strides();
        let moved: SmallVec<[usize; 4]> = self.0.iter().map(|&axis| strides[axis]).collect();
        let mut index = vec![0; out.rank()];
        let mut sources = Vec::with_capacity(out.len());
        for _ in 0..out.len() {
            sources.push(index.iter().zip(&moved).map(|(i, s)| i * s).sum());
            advance(&mut index, out);
        }
        sources
    }

    fn inverse(&self) -> Vec<usize> {
        let mut inverse = vec![0; self.0.len()];
        for (k, &axis) in self.0.iter().enumerate() {
            inverse[axis] = k;
        }
        inverse
    }
}

impl Primitive for Transpose {
    fn name(&self) -> &'static str {
        "Transpose"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        let mut sorted = self.0.to_vec();
        sorted.sort_unstable();
        if sorted.len() != x.shape.rank() || sorted.iter().enumerate().any(|(k, &axis)| k != axis) {
            return Err(Error::new(format!(
                "{:?} is no permutation of the axes of shape {}",
                self.0, x.shape
            ))
            .remedy("name every axis once"));
        }
        let extents: Vec<usize> = self.0.iter().map(|&axis| x.shape[axis]).collect();
        Ok(Ty::new(extents, x.dtype))
    }
    movement_rules!();
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(g.transpose(site.cotangent, &self.inverse())?)])
    }
}
