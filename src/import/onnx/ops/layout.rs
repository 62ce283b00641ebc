//! Padding and triangles.

use super::super::call::axes_of;
use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::op;
use crate::tensor::{Shape, Tensor};

pub(super) const OPERATIONS: &[Operation] = &[
    op("Pad", "by constant widths", 1..=4, pad),
    op("Trilu", "at a constant diagonal", 1..=2, trilu),
];

/// The opset from which Pad takes widths and value as inputs.
const PAD_INPUTS: i64 = 11;

/// What stands beyond the edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beyond {
    /// The nearest element.
    Edge,
    /// The mirror image, without the edge itself.
    Reflect,
    /// The tensor again.
    Wrap,
}

impl Beyond {
    /// The element at a position that may lie beyond an axis of n elements.
    fn source(self, at: i64, n: i64) -> i64 {
        match self {
            Beyond::Edge => at.clamp(0, n - 1),
            Beyond::Wrap => at.rem_euclid(n),
            Beyond::Reflect if n == 1 => 0,
            Beyond::Reflect => {
                let period = 2 * (n - 1);
                let at = at.rem_euclid(period);
                at.min(period - at)
            }
        }
    }
}

fn pad(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let shape = call.shape(x);
    let mode = call.attributes.text("mode")?.unwrap_or("constant");
    let widths = call.required_integers_since(PAD_INPUTS, "pads", 1, "the pads")?;
    let axes = match call.integers(3, "the axes")? {
        Some(axes) => axes_of(&axes, shape.rank())?,
        None => (0..shape.rank()).collect(),
    };
    if widths.len() != 2 * axes.len() {
        return Err(
            Error::new(format!("{} pads for {} axes", widths.len(), axes.len()))
                .remedy("give a width before and one after for each axis"),
        );
    }
    let (befores, afters) = widths.split_at(axes.len());
    let mut both = vec![(0, 0); shape.rank()];
    for ((&axis, &before), &after) in axes.iter().zip(befores).zip(afters) {
        if let Some(slot) = both.get_mut(axis) {
            *slot = (before, after);
        }
    }
    let beyond = match mode {
        "constant" => {
            let value = filling(call, x)?;
            return Ok(vec![constant_pad(call, x, &both, value)?]);
        }
        "edge" => Beyond::Edge,
        "reflect" => Beyond::Reflect,
        "wrap" => Beyond::Wrap,
        other => {
            return Err(Error::new(format!("the mode `{}`", other.escape_debug()))
                .remedy("use constant, edge, reflect or wrap"));
        }
    };
    let mut y = x;
    for (axis, &(before, after)) in both.iter().enumerate() {
        y = pad_by_elements(call, y, axis, (before, after), beyond)?;
    }
    Ok(vec![y])
}

/// The value that fills the padding; `None` for 0.
fn filling(call: &mut Call<'_>, x: ValueId) -> Result<Option<ValueId>> {
    if call.scope.opset < PAD_INPUTS {
        let value = call.attributes.float("value")?.filter(|v| *v != 0.0);
        let dtype = call.dtype(x);
        let graph = &mut call.builder().graph;
        return value
            .map(|v| crate::lower::real(graph, f64::from(v), dtype))
            .transpose();
    }
    let Some(value) = call.optional(2) else {
        return Ok(None);
    };
    let scalar = call.builder().reshape(value, Shape::scalar())?;
    let is_zero = |t: &Tensor| t.to_f64s() == [0.0];
    let builder = call.builder();
    let zero = builder.known(value).is_some_and(is_zero)
        || builder.known_reals(value).is_some_and(is_zero);
    Ok((!zero).then_some(scalar))
}

/// An extent changed by widths, at most as much as a tensor may be.
fn padded(extent: usize, (before, after): (i64, i64)) -> Result<usize> {
    let sum = i128::from(before) + i128::from(after) + extent as i128;
    usize::try_from(sum).map_err(|_| {
        Error::new(format!(
            "pads {before} and {after} leave nothing of an extent {extent}"
        ))
        .remedy("negative pads take away at most what is there")
    })
}

/// The tensor within zeros, or within another value; negative widths take away.
fn constant_pad(
    call: &mut Call<'_>,
    x: ValueId,
    widths: &[(i64, i64)],
    value: Option<ValueId>,
) -> Result<ValueId> {
    let shape = call.shape(x);
    let (mut cut, mut whole) = (Vec::new(), Vec::new());
    for (&extent, &width) in shape.iter().zip(widths) {
        whole.push(padded(extent, width)?);
        let kept = padded(extent, (width.0.min(0), width.1.min(0)))?;
        cut.push((width.0.min(0).unsigned_abs() as usize, kept));
    }
    let whole = Shape::checked(&whole)?;
    let starts: Vec<usize> = cut.iter().map(|c| if c.1 == 0 { 0 } else { c.0 }).collect();
    let lengths: Vec<usize> = cut.iter().map(|c| c.1).collect();
    let steps = vec![1; lengths.len()];
    let builder = call.builder();
    let inner = builder.push(op::Slice::new(&starts, &steps, &lengths), &[x])?;
    let starts: Vec<usize> = (widths.iter().zip(&lengths))
        .map(|(w, &kept)| if kept == 0 { 0 } else { w.0.max(0) as usize })
        .collect();
    let within = op::Embed::within(&starts, &lengths, whole.clone());
    let embedded = builder.push(within.clone(), &[inner])?;
    let Some(value) = value else {
        return Ok(embedded);
    };
    let inside = builder.constant(Tensor::bools(Shape::scalar(), [true])?);
    let inside = builder.broadcast(inside, &Shape::from(lengths))?;
    let inside = builder.push(within, &[inside])?;
    let filling = builder.broadcast(value, &whole)?;
    builder.push(op::Select, &[inside, embedded, filling])
}

/// Rows of the tensor again beyond one of its axes.
fn pad_by_elements(
    call: &mut Call<'_>,
    x: ValueId,
    axis: usize,
    width: (i64, i64),
    beyond: Beyond,
) -> Result<ValueId> {
    let extent = call.shape(x).get(axis).copied().unwrap_or(0);
    let length = padded(extent, width)?;
    if width == (0, 0) || length == 0 && extent == 0 {
        return Ok(x);
    }
    affordable(call, length)?;
    if extent == 0 {
        return Err(
            Error::new(format!("pads an axis of {extent} elements to {length}"))
                .remedy("pad by less, or by a constant"),
        );
    }
    let source = |k: usize| beyond.source(k as i64 - width.0, extent as i64);
    let picks: Vec<i64> = (0..length).map(source).collect();
    rows(call, x, axis, &picks)
}

/// Fails where a constant of so many elements is more than an import may make.
pub(super) fn affordable(call: &mut Call<'_>, elements: usize) -> Result<()> {
    call.builder().allow(elements).ok_or_else(|| {
        Error::new(format!("needs a constant of {elements} elements"))
            .remedy("make it an input of the model")
    })
}

/// Slices of x along an axis, at known positions.
fn rows(call: &mut Call<'_>, x: ValueId, axis: usize, picks: &[i64]) -> Result<ValueId> {
    let builder = call.builder();
    let picks = builder.constant(Tensor::i64s([picks.len()], picks)?);
    builder.push(op::Gather::slices(axis), &[x, picks])
}

fn trilu(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let shape = call.shape(x);
    let upper = call.attributes.flag("upper", true)?;
    let diagonal = call.integers(1, "the diagonal")?;
    let k = match diagonal.as_deref() {
        None => 0,
        Some(&[k]) => k,
        Some(_) => {
            return Err(Error::new("the diagonal is no scalar").remedy("give one number"));
        }
    };
    let &[.., rows, columns] = &shape[..] else {
        return Err(
            Error::new(format!("a triangle of the shape {shape}")).remedy("give at least two axes")
        );
    };
    let on = |i: usize| {
        let (row, column) = ((i / columns.max(1)) as i64, (i % columns.max(1)) as i64);
        let beyond = column.saturating_sub(row);
        if upper { beyond >= k } else { beyond <= k }
    };
    affordable(call, rows.saturating_mul(columns))?;
    let kept: Vec<bool> = (0..rows * columns).map(on).collect();
    let zero = Tensor::full(Shape::scalar(), call.dtype(x), 0.0)?;
    let builder = call.builder();
    let kept = builder.constant(Tensor::bools([rows, columns], kept)?);
    let zero = builder.constant(zero);
    let all = builder.broadcast_all(&[kept, x, zero])?;
    Ok(vec![builder.push(op::Select, &all)?])
}
