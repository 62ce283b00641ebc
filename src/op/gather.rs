//! Elements picked by integer indices.

use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity};
use super::nest::Nest;
use super::reduction::advance;
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::{SpecNumber, Up};
use crate::tensor::{SpecTensor, Tensor, Ty};
use crate::op::{ScatterAdd, movement};
use std::sync::Arc;
use crate::tensor::{DType, Shape, ZERO_FILL};
use smallvec::SmallVec;

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

    /// The axis along which single elements are picked; `None` where slices are.
    pub(crate) fn elements_along(self) -> Option<usize> {
        match self.pick {
            Pick::Elements | Pick::Labels => Some(self.axis),
            Pick::Slices => None,
        }
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

    /// For each result element, which index picks it, and the data element that it would be
    /// for the index 0.
    fn places(self, data: &Shape, out: &Shape, index_shape: &Shape) -> Vec<(usize, usize)> {
        let strides = data.strides();
        match self.pick {
            Pick::Slices => {
                let inner = strides[self.axis];
                let outer: usize = data[..self.axis].iter().product();
                let row = data[self.axis] * inner;
                let picks = index_shape.len();
                let each = |o: usize| {
                    (0..picks).flat_map(move |k| (0..inner).map(move |i| (k, o * row + i)))
                };
                (0..outer).flat_map(each).collect()
            }
            Pick::Elements | Pick::Labels => {
                let mut index = vec![0_usize; out.rank()];
                let mut places = Vec::with_capacity(out.len());
                for p in 0..out.len() {
                    let others = index.iter().zip(&strides).enumerate();
                    let along = |(a, (i, s)): (usize, (&usize, &usize))| {
                        if a == self.axis { 0 } else { i * s }
                    };
                    places.push((p, others.map(along).sum()));
                    advance(&mut index, out);
                }
                places
            }
        }
    }

    /// The position along the axis that an index stands for; `None` where it has none.
    fn resolve(self, index: i64, extent: usize) -> Option<usize> {
        let wraps = index < 0 && self.pick != Pick::Labels;
        let index = if wraps {
            index.checked_add(i64::try_from(extent).ok()?)?
        } else {
            index
        };
        usize::try_from(index).ok().filter(|&i| i < extent)
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
        let stride = data.strides()[self.axis];
        let resolved: Vec<Option<usize>> = (indices.iter())
            .map(|index| index.and_then(|i| self.resolve(i, data[self.axis])))
            .collect();
        let source = |(k, base): (usize, usize)| Some(base + resolved[k]? * stride);
        (self.places(data, out, index_shape).into_iter())
            .map(source)
            .collect()
    }

    /// For each result element, every data element that it may be: in the specification, or
    /// in some execution whose index is in range. `None` where an index may be anything.
    ///
    /// # Derivation
    /// The index and its specification lie in the index's enclosure; an execution whose
    /// index leaves the axis has no result to speak of.
    pub(crate) fn candidates(
        self,
        data: &Shape,
        out: &Shape,
        indices: &Operand,
    ) -> Option<Vec<SmallVec<[usize; 1]>>> {
        let (extent, stride) = (data[self.axis], data.strides()[self.axis]);
        let possible: Vec<SmallVec<[usize; 1]>> = (0..indices.len())
            .map(|k| self.possible(indices, k, extent))
            .collect::<Option<_>>()?;
        let all = self.places(data, out, indices.shape()).into_iter();
        let sources = |(k, base): (usize, usize)| {
            possible[k].iter().map(|i| base + i * stride).collect()
        };
        Some(all.map(sources).collect())
    }

    /// The positions along the axis that an index may stand for, the run's first.
    fn possible(self, indices: &Operand, k: usize, extent: usize) -> Option<SmallVec<[usize; 1]>> {
        let index = indices.value.integer(k)?;
        let mut all: SmallVec<[usize; 1]> = SmallVec::from_elem(self.resolve(index, extent)?, 1);
        if indices.eps(k) == Up::ZERO && !indices.approx.drift.is_open() {
            return Some(all);
        }
        let enclosure = indices.enclosure(k);
        let n = i64::try_from(extent).ok()?;
        for other in -n..n {
            let within = enclosure.contains(other as f64);
            let resolved = self.resolve(other, extent).filter(|r| within && !all.contains(r));
            all.extend(resolved);
        }
        indices.eps(k).is_finite().then_some(all)
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
    /// ε of what is picked; where the index is uncertain, the width of the hull of all that
    /// may be picked.
    ///
    /// # Derivation
    /// Specification and execution pick elements among the candidates (`candidates`), and
    /// these lie in their enclosures.
    /// # Errors
    /// None: an index without a finite ε gives +∞, "no claim".
    /// # Tightness
    /// Test `an_uncertain_index_picks_either_element`.
    fn error(&self, cx: &RuleCx, args: &[Operand], _out: &Tensor) -> Approx {
        let [data, indices] = [&args[0], &args[1]];
        let Some(all) = self.candidates(data.shape(), &cx.ty.shape, indices) else {
            return cx.approx(args, Bound::Tensor(Up::INFINITY));
        };
        let sources: Vec<usize> = all.iter().map(|c| c[0]).collect();
        let mut approx = movement::error(cx, data, &sources);
        approx.determined &= indices.approx.determined;
        if all.iter().any(|c| c.len() > 1) {
            spread_over(cx, data, &all, &mut approx);
        }
        approx
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

/// The bounds of elements that may be one of several.
///
/// # Derivation
/// ε: two members of the candidates' enclosures are at most the hull's width apart. Nest:
/// an execution that takes candidate i's leaves l̂ satisfies |Σl̂ − xⱼ| ≤ |Σl̂ − xᵢ| + |xᵢ − xⱼ|,
/// so that the largest leaves of the data and one more, without magnitude, whose error is
/// the hull's width, cover all of them.
fn spread_over(cx: &RuleCx, data: &Operand, all: &[SmallVec<[usize; 1]>], approx: &mut Approx) {
    let width = |k: usize| {
        let several = all[k].iter().map(|&i| data.enclosure(i));
        several.reduce(|a, b| a.hull(b)).map_or(Up::ZERO, |hull| hull.width())
    };
    let is_one = |k: usize| all[k].len() == 1;
    let eps = |k: usize| if is_one(k) { approx.eps.at(k) } else { width(k) };
    let eps = Bound::from_fn(all.len(), eps);
    if let Drift::Within(_) = &approx.drift {
        let most = |k: usize| {
            let several = all[k].iter().map(|&i| data.approx.drift.at(i));
            several.fold(Up::ZERO, Up::max)
        };
        approx.drift = Drift::Within(Bound::from_fn(all.len(), most));
    }
    if approx.nest.is_some() {
        let nest = Nest::of(cx, data);
        let masked = |decided: bool| -> Vec<usize> {
            let source = |k: usize| if is_one(k) == decided { all[k][0] } else { ZERO_FILL };
            (0..all.len()).map(source).collect()
        };
        let jump = |k: usize| if is_one(k) { Up::ZERO } else { width(k) };
        let parts = [
            Arc::new(nest.taken(&masked(true), &cx.ty.shape)),
            Arc::new(nest.collapsed().taken(&masked(false), &cx.ty.shape)),
            Arc::new(Nest::leaf(Bound::Zero, Bound::from_fn(all.len(), jump))),
        ];
        approx.nest = Some(Arc::new(Nest::joined(&parts, all.len())));
    }
    approx.eps = eps;
    // The norms are those of the first candidates.
    approx.blocks = None;
}
