//! Tensors joined along an axis.

use super::range;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite};
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::{SpecNumber, Up, simulated};
use super::nest::Nest;
use std::sync::Arc;
use crate::tensor::{Data, Shape, SpecTensor, Tensor, Ty};

/// Concatenation along the axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concat(pub usize);

impl Concat {
    /// For each argument, for each of its elements in order, the position in the result.
    fn places(self, shapes: &[&Shape], out: &Shape) -> Vec<Vec<usize>> {
        let inner: usize = out[self.0 + 1..].iter().product();
        let row = out[self.0] * inner;
        let mut offset = 0;
        shapes
            .iter()
            .map(|shape| {
                let width = shape[self.0] * inner;
                let start = offset;
                offset += width;
                (0..shape.len())
                    .map(|k| (k / width.max(1)) * row + start + k % width.max(1))
                    .collect()
            })
            .collect()
    }

    fn merged(self, shapes: &[&Shape], out: &Shape, at: impl Fn(usize, usize) -> Up) -> Bound {
        let mut all = vec![Up::ZERO; out.len()];
        for (k, places) in self.places(shapes, out).iter().enumerate() {
            for (i, &place) in places.iter().enumerate() {
                all[place] = at(k, i);
            }
        }
        Bound::from_fn(all.len(), |i| all[i])
    }
}

impl Primitive for Concat {
    fn name(&self) -> &'static str {
        "Concat"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let first = args
            .first()
            .ok_or_else(|| Error::new("joins at least one tensor"))?;
        if self.0 >= first.shape.rank() {
            return Err(Error::new(format!("axis {} of shape {}", self.0, first.shape))
                .remedy("axes count from 0 to rank - 1"));
        }
        let mut extents = first.shape.to_vec();
        for other in &args[1..] {
            let alike = other.dtype == first.dtype
                && other.shape.rank() == first.shape.rank()
                && (0..extents.len()).all(|a| a == self.0 || other.shape[a] == extents[a]);
            if !alike {
                return Err(Error::new(format!(
                    "cannot join {first} and {other} along axis {}",
                    self.0
                ))
                .remedy("all other extents and the element types must agree"));
            }
            extents[self.0] += other.shape[self.0];
        }
        Ok(Ty::new(extents, first.dtype))
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let shapes: Vec<&Shape> = args.iter().map(|a| &a.shape).collect();
        let mut all = vec![N::from_f64(cx.env, 0.0); cx.ty.shape.len()];
        for (arg, places) in args.iter().zip(self.places(&shapes, &cx.ty.shape)) {
            for (x, place) in arg.data.iter().zip(places) {
                all[place] = x.clone();
            }
        }
        SpecTensor::new(cx.ty.shape.clone(), all)
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        macro_rules! join {
            ($variant:ident, $zero:expr) => {{
                let shapes: Vec<&Shape> = args.iter().map(|a| a.shape()).collect();
                let mut all = vec![$zero; cx.len()];
                for (arg, places) in args.iter().zip(self.places(&shapes, &cx.ty.shape)) {
                    if let Data::$variant(data) = arg.data() {
                        for (&x, place) in data.iter().zip(places) {
                            all[place] = x;
                        }
                    }
                }
                Data::$variant(all.into())
            }};
        }
        let data = match args[0].data() {
            Data::F64(_) => join!(F64, 0.0),
            Data::F32(_) => join!(F32, 0.0),
            Data::F16(_) => join!(F16, half::f16::ZERO),
            Data::BF16(_) => join!(BF16, half::bf16::ZERO),
            Data::TF32(_) => join!(TF32, simulated::Tf32::ZERO),
            Data::E4M3(_) => join!(E4M3, simulated::E4m3::ZERO),
            Data::E5M2(_) => join!(E5M2, simulated::E5m2::ZERO),
            Data::E3M2(_) => join!(E3M2, simulated::E3m2::ZERO),
            Data::E2M3(_) => join!(E2M3, simulated::E2m3::ZERO),
            Data::E2M1(_) => join!(E2M1, simulated::E2m1::ZERO),
            Data::I64(_) => join!(I64, 0),
            Data::Bool(_) => join!(Bool, false),
        };
        Tensor::from_data(cx.ty.shape.clone(), data)
    }
    /// ε passes through.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let shapes: Vec<&Shape> = args.iter().map(|a| a.shape()).collect();
        let out = &cx.ty.shape;
        let drift = if args.iter().any(|a| a.approx.drift.is_open()) {
            Drift::Within(self.merged(&shapes, out, |k, i| args[k].approx.drift.at(i)))
        } else {
            Drift::None
        };
        let mut approx = Approx {
            drift,
            range: range::hull(args.iter().map(|a| a.approx.range)),
            ..cx.approx(args, self.merged(&shapes, out, |k, i| args[k].eps(i)))
        };
        // A joined tensor whose parts are roots of reductions is one too. Only where some part
        // is one.
        if cx.any_tree() && args.iter().any(|a| a.approx.nest.is_some()) {
            let parts: Vec<_> = args.iter().map(|a| Nest::of(cx, a)).collect();
            let merged = |of: &dyn Fn(usize, usize) -> Up| self.merged(&shapes, out, of);
            approx.nest = Some(Arc::new(Nest::side_by_side(&parts, merged)));
        }
        approx
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let shapes: Vec<&Shape> = args.iter().map(|a| &a.ty.shape).collect();
        let scale = self.merged(&shapes, &cx.ty.shape, |k, i| args[k].at(i));
        let mut scaled = Scaled::new(scale);
        if cx.any_tree() && args.iter().any(|a| a.scaled.nest.is_some()) {
            let parts: Vec<_> = args.iter().map(|a| Nest::of_scale(cx, a)).collect();
            let merged = |of: &dyn Fn(usize, usize) -> Up| self.merged(&shapes, &cx.ty.shape, of);
            scaled.nest = Some(Arc::new(Nest::side_by_side(&parts, merged)));
        }
        scaled
    }
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let mut start = 0;
        site.args
            .iter()
            .map(|&arg| {
                let lengths = g.ty(arg).shape.to_vec();
                let mut starts = vec![0; lengths.len()];
                starts[self.0] = start;
                start += lengths[self.0];
                let steps = vec![1; lengths.len()];
                Ok(Some(g.slice(site.cotangent, &starts, &steps, &lengths)?))
            })
            .collect()
    }
}
