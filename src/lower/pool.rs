//! What pools share: their windows, and which taps lie outside.

use super::Spatial;
use super::spatial::slides;
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::op::Slide;

/// How a pool's kernel slides over the spatial axes of a tensor of shape [N, C, …].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Extents of the kernel.
    pub kernel: Vec<usize>,
    /// One for each spatial axis.
    pub axes: Vec<Spatial>,
}

/// The windows of a pool, of shape [N, C, kernel…, count…].
pub(super) struct Pooled {
    pub windows: ValueId,
    /// The kernel's axes.
    pub over: Vec<usize>,
    slides: Vec<Slide>,
}

impl Pool {
    /// Appends the windows.
    pub(super) fn windows(&self, graph: &mut Graph, x: ValueId) -> Result<Pooled> {
        let shape = graph.ty(x).shape.clone();
        let [_, _, extents @ ..] = &shape[..] else {
            return Err(Error::new(format!("a pool over a tensor of shape {shape}"))
                .remedy("use a tensor of shape [N, C, …]"));
        };
        let slides = slides(&self.axes, extents, &self.kernel)?;
        Ok(Pooled {
            windows: graph.windows(x, &slides)?,
            over: (2..2 + slides.len()).collect(),
            slides,
        })
    }
}

impl Pooled {
    /// Extents of the result's spatial axes.
    pub fn counts(&self) -> Vec<usize> {
        self.slides.iter().map(|s| s.count).collect()
    }

    /// How the kernel slides along each axis.
    pub fn slides(&self) -> &[Slide] {
        &self.slides
    }

    /// For every tap of every window, taps outermost, whether it lies outside.
    pub fn outside(&self) -> Vec<bool> {
        Slide::outside(&self.slides)
    }

    /// How many taps of every window lie inside; with `pads`, inside the padded axes.
    pub fn inside(&self, pads: Option<&[Spatial]>) -> Vec<usize> {
        let mut all = vec![1];
        for (axis, slide) in self.slides.iter().enumerate() {
            let padded = pads.and_then(|pads| pads.get(axis));
            let slide = padded.map_or_else(|| slide.clone(), |pad| pad.padded(slide));
            let inside = |o| {
                let taps = (0..slide.kernel).filter(|&k| slide.position(k, o).is_some());
                taps.count()
            };
            let along: Vec<usize> = (0..slide.count).map(inside).collect();
            let each = |a: &usize| along.iter().map(|b| a * b).collect::<Vec<_>>();
            all = all.iter().flat_map(each).collect();
        }
        all
    }
}
