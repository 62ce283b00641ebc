//! Attention and rotary position embedding.

use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::lower::{self, Attended, Attention, Pairs};
use crate::tensor::{DType, Shape, Tensor};

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        "Attention",
        "finite masks, or boolean ones",
        3..=7,
        attention,
    ),
    op("RotaryEmbedding", "", 3..=4, rotary_embedding),
];

fn count(call: &mut Call<'_>, name: &str) -> Result<Option<usize>> {
    let Some(n) = call.attributes.int(name)? else {
        return Ok(None);
    };
    usize::try_from(n).map(Some).map_err(|_| {
        Error::new(format!("the attribute `{name}` is {n}")).remedy("export the model again")
    })
}

fn misshapen(x: &Shape) -> Error {
    Error::new(format!("a tensor of shape {x}"))
        .remedy("use [batch, sequence, heads·size] with the number of heads, or four axes")
}

/// x of three axes as [batch, heads, sequence, size]; one of four stays.
fn by_heads(call: &mut Call<'_>, x: ValueId, heads: Option<usize>) -> Result<ValueId> {
    let shape = call.shape(x);
    match (&shape[..], heads) {
        ([_, _, _, _], _) => Ok(x),
        (&[batch, sequence, width], Some(heads)) if heads > 0 && width.is_multiple_of(heads) => {
            let apart = Shape::from([batch, sequence, heads, width / heads]);
            let apart = call.builder().reshape(x, apart)?;
            call.builder().graph.transpose(apart, &[0, 2, 1, 3])
        }
        _ => Err(misshapen(&shape)),
    }
}

/// [batch, heads, sequence, size] as [batch, sequence, heads·size].
fn joined(call: &mut Call<'_>, x: ValueId) -> Result<ValueId> {
    let x = call.builder().graph.transpose(x, &[0, 2, 1, 3])?;
    let shape = call.shape(x);
    let &[batch, sequence, heads, size] = &shape[..] else {
        return Err(misshapen(&shape));
    };
    let flat = Shape::from([batch, sequence, heads * size]);
    call.builder().reshape(x, flat)
}

fn with_past(call: &mut Call<'_>, past: Option<ValueId>, x: ValueId) -> Result<ValueId> {
    match past {
        Some(past) => call.builder().graph.concat(&[past, x], 2),
        None => Ok(x),
    }
}

/// What keys a query may see, and what is added to the scores.
#[derive(Default)]
struct Masks {
    kept: Option<ValueId>,
    bias: Option<ValueId>,
}

impl Masks {
    /// Keeps only what this mask keeps as well.
    fn and(&mut self, graph: &mut Graph, mask: ValueId) -> Result<()> {
        self.kept = Some(match self.kept {
            None => mask,
            Some(before) => {
                let no = graph.constant(Tensor::bools(Shape::scalar(), [false])?);
                graph.select(before, mask, no)?
            }
        });
        Ok(())
    }
}

/// The extents that masks speak for.
#[derive(Clone, Copy)]
struct Extents {
    batch: usize,
    queries: usize,
    keys: usize,
    /// Keys before those of the queries' own block; `None` where it differs in the batch.
    past: usize,
}

/// Refuses a mask of more elements than an audit takes of its scores, before it is made.
fn affordable(call: &mut Call<'_>, extents: &[usize]) -> Result<()> {
    let elements = extents.iter().fold(1, |n: usize, &k| n.saturating_mul(k));
    call.builder().allow_mask(elements).ok_or_else(|| {
        Error::new(format!(
            "the mask of shape {extents:?} leaves more than 2^28 elements of all masks"
        ))
        .remedy("audit with shorter sequences, or with fewer layers")
    })
}

fn masks(call: &mut Call<'_>, of: Extents) -> Result<Masks> {
    let mut masks = Masks::default();
    let causal = call.attributes.flag("is_causal", false)?;
    let window = |call: &mut Call<'_>, name| -> Result<Option<i64>> {
        Ok(call.attributes.int(name)?.filter(|&n| n >= 0))
    };
    let left = window(call, "left_window_size")?;
    let right = window(call, "right_window_size")?;
    let valid = call.integers(6, "the numbers of keys that are no padding")?;
    if let Some(mask) = call.optional(3) {
        given_mask(call, mask, of, &mut masks)?;
    }
    let offsets: Vec<i64> = match &valid {
        Some(valid) => valid.iter().map(|&n| n - of.queries as i64).collect(),
        None => vec![of.past as i64],
    };
    let sees = |offset: i64, i: usize, j: usize| {
        let ahead = j as i64 - (i as i64 + offset);
        !(causal && ahead > 0)
            && left.is_none_or(|n| -ahead <= n)
            && right.is_none_or(|n| ahead <= n)
    };
    if causal || left.is_some() || right.is_some() {
        affordable(call, &[offsets.len(), of.queries, of.keys])?;
        let mut all = Vec::with_capacity(offsets.len() * of.queries * of.keys);
        for &offset in &offsets {
            for i in 0..of.queries {
                all.extend((0..of.keys).map(|j| sees(offset, i, j)));
            }
        }
        let shape = Shape::from([offsets.len(), 1, of.queries, of.keys]);
        let graph = &mut call.builder().graph;
        let mask = graph.constant(Tensor::bools(shape, all)?);
        masks.and(graph, mask)?;
    }
    if let Some(valid) = valid {
        affordable(call, &[valid.len(), of.keys])?;
        let each = valid
            .iter()
            .flat_map(|&n| (0..of.keys).map(move |j| (j as i64) < n));
        let shape = Shape::from([of.batch, 1, 1, of.keys]);
        let graph = &mut call.builder().graph;
        let mask = graph.constant(Tensor::bools(shape, each.collect::<Vec<bool>>())?);
        masks.and(graph, mask)?;
    }
    Ok(masks)
}

/// The mask that is an input: boolean, or added to the scores. What it is too short for is
/// left out.
fn given_mask(call: &mut Call<'_>, mask: ValueId, of: Extents, masks: &mut Masks) -> Result<()> {
    let shape = call.shape(mask);
    let axis = shape
        .rank()
        .checked_sub(1)
        .ok_or_else(|| misshapen(&shape))?;
    let short = of.keys.saturating_sub(shape[axis]);
    let boolean = call.dtype(mask) == DType::Bool;
    if short > 0 {
        affordable(call, &[of.keys])?;
    }
    let graph = &mut call.builder().graph;
    let mut whole = mask;
    if short > 0 {
        let mut missing = shape.to_vec();
        missing[axis] = short;
        let missing = Shape::from(missing);
        let nothing = Tensor::full(Shape::scalar(), graph.ty(mask).dtype, 0.0)?;
        let nothing = graph.constant(nothing);
        let nothing = graph.broadcast(nothing, &missing)?;
        whole = graph.concat(&[mask, nothing], axis)?;
        let there: Vec<bool> = (0..of.keys).map(|j| j < shape[axis]).collect();
        let there = graph.constant(Tensor::bools([of.keys], there)?);
        masks.and(graph, there)?;
    }
    if boolean {
        masks.and(graph, whole)
    } else {
        masks.bias = Some(whole);
        Ok(())
    }
}

/// The scalar of an attribute, in a type.
fn scalar(call: &mut Call<'_>, name: &str, dtype: DType) -> Result<Option<ValueId>> {
    let Some(value) = call.attributes.float(name)? else {
        return Ok(None);
    };
    lower::real(&mut call.builder().graph, f64::from(value), dtype).map(Some)
}

/// Fails where queries, keys and values, each by heads, are not of one batch, or keys and
/// values not as many.
fn agree([q, k, v]: [Shape; 3]) -> Result<()> {
    let fits = match (&q[..], &k[..], &v[..]) {
        (&[batch, _, _, size], &[a, heads, keys, width], &[b, others, values, _]) => {
            [a, b, others, values, width] == [batch, batch, heads, keys, size]
        }
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(Error::new(format!(
        "queries, keys and values have the shapes {q}, {k} and {v} by heads"
    ))
    .remedy("give all three one batch, keys and values as many heads and places, and queries and keys one size"))
}

fn attention(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (q, k, v) = (call.input(0)?, call.input(1)?, call.input(2)?);
    call.one_float_type(&[0, 1, 2, 3, 4, 5])?;
    let flat = call.shape(q).rank() == 3;
    let (heads, own) = (count(call, "q_num_heads")?, count(call, "kv_num_heads")?);
    let mode = call.attributes.int("qk_matmul_output_mode")?.unwrap_or(0);
    let precision = call.attributes.int("softmax_precision")?;
    let (q, k) = (by_heads(call, q, heads)?, by_heads(call, k, own)?);
    let v = by_heads(call, v, own)?;
    let (past_key, past_value) = (call.optional(4), call.optional(5));
    if past_key.is_some() != past_value.is_some() {
        return Err(Error::new("has past keys or past values without the other")
            .remedy("give both or neither"));
    }
    agree([call.shape(q), call.shape(k), call.shape(v)])?;
    let past = past_key.map_or(0, |past| call.shape(past).get(2).copied().unwrap_or(0));
    let (k, v) = (
        with_past(call, past_key, k)?,
        with_past(call, past_value, v)?,
    );
    let (queries, keys) = (call.shape(q), call.shape(k));
    let (&[batch, heads, queries, _], &[_, _, keys, _]) = (&queries[..], &keys[..]) else {
        return Err(misshapen(&queries));
    };
    let masks = masks(
        call,
        Extents {
            batch,
            queries,
            keys,
            past,
        },
    )?;
    let scores = Shape::from([batch, heads, queries, keys]);
    for mask in [masks.kept, masks.bias].into_iter().flatten() {
        let mask = call.shape(mask);
        if mask.broadcast_with(&scores).as_ref() != Some(&scores) {
            return Err(Error::new(format!(
                "a mask of shape {mask} does not broadcast to the scores' shape {scores}"
            ))
            .remedy(
                "use the shape [queries, keys], with axes for batch and heads where they differ",
            ));
        }
    }
    let dtype = call.dtype(q);
    let cap = call.attributes.float("softcap")?.filter(|&c| c > 0.0);
    let cap = cap
        .map(|cap| lower::real(&mut call.builder().graph, f64::from(cap), dtype))
        .transpose()?;
    let exponentials = call.scope.formulas.softmax();
    if masks.kept.is_some() {
        call.scope.formulas.masked_softmax()?;
    }
    let how = Attention {
        exponentials,
        scale: scalar(call, "scale", dtype)?,
        bias: masks.bias,
        kept: masks.kept,
        cap,
        softmax: precision.map(|code| softmax_type(call, code)).transpose()?,
    };
    let attended = lower::attention(&mut call.builder().graph, [q, k, v], &how)?;
    let value = if flat {
        joined(call, attended.value)?
    } else {
        attended.value
    };
    let shown = shown(call, mode, &attended, masks.kept)?;
    Ok(vec![value, k, v, shown])
}

fn softmax_type(call: &Call<'_>, code: i64) -> Result<DType> {
    let stated = match code {
        1 => DType::F32,
        10 => DType::F16,
        11 => DType::F64,
        16 => DType::BF16,
        other => {
            return Err(
                Error::new(format!("the attribute `softmax_precision` is {other}"))
                    .remedy("use 1 (float), 10 (float16), 11 (double) or 16 (bfloat16)"),
            );
        }
    };
    Ok(call.scope.retype.dtype(stated))
}

/// The result that shows what became of the scores.
fn shown(
    call: &Call<'_>,
    mode: i64,
    attended: &Attended,
    kept: Option<ValueId>,
) -> Result<ValueId> {
    match mode {
        0 | 1 => Ok(attended.scores),
        2 if kept.is_some() && call.outputs > 3 => Err(Error::new(
            "the masked scores are a result, and what is masked is -inf there",
        )
        .remedy("export the model without its fourth output")),
        2 => Ok(attended.biased),
        3 => Ok(attended.weights),
        other => Err(
            Error::new(format!("the attribute `qk_matmul_output_mode` is {other}"))
                .remedy("use 0, 1, 2 or 3"),
        ),
    }
}

/// Angles by place in the sequence: rows that the places pick, or given as they are, with an
/// axis for the heads.
fn angles(call: &mut Call<'_>, k: usize) -> Result<ValueId> {
    let cache = call.input(k)?;
    let places = call.optional(3);
    let graph = &mut call.builder().graph;
    let picked = match places {
        Some(places) => graph.gather(cache, places, 0)?,
        None => cache,
    };
    let shape = graph.ty(picked).shape.clone();
    let &[batch, sequence, half] = &shape[..] else {
        return Err(misshapen(&shape));
    };
    graph.reshape(picked, Shape::from([batch, 1, sequence, half]))
}

fn rotary_embedding(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let flat = call.shape(x).rank() == 3;
    let heads = count(call, "num_heads")?;
    let turned = count(call, "rotary_embedding_dim")?.unwrap_or(0);
    let pairs = if call.attributes.flag("interleaved", false)? {
        Pairs::Neighbours
    } else {
        Pairs::Halves
    };
    let x = by_heads(call, x, heads)?;
    let (cos, sin) = (angles(call, 1)?, angles(call, 2)?);
    let half = call.shape(cos).last().copied().unwrap_or(0);
    if turned != 0 && turned != 2 * half {
        return Err(Error::new(format!(
            "{half} angles for {turned} elements that are turned in pairs"
        ))
        .remedy("give half as many angles as elements are turned"));
    }
    let y = lower::rotary(&mut call.builder().graph, x, [cos, sin], pairs)?;
    Ok(vec![if flat { joined(call, y)? } else { y }])
}
