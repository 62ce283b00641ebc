//! Pools over windows and over all spatial axes.

use super::convolution::spatial;
use super::spatial::{counts, given_counts, sliding};
use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::lower::{self, Lrn, Pool, Spatial};
use crate::op::{Embed, Gather, ScatterAdd, Window};
use crate::tensor::Shape;

pub(super) const OPERATIONS: &[Operation] = &[
    op("AveragePool", "", 1..=1, average_pool),
    op("Col2Im", "of floats, to a constant shape", 3..=3, col2im),
    op("GlobalAveragePool", "", 1..=1, global_average_pool),
    op("GlobalLpPool", "", 1..=1, global_lp_pool),
    op("GlobalMaxPool", "", 1..=1, global_max_pool),
    op("LRN", "", 1..=1, lrn),
    op("LpPool", "", 1..=1, lp_pool),
    op("MaxPool", "of floats", 1..=1, max_pool),
    op("MaxUnpool", "to a constant shape", 2..=3, max_unpool),
];

/// The kernel and how it slides: the attributes that all pools have.
fn pool(call: &mut Call<'_>) -> Result<Pool> {
    let x = call.input(0)?;
    let extents = spatial(&call.shape(x))?;
    let kernel = given_counts(call, "kernel_shape", extents.len())?.ok_or_else(|| {
        Error::new("has no attribute `kernel_shape`").remedy("say how large the windows are")
    })?;
    let mut axes = sliding(call, &extents, &kernel)?;
    for (axis, &taps) in axes.iter().zip(&kernel) {
        let reach = taps.saturating_sub(1).saturating_mul(axis.dilation);
        if axis.before.max(axis.after) > reach {
            return Err(Error::new(format!(
                "pads of {} and {} for windows that reach over {} elements",
                axis.before,
                axis.after,
                reach.saturating_add(1)
            ))
            .remedy("pad by less, so that no window lies outside"));
        }
    }
    let ceil = call.attributes.flag("ceil_mode", false)?;
    axes.iter_mut().for_each(|axis| axis.ceil = ceil);
    Ok(Pool { kernel, axes })
}

/// The attribute `p` of a norm.
fn norm(call: &mut Call<'_>) -> Result<u32> {
    let p = call.attributes.int("p")?.unwrap_or(2);
    u32::try_from(p)
        .map_err(|_| Error::new(format!("the norm p = {p}")).remedy("use p of at least 1"))
}

fn average_pool(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, how) = (call.input(0)?, pool(call)?);
    let count_pads = call.attributes.flag("count_include_pad", false)?;
    let graph = &mut call.builder().graph;
    Ok(vec![lower::average_pool(graph, x, &how, count_pads)?])
}

fn max_pool(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, how) = (call.input(0)?, pool(call)?);
    let column_major = call.attributes.flag("storage_order", false)?;
    let with_indices = call.outputs > 1;
    if with_indices {
        call.room_for(call.shape(x).len())?;
    }
    let graph = &mut call.builder().graph;
    let mut results = vec![lower::max_pool(graph, x, &how)?];
    if with_indices {
        results.push(lower::max_pool_indices(graph, x, &how, column_major)?);
    }
    Ok(results)
}

fn lp_pool(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, p, how) = (call.input(0)?, norm(call)?, pool(call)?);
    Ok(vec![lower::lp_pool(&mut call.builder().graph, x, &how, p)?])
}

fn lrn(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let size = call.attributes.int("size")?.unwrap_or(0);
    let mut number = |name, default| -> Result<f64> {
        Ok(f64::from(call.attributes.float(name)?.unwrap_or(default)))
    };
    let how = Lrn {
        size: usize::try_from(size).unwrap_or(0),
        alpha: number("alpha", 1e-4)?,
        beta: number("beta", 0.75)?,
        bias: number("bias", 1.0)?,
    };
    Ok(vec![lower::lrn(&mut call.builder().graph, x, &how)?])
}

/// x, which has spatial axes, and their numbers.
fn whole(call: &Call<'_>) -> Result<(ValueId, Vec<usize>)> {
    let x = call.input(0)?;
    let rank = spatial(&call.shape(x))?.len();
    Ok((x, (2..2 + rank).collect()))
}

fn global_average_pool(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, axes) = whole(call)?;
    Ok(vec![call.builder().graph.mean(x, &axes, true)?])
}

fn global_max_pool(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, axes) = whole(call)?;
    Ok(vec![call.builder().graph.pool_max(x, &axes, true, &[])?])
}

fn global_lp_pool(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let ((x, _), p) = (whole(call)?, norm(call)?);
    Ok(vec![lower::global_lp_pool(
        &mut call.builder().graph,
        x,
        p,
    )?])
}

/// Integers of a constant argument, none negative.
fn extents(call: &Call<'_>, k: usize, what: &str) -> Result<Vec<usize>> {
    Ok(super::super::call::extents_of(&call.required_integers(k, what)?)?.to_vec())
}

/// Columns of patches added up into images.
fn col2im(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let image = extents(call, 1, "the image's shape")?;
    let block = extents(call, 2, "the block's shape")?;
    let rank = image.len();
    let strides = counts(call, "strides", rank, 1)?;
    let dilations = counts(call, "dilations", rank, 1)?;
    let pads = counts(call, "pads", 2 * rank, 0)?;
    let shape = call.shape(x);
    let taps: usize = block.iter().product();
    let wrong = || {
        Error::new(format!(
            "columns of shape {shape} for blocks of shape {block:?}"
        ))
        .remedy("give columns of shape [N, C·taps, blocks]")
    };
    let &[n, depth, columns] = &shape[..] else {
        return Err(wrong());
    };
    let channels = depth.checked_div(taps).filter(|c| c * taps == depth);
    let channels = channels.filter(|_| block.len() == rank).ok_or_else(wrong)?;
    let slides = (0..rank)
        .map(|axis| {
            let how = Spatial {
                stride: strides[axis],
                dilation: dilations[axis],
                before: pads[axis],
                after: pads[rank + axis],
                ceil: false,
            };
            how.slide(image[axis], block[axis])
        })
        .collect::<Result<Vec<_>>>()?;
    let counts: Vec<usize> = slides.iter().map(|s| s.count).collect();
    if counts.iter().product::<usize>() != columns {
        return Err(wrong());
    }
    let windows = [&[n, channels], &block[..], &counts].concat();
    let graph = &mut call.builder().graph;
    let windows = graph.reshape(x, Shape::from(windows))?;
    Ok(vec![graph.fold(windows, &slides)?])
}

/// Values put back where a pool with indices found them.
fn max_unpool(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, indices) = (call.input(0)?, call.input(1)?);
    let shape = call.shape(x);
    let how = pool(call)?;
    let mut whole = shape[..2].to_vec();
    for ((axis, &taps), &count) in how.axes.iter().zip(&how.kernel).zip(&shape[2..]) {
        whole.push(axis.transposed(count, taps, 0)?.extent);
    }
    let whole = Shape::checked(&whole)?;
    let builder = call.builder();
    let flat = Shape::from([shape.len()]);
    let values = builder.reshape(x, flat.clone())?;
    let indices = builder.reshape(indices, flat)?;
    let scatter = ScatterAdd::new(Gather::slices(0), Shape::from([whole.len()]));
    let placed = builder.push(scatter, &[values, indices])?;
    let placed = builder.reshape(placed, whole.clone())?;
    if call.optional(2).is_none() {
        return Ok(vec![placed]);
    }
    let output = extents(call, 2, "the output's shape")?;
    let window = Window {
        starts: vec![0; whole.rank()],
        steps: vec![1; whole.rank()],
        lengths: whole.to_vec(),
    };
    let embed = Embed::new(window, Shape::checked(&output)?);
    Ok(vec![call.builder().push(embed, &[placed])?])
}
