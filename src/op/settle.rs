//! The place where a free shift has cancelled: log-softmax and log-sum-exp.

use super::reduction::Axes;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use super::{Softmax, Sum, exponentials};
use crate::bound::{Approx, Drift, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
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
}

impl Settle {
    /// The mark of this function over axes, kept with extent 1 or not.
    pub fn new(function: Shifted, axes: &[usize], keep: bool) -> Settle {
        Settle {
            function,
            axes: Axes::new(axes, keep),
        }
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
    /// With p = softmax z: δ − pΣδ for log-softmax, pδ for log-sum-exp. What programs compute
    /// as e·(Σδ/d) is covered by the bound of p·Σδ (see [`Softmax`]).
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let [z, s] = [site.args[1], site.args[2]];
        let parts = [&[s, z], site.args.get(3..).unwrap_or_default()].concat();
        let delta = site.cotangent;
        let p = g.push(Softmax(self.axes.keeping()), &parts)?;
        let to_z = match self.function {
            Shifted::LogSoftmax => {
                let total = g.push(Sum(self.axes.keeping()), &[delta])?;
                let total = self.axes.spread(g, total, z)?;
                let shared = g.mul(p, total)?;
                g.sub(delta, shared)?
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
