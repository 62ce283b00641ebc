//! Elements picked by integer indices.

use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity};
use crate::bound::{Approx, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::{SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};
use crate::bound::Bound;
use crate::op::{ScatterAdd, movement};
use std::sync::Arc;
use crate::tensor::{DType, Shape};

/// How indices pick: whole slices along an axis, or one element each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// ONNX's Gather.
    Slices,
    /// ONNX's GatherElements.
    Elements,
    /// As `Elements`, for labels: a negative index is out of range.
    Labels,
}

/// data picked along an axis by an integer tensor; negative indices count from the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gather {
    axis: usize,
    pick: Pick,
}

impl Gather {
    pub(crate) fn slices(axis: usize) -> Gather {
        Gather { axis, pick: Pick::Slices }
    }

    pub(crate) fn labels(axis: usize) -> Gather {
        Gather {
            axis,
            pick: Pick::Labels,
        }
    }

    pub(crate) fn elements(axis: usize) -> Gather {
        Gather { axis, pick: Pick::Elements }
    }

    /// The result's shape.
    pub(crate) fn shape(self, data: &Shape, indices: &Shape) -> Result<Shape> {
        let axis = self.axis;
        let fits = axis < data.rank()
            && (self.pick == Pick::Slices
                || (indices.rank() == data.rank()
                    && (0..data.rank()).all(|a| a == axis || indices[a] <= data[a])));
        if !fits {
            return Err(Error::new(format!(
                "indices of shape {indices} do not pick along axis {axis} of shape {data}"
            ))
            .remedy("the axis must exist, and elementwise indices need the data's rank"));
        }
        Ok(match self.pick {
            Pick::Elements | Pick::Labels => indices.clone(),
            Pick::Slices => {
                let mut extents = data[..axis].to_vec();
                extents.extend_from_slice(indices);
                extents.extend_from_slice(&data[axis + 1..]);
                Shape::checked(&extents)?
            }
        })
    }

    /// For each result element, the data element that it is; `None` for an index that is
    /// unknown or out of range.
    pub(crate) fn sources(
        self,
        data: &Shape,
        out: &Shape,
        indices: &[Option<i64>],
        index_shape: &Shape,
    ) -> Vec<Option<usize>> {
        let strides = data.strides();
        let extent = data[self.axis];
        let resolve = |index: Option<i64>| {
            let index = index?;
            let extent_i = i64::try_from(extent).ok()?;
            let wraps = index < 0 && self.pick != Pick::Labels;
            let index = if wraps { index + extent_i } else { index };
            usize::try_from(index).ok().filter(|&i| i < extent)
        };
        let index_strides = index_shape.strides();
        (0..out.len())
            .map(|p| {
                let at = out.index_of(p);
                let (index_at, mut rest): (usize, Vec<usize>) = match self.pick {
                    Pick::Elements | Pick::Labels => (p, at),
                    Pick::Slices => {
                        let inner = self.axis + index_shape.rank();
                        let own = at[self.axis..inner].iter().zip(&index_strides);
                        let position = own.map(|(i, s)| i * s).sum();
                        let mut rest = at[..self.axis].to_vec();
                        rest.push(0);
                        rest.extend_from_slice(&at[inner..]);
                        (position, rest)
                    }
                };
                rest[self.axis] = resolve(indices[index_at])?;
                Some(rest.iter().zip(&strides).map(|(i, s)| i * s).sum())
            })
            .collect()
    }

    /// The sources of a run; an index out of range is misuse.
    pub(crate) fn run_sources(self, data: &Shape, out: &Shape, indices: &Tensor) -> Result<Vec<usize>> {
        let given = indices
            .as_i64s()
            .ok_or_else(|| Error::new("indices must be integers"))?;
        let given: Vec<Option<i64>> = given.iter().copied().map(Some).collect();
        self.sources(data, out, &given, indices.shape())
            .into_iter()
            .collect::<Option<Vec<usize>>>()
            .ok_or_else(|| {
                Error::new(format!("an index is out of range for axis {} of shape {data}", self.axis))
                    .remedy("indices must lie in [-n, n) for an axis of extent n, labels in [0, n)")
            })
    }
}

impl Primitive for Gather {
    fn name(&self) -> &'static str {
        "Gather"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [data, indices] = arity::<2>(args)?;
        if indices.dtype != DType::I64 {
            return Err(Error::new(format!("indices of type {}", indices.dtype))
                .remedy("indices must be integers"));
        }
        Ok(Ty::new(self.shape(&data.shape, &indices.shape)?, data.dtype))
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let [data, indices] = [args[0], args[1]];
        let given: Vec<Option<i64>> = indices.data.iter().map(N::as_integer).collect();
        let sources = self.sources(&data.shape, &cx.ty.shape, &given, &indices.shape);
        let unknown = N::from_f64(cx.env, f64::NAN);
        let picked: Vec<N> = sources
            .iter()
            .map(|s| s.map_or_else(|| unknown.clone(), |s| data.data[s].clone()))
            .collect();
        SpecTensor::new(cx.ty.shape.clone(), picked)
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let sources = self.run_sources(args[0].shape(), &cx.ty.shape, args[1])?;
        args[0].take(cx.ty.shape.clone(), &sources)
    }
    /// ε of what is picked; no claim where the index itself is uncertain.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let [data, indices] = [&args[0], &args[1]];
        match self.run_sources(data.shape(), &cx.ty.shape, indices.value) {
            Ok(sources) if indices.approx.eps.is_zero() => {
                let mut approx = movement::error(cx, data, &sources);
                approx.determined &= indices.approx.determined;
                approx
            }
            _ => cx.approx(args, Bound::Tensor(Up::INFINITY)),
        }
    }
    /// The largest scale along the axis: indices are unknown to a scale.
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let data = args[0].scaled;
        let nest = data.nest.as_ref().filter(|_| cx.any_tree());
        Scaled {
            scale: data.scale.collapsed(),
            nest: nest.map(|nest| Arc::new(nest.collapsed())),
        }
    }
    /// The cotangent scattered back, contributions to one element added up.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let whole = g.ty(site.args[0]).shape.clone();
        let back = ScatterAdd::new(*self, whole);
        Ok(vec![Some(g.push(back, &[site.cotangent, site.args[1]])?), None])
    }
}
