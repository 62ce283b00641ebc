//! The attributes by which convolutions and pools slide over spatial axes.

use super::Call;
use crate::error::{Error, Result};
use crate::lower::Spatial;

/// The integers of an attribute, one for each axis, none negative.
pub(super) fn given_counts(
    call: &mut Call<'_>,
    name: &'static str,
    len: usize,
) -> Result<Option<Vec<usize>>> {
    let Some(given) = call.attributes.ints(name)? else {
        return Ok(None);
    };
    let counts: Option<Vec<usize>> = given.iter().map(|&n| usize::try_from(n).ok()).collect();
    match counts.filter(|counts| counts.len() == len) {
        Some(counts) => Ok(Some(counts)),
        None => Err(Error::new(format!("the attribute `{name}` is {given:?}"))
            .remedy(format!("give {len} integers, none negative"))),
    }
}

/// The same, `default` for every axis where the attribute is missing.
pub(super) fn counts(
    call: &mut Call<'_>,
    name: &'static str,
    len: usize,
    default: usize,
) -> Result<Vec<usize>> {
    let given = given_counts(call, name, len)?;
    Ok(given.unwrap_or_else(|| vec![default; len]))
}

/// How much an axis is padded, where the node does not say it in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AutoPad {
    /// The attribute `pads` says it.
    NotSet,
    /// Not at all.
    Valid,
    /// As much as keeps the extent over the stride; an odd one goes after the axis.
    SameUpper,
    /// As much as keeps the extent over the stride; an odd one goes before the axis.
    SameLower,
}

impl AutoPad {
    /// The attribute `auto_pad`.
    pub fn of(call: &mut Call<'_>) -> Result<AutoPad> {
        match call.attributes.text("auto_pad")? {
            None | Some("NOTSET") => Ok(AutoPad::NotSet),
            Some("VALID") => Ok(AutoPad::Valid),
            Some("SAME_UPPER") => Ok(AutoPad::SameUpper),
            Some("SAME_LOWER") => Ok(AutoPad::SameLower),
            Some(other) => Err(Error::new(format!(
                "the attribute `auto_pad` is `{}`",
                other.escape_debug()
            ))
            .remedy("use NOTSET, VALID, SAME_UPPER or SAME_LOWER")),
        }
    }

    /// True where pads follow from the extents.
    pub fn keeps_extents(self) -> bool {
        matches!(self, AutoPad::SameUpper | AutoPad::SameLower)
    }

    /// `total` pads as (before, after).
    pub fn split(self, total: usize) -> (usize, usize) {
        let (less, more) = (total / 2, total - total / 2);
        match self {
            AutoPad::NotSet | AutoPad::Valid => (0, 0),
            AutoPad::SameUpper => (less, more),
            AutoPad::SameLower => (more, less),
        }
    }
}

/// The attributes `strides`, `dilations` and, unless `auto` tells them, `pads`.
pub(super) fn explicit(call: &mut Call<'_>, rank: usize, auto: AutoPad) -> Result<Vec<Spatial>> {
    let strides = counts(call, "strides", rank, 1)?;
    let dilations = counts(call, "dilations", rank, 1)?;
    let mut pads = counts(call, "pads", 2 * rank, 0)?;
    if auto != AutoPad::NotSet {
        pads.fill(0);
    }
    let (before, after) = pads.split_at(rank);
    let each = strides.iter().zip(dilations).zip(before.iter().zip(after));
    Ok(each
        .map(|((&stride, dilation), (&before, &after))| Spatial {
            stride,
            dilation,
            before,
            after,
            ceil: false,
        })
        .collect())
}

/// How a kernel slides over these extents, with the pads that `auto_pad` asks for.
pub(super) fn sliding(
    call: &mut Call<'_>,
    extents: &[usize],
    kernel: &[usize],
) -> Result<Vec<Spatial>> {
    let auto = AutoPad::of(call)?;
    let mut axes = explicit(call, extents.len(), auto)?;
    if auto.keeps_extents() {
        for ((axis, &extent), &taps) in axes.iter_mut().zip(extents).zip(kernel) {
            let count = extent.div_ceil(axis.stride.max(1));
            let starts = count.saturating_sub(1).saturating_mul(axis.stride);
            let reach = taps.saturating_sub(1).saturating_mul(axis.dilation);
            let needed = starts.saturating_add(reach).saturating_add(1);
            (axis.before, axis.after) = auto.split(needed.saturating_sub(extent));
        }
    }
    Ok(axes)
}

/// The attribute `kernel_shape`, which has to be that of the kernels where there are some.
pub(super) fn kernel_shape(call: &mut Call<'_>, kernels: &[usize]) -> Result<Vec<usize>> {
    let given = call.attributes.ints("kernel_shape")?;
    let same = |given: &[i64]| {
        given
            .iter()
            .map(|&n| usize::try_from(n).ok())
            .eq(kernels.iter().map(|&n| Some(n)))
    };
    match given {
        Some(given) if !same(given) => Err(Error::new(format!(
            "the attribute `kernel_shape` is {given:?}, but the kernels have {kernels:?}"
        ))
        .remedy("leave it out")),
        _ => Ok(kernels.to_vec()),
    }
}
