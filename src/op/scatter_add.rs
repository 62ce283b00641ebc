//! Values added into zeros at integer positions: what pulls a cotangent back through a
//! gather.

use super::gather::Gather;
use super::nest::Nest;
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity};
use crate::bound::{Approx, Bound, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::{SpecNumber, Up};
use crate::tensor::{Shape, SpecTensor, Tensor, Ty};
use std::sync::Arc;

/// Zeros of shape `whole`, with the first argument's elements added where a gather with
/// the second argument's indices would have picked them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScatterAdd(Box<(Gather, Shape)>);

impl ScatterAdd {
    pub(crate) fn new(gather: Gather, whole: Shape) -> ScatterAdd {
        ScatterAdd(Box::new((gather, whole)))
    }

    /// The axis along which the indices pick single elements; `None` where they pick slices.
    pub(crate) fn one_along(&self) -> Option<usize> {
        self.0.0.elements_along()
    }

    fn targets(&self, x: &Shape, indices: &Tensor) -> Result<Vec<usize>> {
        self.0.0.run_sources(&self.0.1, x, indices)
    }
}

/// The largest number of elements that share a target.
fn most(targets: &[usize], len: usize) -> usize {
    let mut counts = vec![0_usize; len];
    targets.iter().for_each(|&t| counts[t] += 1);
    counts.into_iter().fold(0, usize::max)
}

impl Primitive for ScatterAdd {
    fn name(&self) -> &'static str {
        "ScatterAdd"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [x, indices] = arity::<2>(args)?;
        let (gather, whole) = self.0.as_ref();
        if gather.shape(whole, &indices.shape)? != x.shape {
            return Err(Error::new(format!("{} is not what a gather picks", x.shape)));
        }
        Ok(Ty::new(whole.clone(), x.dtype))
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let [x, indices] = [args[0], args[1]];
        let given: Vec<Option<i64>> = indices.data.iter().map(N::as_integer).collect();
        let targets = self.0.0.sources(&self.0.1, &x.shape, &given, &indices.shape);
        let mut all = vec![N::from_f64(cx.env, 0.0); cx.ty.shape.len()];
        for (x, target) in x.data.iter().zip(targets) {
            match target {
                Some(t) => all[t] = all[t].add(x),
                None => all.fill(N::from_f64(cx.env, f64::NAN)),
            }
        }
        SpecTensor::new(cx.ty.shape.clone(), all)
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let targets = self.targets(args[0].shape(), args[1])?;
        let zero = Tensor::full(cx.ty.shape.clone(), cx.ty.dtype, 0.0)?;
        let len = cx.len();
        // Rounds of one element per target, so that every addition is a tensor addition.
        let mut total = zero;
        let mut rest: Vec<(usize, usize)> = targets.into_iter().enumerate().collect();
        while !rest.is_empty() {
            let mut sources = vec![crate::tensor::ZERO_FILL; len];
            rest.retain(|&(source, target)| {
                let free = sources[target] == crate::tensor::ZERO_FILL;
                if free {
                    sources[target] = source;
                }
                !free
            });
            let round = args[0].take(cx.ty.shape.clone(), &sources)?;
            total = super::elementwise::run_binary(&super::Add, cx, &total, &round)?;
        }
        Ok(total)
    }
    /// The nest of what meets at each element. A contribution whose index is uncertain may
    /// or may not arrive at each of its candidates.
    ///
    /// # Derivation
    /// See [`nest`](crate::op::nest): a sum of at most as many leaves as contributions may
    /// coincide, each step stored. At a candidate, execution and specification may differ by
    /// x̂, by x or by x̂ − x: a leaf whose error is the largest of the three.
    /// # Errors
    /// None: an index without a finite ε gives +∞, "no claim".
    fn error(&self, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx {
        let [x, indices] = [&args[0], &args[1]];
        let (gather, whole) = self.0.as_ref();
        let all = match gather.candidates(whole, x.shape(), indices) {
            Some(all) if !x.approx.drift.is_open() => all,
            _ => return cx.approx(args, Bound::Tensor(Up::INFINITY)),
        };
        // One leaf for each candidate of each contribution.
        let candidates = all.iter().enumerate();
        let leaves: Vec<(usize, usize, bool)> = candidates
            .flat_map(|(k, to)| to.iter().map(move |&t| (k, t, to.len() == 1)))
            .collect();
        let sources: Vec<usize> = leaves.iter().map(|l| l.0).collect();
        let targets: Vec<usize> = leaves.iter().map(|l| l.1).collect();
        let either = |&(k, _, decided): &(usize, usize, bool)| {
            if decided {
                return Up::ZERO;
            }
            x.magnitude(k).max(x.spec_magnitude(k)).max(x.eps(k))
        };
        let jumps: Vec<Up> = leaves.iter().map(either).collect();
        let jumps = Arc::new(Nest::leaf(Bound::Zero, Bound::per_element(&jumps)));
        let leaf_shape = Shape::from(vec![leaves.len()]);
        let taken = Arc::new(Nest::of(cx, x).taken(&sources, &leaf_shape));
        let count = most(&targets, cx.len());
        let nest = Nest::joined(&[taken, jumps], leaves.len())
            .collected(&targets, &cx.ty.shape, count)
            .stored(count);
        let eps = nest.eps(cx, out, &Default::default());
        Approx {
            nest: cx.any_tree().then(|| Arc::new(nest)),
            ..cx.approx(args, eps)
        }
    }
    /// All contributions may meet at one element: indices are unknown to a scale.
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let x = &args[0];
        let targets = vec![0; x.len()];
        let nest = Nest::of_scale(cx, x).collected(&targets, &Shape::from(vec![1]), x.len()).stored(x.len());
        let nest = nest.collapsed();
        Scaled {
            scale: nest.scale(cx).collapsed(),
            nest: cx.any_tree().then(|| Arc::new(nest)),
        }
    }
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let picked = g.push(self.0.0, &[site.cotangent, site.args[1]])?;
        Ok(vec![Some(picked), None])
    }
}
