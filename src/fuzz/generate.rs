//! Random graphs from bytes: every primitive, fan-out, every format and configuration,
//! interesting floats.

use super::bytes::{Bytes, words};
use super::program;
use crate::config::{Accumulate, Config, Contract, Execution, Granularity, Schedule, Subnormals};
use crate::graph::grad::append_backward;
use crate::graph::{Graph, ValueId};
use crate::libm::Libm;
use crate::tensor::{DType, Shape, Tensor, Ty};
use crate::witness;
use crate::witness::generate::{Role, input};
use crate::witness::tape::Tape;
use std::num::NonZeroUsize;

/// A graph with its backward pass, inputs and configuration.
#[derive(Debug, Clone)]
pub struct Case {
    /// Forward and backward.
    pub graph: Graph,
    /// One tensor per input.
    pub inputs: Vec<Tensor>,
    /// What the bounds speak for.
    pub config: Config,
}

/// The longest program that is built.
const MAX_NODES: usize = 24;

/// Reads a configuration, inputs and a program; a step whose operands do not suit it is
/// left out.
pub fn case(bytes: &[u8]) -> Case {
    let mut bytes = Bytes::new(bytes);
    let config = config(&mut bytes);
    let dtype = bytes.pick(DType::FLOATS);
    let mut graph = Graph::new();
    let mut inputs = Vec::new();
    let mut values = Vec::new();
    for _ in 0..=bytes.below(3) {
        let shape = Shape::from([1 + bytes.below(3), 1 + bytes.below(4)]);
        let elements: Vec<f64> = (0..shape.len())
            .map(|_| fitting(bytes.float(), dtype))
            .collect();
        if let Ok(tensor) = Tensor::from_f64s(shape.clone(), dtype, &elements)
            && tensor.to_f64s().iter().all(|x| x.is_finite())
        {
            values.push(graph.input(Ty::new(shape, dtype)));
            inputs.push(tensor);
        }
    }
    for _ in 0..MAX_NODES {
        if bytes.is_empty() || values.is_empty() {
            break;
        }
        if let Ok(value) = program::step(&mut graph, &values, &mut bytes) {
            values.push(value);
        }
    }
    differentiate(&mut graph, &values);
    Case {
        graph,
        inputs,
        config,
    }
}

/// The case's graph over inputs of which run, specification and execution may each have
/// another value, with the choices of an execution; the same bytes are read once more.
pub fn execution(case: &Case, bytes: &[u8]) -> Option<(witness::case::Case, Vec<u32>)> {
    let numbers = words(bytes);
    let mut tape = Tape::new(&numbers);
    let given = |v: &ValueId| {
        let role = tape.pick(&[Role::Moderate, Role::Any, Role::Positive, Role::Small]);
        input(&mut tape, case.graph.ty(*v), role, None)
    };
    let inputs = case.graph.inputs().iter().map(given).collect();
    let choices = numbers.get(tape.read().len()..)?.to_vec();
    let case = witness::case::Case {
        graph: case.graph.clone(),
        config: case.config,
        inputs,
    };
    Some((case, choices))
}

/// x, or ±1 where that is beyond the format.
fn fitting(x: f64, dtype: DType) -> f64 {
    match dtype.format() {
        Some(format) if x.abs() > format.largest() => x.signum(),
        _ => x,
    }
}

fn config(bytes: &mut Bytes<'_>) -> Config {
    let bits = bytes.next();
    let pick = |bit: u8| bits & (1 << bit) != 0;
    Config {
        contract: if pick(0) {
            Contract::Off
        } else {
            Contract::Any
        },
        subnormals: if pick(1) {
            Subnormals::Flush
        } else {
            Subnormals::Gradual
        },
        execution: Execution {
            fused: pick(2),
            flushed: pick(3),
        },
        granularity: if pick(4) && pick(5) {
            Granularity::Tensor
        } else {
            Granularity::Element
        },
        accumulate: match (pick(6), pick(7)) {
            (false, false) => Accumulate::Default,
            (true, false) => Accumulate::Same,
            (false, true) => Accumulate::F32,
            (true, true) => Accumulate::F64,
        },
        schedule: match bytes.below(6) {
            0 | 1 => Schedule::Any,
            2 => Schedule::Left,
            3 => Schedule::Pairwise,
            n => Schedule::Blocked(NonZeroUsize::MIN.saturating_add(n - 3)),
        },
        libm: bytes.pick([
            Libm::Portable,
            Libm::Correct,
            Libm::Ulp(1.5),
            Libm::Glibc,
            Libm::Cuda,
            Libm::XlaCpu,
            Libm::CoreMath,
        ]),
    }
}

/// Seeds the last float value with ones; a gradient that cannot be taken leaves the graph
/// forward only.
fn differentiate(graph: &mut Graph, values: &[ValueId]) {
    let Some(&last) = values.iter().rev().find(|v| graph.ty(**v).dtype.is_float()) else {
        return;
    };
    let ty = graph.ty(last).clone();
    if let Ok(ones) = Tensor::full(ty.shape, ty.dtype, 1.0) {
        let mut extended = graph.clone();
        let seed = extended.constant(ones);
        if append_backward(&mut extended, &[(last, seed)], None).is_ok() {
            *graph = extended;
        }
    }
}
