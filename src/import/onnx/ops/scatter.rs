//! Writing into tensors, and picking by tuples of indices.

use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::lower::{self, Written};
use crate::op::{self, Relation};
use crate::tensor::{Shape, Tensor};

pub(super) const OPERATIONS: &[Operation] = &[
    op("GatherND", "", 2..=2, gather_nd),
    op("Scatter", "at constant indices", 3..=3, scatter_elements),
    op(
        "ScatterElements",
        "at constant indices",
        3..=3,
        scatter_elements,
    ),
    op("ScatterND", "at constant indices", 3..=3, scatter_nd),
];

fn written(call: &mut Call<'_>) -> Result<Written> {
    match call.attributes.text("reduction")? {
        None | Some("none") => Ok(Written::Replaced),
        Some("add") => Ok(Written::Added),
        Some("mul") => Ok(Written::Multiplied),
        Some("max") => Ok(Written::Largest),
        Some("min") => Ok(Written::Least),
        Some(other) => Err(
            Error::new(format!("the reduction `{}`", other.escape_debug()))
                .remedy("use none, add, mul, max or min"),
        ),
    }
}

/// An index along an axis; negative ones count from the end.
fn index_of(index: i64, extent: usize) -> Result<usize> {
    let n = extent as i64;
    let from_start = if index < 0 {
        index.saturating_add(n)
    } else {
        index
    };
    usize::try_from(from_start)
        .ok()
        .filter(|&i| i < extent)
        .ok_or_else(|| {
            Error::new(format!(
                "index {index} is out of range for an axis of extent {extent}"
            ))
            .remedy("indices count from -extent to extent - 1")
        })
}

fn scatter_elements(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (data, updates) = (call.input(0)?, call.input(2)?);
    let shape = call.shape(data);
    let axis = call.axis(0, shape.rank())?;
    let written = written(call)?;
    let indices = call.required_integers(1, "the indices")?;
    let (places, strides) = (call.shape(call.input(1)?), shape.strides());
    let mut extents = places.iter().zip(shape.iter()).enumerate();
    let inside = extents.all(|(a, (own, n))| a == axis || own <= n);
    if call.shape(updates) != places || places.rank() != shape.rank() || !inside {
        return Err(Error::new(format!(
            "updates of shape {} do not suit indices of shape {places} into the shape {shape}",
            call.shape(updates)
        ))
        .remedy("give one update for each index, within the other axes of what is written to"));
    }
    call.room_for(shape.len())?;
    let mut targets = Vec::with_capacity(indices.len());
    for (k, &index) in indices.iter().enumerate() {
        let mut at = 0;
        for (a, place) in places.index_of(k).into_iter().enumerate() {
            let along = if a == axis {
                index_of(index, shape[a])?
            } else {
                place
            };
            at += along * strides[a];
        }
        targets.push(at);
    }
    let graph = &mut call.builder().graph;
    Ok(vec![lower::scatter(
        graph, data, updates, &targets, written,
    )?])
}

fn scatter_nd(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (data, updates) = (call.input(0)?, call.input(2)?);
    let (shape, indices_shape) = (call.shape(data), call.shape(call.input(1)?));
    let written = written(call)?;
    let indices = call.required_integers(1, "the indices")?;
    let depth = indices_shape.last().copied().unwrap_or(0);
    if depth == 0 || depth > shape.rank() {
        return Err(tuples(&indices_shape, &shape));
    }
    let tuples = &indices_shape[..indices_shape.rank() - 1];
    let places = Shape::from([tuples, &shape[depth..]].concat());
    if call.shape(updates) != places {
        return Err(Error::new(format!(
            "updates of shape {} where {places} is written",
            call.shape(updates)
        ))
        .remedy("give an update for each tuple of the indices"));
    }
    let (strides, inner) = (shape.strides(), shape[depth..].iter().product::<usize>());
    call.room_for(shape.len().max(places.len()))?;
    let mut targets = Vec::new();
    for tuple in indices.chunks(depth) {
        let mut start = 0;
        for (a, &index) in tuple.iter().enumerate() {
            start += index_of(index, shape[a])? * strides[a];
        }
        targets.extend(start..start + inner);
    }
    let graph = &mut call.builder().graph;
    Ok(vec![lower::scatter(
        graph, data, updates, &targets, written,
    )?])
}

fn tuples(indices: &Shape, data: &Shape) -> Error {
    Error::new(format!(
        "tuples of shape {indices} do not index the shape {data}"
    ))
    .remedy("the last axis of the indices must be at most the data's number of axes long")
}

/// Rows of the flattened data: each tuple's row number is computed in integers.
fn gather_nd(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (data, indices) = (call.input(0)?, call.input(1)?);
    let (shape, tuple_shape) = (call.shape(data), call.shape(indices));
    let batch = call.attributes.int("batch_dims")?.unwrap_or(0);
    let batch = usize::try_from(batch).unwrap_or(usize::MAX);
    let depth = tuple_shape.last().copied().unwrap_or(0);
    let misfit = || tuples(&tuple_shape, &shape);
    let indexed = batch
        .checked_add(depth)
        .filter(|&n| n <= shape.rank())
        .ok_or_else(misfit)?;
    let leading = tuple_shape
        .get(..tuple_shape.rank().saturating_sub(1))
        .unwrap_or(&[]);
    if depth == 0 || leading.get(..batch) != shape.get(..batch) {
        return Err(misfit());
    }
    let places = Shape::from(leading);
    let mut rows = batch_offsets(call, &places, batch, &shape[batch..indexed])?;
    let strides = Shape::from(&shape[batch..indexed]).strides();
    for (k, stride) in strides.iter().enumerate() {
        let column = column(call, indices, &places, k)?;
        let from_start = counted_from_start(call, column, shape[batch + k])?;
        let stride = Tensor::i64s(Shape::scalar(), [*stride as i64])?;
        let stride = call.builder().constant(stride);
        let part = call.builder().binary(op::Mul, from_start, stride)?;
        rows = call.builder().binary(op::Add, rows, part)?;
    }
    let mut flat = vec![shape[..indexed].iter().product()];
    flat.extend_from_slice(&shape[indexed..]);
    let flat = call.builder().reshape(data, Shape::from(flat))?;
    Ok(vec![
        call.builder().push(op::Gather::slices(0), &[flat, rows])?,
    ])
}

/// The first row of each place's batch.
fn batch_offsets(
    call: &mut Call<'_>,
    places: &Shape,
    batch: usize,
    indexed: &[usize],
) -> Result<ValueId> {
    let inner: usize = places.get(batch..).unwrap_or(&[]).iter().product();
    let rows: usize = indexed.iter().product();
    let offset = |k: usize| (k / inner.max(1) * rows) as i64;
    call.room_for(places.len())?;
    let offsets: Vec<i64> = (0..places.len()).map(offset).collect();
    let offsets = Tensor::i64s(places.clone(), offsets)?;
    Ok(call.builder().constant(offsets))
}

/// The k-th number of every tuple.
fn column(call: &mut Call<'_>, indices: ValueId, places: &Shape, k: usize) -> Result<ValueId> {
    let rank = places.rank() + 1;
    let (mut starts, mut lengths) = (vec![0; rank], places.to_vec());
    lengths.push(1);
    if let Some(last) = starts.last_mut() {
        *last = k;
    }
    let cut = op::Slice::new(&starts, &vec![1; rank], &lengths);
    let part = call.builder().push(cut, &[indices])?;
    call.builder().reshape(part, places.clone())
}

/// Negative indices count from the end; one out of range is misuse where it is known.
fn counted_from_start(call: &mut Call<'_>, index: ValueId, extent: usize) -> Result<ValueId> {
    if let Some(known) = call.builder().known(index).and_then(|t| t.as_i64s()) {
        for &index in known {
            index_of(index, extent)?;
        }
    }
    let scalar = |n: i64| Tensor::i64s(Shape::scalar(), [n]);
    let zero = call.builder().constant(scalar(0)?);
    let extent = call.builder().constant(scalar(extent as i64)?);
    let builder = call.builder();
    let is_negative = builder.binary(op::Compare(Relation::Less), index, zero)?;
    let moved = builder.binary(op::Add, index, extent)?;
    builder.push(op::Select, &[is_negative, moved, index])
}
