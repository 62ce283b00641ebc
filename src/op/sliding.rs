//! A kernel that slides over the last axes of a tensor: which element each of its taps
//! meets in each window.
//!
//! A tensor of shape `[lead…, extent…]` has windows of shape `[lead…, kernel…, count…]`. The
//! positions along one axis do not depend on the other axes, so that an attribute of the
//! size of an axis says all; positions of elements are walked over, never stored.

use crate::blocks::Blocks;
use crate::error::{Error, Result};
use crate::number::Up;
use crate::tensor::{Shape, Sources, ZERO_FILL};
use std::sync::Arc;

/// How a kernel slides along one axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slide {
    /// Extent of the axis.
    pub extent: usize,
    /// Number of taps of the kernel.
    pub kernel: usize,
    /// Number of windows.
    pub count: usize,
    /// Where the taps lie.
    pub taps: Taps,
}

/// Where the taps of every window lie along an axis; a tap outside it meets a zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taps {
    /// Tap k of window o lies at `o·stride + k·dilation − before`.
    Regular {
        /// Distance between windows.
        stride: usize,
        /// Distance between taps.
        dilation: usize,
        /// Zeros before the first element.
        before: usize,
    },
    /// Tap k of window o lies at `table[k·count + o]`, outside for [`ZERO_FILL`].
    Table(Arc<[usize]>),
}

impl Slide {
    /// One tap that meets every element once: an axis that stays as it is.
    pub fn still(extent: usize) -> Slide {
        Slide {
            extent,
            kernel: 1,
            count: extent,
            taps: Taps::Regular {
                stride: 1,
                dilation: 1,
                before: 0,
            },
        }
    }

    /// Where tap k of window o lies, `None` outside the axis.
    pub fn position(&self, k: usize, o: usize) -> Option<usize> {
        let at = match &self.taps {
            Taps::Table(table) => table[k * self.count + o],
            Taps::Regular {
                stride,
                dilation,
                before,
            } => (o * stride + k * dilation).checked_sub(*before)?,
        };
        (at < self.extent).then_some(at)
    }

    /// For every tap of every window over some axes, taps outermost, whether it lies outside.
    pub(crate) fn outside(slides: &[Slide]) -> Vec<bool> {
        let all = slides.iter().map(|slide| slide.grid(0));
        let all = all.fold(Grid::point(), |all, axis| all.with(&axis));
        all.at.iter().map(|&at| at == ZERO_FILL).collect()
    }

    fn grid(&self, step: usize) -> Grid {
        let taps = (0..self.kernel).flat_map(|k| (0..self.count).map(move |o| (k, o)));
        let at = taps.map(|(k, o)| self.position(k, o).map_or(ZERO_FILL, |p| p * step));
        Grid {
            windows: self.count,
            at: at.collect(),
        }
    }

    /// The most taps that meet one element.
    fn most(&self) -> usize {
        let mut meet = vec![0_usize; self.extent];
        for k in 0..self.kernel {
            for p in (0..self.count).filter_map(|o| self.position(k, o)) {
                meet[p] += 1;
            }
        }
        meet.into_iter().fold(0, usize::max)
    }

    fn is_sound(&self) -> bool {
        let last = |n: usize, step: usize| n.saturating_sub(1).checked_mul(step);
        self.kernel > 0
            && match &self.taps {
                Taps::Regular {
                    stride, dilation, ..
                } => last(self.count, *stride)
                    .zip(last(self.kernel, *dilation))
                    .is_some_and(|(o, k)| o.checked_add(k).is_some()),
                Taps::Table(table) => {
                    let inside = |&p: &usize| p < self.extent || p == ZERO_FILL;
                    Some(table.len()) == self.kernel.checked_mul(self.count)
                        && table.iter().all(inside)
                }
            }
    }
}

/// A kernel over the last axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sliding(pub Box<[Slide]>);

impl Sliding {
    /// The windows' shape, for a tensor of shape `whole`.
    pub fn windows(&self, whole: &Shape) -> Result<Shape> {
        let axes = self.0.len();
        let lead = whole.rank().checked_sub(axes);
        let fits = |lead: usize| {
            self.0
                .iter()
                .map(|s| s.extent)
                .eq(whole[lead..].iter().copied())
        };
        let lead = lead.filter(|&lead| axes > 0 && fits(lead)).ok_or_else(|| {
            Error::new(format!("{} axes slide over the shape {whole}", axes))
                .remedy("name the last axes, each with its extent")
        })?;
        if let Some(slide) = self.0.iter().find(|s| !s.is_sound()) {
            return Err(Error::new(format!("no kernel slides like {slide:?}"))
                .remedy("a kernel needs a tap, a table one position for each tap and window"));
        }
        let mut extents = whole[..lead].to_vec();
        extents.extend(self.0.iter().map(|s| s.kernel));
        extents.extend(self.0.iter().map(|s| s.count));
        Shape::checked(&extents)
    }

    /// The shape that has windows of shape `windows`.
    pub fn whole(&self, windows: &Shape) -> Result<Shape> {
        let axes = self.0.len();
        let lead = windows.rank().saturating_sub(2 * axes);
        let mut extents = windows[..lead].to_vec();
        extents.extend(self.0.iter().map(|s| s.extent));
        let whole = Shape::checked(&extents)?;
        let own = self.windows(&whole)?;
        if own == *windows {
            return Ok(whole);
        }
        Err(Error::new(format!(
            "the shape {windows} is not that of the windows, {own}"
        ))
        .remedy("give one element for each tap of each window"))
    }

    /// The most taps that meet one element.
    pub fn most(&self) -> usize {
        self.0.iter().map(Slide::most).product()
    }

    /// The walk over the windows of a tensor of this shape.
    pub fn walk(&self, whole: &Shape) -> Walk {
        let lead = whole.rank().saturating_sub(self.0.len());
        let strides = whole.strides();
        let grids = self.0.iter().zip(&strides[lead..]);
        let mut grids: Vec<Grid> = grids.map(|(slide, &step)| slide.grid(step)).collect();
        let last = grids.pop().unwrap_or_else(Grid::point);
        Walk {
            lead: whole[..lead].iter().product(),
            whole: whole[lead..].iter().product(),
            outer: grids.iter().fold(Grid::point(), |all, axis| all.with(axis)),
            last,
            most: self.most(),
        }
    }
}

/// The offset of every tap in every window, taps outermost; [`ZERO_FILL`] outside.
#[derive(Debug, Clone)]
struct Grid {
    windows: usize,
    at: Vec<usize>,
}

impl Grid {
    /// One tap of one window, at the start.
    fn point() -> Grid {
        Grid {
            windows: 1,
            at: vec![0],
        }
    }

    /// The offsets for each kernel tap, one slice of all windows after the other.
    fn taps(&self) -> impl Iterator<Item = &[usize]> {
        self.at.chunks_exact(self.windows.max(1))
    }

    /// The grid over these axes and one more.
    fn with(&self, inner: &Grid) -> Grid {
        let mut at = Vec::with_capacity(self.at.len() * inner.at.len());
        for outer in self.taps() {
            for inner in inner.taps() {
                for &a in outer {
                    at.extend(inner.iter().map(|&b| match (a, b) {
                        (ZERO_FILL, _) | (_, ZERO_FILL) => ZERO_FILL,
                        (a, b) => a + b,
                    }));
                }
            }
        }
        Grid {
            windows: self.windows * inner.windows,
            at,
        }
    }
}

/// A walk over the elements of all windows, in their order.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    /// How many tensors the kernel slides over.
    lead: usize,
    /// Elements of one of them.
    whole: usize,
    /// All axes but the last.
    outer: Grid,
    /// The last axis.
    last: Grid,
    /// The most taps that meet one element.
    most: usize,
}

impl Walk {
    /// Number of elements of all windows.
    fn len(&self) -> usize {
        self.lead * self.outer.at.len() * self.last.at.len()
    }

    /// Elements of the windows of one tensor.
    fn of_one(&self) -> usize {
        self.outer.at.len() * self.last.at.len()
    }

    /// The norms of blocks of whole tensors, from those of their windows: no element takes part
    /// in more than `most` windows.
    pub fn folded(&self, windows: &Blocks) -> Option<Blocks> {
        self.carried(windows, self.of_one(), self.whole)
    }

    /// The norms of blocks of so many elements a tensor, as those of blocks of others.
    fn carried(&self, blocks: &Blocks, from: usize, to: usize) -> Option<Blocks> {
        if from == 0 || to == 0 {
            return None;
        }
        let own = match blocks.width() % from {
            0 => blocks.clone(),
            _ => blocks.with_width(from, self.lead * from),
        };
        Some(own.carried(own.width() / from * to, Up::count(self.most).sqrt()))
    }

    /// Calls `row` for every run of windows along the last axis: with where the offsets in
    /// it start, `None` where all of it lies outside, and the offsets.
    fn rows<'a>(&'a self, mut row: impl FnMut(Option<usize>, &'a [usize])) {
        for tensor in 0..self.lead {
            let start = tensor * self.whole;
            for outer in self.outer.taps() {
                for taps in self.last.taps() {
                    for &base in outer {
                        let base = (base != ZERO_FILL).then(|| start + base);
                        row(base, taps);
                    }
                }
            }
        }
    }

    /// Calls `meet` for every tap that meets an element, with both positions.
    pub fn meetings(&self, mut meet: impl FnMut(usize, usize)) {
        let mut at = 0;
        self.rows(|base, taps| {
            if let Some(base) = base {
                for (tap, &offset) in (at..).zip(taps).filter(|(_, offset)| **offset != ZERO_FILL) {
                    meet(tap, base + offset);
                }
            }
            at += taps.len();
        });
    }
}

/// The windows' elements.
impl Sources for Walk {
    fn fills(&self) -> bool {
        [&self.outer, &self.last]
            .iter()
            .any(|grid| grid.at.contains(&ZERO_FILL))
    }
    fn blocks(&self, blocks: &Blocks, _shape: &Shape) -> Option<Blocks> {
        self.carried(blocks, self.whole, self.of_one())
    }
    fn pick<T: Clone>(&self, at: impl Fn(usize) -> T, zero: &T) -> Arc<[T]> {
        let mut picked = Vec::with_capacity(self.len());
        self.rows(|base, taps| match base {
            None => picked.extend(std::iter::repeat_n(zero, taps.len()).cloned()),
            Some(base) => picked.extend(taps.iter().map(|&tap| match tap {
                ZERO_FILL => zero.clone(),
                tap => at(base + tap),
            })),
        });
        picked.into()
    }
}
