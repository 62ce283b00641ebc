//! Scaled dot-product attention.

use super::{Exponentials, masked_softmax};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::tensor::{DType, Shape};

/// How attention is computed from queries, keys and values of shape
/// [batch, heads, sequence, size].
#[derive(Debug, Clone, Copy, Default)]
pub struct Attention {
    /// The factor of the scores, a scalar; 1/√size where there is none.
    pub scale: Option<ValueId>,
    /// What is added to the scores; broadcasts to them.
    pub bias: Option<ValueId>,
    /// The boolean mask of keys that a query may see; broadcasts to the scores.
    pub kept: Option<ValueId>,
    /// Scores are bent to cap·tanh(score/cap), a scalar.
    pub cap: Option<ValueId>,
    /// The type that softmax is computed in, where it is another.
    pub softmax: Option<DType>,
    /// What its exponentials are taken of, where no key is masked.
    pub exponentials: Exponentials,
}

/// What attention computes on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attended {
    /// The result, [batch, heads, queries, size of the values].
    pub value: ValueId,
    /// The scores, bent where there is a cap.
    pub scores: ValueId,
    /// The scores with the bias.
    pub biased: ValueId,
    /// The weights of the values.
    pub weights: ValueId,
}

/// softmax((Q·√scale)·(K·√scale)ᵀ + bias)·V, over the keys that a query may see.
///
/// Each of fewer heads of keys and values serves the same number of the queries' heads in turn
/// (grouped queries). A query that may see no key gets 0.
pub fn attention(graph: &mut Graph, [q, k, v]: [ValueId; 3], how: &Attention) -> Result<Attended> {
    let dtype = graph.ty(q).dtype;
    let root = scale_root(graph, q, how.scale)?;
    let heads = head_count(graph, q)?;
    let (k, v) = (repeated(graph, k, heads)?, repeated(graph, v, heads)?);
    let (scaled_q, scaled_k) = (graph.mul(q, root)?, graph.mul(k, root)?);
    let mut scores = graph.matmul_with(scaled_q, scaled_k, false, true)?;
    if let Some(cap) = how.cap {
        let inner = graph.div(scores, cap)?;
        let bent = graph.tanh(inner)?;
        scores = graph.mul(bent, cap)?;
    }
    let biased = match how.bias {
        Some(bias) => graph.add(scores, bias)?,
        None => scores,
    };
    let wide = graph.cast(biased, how.softmax.unwrap_or(dtype))?;
    let weights = match how.kept {
        Some(kept) => masked_softmax(graph, wide, kept, 3)?,
        None => how.exponentials.softmax(graph, wide, 3)?,
    };
    let weights = graph.cast(weights, dtype)?;
    let value = graph.matmul(weights, v)?;
    Ok(Attended {
        value,
        scores,
        biased,
        weights,
    })
}

fn head_count(graph: &Graph, q: ValueId) -> Result<usize> {
    match graph.ty(q).shape[..] {
        [_, heads, _, _] => Ok(heads),
        _ => Err(
            Error::new(format!("queries of shape {}", graph.ty(q).shape))
                .remedy("use the shape [batch, heads, sequence, size]"),
        ),
    }
}

/// √scale, where scale is 1/√size unless it is given; what is computed from constants is
/// exact to the specification.
fn scale_root(graph: &mut Graph, q: ValueId, scale: Option<ValueId>) -> Result<ValueId> {
    let ty = graph.ty(q).clone();
    let scale = match scale {
        Some(scale) => scale,
        None => {
            let size = ty.shape.last().copied().unwrap_or(1);
            let size = super::real(graph, size as f64, ty.dtype)?;
            let root = graph.sqrt(size)?;
            let one = graph.scalar(1.0, ty.dtype)?;
            graph.div(one, root)?
        }
    };
    graph.sqrt(scale)
}

/// Every head as often as it takes to make as many as the queries have.
fn repeated(graph: &mut Graph, x: ValueId, heads: usize) -> Result<ValueId> {
    let shape = graph.ty(x).shape.clone();
    let [batch, own, sequence, size] = shape[..] else {
        return Err(Error::new(format!("keys or values of shape {shape}"))
            .remedy("use the shape [batch, heads, sequence, size]"));
    };
    if own == heads {
        return Ok(x);
    }
    if own == 0 || !heads.is_multiple_of(own) {
        return Err(Error::new(format!(
            "{heads} heads of queries for {own} of keys or values"
        ))
        .remedy("make the former a multiple of the latter"));
    }
    let apart = graph.reshape(x, Shape::from([batch, own, 1, sequence, size]))?;
    let spread = Shape::from([batch, own, heads / own, sequence, size]);
    let spread = graph.broadcast(apart, &spread)?;
    graph.reshape(spread, Shape::from([batch, heads, sequence, size]))
}
