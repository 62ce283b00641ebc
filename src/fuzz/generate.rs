//! Random graphs from bytes: every primitive, fan-out, every format, interesting floats.

use crate::config::{Config, Contract, Schedule, Subnormals};
use crate::error::Result;
use crate::graph::grad::append_backward;
use crate::graph::{Graph, ValueId};
use crate::libm::Libm;
use crate::lower;
use crate::number::spec::Steps;
use crate::op::{Relation, Rounding};
use crate::tensor::{DType, Shape, Tensor, Ty};

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

/// A reader of bytes that never ends: zeros follow the last one.
#[derive(Debug)]
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn below(&mut self, n: usize) -> usize {
        usize::from(self.next()) % n.max(1)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An interesting float: small integers, powers of two and neighbours, anything finite.
    fn float(&mut self) -> f64 {
        let kind = self.next();
        let x = f64::from(self.next() as i8);
        match kind % 6 {
            0 => x,
            1 => scaled(x, -4),
            2 => scaled(1.0, i32::from(self.next() as i8) / 4),
            3 => scaled(x, i32::from(self.next() as i8)),
            4 => f64::from(f32::from_bits(u32::from_be_bytes([
                0x3e | (kind & 0x81),
                self.next(),
                self.next(),
                self.next(),
            ]))),
            _ => 0.0,
        }
    }
}

/// x·2^exponent.
#[expect(clippy::float_arithmetic, reason = "generates inputs, bounds nothing")]
fn scaled(x: f64, exponent: i32) -> f64 {
    x * f64::from(exponent).exp2()
}

/// The longest program that is built.
const MAX_NODES: usize = 24;

/// Reads a configuration, inputs and a program; a step whose operands do not suit it is
/// left out.
pub fn case(bytes: &[u8]) -> Case {
    let mut bytes = Bytes(bytes);
    let config = config(&mut bytes);
    let dtype = [DType::F32, DType::F64, DType::F16, DType::BF16][bytes.below(4)];
    let mut graph = Graph::new();
    let mut inputs = Vec::new();
    let mut values = Vec::new();
    for _ in 0..=bytes.below(3) {
        let shape = Shape::from([1 + bytes.below(3), 1 + bytes.below(4)]);
        let elements: Vec<f64> = (0..shape.len()).map(|_| bytes.float()).collect();
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
        if let Ok(value) = step(&mut graph, &values, &mut bytes) {
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

fn config(bytes: &mut Bytes) -> Config {
    let bits = bytes.next();
    let pick = |bit: u8| bits & (1 << bit) != 0;
    Config {
        schedule: if pick(0) {
            Schedule::Left
        } else {
            Schedule::Any
        },
        contract: if pick(1) {
            Contract::Off
        } else {
            Contract::Any
        },
        subnormals: if pick(2) {
            Subnormals::Flush
        } else {
            Subnormals::Gradual
        },
        libm: if pick(3) {
            Libm::Correct
        } else {
            Libm::Portable
        },
        ..Config::default()
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

/// Appends one primitive or composite on operands chosen among the values so far.
fn step(g: &mut Graph, values: &[ValueId], bytes: &mut Bytes) -> Result<ValueId> {
    let op = bytes.next();
    let x = values[bytes.below(values.len())];
    let y = values[bytes.below(values.len())];
    match op % 36 {
        0 => g.add(x, y),
        1 => g.sub(x, y),
        2 => g.mul(x, y),
        3 => g.div(x, y),
        4 => g.neg(x),
        5 => g.abs(x),
        6 => g.max(x, y),
        7 => g.min(x, y),
        8 => g.relu(x),
        9 => g.exp(x),
        10 => g.log(x),
        11 => g.sqrt(x),
        12 => g.tanh(x),
        13 => g.sigmoid(x),
        14 => g.step(x, Steps::SIGN),
        15 => g.matmul(x, y),
        16 => g.matmul_with(x, y, false, true),
        17 => g.matmul_with(x, y, true, false),
        18..=26 => shaped(g, op, x, y, bytes),
        27 => lower::softmax(g, x, last_axis(g, x)),
        28 => lower::log_softmax(g, x, last_axis(g, x)),
        29 => lower::mean_squared_error(g, x, y),
        30 => g.add_n(&[x, x, x]),
        31 => g.max_over(x, &[last_axis(g, x)], true),
        32 => g.cast(
            x,
            [DType::F32, DType::F64, DType::F16, DType::BF16][bytes.below(4)],
        ),
        33 => chosen(g, x, y, bytes),
        34 => function(g, x, y, bytes),
        _ => lower::real(g, bytes.float(), g.ty(x).dtype).and_then(|c| g.mul(x, c)),
    }
}

/// An elementary function or a power.
fn function(g: &mut Graph, x: ValueId, y: ValueId, bytes: &mut Bytes) -> Result<ValueId> {
    let all: [fn(&mut Graph, ValueId) -> Result<ValueId>; 16] = [
        Graph::expm1,
        Graph::log1p,
        Graph::erf,
        Graph::sin,
        Graph::cos,
        Graph::tan,
        Graph::asin,
        Graph::acos,
        Graph::atan,
        Graph::sinh,
        Graph::cosh,
        Graph::asinh,
        Graph::acosh,
        Graph::atanh,
        Graph::softplus,
        Graph::rsqrt,
    ];
    match all.get(bytes.below(all.len() + 2)) {
        Some(f) => f(g, x),
        None => g.pow(x, y),
    }
}

fn last_axis(g: &Graph, x: ValueId) -> usize {
    g.ty(x).shape.rank().saturating_sub(1)
}

/// Comparisons, selections, maxima that go to the first, and what jumps.
fn chosen(g: &mut Graph, x: ValueId, y: ValueId, bytes: &mut Bytes) -> Result<ValueId> {
    let relation = [Relation::Less, Relation::LessOrEqual, Relation::Equal][bytes.below(3)];
    let to = [
        Rounding::Floor,
        Rounding::Ceil,
        Rounding::Nearest,
        Rounding::Truncate,
    ];
    match bytes.below(7) {
        3 => g.round(x, to[bytes.below(4)]),
        4 => g.prod(x, &[last_axis(g, x)], true),
        5 => g.modulo(x, y, bytes.below(2) == 0),
        6 => {
            let index = g.arg_max(x, last_axis(g, x), bytes.below(2) == 0)?;
            g.gather_elements(y, index, last_axis(g, y))
        }
        0 => g.pool_max(x, &[last_axis(g, x)], true, &[]),
        1 => {
            let winner = g.winner(x, &[last_axis(g, x)], &[])?;
            g.select(winner, x, y)
        }
        _ => {
            let condition = g.compare(relation, x, y)?;
            g.select(condition, y, x)
        }
    }
}

/// Reductions and movements.
fn shaped(g: &mut Graph, op: u8, x: ValueId, y: ValueId, bytes: &mut Bytes) -> Result<ValueId> {
    let shape = g.ty(x).shape.clone();
    let rank = shape.rank();
    let axis = bytes.below(rank.max(1));
    match op % 36 {
        18 => g.sum(x, &[axis], bytes.below(2) == 0),
        19 => g.mean(x, &[axis], bytes.below(2) == 0),
        20 => g.reshape(x, Shape::from([shape.len()])),
        21 => {
            let reversed: Vec<usize> = (0..rank).rev().collect();
            g.transpose(x, &reversed)
        }
        22 => g.concat(&[x, y], axis),
        23 => {
            let lengths: Vec<usize> = shape.iter().map(|&e| e.div_ceil(2)).collect();
            let starts: Vec<usize> = shape.iter().zip(&lengths).map(|(e, l)| e - l).collect();
            g.slice(x, &starts, &vec![1; rank], &lengths)
        }
        24 | 25 => {
            let extent = shape.get(axis).copied().unwrap_or(1).max(1);
            let picks: Vec<i64> = (0..3).map(|_| bytes.below(extent) as i64).collect();
            let indices = g.constant(Tensor::i64s([3], picks)?);
            g.gather(x, indices, axis)
        }
        _ => g.broadcast(x, &Shape::from([2, shape.len()])),
    }
}
