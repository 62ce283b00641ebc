//! The meaning of a VJP: ⟨δ, J·v⟩ = ⟨Jᵀδ, v⟩.
//!
//! J·v comes from duals over the specification of the forward graph, Jᵀδ from the
//! specification of the backward graph: two ways that share no derivative.

use crate::graph::{Graph, ValueId};
use crate::interpret::spec;
use crate::number::dual::Dual;
use crate::number::{Enclosure, SpecNumber};
use crate::op::Op;
use crate::tensor::SpecTensor;

/// A function and what is said to be its pullback.
#[derive(Debug, Clone)]
pub struct Pullback {
    /// The function: its inputs are the first of `graph`.
    pub forward: Graph,
    /// Its value.
    pub output: ValueId,
    /// Forward and backward; one more input than `forward`, the cotangent of `output`.
    pub graph: Graph,
    /// Inputs with what is said to be their gradients.
    pub gradients: Vec<(ValueId, ValueId)>,
}

/// The two sides of the identity.
#[derive(Debug, Clone)]
pub struct Sides<N> {
    /// ⟨δ, J·v⟩.
    pub forward: N,
    /// ⟨Jᵀδ, v⟩.
    pub back: N,
    /// Every value of the graph that has the backward pass.
    pub values: Vec<SpecTensor<N>>,
}

/// Σ xᵢ·yᵢ.
fn dot<N: SpecNumber>(env: &N::Env, x: &[N], y: &[N]) -> N {
    let products = x.iter().zip(y).map(|(x, y)| x.mul(y));
    crate::number::spec::sum(env, products)
}

fn tensors<N: SpecNumber>(graph: &Graph, values: &[Vec<N>]) -> Vec<SpecTensor<N>> {
    let shapes = graph.inputs().iter().map(|v| graph.ty(*v).shape.clone());
    let pairs = shapes.zip(values);
    pairs.map(|(s, v)| SpecTensor::new(s, v.clone())).collect()
}

/// How far apart the formulas of a value that programs compute by several are; they are to be
/// one real.
pub fn formulas_apart<N: SpecNumber>(graph: &Graph, values: &[SpecTensor<N>]) -> Vec<Enclosure> {
    let mut apart = Vec::new();
    for node in graph.nodes().iter() {
        let Op::AnyOf(any) = node.op() else {
            continue;
        };
        let Some((first, others)) = any.formulas(node.args()).split_first() else {
            continue;
        };
        for other in others {
            let (x, y) = (&values[first.index()].data, &values[other.index()].data);
            apart.extend(x.iter().zip(y.iter()).map(|(x, y)| x.sub(y).enclose()));
        }
    }
    apart
}

impl Pullback {
    /// Both sides at x, along v (one of zeros for integers) and for the cotangent δ.
    pub fn sides<N: SpecNumber>(
        &self,
        env: &N::Env,
        x: &[Vec<N>],
        v: &[Vec<N>],
        delta: &[N],
    ) -> Sides<N> {
        let along = self.along(env, x, v);
        let mut given = x.to_vec();
        given.push(delta.to_vec());
        let values = spec::eval(&self.graph, env, &tensors(&self.graph, &given), None);
        let inputs = self.forward.inputs();
        let term = |(input, gradient): &(ValueId, ValueId)| {
            let k = inputs.iter().position(|i| i == input)?;
            Some(dot(env, &values[gradient.index()].data, &v[k]))
        };
        let zero = N::from_i64(env, 0);
        let terms = self.gradients.iter().filter_map(term);
        let back = terms.fold(zero, |sum, term| sum.add(&term));
        Sides {
            forward: dot(env, delta, &along),
            back,
            values,
        }
    }

    /// J·v by forward mode.
    fn along<N: SpecNumber>(&self, env: &N::Env, x: &[Vec<N>], v: &[Vec<N>]) -> Vec<N> {
        let dual = |(x, v): (&Vec<N>, &Vec<N>)| -> Vec<Dual<N>> {
            let pairs = x.iter().cloned().zip(v.iter().cloned());
            pairs
                .map(|(value, tangent)| Dual { value, tangent })
                .collect()
        };
        let duals: Vec<Vec<Dual<N>>> = x.iter().zip(v).map(dual).collect();
        let all = spec::eval(&self.forward, env, &tensors(&self.forward, &duals), None);
        let output = all[self.output.index()].data.iter();
        output.map(|d| d.tangent.clone()).collect()
    }
}
