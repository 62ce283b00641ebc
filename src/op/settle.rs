//! The place where a free shift has cancelled: log-softmax and log-sum-exp.

use super::reduction::Axes;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use super::{Op, Softmax, Sum, exponentials};
use crate::bound::{Approx, Drift, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, ValueId};
use crate::number::SpecNumber;
use crate::tensor::{SpecTensor, Tensor, Ty};

/// Which shift-invariant function of z has been computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shifted {
    /// z − shift − ln Σe^(z−shift).
    LogSoftmax,
    /// shift + ln Σe^(z−shift).
    LogSumExp,
}

/// How the gradient of log-softmax has its probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Probability {
    /// p = e/d, the softmax of the scores.
    #[default]
    Quotient,
    /// p = exp(y) of the log-softmax y that was computed, with what that is off.
    Exponential,
}

/// How the gradient of a cross-entropy reaches the scores: of −δ at the label of each row, and
/// 0 elsewhere, with p the softmax and y 1 at the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LabelGradient {
    /// Any of the others.
    #[default]
    Any,
    /// −yδ + p·δ, as log-softmax pulls back any cotangent.
    Chain,
    /// (p − y)·δ.
    Fused,
}

/// The identity on its first argument, by which a lowering states that the specification of
/// that value does not depend on the shift that an execution chose (see
/// [`FreeMax`](super::FreeMax)): the drift of what it is made of ends here.
///
/// Arguments: the value, z, s = z − shift, and where only some elements take part, which. The
/// latter serve the gradient, which goes to z directly and never through the shift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settle {
    /// The function.
    function: Shifted,
    /// The axes that are summed over.
    axes: Axes,
    /// The gradient where the cotangent is one number a row, at a label.
    labels: LabelGradient,
    /// What the gradient of a log-softmax multiplies by.
    probability: Probability,
}

impl Settle {
    /// The mark of this function over axes, kept with extent 1 or not.
    pub fn new(function: Shifted, axes: &[usize], keep: bool) -> Settle {
        Settle {
            function,
            axes: Axes::new(axes, keep),
            labels: LabelGradient::default(),
            probability: Probability::default(),
        }
    }

    /// The same with this gradient of a cross-entropy.
    pub fn with_labels(self, labels: LabelGradient) -> Settle {
        Settle { labels, ..self }
    }

    /// The same with these probabilities; without a mask, as elements that are left out have
    /// no logarithm.
    pub fn with_probability(self, probability: Probability) -> Settle {
        Settle {
            probability,
            ..self
        }
    }

    /// Whether the function is log-softmax.
    pub(crate) fn is_log_softmax(&self) -> bool {
        self.function == Shifted::LogSoftmax
    }

    /// What is picked where the cotangent of a log-softmax is that of labels: one number a
    /// row, at an index, and nothing elsewhere. Where the log-softmax is used twice it is not.
    pub(crate) fn of_labels<'a>(&self, g: &'a Graph, cotangent: ValueId) -> Option<&'a Node> {
        let node = g.node(cotangent);
        let Op::ScatterAdd(back) = node.op() else {
            return None;
        };
        let alone = back.one_along().is_some_and(|axis| self.axes.is_only(axis));
        let rows = self.axes.kept(&g.ty(cotangent).shape);
        let each = node.args().first().is_some_and(|x| g.ty(*x).shape == rows);
        (self.is_log_softmax() && alone && each).then_some(node)
    }

    /// (y − p)·u, where u is what the cotangent has at the labels and y is 1 there.
    fn fused(&self, g: &mut Graph, p: ValueId, cotangent: ValueId) -> Result<Option<ValueId>> {
        let Some(node) = self.of_labels(g, cotangent).cloned() else {
            return Ok(None);
        };
        let picked = node.args()[0];
        let ty = g.ty(picked).clone();
        let ones = g.constant(Tensor::full(ty.shape, ty.dtype, 1.0)?);
        let y = g.push(node.op().clone(), &[ones, node.args()[1]])?;
        let (p, picked) = match self.labels {
            LabelGradient::Fused => (p, picked),
            LabelGradient::Any | LabelGradient::Chain => (g.held(p)?, g.held(picked)?),
        };
        let difference = g.sub(y, p)?;
        let rows = g.broadcast(picked, &g.ty(p).shape.clone())?;
        g.mul(difference, rows).map(Some)
    }
}

impl Primitive for Settle {
    fn name(&self) -> &'static str {
        match self.function {
            Shifted::LogSoftmax => "LogSoftmax",
            Shifted::LogSumExp => "LogSumExp",
        }
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [value, z, s] = arity::<3>(args.get(..3).unwrap_or(args))?;
        float(value)?;
        let parts: Vec<&Ty> = [&[s, z], args.get(3..).unwrap_or_default()].concat();
        exponentials::infer(&parts)?;
        let reduced = self.axes.infer(z)?;
        let expected = match self.function {
            Shifted::LogSoftmax => z,
            Shifted::LogSumExp => &reduced,
        };
        if value == expected {
            return Ok(value.clone());
        }
        Err(Error::new(format!(
            "{value}, {z} and {s} are not the parts of one {}",
            self.name()
        )))
    }
    fn spec<N: SpecNumber>(&self, _cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        args[0].clone()
    }
    fn run(&self, _cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        Ok(args[0].clone())
    }
    /// ε and nest pass through; the drift is gone.
    ///
    /// # Derivation
    /// ε of the value bounds |x̂ − x(s)| for the shift s of the same execution; both
    /// functions are the same real for every s, so x(s) = x.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        Approx {
            drift: Drift::Settled,
            determined: cx.approx(args, Default::default()).determined,
            ..args[0].approx.clone()
        }
    }
    fn scale(&self, _cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        args[0].scaled.clone()
    }
    /// With p = softmax z (or exp y): δ − pΣδ for log-softmax, pδ for log-sum-exp. What programs compute
    /// as e·(Σδ/d) is covered by the bound of p·Σδ (see [`Softmax`]) where Σδ/d does not
    /// underflow. Where δ is that of labels, (y − p)·u as well.
    ///
    /// # Derivation
    /// There δ = y·u with one label a row, so that Σδ = u and δ − pΣδ = (y − p)·u. That p is
    /// held though it is a summand is sound: it is a quotient of a computed sum, no sum or
    /// product, and no execution computes it again inside y − p.
    /// # Tightness
    /// Test `label_gradients_are_nearly_attained`.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let [z, s] = [site.args[1], site.args[2]];
        let parts = [&[s, z], site.args.get(3..).unwrap_or_default()].concat();
        let delta = site.cotangent;
        let p = match self.probability {
            Probability::Quotient => g.push(Softmax(self.axes.keeping()), &parts)?,
            Probability::Exponential => g.exp(site.value)?,
        };
        let to_z = match self.function {
            Shifted::LogSoftmax => {
                let total = g.push(Sum(self.axes.keeping()), &[delta])?;
                let total = self.axes.spread(g, total, z)?;
                let shared = g.mul(p, total)?;
                let chain = g.sub(delta, shared)?;
                match (self.labels, self.fused(g, p, delta)?) {
                    (LabelGradient::Chain, _) | (_, None) => chain,
                    (LabelGradient::Fused, Some(fused)) => fused,
                    (LabelGradient::Any, Some(fused)) => g.any_of(chain, &[fused])?,
                }
            }
            Shifted::LogSumExp => {
                let delta = self.axes.spread(g, delta, z)?;
                g.mul(delta, p)?
            }
        };
        let back = (0..site.args.len()).map(|k| (k == 1).then_some(to_z));
        Ok(back.collect())
    }
}
