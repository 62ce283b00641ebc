//! Resizing along axes: nearest, linear and cubic interpolation, one axis after the other.
//!
//! Coordinates and weights are computed here in f64, and the weights so computed are what the
//! graph means; an execution that computes its coordinates in a narrower format is not
//! among the admissible ones.
#![expect(
    clippy::float_arithmetic,
    clippy::float_cmp,
    reason = "weights are part of the graph's meaning, and no bounds; scales of exactly 1"
)]

use super::interpolate::interpolate_at_once;
use super::{Neighbours, interpolate};
use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};
use crate::tensor::{Shape, Ty};

/// How a result coordinate becomes a source coordinate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Coordinates {
    /// The centres of both halves agree.
    HalfPixel,
    /// The same, about the centre of the result where its extent was rounded.
    HalfPixelSymmetric,
    /// As `HalfPixel`; a result of extent 1 takes the first element.
    PytorchHalfPixel,
    /// The first and last elements agree.
    AlignCorners,
    /// The first elements agree.
    Asymmetric,
    /// The part from `start` to `end` of the axis (0 and 1 for all of it); `beyond` outside.
    Crop {
        /// Where the part begins.
        start: f64,
        /// Where it ends.
        end: f64,
        /// What stands where a coordinate leaves the axis.
        beyond: f64,
    },
}

/// Which element is the nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "ONNX's names say it")]
pub enum Nearest {
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
    /// Up where the axis shrinks, down where it grows (Resize of opset 10).
    ByScale,
}

/// The weights of neighbours by their distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Filter {
    /// One neighbour.
    Nearest(Nearest),
    /// Two neighbours; more where `antialias` and the result is smaller.
    Linear {
        /// Whether a smaller result averages over all it stands for.
        antialias: bool,
    },
    /// Four neighbours, Keys' cubic with coefficient `a`; more with `antialias`.
    Cubic {
        /// The coefficient, −¾ or −½ as a rule.
        a: f64,
        /// Whether a smaller result averages over all it stands for.
        antialias: bool,
    },
}

/// How one axis is resized.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resize {
    /// The axis.
    pub axis: usize,
    /// Its new extent.
    pub extent: usize,
    /// New extent over old one, before rounding.
    pub scale: f64,
    /// The coordinates.
    pub coordinates: Coordinates,
    /// The weights.
    pub filter: Filter,
    /// Whether neighbours outside count for nothing, instead of as the element at the end.
    pub exclude_outside: bool,
}

/// Neighbours of one result element that are summed at once at most.
const MOST_AT_ONCE: usize = 64;

/// x resized along some axes.
///
/// One axis after the other, the lowest first or last (PyTorch), or all in one sum with products
/// of weights (ONNX Runtime): programs differ, and so do their gradients.
pub fn resize(graph: &mut Graph, x: ValueId, axes: &[Resize]) -> Result<ValueId> {
    let value = in_turn(graph, x, axes.iter())?;
    let shape = graph.ty(x).shape.clone();
    let sums = at_once(&shape, axes);
    let along = |(axis, all): &&(usize, Neighbours)| {
        axes.iter().any(|how| how.axis == *axis) && !all.only_moves()
    };
    if sums.iter().find(along).is_none() {
        return Ok(value);
    }
    let held = graph.held(x)?;
    let mut others = Vec::new();
    if axes.len() > 1 {
        others.push(in_turn(graph, held, axes.iter().rev())?);
    }
    let taps = sums.iter().map(|(_, all)| all.most());
    if sums.len() > 1 && taps.fold(1, usize::saturating_mul) <= MOST_AT_ONCE {
        let inside = interpolate_at_once(graph, held, &sums)?;
        others.push(match beyond_any(graph, x, axes)? {
            Some(beyond) => graph.add(inside, beyond)?,
            None => inside,
        });
    }
    if others.is_empty() {
        return Ok(value);
    }
    graph.any_program(value, &others, &[x])
}

/// The axes along which one sum runs that does all of it, in rising order, with the neighbours
/// along each.
///
/// Linear kernels run over a whole image, axes that stay as they are included, and take the
/// element at an axis's end twice, each time by a half (ONNX Runtime).
fn at_once(shape: &Shape, axes: &[Resize]) -> Vec<(usize, Neighbours)> {
    let linear = |how: &Resize| {
        matches!(how.filter, Filter::Linear { .. })
            && !how.exclude_outside
            && !how.filter.averages(how.scale)
    };
    let own = |how: &Resize| {
        let extent = shape.get(how.axis).copied().unwrap_or(0);
        (how.axis, extent, how.neighbours(extent))
    };
    let mut all: Vec<(usize, usize, Neighbours)> = axes.iter().map(own).collect();
    let halved = !axes.is_empty() && axes.iter().all(linear);
    if halved {
        for axis in image(shape.rank(), axes) {
            if axes.iter().all(|how| how.axis != axis) {
                let extent = shape.get(axis).copied().unwrap_or(0);
                let still = Neighbours::new((0..extent).map(|at| vec![(at, 1.0)]));
                all.push((axis, extent, still));
            }
        }
    }
    all.sort_by_key(|(axis, ..)| *axis);
    let mut sums = Vec::new();
    for (axis, extent, own) in all {
        let own = match halved {
            true => own.halved_at(extent.saturating_sub(1)),
            false => own,
        };
        if !own.is_still(extent) {
            sums.push((axis, own));
        }
    }
    sums
}

/// The axes of the image in which some axes are resized: the last two of four or three of five,
/// all of two or three, or the middle ones of four where channels come last.
fn image(rank: usize, axes: &[Resize]) -> std::ops::Range<usize> {
    let channels_last = rank == 4 && axes.iter().any(|how| how.axis == 1);
    let image = match rank {
        2 | 3 => 0..rank,
        4 if channels_last => 1..3,
        4 | 5 => 2..rank,
        _ => 0..0,
    };
    if axes.iter().all(|how| image.contains(&how.axis)) {
        image
    } else {
        0..0
    }
}

/// What stands where a coordinate leaves any axis, and 0 elsewhere; none where that is 0.
fn beyond_any(graph: &mut Graph, x: ValueId, axes: &[Resize]) -> Result<Option<ValueId>> {
    let Ty { dtype, shape } = graph.ty(x).clone();
    let mut all: Vec<f64> = vec![0.0];
    let mut extents = vec![1; shape.rank()];
    let mut ordered: Vec<&Resize> = axes.iter().collect();
    ordered.sort_by_key(|how| how.axis);
    for how in ordered {
        let extent = shape.get(how.axis).copied().unwrap_or(0);
        let Some(own) = how.beyond(extent) else {
            continue;
        };
        extents[how.axis] = how.extent;
        let beside = |&before: &f64| {
            let either = move |&here: &f64| if here == 0.0 { before } else { here };
            own.iter().map(either).collect::<Vec<f64>>()
        };
        all = all.iter().flat_map(beside).collect();
    }
    if extents.iter().all(|&n| n == 1) && all == [0.0] {
        return Ok(None);
    }
    super::reals(graph, Shape::from(extents), &all, dtype).map(Some)
}

fn in_turn<'a>(
    graph: &mut Graph,
    x: ValueId,
    axes: impl Iterator<Item = &'a Resize>,
) -> Result<ValueId> {
    let mut resized = x;
    for how in axes {
        let shape = graph.ty(resized).shape.clone();
        let extent = shape.get(how.axis).copied().unwrap_or(0);
        if extent == 0 || how.extent == 0 || !(how.scale > 0.0 && how.scale.is_finite()) {
            return Err(
                Error::new(format!("the shape {shape} cannot be resized: {how:?}"))
                    .remedy("resize axes that exist and are not empty, by a scale above 0"),
            );
        }
        resized = interpolate(graph, resized, how.axis, &how.neighbours(extent))?;
        if let Some(beyond) = how.beyond(extent) {
            let dtype = graph.ty(resized).dtype;
            let mut column = vec![1; shape.rank() - how.axis];
            column[0] = how.extent;
            let beyond = super::reals(graph, column.into(), &beyond, dtype)?;
            resized = graph.add(resized, beyond)?;
        }
    }
    Ok(resized)
}

impl Resize {
    /// True where an axis of this extent stays as it is.
    pub fn is_still(&self, extent: usize) -> bool {
        let whole = match self.coordinates {
            Coordinates::Crop { start, end, .. } => start == 0.0 && end == 1.0,
            Coordinates::HalfPixel
            | Coordinates::HalfPixelSymmetric
            | Coordinates::PytorchHalfPixel
            | Coordinates::AlignCorners
            | Coordinates::Asymmetric => true,
        };
        self.scale == 1.0 && self.extent == extent && whole
    }

    /// Where result element `at` lies on an axis of this extent.
    fn source(&self, at: usize, extent: usize) -> f64 {
        let (x, n) = (at as f64, extent as f64);
        let wanted = self.scale * n;
        let half_pixel = (x + 0.5) / self.scale - 0.5;
        match self.coordinates {
            Coordinates::HalfPixel => half_pixel,
            Coordinates::HalfPixelSymmetric => {
                n / 2.0 * (1.0 - self.extent as f64 / wanted) + half_pixel
            }
            Coordinates::PytorchHalfPixel if self.extent == 1 => 0.0,
            Coordinates::PytorchHalfPixel => half_pixel,
            Coordinates::AlignCorners if wanted == 1.0 => 0.0,
            Coordinates::AlignCorners => x * (n - 1.0) / (wanted - 1.0),
            Coordinates::Asymmetric => x / self.scale,
            Coordinates::Crop { start, end, .. } => {
                let part = (end - start) * (n - 1.0);
                let along = if wanted == 1.0 {
                    part / 2.0
                } else {
                    x * part / (wanted - 1.0)
                };
                along + start * (n - 1.0)
            }
        }
    }

    /// True where the part that is cropped leaves the axis.
    fn is_beyond(&self, source: f64, extent: usize) -> bool {
        matches!(self.coordinates, Coordinates::Crop { .. })
            && !(0.0..=extent as f64 - 1.0).contains(&source)
    }

    /// What is added to every result element, where that is something.
    fn beyond(&self, extent: usize) -> Option<Vec<f64>> {
        let Coordinates::Crop { beyond, .. } = self.coordinates else {
            return None;
        };
        let outside = |at| self.is_beyond(self.source(at, extent), extent);
        let each = |at| if outside(at) { beyond } else { 0.0 };
        let all: Vec<f64> = (0..self.extent).map(each).collect();
        all.iter().any(|&x| x != 0.0).then_some(all)
    }

    fn neighbours(&self, extent: usize) -> Neighbours {
        let last = extent as f64 - 1.0;
        let each = |at: usize| {
            let source = self.source(at, extent);
            if self.is_beyond(source, extent) {
                return Vec::new();
            }
            // Beyond the ends linear weights add up to that of the end.
            let simple = matches!(self.filter, Filter::Linear { .. })
                && !self.exclude_outside
                && !self.filter.averages(self.scale);
            let source = match source {
                _ if !simple => source,
                source if source < 0.0 => 0.0,
                source if source > last => last,
                source => source,
            };
            let mut all = self.filter.around(source, self.scale);
            if self.exclude_outside {
                all.retain(|(position, _)| (0.0..=last).contains(position));
            }
            let total: f64 = all.iter().map(|(_, weight)| weight).sum();
            let share = |weight: f64| {
                if self.exclude_outside || self.filter.averages(self.scale) {
                    weight / total
                } else {
                    weight
                }
            };
            let inside = |position: f64| {
                if position <= 0.0 {
                    0
                } else if position >= last {
                    extent - 1
                } else {
                    position as usize
                }
            };
            all.iter()
                .map(|&(position, weight)| (inside(position), share(weight)))
                .collect()
        };
        Neighbours::new((0..self.extent).map(each))
    }
}

impl Filter {
    /// True where weights have to be divided by their sum.
    fn averages(self, scale: f64) -> bool {
        match self {
            Filter::Nearest(_) => false,
            Filter::Linear { antialias } | Filter::Cubic { antialias, .. } => {
                antialias && scale < 1.0
            }
        }
    }

    /// Positions and weights around a source coordinate, the positions perhaps outside.
    fn around(self, source: f64, scale: f64) -> Vec<(f64, f64)> {
        let floor = source.floor();
        let shrink = if self.averages(scale) { scale } else { 1.0 };
        let reach = match self {
            Filter::Nearest(nearest) => return vec![(nearest.of(source, scale), 1.0)],
            Filter::Linear { .. } => 1.0,
            Filter::Cubic { .. } => 2.0,
        };
        let steps = (reach / shrink).ceil();
        let mut all = Vec::new();
        let mut position = floor - steps;
        while position <= floor + steps + 1.0 {
            let weight = self.weight(((position - source) * shrink).abs());
            all.push((position, weight));
            position += 1.0;
        }
        all
    }

    /// The weight at a distance.
    fn weight(self, d: f64) -> f64 {
        match self {
            Filter::Nearest(_) => 1.0,
            Filter::Linear { .. } if d < 1.0 => 1.0 - d,
            Filter::Cubic { a, .. } if d <= 1.0 => ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0,
            Filter::Cubic { a, .. } if d < 2.0 => ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a,
            Filter::Linear { .. } | Filter::Cubic { .. } => 0.0,
        }
    }
}

impl Nearest {
    fn of(self, source: f64, scale: f64) -> f64 {
        let (floor, ratio) = (source.floor(), source - source.floor());
        let up = match self {
            Nearest::RoundPreferFloor => ratio > 0.5,
            Nearest::RoundPreferCeil => ratio >= 0.5,
            Nearest::Floor => false,
            Nearest::Ceil => ratio > 0.0,
            Nearest::ByScale => ratio > 0.0 && scale < 1.0,
        };
        if up { floor + 1.0 } else { floor }
    }
}
