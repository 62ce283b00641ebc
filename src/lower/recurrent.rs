//! Recurrent cells, unrolled over a sequence in one direction.

use super::{Activation, real};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::tensor::{Shape, Tensor};

/// The most primitives that one direction is written out to.
const MAX_PRIMITIVES: usize = 1 << 20;

/// A cell, by what its gates compute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// h = f(x·Wᵀ + h·Rᵀ + bias).
    Rnn {
        /// The activation.
        f: Activation,
    },
    /// Gates z and r, candidate n: h = (1 − z)·n + z·h.
    Gru {
        /// The gates' activation.
        f: Activation,
        /// The candidate's activation.
        g: Activation,
        /// True where r multiplies h·Rᵀ + bias, not h.
        linear_before_reset: bool,
    },
    /// Gates i, o, f, candidate n: c = f·c + i·n, h = o·h(c).
    Lstm {
        /// The gates' activation.
        f: Activation,
        /// The candidate's activation.
        g: Activation,
        /// The activation of the cell's state.
        h: Activation,
        /// True where the forget gate is 1 − i.
        input_forget: bool,
    },
}

impl Cell {
    /// How many gates and candidates there are.
    pub fn gates(self) -> usize {
        match self {
            Cell::Rnn { .. } => 1,
            Cell::Gru { .. } => 3,
            Cell::Lstm { .. } => 4,
        }
    }
}

/// The weights of one direction, gates along the first axis in ONNX's order.
#[derive(Debug, Clone, Copy)]
pub struct Weights {
    /// Of the inputs: [gates·H, inputs].
    pub w: ValueId,
    /// Of the state: [gates·H, H].
    pub r: ValueId,
    /// Biases, those of the inputs and then those of the state: [2·gates·H].
    pub b: Option<ValueId>,
    /// Peepholes of the gates i, o, f: [3·H].
    pub p: Option<ValueId>,
}

/// The states that a direction begins with, of shape [batch, H].
#[derive(Debug, Clone, Copy)]
pub struct States {
    /// h.
    pub h: ValueId,
    /// c, which only an LSTM has.
    pub c: ValueId,
}

/// How a sequence is walked.
#[derive(Debug, Clone)]
pub struct Recurrent {
    /// The cell.
    pub cell: Cell,
    /// What gates and candidates are clipped to before their activation.
    pub clip: Option<f64>,
    /// True for the backward direction.
    pub reverse: bool,
    /// The length of each sequence of the batch, where they differ.
    pub lengths: Option<Vec<usize>>,
}

/// What a direction gives.
#[derive(Debug, Clone)]
pub struct Unrolled {
    /// h after every step, in the order of the sequence; 0 beyond a sequence's end.
    pub steps: Vec<ValueId>,
    /// The last states.
    pub last: States,
}

/// The elements of an axis from `start` on.
pub(super) fn part(
    graph: &mut Graph,
    x: ValueId,
    axis: usize,
    start: usize,
    length: usize,
) -> Result<ValueId> {
    let shape = graph.ty(x).shape.clone();
    let mut starts = vec![0; shape.rank()];
    let mut lengths = shape.to_vec();
    (starts[axis], lengths[axis]) = (start, length);
    graph.slice(x, &starts, &vec![1; shape.rank()], &lengths)
}

/// One gate's part of something that holds all gates along an axis.
fn gate(graph: &mut Graph, x: ValueId, axis: usize, k: usize, hidden: usize) -> Result<ValueId> {
    part(graph, x, axis, k * hidden, hidden)
}

/// Refuses what would be written out to too many primitives.
fn affordable(steps: usize, each: usize) -> Result<()> {
    if steps.saturating_mul(each) <= MAX_PRIMITIVES {
        return Ok(());
    }
    Err(
        Error::new(format!("{steps} steps of {each} primitives each"))
            .remedy("2^20 primitives are the most; use shorter sequences"),
    )
}

impl Recurrent {
    /// Unrolls x of shape [sequence, batch, inputs].
    pub fn unroll(
        &self,
        graph: &mut Graph,
        x: ValueId,
        weights: Weights,
        from: States,
    ) -> Result<Unrolled> {
        let [sequence, batch, inputs] = graph.ty(x).shape[..] else {
            return Err(
                Error::new(format!("a sequence of shape {}", graph.ty(x).shape))
                    .remedy("use the shape [sequence, batch, inputs]"),
            );
        };
        let hidden = graph.ty(weights.r).shape.last().copied().unwrap_or(0);
        let rows = graph.reshape(x, Shape::from([sequence * batch, inputs]))?;
        let projected = graph.matmul_with(rows, weights.w, false, true)?;
        let step = Step::new(graph, self, weights, hidden)?;
        let mut states = from;
        let mut steps = Vec::new();
        let before = graph.len();
        for k in 0..sequence {
            // Every step has as many, but for those at the ends of sequences.
            if k == 1 {
                affordable(sequence, graph.len() - before)?;
            }
            let t = if self.reverse { sequence - 1 - k } else { k };
            let projected = part(graph, projected, 0, t * batch, batch)?;
            let next = step.next(graph, projected, states)?;
            let (shown, kept) = self.within(graph, t, next, states)?;
            steps.push(shown);
            states = kept;
        }
        if self.reverse {
            steps.reverse();
        }
        Ok(Unrolled {
            steps,
            last: states,
        })
    }

    /// What a step shows, and the states it leaves: beyond its end a sequence shows 0 and
    /// keeps its state.
    fn within(
        &self,
        graph: &mut Graph,
        t: usize,
        next: States,
        before: States,
    ) -> Result<(ValueId, States)> {
        let Some(lengths) = self.lengths.as_ref().filter(|l| l.iter().any(|&n| n <= t)) else {
            return Ok((next.h, next));
        };
        let inside: Vec<bool> = lengths.iter().map(|&n| t < n).collect();
        let inside = graph.constant(Tensor::bools([inside.len(), 1], inside)?);
        let shown = graph.select_or_zero(inside, next.h)?;
        let kept = States {
            h: graph.select(inside, next.h, before.h)?,
            c: graph.select(inside, next.c, before.c)?,
        };
        Ok((shown, kept))
    }
}

/// One step of a cell with its weights at hand.
struct Step<'a> {
    how: &'a Recurrent,
    hidden: usize,
    r: ValueId,
    /// Biases of the inputs and of the state, each of shape [gates·H].
    biases: Option<[ValueId; 2]>,
    peepholes: Option<ValueId>,
}

impl<'a> Step<'a> {
    fn new(
        graph: &mut Graph,
        how: &'a Recurrent,
        weights: Weights,
        hidden: usize,
    ) -> Result<Step<'a>> {
        let width = how.cell.gates() * hidden;
        let biases = match weights.b {
            None => None,
            Some(b) => Some([
                part(graph, b, 0, 0, width)?,
                part(graph, b, 0, width, width)?,
            ]),
        };
        Ok(Step {
            how,
            hidden,
            r: weights.r,
            biases,
            peepholes: weights.p,
        })
    }

    fn next(&self, graph: &mut Graph, x: ValueId, from: States) -> Result<States> {
        match self.how.cell {
            Cell::Rnn { f } => {
                let all = self.gates(graph, x, from.h)?;
                let h = self.activated(graph, f, all)?;
                Ok(States { h, c: from.c })
            }
            Cell::Gru {
                f,
                g,
                linear_before_reset,
            } => {
                let h = self.gru(graph, x, from.h, (f, g), linear_before_reset)?;
                Ok(States { h, c: from.c })
            }
            Cell::Lstm {
                f,
                g,
                h,
                input_forget,
            } => self.lstm(graph, x, from, [f, g, h], input_forget),
        }
    }

    fn activated(&self, graph: &mut Graph, f: Activation, x: ValueId) -> Result<ValueId> {
        let Some(clip) = self.how.clip else {
            return f.apply(graph, x);
        };
        let dtype = graph.ty(x).dtype;
        let most = real(graph, clip, dtype)?;
        let least = graph.neg(most)?;
        let above = graph.max(x, least)?;
        let clipped = graph.min(above, most)?;
        f.apply(graph, clipped)
    }

    /// x + h·Rᵀ and both biases, for all gates.
    fn gates(&self, graph: &mut Graph, x: ValueId, h: ValueId) -> Result<ValueId> {
        let recurrent = graph.matmul_with(h, self.r, false, true)?;
        let mut all = graph.add(x, recurrent)?;
        for bias in self.biases.into_iter().flatten() {
            all = graph.add(all, bias)?;
        }
        Ok(all)
    }

    /// A gate's part of one of the biases.
    fn bias(&self, graph: &mut Graph, side: usize, k: usize) -> Result<Option<ValueId>> {
        let side = self.biases.map(|both| both[side]);
        side.map(|b| gate(graph, b, 0, k, self.hidden)).transpose()
    }

    fn gru(
        &self,
        graph: &mut Graph,
        x: ValueId,
        h: ValueId,
        (f, g): (Activation, Activation),
        linear_before_reset: bool,
    ) -> Result<ValueId> {
        let hidden = self.hidden;
        let all = self.gates(graph, x, h)?;
        let update = gate(graph, all, 1, 0, hidden)?;
        let reset = gate(graph, all, 1, 1, hidden)?;
        let update = self.activated(graph, f, update)?;
        let reset = self.activated(graph, f, reset)?;
        let weights = gate(graph, self.r, 0, 2, hidden)?;
        let (of_input, of_state) = (self.bias(graph, 0, 2)?, self.bias(graph, 1, 2)?);
        let recurrent = if linear_before_reset {
            let product = graph.matmul_with(h, weights, false, true)?;
            let product = plus(graph, product, of_state)?;
            graph.mul(reset, product)?
        } else {
            let state = graph.mul(reset, h)?;
            let product = graph.matmul_with(state, weights, false, true)?;
            plus(graph, product, of_state)?
        };
        let own = gate(graph, x, 1, 2, hidden)?;
        let own = plus(graph, own, of_input)?;
        let candidate = graph.add(own, recurrent)?;
        let candidate = self.activated(graph, g, candidate)?;
        let one = graph.scalar(1.0, graph.ty(update).dtype)?;
        let rest = graph.sub(one, update)?;
        let (new, old) = (graph.mul(rest, candidate)?, graph.mul(update, h)?);
        graph.add(new, old)
    }

    /// A gate of an LSTM, with its peephole into a state.
    fn peeking(&self, graph: &mut Graph, x: ValueId, k: usize, c: ValueId) -> Result<ValueId> {
        let Some(peepholes) = self.peepholes else {
            return Ok(x);
        };
        let weight = gate(graph, peepholes, 0, k, self.hidden)?;
        let product = graph.mul(weight, c)?;
        graph.add(x, product)
    }

    fn lstm(
        &self,
        graph: &mut Graph,
        x: ValueId,
        from: States,
        [f, g, h]: [Activation; 3],
        input_forget: bool,
    ) -> Result<States> {
        let hidden = self.hidden;
        let all = self.gates(graph, x, from.h)?;
        let part_of = |graph: &mut Graph, k: usize| gate(graph, all, 1, k, hidden);
        let input = part_of(graph, 0)?;
        let input = self.peeking(graph, input, 0, from.c)?;
        let input = self.activated(graph, f, input)?;
        let forget = if input_forget {
            let one = graph.scalar(1.0, graph.ty(input).dtype)?;
            graph.sub(one, input)?
        } else {
            let forget = part_of(graph, 2)?;
            let forget = self.peeking(graph, forget, 2, from.c)?;
            self.activated(graph, f, forget)?
        };
        let candidate = part_of(graph, 3)?;
        let candidate = self.activated(graph, g, candidate)?;
        let (old, new) = (graph.mul(forget, from.c)?, graph.mul(input, candidate)?);
        let c = graph.add(old, new)?;
        let output = part_of(graph, 1)?;
        let output = self.peeking(graph, output, 1, c)?;
        let output = self.activated(graph, f, output)?;
        let shown = h.apply(graph, c)?;
        Ok(States {
            h: graph.mul(output, shown)?,
            c,
        })
    }
}

fn plus(graph: &mut Graph, x: ValueId, y: Option<ValueId>) -> Result<ValueId> {
    match y {
        Some(y) => graph.add(x, y),
        None => Ok(x),
    }
}
