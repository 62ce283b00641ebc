//! The interpretations of one graph: specification, runtime, bounds, scales.
//!
//! Each is one pass over the arena and knows no operation; what an operation means stands
//! in its file under [`op`](crate::op). A graph that the grad transform has extended is
//! evaluated, bounded and scaled, forward and backward, by the same passes.

pub mod bounds;
pub(crate) mod live;
pub mod runtime;
pub mod scales;
pub mod spec;

use crate::error::Result;
use crate::graph::{Graph, ValueId};
use crate::number::SpecNumber;
use crate::op::SpecCx;
use crate::tensor::{SpecTensor, Ty};

/// A small graph with one output: the meaning of a kernel in primitives.
#[derive(Debug, Clone)]
pub struct Fragment {
    /// The primitives; its inputs are the kernel's arguments.
    pub graph: Graph,
    /// The output.
    pub output: ValueId,
}

impl Fragment {
    /// Builds a fragment over inputs of the given types.
    pub fn build(
        types: &[Ty],
        body: impl FnOnce(&mut Graph, &[ValueId]) -> Result<ValueId>,
    ) -> Result<Fragment> {
        let mut graph = Graph::new();
        let args: Vec<ValueId> = types.iter().map(|ty| graph.input(ty.clone())).collect();
        let output = body(&mut graph, &args)?;
        Ok(Fragment { graph, output })
    }
}

/// The specification of a kernel through its fragment; "anything" where the fragment could
/// not be built (its types were checked when the kernel entered the graph).
pub(crate) fn fragment_spec<N: SpecNumber>(
    cx: &SpecCx<N>,
    fragment: Result<Fragment>,
    args: &[&SpecTensor<N>],
) -> SpecTensor<N> {
    let unknown = || {
        let nan = N::from_f64(cx.env, f64::NAN);
        SpecTensor::new(cx.ty.shape.clone(), vec![nan; cx.ty.shape.len()])
    };
    let Ok(fragment) = fragment else {
        return unknown();
    };
    let inputs: Vec<SpecTensor<N>> = args.iter().map(|a| (*a).clone()).collect();
    let values = spec::eval(&fragment.graph, cx.env, &inputs, None);
    match values.into_iter().nth(fragment.output.index()) {
        Some(out) if out.shape == cx.ty.shape => out,
        _ => unknown(),
    }
}
