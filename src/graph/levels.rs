//! Graphs at each level of annotation, and the maps that forget annotations.
//!
//! | upstream | here | evaluates |
//! |---|---|---|
//! | FwdGraph | [`FwdGraph`] | `eval_spec`, `eval_runtime`, `eval_bounds` |
//! | RevGraph | [`RevGraph`] | and `backprop_spec`, `backprop_runtime`, `backprop_bounds` |
//! | FwdGraphScale | [`FwdGraphScale`] | FwdGraph's and `eval_scales` |
//! | RevGraphScale | [`RevGraphScale`] | all of these and `backprop_scales` |
//!
//! Built-in primitives live at every level; a user's node enters at the level that it has
//! rules for. Forgetting never changes a value, and the two ways from RevGraphScale to
//! FwdGraph give the same graph.

use super::context::{BList, EList, RunList, TList};
use super::grad::{Gradients, append_backward};
pub use super::user::{FwdNode, FwdNodeScale, RevNode, RevNodeScale, UserNode, derived_bound};
use super::{Graph, ValueId};
use crate::bound::{Approx, Bound};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::interpret::{bounds, runtime, scales, spec};
use crate::number::SpecNumber;
use crate::op::{Accumulation, Kernel, Op, Scaled};
use crate::tensor::{SpecTensor, Tensor, Ty};
use std::marker::PhantomData;
use std::sync::Arc;

/// A level of annotation.
pub trait Level {
    /// A user's node cut down to what this level keeps.
    fn keep(node: &UserNode) -> UserNode;
}

/// Levels whose nodes have VJPs.
pub trait Differentiable: Level {}
/// Levels whose nodes have scales.
pub trait HasScales: Level {}

macro_rules! levels {
    ($($(#[$doc:meta])* $level:ident, $graph:ident, $keep:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $level;
        impl Level for $level {
            fn keep(node: &UserNode) -> UserNode {
                $keep(node)
            }
        }
        $(#[$doc])*
        pub type $graph = LevelGraph<$level>;
    )+};
}

levels! {
    /// Forward meaning, execution and bounds.
    Fwd, FwdGraph, |n: &UserNode| n.without_scales().without_vjp();
    /// Forward, and VJPs.
    Rev, RevGraph, UserNode::without_scales;
    /// Forward, and scales.
    FwdScale, FwdGraphScale, UserNode::without_vjp;
    /// Everything.
    RevScale, RevGraphScale, UserNode::clone;
}

impl Differentiable for Rev {}
impl Differentiable for RevScale {}
impl HasScales for FwdScale {}
impl HasScales for RevScale {}

/// A graph whose nodes all have what the level `L` asks for.
#[derive(Debug, Clone)]
pub struct LevelGraph<L> {
    graph: Graph,
    accumulation: Option<Arc<dyn Accumulation>>,
    level: PhantomData<L>,
}

impl<L: Level> LevelGraph<L> {
    /// The graph without nodes over a context Γ.
    pub fn nil(context: &[Ty]) -> Self {
        let mut graph = Graph::new();
        for ty in context {
            graph.input(ty.clone());
        }
        LevelGraph {
            graph,
            accumulation: None,
            level: PhantomData,
        }
    }

    /// Appends a built-in primitive.
    pub fn snoc(&mut self, op: impl Into<Op>, args: &[ValueId]) -> Result<ValueId> {
        let op = op.into();
        if matches!(op, Op::Input | Op::Kernel(_) | Op::KernelVjp(_)) {
            return Err(Error::new("this is no built-in primitive")
                .remedy("give inputs to nil and kernels to snoc_node"));
        }
        self.graph.push(op, args)
    }

    /// The values of Γ, in order.
    pub fn context(&self) -> &[ValueId] {
        self.graph.inputs()
    }

    /// The underlying graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    fn push_node(&mut self, node: UserNode, args: &[ValueId]) -> Result<ValueId> {
        self.graph.push(Kernel(node), args)
    }

    fn forget<M: Level>(&self) -> LevelGraph<M> {
        LevelGraph {
            graph: self.graph.with_user_nodes(M::keep),
            accumulation: self.accumulation.clone(),
            level: PhantomData,
        }
    }

    /// The meaning of every value: Γ ++ ss.
    pub fn eval_spec<N: SpecNumber>(&self, env: &N::Env, context: &TList<N>) -> TList<N> {
        spec::eval(&self.graph, env, context.as_slice(), None).into()
    }

    /// What native floats compute: Γ ++ ss.
    pub fn eval_runtime(&self, config: &Config, context: &RunList) -> Result<RunList> {
        Ok(runtime::eval(&self.graph, config, context.as_slice())?.into())
    }

    /// Error bounds of every value of the run over `context`: Γ ++ ss.
    pub fn eval_bounds(&self, config: &Config, context: &RunList, eps: &EList) -> Result<EList> {
        let run = runtime::eval(&self.graph, config, context.as_slice())?;
        Ok(bounds::eval(&self.graph, config, &run, eps.as_slice()).into())
    }
}

impl<L: HasScales> LevelGraph<L> {
    /// Scales of every value, from Γ's: Γ ++ ss.
    pub fn eval_scales(&self, config: &Config, context: &BList) -> BList {
        scales::eval(&self.graph, config, context.as_slice(), None).into()
    }
}

/// A backward pass over fresh seed inputs.
struct Backward {
    graph: Graph,
    gradients: Gradients,
    forward_len: usize,
}

impl<L: Differentiable> LevelGraph<L> {
    /// Replaces the rule by which contributions are accumulated.
    pub fn set_accumulation(&mut self, rule: Arc<dyn Accumulation>) {
        self.accumulation = Some(rule);
    }

    fn backward(&self, seeded: &[ValueId]) -> Result<Backward> {
        let mut graph = self.graph.clone();
        let seeds: Vec<(ValueId, ValueId)> = seeded
            .iter()
            .map(|&v| (v, graph.input(self.graph.ty(v).clone())))
            .collect();
        let gradients = append_backward(&mut graph, &seeds, self.accumulation.as_ref())?;
        Ok(Backward {
            graph,
            gradients,
            forward_len: self.graph.len(),
        })
    }

    /// The meaning of the gradients with respect to every value of Γ ++ ss, for cotangents
    /// given for any values; zero where no seed reaches.
    pub fn backprop_spec<N: SpecNumber>(
        &self,
        env: &N::Env,
        context: &TList<N>,
        seeds: &[(ValueId, SpecTensor<N>)],
    ) -> Result<TList<N>> {
        let back = self.backward(&ids(seeds))?;
        let inputs = joined(context.as_slice(), seeds);
        let all = spec::eval(&back.graph, env, &inputs, None);
        Ok(back.collect(&all, |ty| {
            let zero = N::from_f64(env, 0.0);
            SpecTensor::new(ty.shape.clone(), vec![zero; ty.shape.len()])
        }))
    }

    /// What native floats compute for the gradients; zero where no seed reaches.
    pub fn backprop_runtime(
        &self,
        config: &Config,
        context: &RunList,
        seeds: &[(ValueId, Tensor)],
    ) -> Result<RunList> {
        let back = self.backward(&ids(seeds))?;
        let all = runtime::eval(&back.graph, config, &joined(context.as_slice(), seeds))?;
        let zeros = |ty: &Ty| Tensor::full(ty.shape.clone(), ty.dtype, 0.0);
        let all: Vec<Result<Tensor>> = all.into_iter().map(Ok).collect();
        let gradients: Vec<Result<Tensor>> = back.collect(&all, zeros);
        gradients.into_iter().collect()
    }

    /// Error bounds of the gradients of the run over `context`; exact where no seed reaches.
    pub fn backprop_bounds(
        &self,
        config: &Config,
        context: &RunList,
        eps: &EList,
        seeds: &[(ValueId, (Tensor, Approx))],
    ) -> Result<EList> {
        let back = self.backward(&ids(seeds))?;
        let values: Vec<(ValueId, Tensor)> =
            seeds.iter().map(|(v, (t, _))| (*v, t.clone())).collect();
        let known: Vec<(ValueId, Approx)> =
            seeds.iter().map(|(v, (_, a))| (*v, a.clone())).collect();
        let run = runtime::eval(&back.graph, config, &joined(context.as_slice(), &values))?;
        let all = bounds::eval(&back.graph, config, &run, &joined(eps.as_slice(), &known));
        Ok(back.collect(&all, |_| Approx::exact()))
    }
}

impl<L: Differentiable + HasScales> LevelGraph<L> {
    /// Scales of the gradients, from Γ's and the seeds'; zero where no seed reaches.
    pub fn backprop_scales(
        &self,
        config: &Config,
        context: &BList,
        seeds: &[(ValueId, Scaled)],
    ) -> Result<BList> {
        let back = self.backward(&ids(seeds))?;
        let inputs = joined(context.as_slice(), seeds);
        let all = scales::eval(&back.graph, config, &inputs, None);
        Ok(back.collect(&all, |_| Scaled::new(Bound::Zero)))
    }
}

impl Backward {
    fn collect<T: Clone, C: FromIterator<T>>(&self, all: &[T], zero: impl Fn(&Ty) -> T) -> C {
        self.graph
            .values()
            .take(self.forward_len)
            .map(|v| match self.gradients.of(v) {
                Some(g) => all[g.index()].clone(),
                None => zero(self.graph.ty(v)),
            })
            .collect()
    }
}

fn ids<T>(seeds: &[(ValueId, T)]) -> Vec<ValueId> {
    seeds.iter().map(|s| s.0).collect()
}

fn joined<T: Clone>(context: &[T], seeds: &[(ValueId, T)]) -> Vec<T> {
    let seeds = seeds.iter().map(|s| s.1.clone());
    context.iter().cloned().chain(seeds).collect()
}

impl FwdGraph {
    /// Appends a user's node.
    pub fn snoc_node(&mut self, node: Arc<dyn FwdNode>, args: &[ValueId]) -> Result<ValueId> {
        self.push_node(UserNode::Fwd(node), args)
    }
}

impl RevGraph {
    /// Appends a user's node.
    pub fn snoc_node(&mut self, node: Arc<dyn RevNode>, args: &[ValueId]) -> Result<ValueId> {
        self.push_node(UserNode::Rev(node), args)
    }

    /// Forgets the VJPs.
    pub fn to_fwd_graph(&self) -> FwdGraph {
        self.forget()
    }
}

impl FwdGraphScale {
    /// Appends a user's node.
    pub fn snoc_node(&mut self, node: Arc<dyn FwdNodeScale>, args: &[ValueId]) -> Result<ValueId> {
        self.push_node(UserNode::FwdScale(node), args)
    }

    /// Forgets the scales.
    pub fn to_fwd_graph(&self) -> FwdGraph {
        self.forget()
    }
}

impl RevGraphScale {
    /// Appends a user's node.
    pub fn snoc_node(&mut self, node: Arc<dyn RevNodeScale>, args: &[ValueId]) -> Result<ValueId> {
        self.push_node(UserNode::RevScale(node), args)
    }

    /// Forgets the scales.
    pub fn to_rev_graph(&self) -> RevGraph {
        self.forget()
    }

    /// Forgets the VJPs.
    pub fn to_fwd_graph_scale(&self) -> FwdGraphScale {
        self.forget()
    }
}
