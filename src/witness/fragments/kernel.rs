//! A small kernel of a user's own, with every rule: f(x, y) = x·x + y.

use crate::Result;
use crate::bound::{Bound, Operand};
use crate::error::Error;
use crate::graph::levels::{FwdNode, FwdNodeScale, RevNode, RevNodeScale, derived_bound};
use crate::graph::{Graph, ValueId};
use crate::interpret::{Fragment, runtime, scales};
use crate::op::{RuleCx, ScaleOperand, Scaled};
use crate::tensor::{Tensor, Ty};
use crate::{Config, number::Up};

#[derive(Debug)]
/// f(x, y) = x·x + y with a gradient to x that is computed as x·δ + x·δ.
pub struct SquarePlus;

fn meaning(g: &mut Graph, args: &[ValueId]) -> Result<ValueId> {
    let square = g.mul(args[0], args[0])?;
    g.add(square, args[1])
}

/// The gradient to x is 2x·δ, computed as x·δ + x·δ; that to y is δ.
fn gradient(g: &mut Graph, args: &[ValueId], cotangent: ValueId) -> Result<ValueId> {
    let once = g.mul(args[0], cotangent)?;
    g.add(once, once)
}

/// What the meaning computes when it is run as it stands.
fn native(
    args: &[&Tensor],
    body: impl FnOnce(&mut Graph, &[ValueId]) -> Result<ValueId>,
) -> Result<Tensor> {
    let types: Vec<Ty> = args.iter().map(|a| a.ty()).collect();
    let fragment = Fragment::build(&types, body)?;
    let inputs: Vec<Tensor> = args.iter().map(|a| (*a).clone()).collect();
    let all = runtime::eval(&fragment.graph, &Config::default(), &inputs)?;
    Ok(all[fragment.output.index()].clone())
}

fn scaled(
    cx: &RuleCx,
    args: &[ScaleOperand],
    body: impl FnOnce(&mut Graph, &[ValueId]) -> Result<ValueId>,
) -> Bound {
    let types: Vec<Ty> = args.iter().map(|a| a.ty.clone()).collect();
    let Ok(fragment) = Fragment::build(&types, body) else {
        return Bound::Tensor(Up::INFINITY);
    };
    let inputs: Vec<Scaled> = args.iter().map(|a| a.scaled.clone()).collect();
    let all = scales::eval(&fragment.graph, cx.config, &inputs, None);
    all[fragment.output.index()].scale.clone()
}

impl FwdNode for SquarePlus {
    fn name(&self) -> String {
        "x² + y".into()
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        match args {
            [x, y] if x == y => Ok((*x).clone()),
            _ => Err(Error::new("x² + y takes two values of one type")),
        }
    }
    fn spec(&self, g: &mut Graph, args: &[ValueId]) -> Result<ValueId> {
        meaning(g, args)
    }
    fn runtime(&self, args: &[&Tensor]) -> Result<Tensor> {
        native(args, meaning)
    }
    fn bound(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Bound {
        derived_bound(cx, args, meaning)
    }
}

impl RevNode for SquarePlus {
    fn vjp_spec(
        &self,
        g: &mut Graph,
        args: &[ValueId],
        cotangent: ValueId,
    ) -> Result<Vec<Option<ValueId>>> {
        Ok(vec![Some(gradient(g, args, cotangent)?), Some(cotangent)])
    }
    fn vjp_runtime(&self, input: usize, args: &[&Tensor], cotangent: &Tensor) -> Result<Tensor> {
        if input == 1 {
            return Ok(cotangent.clone());
        }
        native(&[args[0], cotangent], |g, args| {
            gradient(g, &args[..1], args[1])
        })
    }
    fn vjp_bound(
        &self,
        cx: &RuleCx,
        input: usize,
        args: &[Operand],
        cotangent: &Operand,
        _out: &Tensor,
    ) -> Bound {
        if input == 1 {
            return cotangent.approx.eps.clone();
        }
        derived_bound(cx, &[args[0], *cotangent], |g, args| {
            gradient(g, &args[..1], args[1])
        })
    }
}

impl FwdNodeScale for SquarePlus {
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Bound {
        scaled(cx, args, meaning)
    }
}

impl RevNodeScale for SquarePlus {
    fn vjp_scale(
        &self,
        cx: &RuleCx,
        input: usize,
        args: &[ScaleOperand],
        cotangent: &ScaleOperand,
    ) -> Bound {
        if input == 1 {
            return cotangent.scaled.scale.clone();
        }
        scaled(cx, &[args[0], *cotangent], |g, args| {
            gradient(g, &args[..1], args[1])
        })
    }
}
