//! Nodes of a user's own: an opaque kernel (hand-written SIMD, a GPU's recorded output)
//! among the built-in primitives.
//!
//! Four traits, each with what its level of annotation needs. A kernel brings its own
//! runtime; its meaning is a fragment of primitives, so that every specification number
//! and every escalation works for it; its bounds it may bring or borrow from that fragment
//! ([`derived_bound`]).

use super::{Graph, ValueId};
use crate::bound::{Bound, Operand};
use crate::error::Result;
use crate::interpret::{Fragment, bounds, runtime};
use crate::number::Up;
use crate::op::{RuleCx, ScaleOperand};
use crate::tensor::{Tensor, Ty};
use std::fmt;
use std::sync::Arc;

/// A node with a forward pass: meaning, execution, error bound.
pub trait FwdNode: fmt::Debug + Send + Sync {
    /// A name for messages and tables.
    fn name(&self) -> String;
    /// The result's type; fails where the arguments do not suit the kernel.
    fn infer(&self, args: &[&Ty]) -> Result<Ty>;
    /// Appends the kernel's real-valued meaning in primitives and returns its value.
    fn spec(&self, g: &mut Graph, args: &[ValueId]) -> Result<ValueId>;
    /// The kernel itself.
    fn runtime(&self, args: &[&Tensor]) -> Result<Tensor>;
    /// |x̂ − x| per element, for every admissible execution of the kernel; owes `sound`.
    fn bound(&self, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Bound;
}

/// A node with a VJP.
pub trait RevNode: FwdNode {
    /// Appends the real-valued pullback of `cotangent` to each argument.
    fn vjp_spec(
        &self,
        g: &mut Graph,
        args: &[ValueId],
        cotangent: ValueId,
    ) -> Result<Vec<Option<ValueId>>>;
    /// The computed pullback to argument `input`.
    fn vjp_runtime(&self, input: usize, args: &[&Tensor], cotangent: &Tensor) -> Result<Tensor>;
    /// Its error per element; owes `vjp_sound`.
    fn vjp_bound(
        &self,
        cx: &RuleCx,
        input: usize,
        args: &[Operand],
        cotangent: &Operand,
        out: &Tensor,
    ) -> Bound;
}

/// A node with a forward scale.
pub trait FwdNodeScale: FwdNode {
    /// max(|x|, |x̂|) per element, from the arguments' scales; owes `fwd_scale_sound`.
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Bound;
}

/// A node with scales in both directions.
pub trait RevNodeScale: RevNode + FwdNodeScale {
    /// The magnitude of the pullback to argument `input`; owes `vjp_scale_sound`.
    fn vjp_scale(
        &self,
        cx: &RuleCx,
        input: usize,
        args: &[ScaleOperand],
        cotangent: &ScaleOperand,
    ) -> Bound;
}

/// A user's node at the level of annotation that it was put into a graph with.
#[derive(Debug, Clone)]
pub enum UserNode {
    /// Forward only.
    Fwd(Arc<dyn FwdNode>),
    /// With a VJP.
    Rev(Arc<dyn RevNode>),
    /// With a forward scale.
    FwdScale(Arc<dyn FwdNodeScale>),
    /// With everything.
    RevScale(Arc<dyn RevNodeScale>),
}

impl UserNode {
    /// Its forward pass.
    pub fn fwd(&self) -> &dyn FwdNode {
        match self {
            UserNode::Fwd(n) => n.as_ref(),
            UserNode::Rev(n) => n.as_ref(),
            UserNode::FwdScale(n) => n.as_ref(),
            UserNode::RevScale(n) => n.as_ref(),
        }
    }

    /// Its VJP, where it has one.
    pub fn rev(&self) -> Option<&dyn RevNode> {
        match self {
            UserNode::Rev(n) => Some(n.as_ref()),
            UserNode::RevScale(n) => Some(n.as_ref()),
            UserNode::Fwd(_) | UserNode::FwdScale(_) => None,
        }
    }

    /// Its forward scale, where it has one.
    pub fn fwd_scale(&self) -> Option<&dyn FwdNodeScale> {
        match self {
            UserNode::FwdScale(n) => Some(n.as_ref()),
            UserNode::RevScale(n) => Some(n.as_ref()),
            UserNode::Fwd(_) | UserNode::Rev(_) => None,
        }
    }

    /// Its scales in both directions, where it has them.
    pub fn rev_scale(&self) -> Option<&dyn RevNodeScale> {
        match self {
            UserNode::RevScale(n) => Some(n.as_ref()),
            UserNode::Fwd(_) | UserNode::Rev(_) | UserNode::FwdScale(_) => None,
        }
    }

    /// The same node without its scales.
    #[must_use]
    pub fn without_scales(&self) -> UserNode {
        match self {
            UserNode::RevScale(n) => UserNode::Rev(Arc::clone(n) as Arc<dyn RevNode>),
            UserNode::FwdScale(n) => UserNode::Fwd(Arc::clone(n) as Arc<dyn FwdNode>),
            plain @ (UserNode::Fwd(_) | UserNode::Rev(_)) => plain.clone(),
        }
    }

    /// The same node without its VJP.
    #[must_use]
    pub fn without_vjp(&self) -> UserNode {
        match self {
            UserNode::RevScale(n) => UserNode::FwdScale(Arc::clone(n) as Arc<dyn FwdNodeScale>),
            UserNode::Rev(n) => UserNode::Fwd(Arc::clone(n) as Arc<dyn FwdNode>),
            plain @ (UserNode::Fwd(_) | UserNode::FwdScale(_)) => plain.clone(),
        }
    }
}

/// The bound that the kernel's meaning in primitives has: valid for every kernel that is an
/// admissible execution of that formula under the configuration.
pub fn derived_bound(
    cx: &RuleCx,
    args: &[Operand],
    meaning: impl FnOnce(&mut Graph, &[ValueId]) -> Result<ValueId>,
) -> Bound {
    let types: Vec<Ty> = args.iter().map(|a| a.value.ty()).collect();
    let derive = || -> Result<Bound> {
        let fragment = Fragment::build(&types, meaning)?;
        let inputs: Vec<Tensor> = args.iter().map(|a| a.value.clone()).collect();
        let known: Vec<_> = args.iter().map(|a| a.approx.clone()).collect();
        let run = runtime::eval(&fragment.graph, cx.config, &inputs)?;
        let all = bounds::eval(&fragment.graph, cx.config, &run, &known);
        Ok(all[fragment.output.index()].eps.clone())
    };
    // A meaning that cannot be evaluated here derives nothing.
    derive().unwrap_or(Bound::Tensor(Up::INFINITY))
}
