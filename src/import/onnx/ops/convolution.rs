//! Convolutions.

use super::spatial::{AutoPad, counts, explicit, given_counts, kernel_shape, sliding};
use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::lower::{self, Conv, ConvTranspose};
use crate::tensor::Shape;

pub(super) const OPERATIONS: &[Operation] = &[
    op("Conv", "", 2..=3, conv),
    op("ConvTranspose", "", 2..=3, conv_transpose),
];

/// The spatial extents of a tensor of shape [N, C, …].
pub(super) fn spatial(shape: &Shape) -> Result<Vec<usize>> {
    match &shape[..] {
        [_, _, spatial @ ..] if !spatial.is_empty() => Ok(spatial.to_vec()),
        _ => Err(Error::new(format!("the shape {shape} has no spatial axes"))
            .remedy("use a tensor of shape [N, C, …]")),
    }
}

fn groups(call: &mut Call<'_>) -> Result<usize> {
    let groups = call.attributes.int("group")?.unwrap_or(1);
    usize::try_from(groups).map_err(|_| {
        Error::new(format!("the attribute `group` is {groups}")).remedy("use at least one group")
    })
}

fn conv(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, kernels, bias) = (call.input(0)?, call.input(1)?, call.optional(2));
    let extents = spatial(&call.shape(x))?;
    let kernel = kernel_shape(call, &spatial(&call.shape(kernels))?)?;
    let how = Conv {
        groups: groups(call)?,
        axes: sliding(call, &extents, &kernel)?,
    };
    let graph = &mut call.builder().graph;
    Ok(vec![lower::conv(graph, x, kernels, bias, &how)?])
}

fn conv_transpose(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let (x, kernels, bias) = (call.input(0)?, call.input(1)?, call.optional(2));
    let extents = spatial(&call.shape(x))?;
    let kernel = kernel_shape(call, &spatial(&call.shape(kernels))?)?;
    let rank = extents.len();
    let auto = AutoPad::of(call)?;
    let mut how = ConvTranspose {
        groups: groups(call)?,
        axes: explicit(call, rank, auto)?,
        output_padding: counts(call, "output_padding", rank, 0)?,
    };
    for (axis, &more) in how.axes.iter().zip(&how.output_padding) {
        if more > 0 && more >= axis.stride.max(axis.dilation) {
            return Err(Error::new(format!(
                "output_padding is {more} for a stride of {} and a dilation of {}",
                axis.stride, axis.dilation
            ))
            .remedy("use less than the larger of the two"));
        }
    }
    let wanted = match given_counts(call, "output_shape", rank)? {
        Some(wanted) => Some(wanted),
        None if auto.keeps_extents() => Some(extents_times_strides(&extents, &how)),
        None => None,
    };
    if let Some(wanted) = wanted {
        cut_to(&mut how, auto, [&extents, &kernel, &wanted]);
    }
    let graph = &mut call.builder().graph;
    Ok(vec![lower::conv_transpose(graph, x, kernels, bias, &how)?])
}

fn extents_times_strides(extents: &[usize], how: &ConvTranspose) -> Vec<usize> {
    let each = extents.iter().zip(&how.axes);
    each.map(|(&extent, axis)| extent.saturating_mul(axis.stride))
        .collect()
}

/// The pads, or zeros at the end, that make the result's extents the wanted ones.
fn cut_to(how: &mut ConvTranspose, auto: AutoPad, [extents, kernel, wanted]: [&[usize]; 3]) {
    let sizes = extents.iter().zip(kernel).zip(wanted);
    let axes = how.axes.iter_mut().zip(&mut how.output_padding);
    for ((axis, more), ((&extent, &taps), &wanted)) in axes.zip(sizes) {
        let starts = extent.saturating_sub(1).saturating_mul(axis.stride);
        let reach = taps.saturating_sub(1).saturating_mul(axis.dilation);
        let all = starts.saturating_add(reach).saturating_add(1);
        let all = all.saturating_add(*more);
        *more = more.saturating_add(wanted.saturating_sub(all));
        // Without auto_pad the odd one is cut off the start.
        let auto = match auto {
            AutoPad::SameUpper => AutoPad::SameUpper,
            AutoPad::SameLower | AutoPad::NotSet | AutoPad::Valid => AutoPad::SameLower,
        };
        (axis.before, axis.after) = auto.split(all.saturating_sub(wanted));
    }
}
