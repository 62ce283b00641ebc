//! A tensor placed into zeros: what pulls a cotangent back through a slice.

use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity};
use crate::bound::{Approx, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::SpecNumber;
use crate::tensor::{Shape, SpecTensor, Tensor, Ty};
use crate::op::Slice;
use crate::op::movement::movement_rules;
use crate::op::slice::Window;
use crate::tensor::ZERO_FILL;

/// Zeros of shape `whole`, with the argument in a window of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embed(Box<(Window, Shape)>);

impl Embed {
    pub(crate) fn new(window: Window, whole: Shape) -> Embed {
        Embed(Box::new((window, whole)))
    }

    /// A tensor of these extents from `starts` on, in zeros of shape `whole`.
    pub(crate) fn within(starts: &[usize], lengths: &[usize], whole: Shape) -> Embed {
        let window = Window {
            starts: starts.to_vec(),
            steps: vec![1; starts.len()],
            lengths: lengths.to_vec(),
        };
        Embed::new(window, whole)
    }

    fn sources(&self, _x: &Shape, out: &Shape) -> Vec<usize> {
        let mut sources = vec![ZERO_FILL; out.len()];
        for (k, position) in self.0.0.positions(out).into_iter().enumerate() {
            sources[position] = k;
        }
        sources
    }
}

impl Primitive for Embed {
    fn name(&self) -> &'static str {
        "Embed"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x] = arity::<1>(args)?;
        let (window, whole) = self.0.as_ref();
        window.check(whole)?;
        if x.shape != Shape::from(window.lengths.clone()) {
            return Err(Error::new(format!("the shape {} does not fill {window:?}", x.shape)));
        }
        Ok(Ty::new(whole.clone(), x.dtype))
    }
    movement_rules!();
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let w = &self.0.0;
        let part = Slice::new(&w.starts, &w.steps, &w.lengths);
        Ok(vec![Some(g.push(part, &[site.cotangent])?)])
    }
}
