//! What an audit will take of memory, compared with what there is before anything is run.

use crate::config::{Config, Granularity, Schedule};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::import::Model;
use crate::memory;
use crate::op::Op;
use crate::tensor::DType;

/// Where nobody says how much memory is left: elements of all values together, forward and
/// backward, of which each takes some 30 bytes here.
const MAX_ELEMENTS: usize = 1 << 29;

/// Bytes of a bound, of which every element has one for its scale, and one for its eps where
/// it is computed in floats.
const BOUND: u64 = 8;
/// Bytes of what is known of an element's error and magnitude until both are decided; f64
/// intervals seldom decide those of f64, so that every value's are kept.
const OPEN: u64 = 32;
/// Bytes an element of the largest value takes while it is worked on: the enclosures of an
/// operation's argument and result, and what is known of its errors.
const WORK: u64 = 56;

/// Bytes of an element of a sum whose tree is open: the magnitudes and errors of its leaves.
const NEST: u64 = 2 * BOUND;

/// The least number of bytes that running, bounding and checking a graph takes, and the value
/// that has the most elements. Measured audits take 1.0 to 2 times as much, the more the
/// smaller they are. Inputs and constants are there already, and a reshape shares its
/// argument's elements.
fn need(graph: &Graph, config: &Config) -> (u64, Option<ValueId>) {
    let (mut kept, mut largest) = (0_u64, (0, None));
    let mut exact = vec![false; graph.len()];
    for (node, id) in graph.nodes().iter().zip(graph.values()) {
        let (ty, op) = (graph.ty(id), node.op());
        let len = ty.shape.len() as u64;
        let given = matches!(op, Op::Input | Op::Constant(_));
        let moved = matches!(
            op,
            Op::Reshape(_)
                | Op::Broadcast(_)
                | Op::Transpose(_)
                | Op::Slice(_)
                | Op::Gather(_)
                | Op::Embed(_)
                | Op::Concat(_)
        );
        exact[id.index()] = given || moved && node.args().iter().all(|a| exact[a.index()]);
        let mut each = BOUND;
        if !given && !matches!(op, Op::Reshape(_)) {
            each += size(ty.dtype);
        }
        if !exact[id.index()] && ty.dtype.is_float() {
            let sums = matches!(op, Op::Add(_) | Op::Sub(_) | Op::AddN(_) | Op::MatMul(_));
            let nests = sums && config.schedule == Schedule::Any;
            if config.granularity == Granularity::Element {
                each += BOUND + if nests { NEST } else { 0 };
            }
            each += if ty.dtype == DType::F64 { OPEN } else { 0 };
        }
        kept = kept.saturating_add(len.saturating_mul(each));
        if len > largest.0 {
            largest = (len, Some(id));
        }
    }
    let total = kept.saturating_add(largest.0.saturating_mul(WORK));
    (total, largest.1)
}

/// Bytes of an element; the simulated formats are kept in f32.
fn size(dtype: DType) -> u64 {
    match dtype {
        DType::F64 | DType::I64 => 8,
        DType::F32 | DType::TF32 => 4,
        DType::E4M3 | DType::E5M2 | DType::E3M2 | DType::E2M3 | DType::E2M1 => 4,
        DType::F16 | DType::BF16 => 2,
        DType::Bool => 1,
    }
}

/// A small file can ask for any amount of memory (Expand); that is refused before it is
/// tried.
pub(super) fn within(model: &Model, config: &Config) -> Result<()> {
    let graph = &model.graph;
    let (need, largest) = need(graph, config);
    let what = match memory::available() {
        Some(left) => too_many_bytes(need, left),
        None => too_many_elements(graph),
    };
    let Some(what) = what else {
        return Ok(());
    };
    let error = Error::new(what).in_file(&model.path).remedy(
        "audit with a smaller batch, with --forward-only, or on a machine with more memory",
    );
    let maker = largest.map(|id| graph.node(id).origin().source as usize);
    Err(match maker.and_then(|source| model.nodes.get(source)) {
        Some(node) => error.at_node(&node.name),
        None => error,
    })
}

fn too_many_bytes(need: u64, left: u64) -> Option<String> {
    (need > left).then(|| {
        format!(
            "with a value as large as this one's, running and checking the model takes at least \
             {}, and {} of memory are left",
            memory::shown(need),
            memory::shown(left)
        )
    })
}

fn too_many_elements(graph: &Graph) -> Option<String> {
    let all = graph.values().map(|v| graph.ty(v).shape.len());
    let total = all.fold(0_usize, usize::saturating_add);
    (total > MAX_ELEMENTS).then(|| {
        format!(
            "its values have {total} elements together, forward and backward, and 2^29 is the most"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{need, too_many_bytes, too_many_elements};
    use crate::config::Config;
    use crate::graph::Graph;
    use crate::op;
    use crate::tensor::{DType, Shape, Tensor};

    #[test]
    fn what_is_expanded_is_counted_before_it_is_made() {
        let mut graph = Graph::new();
        let one = graph.constant(Tensor::full(Shape::from([1]), DType::F32, 1.0).unwrap());
        let wide = graph.push(op::Broadcast(Shape::from([1 << 30])), &[one]);
        graph.push(op::Relu, &[wide.unwrap()]).unwrap();
        // Run and scale of both, an eps of the second, and what is worked on.
        let least = (12 + 20 + 56) * (1 << 30) + 8;
        let config = Config::default();
        assert_eq!(need(&graph, &config), (least, graph.values().nth(1)));
        assert_eq!(too_many_bytes(least, least), None);
        let refused = too_many_bytes(least, least - 1).unwrap();
        assert!(refused.contains("88.1 GiB"), "{refused}");
        assert!(too_many_elements(&graph).is_some());
    }
}
