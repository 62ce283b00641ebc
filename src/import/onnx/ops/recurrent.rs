//! Recurrent layers, unrolled.

use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::lower::{Activation, Cell, Recurrent, States, Unrolled, Weights};
use crate::tensor::{Shape, Tensor, Ty};

pub(super) const OPERATIONS: &[Operation] = &[
    op("GRU", LENGTHS, 3..=6, gru),
    op("LSTM", LENGTHS, 3..=8, lstm),
    op("RNN", LENGTHS, 3..=6, rnn),
];

const LENGTHS: &str = "sequence_lens must be constant";

/// The opset from which the default of `linear_before_reset` and layouts are as they are now;
/// before it `output_sequence` said whether Y is there, which the node's outputs say as well.
const OUTPUTS_ARE_LISTED: i64 = 7;

fn rnn(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    layer(call, &["Tanh"], 1, |f, _| Ok(Cell::Rnn { f: f[0] }))
}

fn gru(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    layer(call, &["Sigmoid", "Tanh"], 3, |f, call| {
        Ok(Cell::Gru {
            f: f[0],
            g: f[1],
            linear_before_reset: call.attributes.flag("linear_before_reset", false)?,
        })
    })
}

fn lstm(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    layer(call, &["Sigmoid", "Tanh", "Tanh"], 4, |f, call| {
        Ok(Cell::Lstm {
            f: f[0],
            g: f[1],
            h: f[2],
            input_forget: call.attributes.flag("input_forget", false)?,
        })
    })
}

/// What all three layers have: everything but the cell.
struct Layer {
    x: ValueId,
    batch: usize,
    hidden: usize,
    reversed: Vec<bool>,
    clip: Option<f64>,
    batch_first: bool,
    lengths: Option<Vec<usize>>,
    names: Vec<String>,
    alphas: Vec<f32>,
    betas: Vec<f32>,
}

impl Layer {
    /// The layer of a cell with these activations by default and as many gates.
    fn of(call: &mut Call<'_>, defaults: &[&str], gates: usize) -> Result<Layer> {
        let attributes = &mut call.attributes;
        let stated = attributes.int("hidden_size")?;
        if call.scope.opset < OUTPUTS_ARE_LISTED {
            attributes.ignore(&["output_sequence"]);
        }
        let reversed = match attributes.text("direction")?.unwrap_or("forward") {
            "forward" | "foward" => vec![false],
            "reverse" => vec![true],
            "bidirectional" => vec![false, true],
            other => {
                return Err(
                    Error::new(format!("the direction `{}`", other.escape_debug()))
                        .remedy("use forward, reverse or bidirectional"),
                );
            }
        };
        let clip = attributes
            .float("clip")?
            .map(f64::from)
            .filter(|&c| c > 0.0);
        let batch_first = attributes.flag("layout", false)?;
        let names: Vec<String> = match attributes.texts("activations")? {
            Some(names) => names.iter().map(|n| n.to_lowercase()).collect(),
            None => {
                let each = defaults.iter().map(|n| n.to_lowercase());
                each.cycle().take(defaults.len() * reversed.len()).collect()
            }
        };
        let alphas = attributes
            .floats("activation_alpha")?
            .unwrap_or_default()
            .to_vec();
        let betas = attributes
            .floats("activation_beta")?
            .unwrap_or_default()
            .to_vec();
        let given = call.input(0)?;
        let x = if batch_first {
            swapped(call, given)?
        } else {
            given
        };
        let (shape, r) = (call.shape(x), call.shape(call.input(2)?));
        let directions = reversed.len();
        let (&[sequence, batch, inputs], &[_, _, hidden]) = (&shape[..], &r[..]) else {
            return Err(
                Error::new(format!("X and R have the shapes {shape} and {r}")).remedy(
                    "use the shapes [sequence, batch, inputs] and [directions, gates, hidden]",
                ),
            );
        };
        if let Some(stated) = stated.filter(|&h| usize::try_from(h) != Ok(hidden)) {
            return Err(
                Error::new(format!("hidden_size is {stated}, and R has the shape {r}"))
                    .remedy("leave it out, or state the last extent of R"),
            );
        }
        let state = if batch_first {
            [batch, directions, hidden]
        } else {
            [directions, batch, hidden]
        };
        let rows = gates * hidden;
        let shapes: [(usize, &[usize]); 6] = [
            (1, &[directions, rows, inputs]),
            (2, &[directions, rows, hidden]),
            (3, &[directions, 2 * rows]),
            (5, &state),
            (6, &state),
            (7, &[directions, 3 * hidden]),
        ];
        for (k, needed) in shapes {
            let shape = call.optional(k).map(|x| call.shape(x));
            if let Some(shape) = shape.filter(|s| s[..] != *needed) {
                return Err(Error::new(format!("input {k} has the shape {shape}"))
                    .remedy(format!("for these X, R and direction it is {needed:?}")));
            }
        }
        let lengths = lengths(call, sequence, batch)?;
        Ok(Layer {
            x,
            batch,
            hidden,
            reversed,
            clip,
            batch_first,
            lengths,
            names,
            alphas,
            betas,
        })
    }
}

/// x with its first two axes swapped.
fn swapped(call: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let rank = call.shape(x).rank();
    let mut axes: Vec<usize> = (0..rank).collect();
    if rank >= 2 {
        axes.swap(0, 1);
    }
    call.builder().graph.transpose(x, &axes)
}

fn lengths(call: &Call<'_>, sequence: usize, batch: usize) -> Result<Option<Vec<usize>>> {
    let Some(given) = call.integers(4, "the sequences' lengths")? else {
        return Ok(None);
    };
    let all: Option<Vec<usize>> = given
        .iter()
        .map(|&n| usize::try_from(n).ok().filter(|&n| n <= sequence))
        .collect();
    match all.filter(|all| all.len() == batch) {
        Some(all) => Ok(Some(all)),
        None => Err(Error::new(format!(
            "the lengths {given:?} of {batch} sequences of at most {sequence} elements"
        ))
        .remedy("give each sequence of the batch a length from 0 on")),
    }
}

/// Takes the parameters that activations have, in the order of the names.
struct Parameters<'a> {
    alphas: std::slice::Iter<'a, f32>,
    betas: std::slice::Iter<'a, f32>,
}

impl Parameters<'_> {
    fn alpha(&mut self, default: f64) -> f64 {
        self.alphas.next().map_or(default, |&a| f64::from(a))
    }

    fn beta(&mut self, default: f64) -> f64 {
        self.betas.next().map_or(default, |&b| f64::from(b))
    }

    /// The activation of a name, with ONNX's defaults.
    fn activation(&mut self, name: &str) -> Result<Activation> {
        Ok(match name {
            "relu" => Activation::Relu,
            "tanh" => Activation::Tanh,
            "sigmoid" => Activation::Sigmoid,
            "softsign" => Activation::Softsign,
            "softplus" => Activation::Softplus,
            "affine" => Activation::Affine {
                alpha: self.alpha(1.0),
                beta: self.beta(0.0),
            },
            "leakyrelu" => Activation::LeakyRelu {
                alpha: self.alpha(f64::from(0.01_f32)),
            },
            "thresholdedrelu" => Activation::ThresholdedRelu {
                alpha: self.alpha(1.0),
            },
            "scaledtanh" => Activation::ScaledTanh {
                alpha: self.alpha(1.0),
                beta: self.beta(1.0),
            },
            "hardsigmoid" => Activation::HardSigmoid {
                alpha: self.alpha(f64::from(0.2_f32)),
                beta: self.beta(0.5),
            },
            "elu" => Activation::Elu {
                alpha: self.alpha(1.0),
            },
            other => {
                return Err(
                    Error::new(format!("the activation `{}`", other.escape_debug()))
                        .remedy("use one of those that ONNX's RNN lists"),
                );
            }
        })
    }
}

/// Lowers a layer, direction by direction: each has these activations by default, and as many
/// gates.
fn layer(
    call: &mut Call<'_>,
    defaults: &[&str],
    gates: usize,
    cell: impl Fn(&[Activation], &mut Call<'_>) -> Result<Cell>,
) -> Result<Vec<ValueId>> {
    let layer = Layer::of(call, defaults, gates)?;
    let mut parameters = Parameters {
        alphas: layer.alphas.iter(),
        betas: layer.betas.iter(),
    };
    let activations: Vec<Activation> = layer
        .names
        .iter()
        .map(|name| parameters.activation(name))
        .collect::<Result<_>>()?;
    if activations.len() != defaults.len() * layer.reversed.len() {
        return Err(Error::new(format!(
            "{} activations for {} directions of {} each",
            activations.len(),
            layer.reversed.len(),
            defaults.len()
        ))
        .remedy("name the activations of every direction"));
    }
    let has_state = defaults.len() == 3;
    let first = cell(&activations[..defaults.len()], call)?;
    let mut directions = Vec::new();
    for (k, &reverse) in layer.reversed.iter().enumerate() {
        let own = &activations[k * defaults.len()..][..defaults.len()];
        let how = Recurrent {
            cell: with_activations(first, own),
            clip: layer.clip,
            reverse,
            lengths: layer.lengths.clone(),
        };
        directions.push(direction(call, &layer, &how, k, has_state)?);
    }
    results(call, &layer, &directions, has_state)
}

/// The same cell with another direction's activations.
fn with_activations(cell: Cell, own: &[Activation]) -> Cell {
    match cell {
        Cell::Rnn { .. } => Cell::Rnn { f: own[0] },
        Cell::Gru {
            linear_before_reset,
            ..
        } => Cell::Gru {
            f: own[0],
            g: own[1],
            linear_before_reset,
        },
        Cell::Lstm { input_forget, .. } => Cell::Lstm {
            f: own[0],
            g: own[1],
            h: own[2],
            input_forget,
        },
    }
}

fn direction(
    call: &mut Call<'_>,
    layer: &Layer,
    how: &Recurrent,
    k: usize,
    has_state: bool,
) -> Result<Unrolled> {
    let (w, r) = (call.input(1)?, call.input(2)?);
    let (b, h, c) = (call.optional(3), call.optional(5), call.optional(6));
    let p = call.optional(7);
    let batch_axis = usize::from(layer.batch_first);
    let builder = call.builder();
    let mut row = |x: ValueId, axis: usize| builder.row(x, axis, k);
    let weights = Weights {
        w: row(w, 0)?,
        r: row(r, 0)?,
        b: b.map(|b| row(b, 0)).transpose()?,
        p: p.map(|p| row(p, 0)).transpose()?,
    };
    let h = h.map(|h| row(h, batch_axis)).transpose()?;
    let c = c
        .filter(|_| has_state)
        .map(|c| row(c, batch_axis))
        .transpose()?;
    let zeros = Ty::new([layer.batch, layer.hidden], call.dtype(layer.x));
    call.room_for(layer.batch.saturating_mul(layer.hidden))?;
    let graph = &mut call.builder().graph;
    let zeros = graph.constant(Tensor::full(zeros.shape, zeros.dtype, 0.0)?);
    let from = States {
        h: h.unwrap_or(zeros),
        c: c.unwrap_or(zeros),
    };
    how.unroll(graph, layer.x, weights, from)
}

/// Y, Y_h and Y_c in the layer's layout.
fn results(
    call: &mut Call<'_>,
    layer: &Layer,
    directions: &[Unrolled],
    has_state: bool,
) -> Result<Vec<ValueId>> {
    let (batch, hidden) = (layer.batch, layer.hidden);
    let graph = &mut call.builder().graph;
    let sequence = directions.first().map_or(0, |d| d.steps.len());
    let mut all = Vec::new();
    for t in 0..sequence {
        for direction in directions {
            all.push(graph.reshape(direction.steps[t], Shape::from([1, batch, hidden]))?);
        }
    }
    let shape = Shape::from([sequence, directions.len(), batch, hidden]);
    let y = if all.is_empty() {
        let dtype = graph.ty(layer.x).dtype;
        graph.constant(Tensor::full(shape, dtype, 0.0)?)
    } else {
        let joined = graph.concat(&all, 0)?;
        graph.reshape(joined, shape)?
    };
    let y = if layer.batch_first {
        graph.transpose(y, &[2, 0, 1, 3])?
    } else {
        y
    };
    let mut results = vec![y, last(graph, layer, directions, |s| s.h)?];
    if has_state {
        results.push(last(graph, layer, directions, |s| s.c)?);
    }
    Ok(results)
}

fn last(
    graph: &mut Graph,
    layer: &Layer,
    directions: &[Unrolled],
    which: fn(&States) -> ValueId,
) -> Result<ValueId> {
    let shape = Shape::from([1, layer.batch, layer.hidden]);
    let mut parts = Vec::new();
    for direction in directions {
        parts.push(graph.reshape(which(&direction.last), shape.clone())?);
    }
    let joined = graph.concat(&parts, 0)?;
    if layer.batch_first {
        graph.transpose(joined, &[1, 0, 2])
    } else {
        Ok(joined)
    }
}
