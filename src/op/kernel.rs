//! A user's own kernel as a node: own runtime, own bound, specification in primitives.

use super::KernelVjp;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Operand};
use crate::error::{Error, Result};
use crate::graph::levels::UserNode;
use crate::graph::{Graph, ValueId};
use crate::interpret;
use crate::number::SpecNumber;
use crate::tensor::{SpecTensor, Tensor, Ty};

/// An opaque kernel.
#[derive(Debug, Clone)]
pub struct Kernel(pub UserNode);

impl Primitive for Kernel {
    fn name(&self) -> &'static str {
        "Kernel"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        self.0.fwd().infer(args)
    }
    /// The kernel's own formula, in primitives.
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let types = types_of(cx, args);
        let fragment = interpret::Fragment::build(&types, |g, args| self.0.fwd().spec(g, args));
        interpret::fragment_spec(cx, fragment, args)
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let out = self.0.fwd().runtime(args)?;
        if out.ty() == *cx.ty {
            return Ok(out);
        }
        Err(Error::new(format!(
            "the kernel {} returned {} where its type rule says {}",
            self.0.fwd().name(),
            out.ty(),
            cx.ty
        ))
        .remedy("make its runtime and its infer agree"))
    }
    fn error(&self, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx {
        cx.approx(args, self.0.fwd().bound(cx, args, out)).undetermined()
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        self.0
            .fwd_scale()
            .map_or_else(Scaled::unbounded, |node| Scaled::new(node.scale(cx, args)))
    }
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        if self.0.rev().is_none() {
            return Err(Error::new(format!("the kernel {} has no VJP", self.0.fwd().name()))
                .remedy("implement RevNode for it, or take no gradient through it"));
        }
        let mut all = site.args.to_vec();
        all.push(site.cotangent);
        let mut gradients = Vec::with_capacity(site.args.len());
        for (input, &arg) in site.args.iter().enumerate() {
            let float = g.ty(arg).dtype.is_float();
            let node = KernelVjp { node: self.0.clone(), input };
            gradients.push(if float { Some(g.push(node, &all)?) } else { None });
        }
        Ok(gradients)
    }
}

/// The arguments' types as a fragment of primitives sees them: reals carry no format, so
/// every float is taken as the result's own.
pub(super) fn types_of<N: SpecNumber>(cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> Vec<Ty> {
    args.iter()
        .map(|a| Ty::new(a.shape.clone(), cx.ty.dtype))
        .collect()
}
