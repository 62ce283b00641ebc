//! The matrix product over the last two axes, leading axes broadcast.

use super::broadcast::sum_to;
use super::elementwise::{Elements, native};
use super::mul::cross_terms;
use super::measured::measured;
use super::nest::Nest;
use super::product_norms::{self, Factor as Site, Factors};
use super::rule::{Primitive, RuleCx, ScaleOperand, Scaled, SpecCx, VjpSite, arity, float};
use super::sum::Storage;
use crate::blocks::Blocks;
use crate::bound::{Approx, Bound, Drift, Operand};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::number::gemm::{Layout, WORTH_THREADS, product_near, product_up};
use crate::number::runtime::with_float;
use crate::number::ordered::product_in_order;
use crate::number::spec::Factor;
use crate::number::{Float, SpecNumber, Up};
use crate::tensor::{Shape, SpecTensor, Tensor, Ty};
use rayon::prelude::*;
use std::sync::Arc;

/// A·B, with either factor's last two axes swapped first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MatMul {
    /// Swap A's.
    pub transpose_a: bool,
    /// Swap B's.
    pub transpose_b: bool,
}

/// Extents of a batch of products, and where each factor's matrix starts.
struct Plan {
    m: usize,
    k: usize,
    n: usize,
    batch: Shape,
    /// For each product of the batch, the offsets of A's and B's matrices.
    offsets: Vec<(usize, usize)>,
}

impl Plan {
    /// The products of all the batch's pairs of matrices, one after the other.
    fn each<T: Sync, U: Send + Clone>(
        &self,
        x: &[T],
        y: &[T],
        product: impl Fn(&[T], &[T]) -> Vec<U> + Sync,
    ) -> Vec<U> {
        let (rows, columns) = (self.m * self.k, self.k * self.n);
        let one = |&(i, j): &(usize, usize)| product(&x[i..i + rows], &y[j..j + columns]);
        if let [only] = self.offsets.as_slice() {
            return one(only);
        }
        // Where a small product waited for another thread, that thread's caller might begin
        // its next work on top of this one's stack.
        let least = WORTH_THREADS / (rows * self.n).max(1);
        let products = self.offsets.par_iter().with_min_len(least.max(1));
        let parts: Vec<Vec<U>> = products.map(one).collect();
        parts.concat()
    }
}

/// (rows, columns) of a factor after its swap.
fn extents(shape: &Shape, transposed: bool) -> (usize, usize) {
    let (rows, columns) = (shape[shape.rank() - 2], shape[shape.rank() - 1]);
    if transposed { (columns, rows) } else { (rows, columns) }
}

/// Offset of the matrix at a batch index, where extents of 1 repeat.
fn offset(shape: &Shape, batch: &Shape, index: &[usize]) -> usize {
    let lead = &shape[..shape.rank() - 2];
    let skip = batch.rank() - lead.len();
    let mut offset = 0;
    for (a, &extent) in lead.iter().enumerate() {
        let i = if extent == 1 { 0 } else { index[skip + a] };
        offset = offset * extent + i;
    }
    offset * shape[shape.rank() - 2] * shape[shape.rank() - 1]
}

impl MatMul {
    fn plan(self, a: &Shape, b: &Shape) -> Option<Plan> {
        let (m, k) = extents(a, self.transpose_a);
        let (k2, n) = extents(b, self.transpose_b);
        let lead = |s: &Shape| Shape::from(&s[..s.rank() - 2]);
        let batch = lead(a).broadcast_with(&lead(b))?;
        let offsets = (0..batch.len())
            .map(|p| {
                let index = batch.index_of(p);
                (offset(a, &batch, &index), offset(b, &batch, &index))
            })
            .collect();
        (k == k2).then_some(Plan { m, k, n, batch, offsets })
    }

    /// How the factors' matrices lie in their slices.
    fn layouts(self, plan: &Plan) -> (Layout, Layout) {
        let layout = |rows, columns, swapped| {
            if swapped {
                Layout::row_major(columns, rows, true)
            } else {
                Layout::row_major(rows, columns, false)
            }
        };
        (
            layout(plan.m, plan.k, self.transpose_a),
            layout(plan.k, plan.n, self.transpose_b),
        )
    }

    /// The norms of what is propagated, whose elements they tighten.
    fn blocks(self, plan: &Plan, factors: [&Operand; 2], p: &mut [Up]) -> Option<Blocks> {
        let [a, b] = factors;
        let size = plan.m * plan.n;
        if a.approx.drift.is_open() || b.approx.drift.is_open() || size == 0 {
            return None;
        }
        let (la, lb) = self.layouts(plan);
        let products = plan.offsets.iter().zip(p.chunks_mut(size));
        let each: Vec<_> = products
            .map(|(&(i, j), p)| {
                let a = Site { x: a, layout: la, offset: i };
                let b = Site { x: b, layout: lb, offset: j };
                Factors { a, b }.propagate(p)
            })
            .collect();
        Some(product_norms::blocks(&each, plan.m, plan.n))
    }

    /// What this run's products lost to rounding, where every execution loses that.
    fn measured(
        self,
        cx: &RuleCx,
        plan: &Plan,
        args: &[Operand],
        out: &Tensor,
        magnitude: &Bound,
    ) -> Option<Bound> {
        let (la, lb) = self.layouts(plan);
        measured(cx, args, out, (plan.k, magnitude), || {
            let [x, y] = [&args[0], &args[1]].map(|x| x.value.to_f64s());
            plan.each(&x, &y, |x, y| product_near(x, la, y, lb))
        })
    }

    /// Upper bounds of X·Y for bounds X and Y of the factors' elements.
    fn product(self, plan: &Plan, x: &[Up], y: &[Up]) -> Vec<Up> {
        let (la, lb) = self.layouts(plan);
        plan.each(x, y, |x, y| product_up(x, la, y, lb))
    }
}

fn run_batch<T: Elements, A: Float>(
    op: MatMul,
    plan: &Plan,
    cx: &RuleCx,
    a: &Tensor,
    b: &Tensor,
) -> Result<Tensor> {
    let widen = |t: &T| A::from_f64(t.to_f64());
    let a: Vec<A> = native::<T>(a)?.iter().map(widen).collect();
    let b: Vec<A> = native::<T>(b)?.iter().map(widen).collect();
    let (la, lb) = op.layouts(plan);
    let order = cx.config.order();
    let all = plan.each(&a, &b, |x, y| product_in_order(order, x, la, y, lb));
    T::wrap(cx.ty, all.iter().map(|s| T::from_f64(s.to_f64())).collect())
}

impl Primitive for MatMul {
    fn name(&self) -> &'static str {
        "MatMul"
    }
    fn infer(&self, args: &[&Ty]) -> Result<Ty> {
        let [a, b] = arity::<2>(args)?;
        float(a)?;
        if a.shape.rank() < 2 || b.shape.rank() < 2 || a.dtype != b.dtype {
            return Err(Error::new(format!("cannot multiply {a} by {b}"))
                .remedy("both factors need two axes or more and one element type"));
        }
        let plan = self.plan(&a.shape, &b.shape).ok_or_else(|| {
            Error::new(format!("the shapes {} and {} do not multiply", a.shape, b.shape))
                .remedy("columns of the first must equal rows of the second, leading axes must broadcast")
        })?;
        let mut extents = plan.batch.to_vec();
        extents.extend([plan.m, plan.n]);
        Ok(Ty::new(Shape::checked(&extents)?, a.dtype))
    }
    fn spec<N: SpecNumber>(&self, cx: &SpecCx<N>, args: &[&SpecTensor<N>]) -> SpecTensor<N> {
        let [a, b] = [args[0], args[1]];
        let all = match self.plan(&a.shape, &b.shape) {
            Some(plan) => {
                let (la, lb) = self.layouts(&plan);
                plan.each(&a.data, &b.data, |x, y| {
                    N::product(cx.env, Factor::new(x, la), Factor::new(y, lb))
                })
            }
            None => Vec::new(),
        };
        SpecTensor::new(cx.ty.shape.clone(), all)
    }
    fn run(&self, cx: &RuleCx, args: &[&Tensor]) -> Result<Tensor> {
        let [a, b] = [args[0], args[1]];
        let plan = self
            .plan(a.shape(), b.shape())
            .ok_or_else(|| Error::new("the factors' shapes do not multiply"))?;
        with_float!(cx.ty.dtype, T => {
            match cx.config.accumulator(<T as Storage>::FORMAT).precision {
                53 => run_batch::<T, f64>(*self, &plan, cx, a, b),
                24 => run_batch::<T, f32>(*self, &plan, cx, a, b),
                _ => run_batch::<T, T>(*self, &plan, cx, a, b),
            }
        }, else {
            Err(Error::new("a matrix product of integers").remedy("insert a Cast to a float type"))
        })
    }
    /// Error of a rounded matrix product, in any tree and with any contraction.
    ///
    /// # Statement
    /// If |â−a| ≤ E_A and |b̂−b| ≤ E_B then |fl(ÂB̂) − AB| ≤ result, element by element.
    /// # Formula
    /// |A|·E_B + E_A·(|B| + 3E_B) + γ·m(A)·m(B) + underflow, m = |c| + 2ε (3 becomes 1
    /// where a factor is determined), by up to three products of upper bounds.
    /// # Derivation
    /// Lemma `product` (op/mul.rs) summed over k, then [`nest`](crate::op::nest).
    /// # Assumes
    /// A1; A2 (else A2'); A3 conventional products.
    /// # Tightness
    /// Test `dot_is_nearly_attained`.
    fn error(&self, cx: &RuleCx, args: &[Operand], out: &Tensor) -> Approx {
        let [a, b] = [&args[0], &args[1]];
        let Some(plan) = self.plan(a.shape(), b.shape()) else {
            return cx.approx(args, Bound::Tensor(Up::INFINITY));
        };
        let each = |x: &Operand, f: &dyn Fn(usize) -> Up| (0..x.len()).map(f).collect::<Vec<Up>>();
        let of_b = b.magnitudes();
        let magnitude = self.product(&plan, &a.magnitudes(), &of_b);
        let mut propagated: Option<Vec<Up>> = None;
        if !b.approx.eps.is_zero() {
            let eb = b.approx.eps.to_vec(b.len());
            propagated = Some(self.product(&plan, &each(a, &|i| a.abs(i)), &eb));
        }
        if !a.approx.eps.is_zero() {
            let cross = cross_terms(a, b);
            let ea = a.approx.eps.to_vec(a.len());
            // |B| is m(B) where B is the same in every execution.
            let with_errors = match b.approx.eps.is_zero() && !b.approx.drift.is_open() {
                true => of_b,
                false => each(b, &|i| b.abs(i) + cross * b.eps(i)),
            };
            let with_a = self.product(&plan, &ea, &with_errors);
            propagated = Some(match propagated {
                Some(p) => p.iter().zip(&with_a).map(|(&p, &q)| p + q).collect(),
                None => with_a,
            });
        }
        let blocks = (propagated.as_mut()).and_then(|p| self.blocks(&plan, [a, b], p));
        let bound = |v: Vec<Up>| Bound::from_fn(v.len(), |i| v[i]);
        let nest = Nest::dot(
            plan.k,
            bound(magnitude),
            propagated.map_or(Bound::Zero, bound),
        )
        .with_blocks(blocks, out.len());
        let measured = self.measured(cx, &plan, args, out, nest.magnitude());
        let (eps, blocks) = nest.rooted(cx, out, &Drift::None, measured);
        Approx {
            blocks,
            nest: cx.any_tree().then(|| Arc::new(nest)),
            ..cx.approx(args, eps)
        }
    }
    fn scale(&self, cx: &RuleCx, args: &[ScaleOperand]) -> Scaled {
        let [a, b] = [&args[0], &args[1]];
        let Some(plan) = self.plan(&a.ty.shape, &b.ty.shape) else {
            return Scaled::unbounded();
        };
        let products = self.product(
            &plan,
            &a.scaled.scale.to_vec(a.len()),
            &b.scaled.scale.to_vec(b.len()),
        );
        let magnitude = Bound::from_fn(products.len(), |i| products[i]);
        let nest = Nest::dot(plan.k, magnitude, Bound::Zero);
        Scaled {
            scale: nest.scale(cx),
            nest: cx.any_tree().then(|| Arc::new(nest)),
        }
    }
    /// δ·Bᵀ and Aᵀ·δ, summed over the axes along which a factor was repeated; of a B that is one
    /// matrix for a batch of As, the rows of all of them are those of one A.
    fn vjp(&self, g: &mut Graph, site: &VjpSite) -> Result<Vec<Option<ValueId>>> {
        let [a, b] = [site.args[0], site.args[1]];
        let (ta, tb, d) = (self.transpose_a, self.transpose_b, site.cotangent);
        let da = if ta {
            g.matmul_with(b, d, tb, true)?
        } else {
            g.matmul_with(d, b, false, !tb)?
        };
        // What many matrices have in common is pulled back by one product over all their rows.
        let (rows, of_rows) = match g.ty(b).shape.rank() == 2 && !ta {
            true => (as_one_matrix(g, a)?, as_one_matrix(g, d)?),
            false => (a, d),
        };
        let db = if tb {
            g.matmul_with(of_rows, rows, true, ta)?
        } else {
            g.matmul_with(rows, of_rows, !ta, false)?
        };
        let (sa, sb) = (g.ty(a).shape.clone(), g.ty(b).shape.clone());
        Ok(vec![Some(sum_to(g, da, &sa)?), Some(sum_to(g, db, &sb)?)])
    }
}

/// A batch of matrices as one, of all their rows.
fn as_one_matrix(g: &mut Graph, x: ValueId) -> Result<ValueId> {
    let shape = g.ty(x).shape.clone();
    match &shape[..] {
        [lead @ .., columns] if lead.len() > 1 => {
            g.reshape(x, Shape::from([lead.iter().product(), *columns]))
        }
        _ => Ok(x),
    }
}
