//! Kernels over spatial axes: strides, dilations and pads, as convolutions and pools share
//! them.

use crate::error::{Error, Result};
use crate::op::{Slide, Taps};

/// How a kernel slides over one spatial axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spatial {
    /// Distance between windows.
    pub stride: usize,
    /// Distance between the taps of a window.
    pub dilation: usize,
    /// Zeros before the first element.
    pub before: usize,
    /// Zeros after the last element.
    pub after: usize,
    /// Whether a last window that is not full counts as well.
    pub ceil: bool,
}

impl Default for Spatial {
    /// Every position, no pads.
    fn default() -> Self {
        Spatial {
            stride: 1,
            dilation: 1,
            before: 0,
            after: 0,
            ceil: false,
        }
    }
}

impl Spatial {
    /// The last tap's distance from the first.
    fn reach(&self, kernel: usize) -> Option<usize> {
        kernel.checked_sub(1)?.checked_mul(self.dilation)
    }

    /// The windows of a kernel of `kernel` taps on an axis of this extent.
    ///
    /// With `ceil` there are ⌈(extent + pads − reach − 1) / stride⌉ + 1, so that a window that
    /// is longer than the padded axis by less than the stride counts; one that begins among the
    /// pads after the axis does not.
    pub fn slide(&self, extent: usize, kernel: usize) -> Result<Slide> {
        let count = self.count(extent, kernel).ok_or_else(|| {
            Error::new(format!(
                "a kernel of {kernel} taps does not slide over {extent} elements: {self:?}"
            ))
            .remedy("strides and dilations are at least 1, and a kernel is no longer than the padded axis (with `ceil`, by less than the stride)")
        })?;
        Ok(Slide {
            extent,
            kernel,
            count,
            taps: self.taps(),
        })
    }

    fn count(&self, extent: usize, kernel: usize) -> Option<usize> {
        if self.stride == 0 || self.dilation == 0 {
            return None;
        }
        let padded = extent.checked_add(self.before)?.checked_add(self.after)?;
        let longest = self.reach(kernel)?.checked_add(1)?;
        let Some(room) = padded.checked_sub(longest) else {
            let hangs_over = self.ceil && longest - padded < self.stride;
            return (hangs_over && extent + self.before > 0).then_some(1);
        };
        let full = room / self.stride + 1;
        let begins_inside = full.checked_mul(self.stride)? < extent + self.before;
        let one_more = self.ceil && !room.is_multiple_of(self.stride) && begins_inside;
        Some(full + usize::from(one_more))
    }

    /// The windows of which there are `count`, on an axis as long as they need and `output`
    /// more: what a transposed convolution adds up to.
    pub fn transposed(&self, count: usize, kernel: usize, output: usize) -> Result<Slide> {
        let extent = || {
            let starts = count.checked_sub(1)?.checked_mul(self.stride)?;
            let all = starts.checked_add(self.reach(kernel)?)?;
            let pads = self.before.checked_add(self.after)?;
            all.checked_add(1)?.checked_add(output)?.checked_sub(pads)
        };
        let extent = extent().ok_or_else(|| {
            Error::new(format!(
                "a kernel of {kernel} taps makes nothing of {count} elements: {self:?}"
            ))
            .remedy("use smaller pads")
        })?;
        Ok(Slide {
            extent,
            kernel,
            count,
            taps: self.taps(),
        })
    }

    /// The same windows on an axis whose pads are elements of it.
    pub(super) fn padded(&self, slide: &Slide) -> Slide {
        let unpadded = Spatial { before: 0, ..*self };
        Slide {
            extent: slide.extent + self.before + self.after,
            taps: unpadded.taps(),
            ..slide.clone()
        }
    }

    fn taps(&self) -> Taps {
        Taps::Regular {
            stride: self.stride,
            dilation: self.dilation,
            before: self.before,
        }
    }
}

/// The windows along each axis; fails where their numbers differ.
pub(super) fn slides(how: &[Spatial], extents: &[usize], kernel: &[usize]) -> Result<Vec<Slide>> {
    if how.len() != extents.len() || how.len() != kernel.len() {
        return Err(Error::new(format!(
            "a kernel of extents {kernel:?} over the extents {extents:?}, {} ways to slide",
            how.len()
        ))
        .remedy("every spatial axis needs a kernel extent, a stride, a dilation and pads"));
    }
    let each = how.iter().zip(extents).zip(kernel);
    each.map(|((how, &extent), &kernel)| how.slide(extent, kernel))
        .collect()
}
