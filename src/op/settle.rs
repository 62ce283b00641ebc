//! The place where a free shift has cancelled: softmax and log-softmax.

use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use crate::bound::{Approx, Drift, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::SpecNumber;
use crate::tensor::{SpecTensor, Tensor, Ty};

/// Which shift-invariant function of z has been computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shifted {
    /// e^(z−s) / Σe^(z−s).
    Softmax,
    /// z − s − ln Σe^(z−s).
    LogSoftmax,
}

/// The identity on its first argument, by which a lowering states that the specification of
/// that value does not depend on the shift that an execution chose (see
/// [`FreeMax`](super::FreeMax)): the drift of what it is made of ends here.
///
/// Arguments: the value, z, e = e^(z−s), d = Σe over `axis` (kept). The last three serve
/// the gradient, which goes to z directly and never through the shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settle {
    /// The function.
    pub function: Shifted,
    /// The axis that is summed over.
    pub axis: usize,
}

impl Primitive for Settle {
    fn name(&self) -> &'static str {
        match self.function {
            Shifted::Softmax => "Softmax",
            Shifted::LogSoftmax => "LogSoftmax",
        }
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [value, z, e, d] = arity::<4>(args)?;
        float(value)?;
        let rows = d.shape.broadcast_with(&z.shape);
        if value == z && value == e && rows.as_ref() == Some(&z.shape) && self.axis < z.shape.rank()
        {
            return Ok(value.clone());
        }
        Err(Error::new(format!(
            "{value}, {z}, {e} and {d} are not the parts of one {}",
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
    /// With p = e/d = softmax z: p·(δ − Σδp) or (as JAX has it) δp − p·Σδp for softmax;
    /// δ − p·Σδ or (as JAX has it) δ − e·(Σδ/d) for log-softmax.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let [z, e, d] = [site.args[1], site.args[2], site.args[3]];
        let shape = g.ty(z).shape.clone();
        let delta = site.cotangent;
        let to_z = match self.function {
            Shifted::Softmax => {
                let weighted = g.mul(delta, site.value)?;
                let mean = g.sum(weighted, &[self.axis], true)?;
                let mean = g.broadcast(mean, &shape)?;
                let centred = g.sub(delta, mean)?;
                let factored = g.mul(site.value, centred)?;
                let (p, delta) = (g.held(site.value)?, g.held(delta)?);
                let weighted = g.mul(delta, p)?;
                let mean = g.sum(weighted, &[self.axis], true)?;
                let mean = g.broadcast(mean, &shape)?;
                let shared = g.mul(p, mean)?;
                let expanded = g.sub(weighted, shared)?;
                g.any_of(factored, &[expanded])?
            }
            Shifted::LogSoftmax => {
                let rows = g.broadcast(d, &shape)?;
                let quotient = g.div(e, rows)?;
                let softmax = Settle {
                    function: Shifted::Softmax,
                    axis: self.axis,
                };
                let p = g.push(softmax, &[quotient, z, e, d])?;
                let total = g.sum(delta, &[self.axis], true)?;
                let all = g.broadcast(total, &shape)?;
                let shared = g.mul(p, all)?;
                let by_softmax = g.sub(delta, shared)?;
                let [total, e, d] = [g.held(total)?, g.held(e)?, g.held(d)?];
                let each = g.div(total, d)?;
                let each = g.broadcast(each, &shape)?;
                let shared = g.mul(e, each)?;
                let by_exponential = g.sub(delta, shared)?;
                g.any_of(by_softmax, &[by_exponential])?
            }
        };
        Ok(vec![None, Some(to_z), None, None])
    }
}
