//! The gradient of a user's own kernel with respect to one of its inputs.

use super::kernel::types_of;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Bound, Operand};
use crate::error::{Error, Result};
use crate::graph::levels::{RevNode, UserNode};
use crate::graph::{Graph, ValueId};
use crate::interpret;
use crate::number::{SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};

/// The kernel's VJP; arguments are the kernel's, then the cotangent.
#[derive(Debug, Clone)]
pub struct KernelVjp {
    /// The kernel, which has a VJP.
    pub node: UserNode,
    /// The input that the gradient is for.
    pub input: usize,
}

impl KernelVjp {
    fn rev(&self) -> Result<&dyn RevNode> {
        self.node
            .rev()
            .ok_or_else(|| Error::new(format!("the kernel {} has no VJP", self.node.fwd().name())))
    }

    fn fragment(&self, g: &mut Graph, args: &[ValueId]) -> Result<ValueId> {
        let (cotangent, args) = args
            .split_last()
            .ok_or_else(|| Error::new("a VJP without a cotangent"))?;
        let gradients = self.rev()?.vjp_spec(g, args, *cotangent)?;
        match gradients.get(self.input) {
            Some(Some(gradient)) => Ok(*gradient),
            _ => {
                let ty = g.ty(args[self.input]).clone();
                Ok(g.constant(Tensor::full(ty.shape, ty.dtype, 0.0)?))
            }
        }
    }
}

impl Primitive for KernelVjp {
    fn name(&self) -> &'static str {
        "KernelVjp"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        args.get(self.input)
            .map(|ty| (*ty).clone())
            .ok_or_else(|| Error::new(format!("no input {}", self.input)))
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let types = types_of(cx, args);
        let fragment = interpret::Fragment::build(&types, |g, args| self.fragment(g, args));
        interpret::fragment_spec(cx, fragment, args)
    }
    fn run(&self, _cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let (cotangent, args) = args
            .split_last()
            .ok_or_else(|| Error::new("a VJP without a cotangent"))?;
        self.rev()?.vjp_runtime(self.input, args, cotangent)
    }
    fn error(&self, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx {
        let bound = match (self.node.rev(), args.split_last()) {
            (Some(rev), Some((cotangent, args))) => rev.vjp_bound(cx, self.input, args, cotangent, out),
            _ => Bound::Tensor(Up::INFINITY),
        };
        cx.approx(args, bound).undetermined()
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        match (self.node.rev_scale(), args.split_last()) {
            (Some(node), Some((cotangent, args))) => {
                Scaled::new(node.vjp_scale(cx, self.input, args, cotangent))
            }
            _ => Scaled::unbounded(),
        }
    }
    fn vjp(&self, _g: &mut Graph, _site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        Err(Error::new(format!("the kernel {} has no second derivative", self.node.fwd().name()))
            .remedy("write it in primitives to differentiate twice"))
    }
}
