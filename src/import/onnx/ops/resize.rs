//! Resize, Upsample and Einsum.

use super::super::call::axes_of;
use super::layout::affordable;
use super::{Call, Operation, op};
use crate::error::{Error, Result};
use crate::graph::ValueId;
use crate::lower::{self, Coordinates, Filter, Nearest};
use crate::tensor::Shape;

pub(super) const OPERATIONS: &[Operation] = &[
    op("Einsum", "of floats", 1..=super::MANY, einsum),
    op(
        "Resize",
        "by constant scales or to constant sizes; linear and cubic of floats",
        1..=4,
        resize,
    ),
    op(
        "Upsample",
        "by constant scales; linear of floats",
        1..=2,
        upsample,
    ),
];

/// The opset from which Resize takes a region, coordinates and sizes.
const WITH_COORDINATES: i64 = 11;

fn einsum(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let operands = call.all_inputs()?;
    let equation = call.attributes.text("equation")?.ok_or_else(|| {
        Error::new("has no attribute `equation`").remedy("say what is multiplied and summed")
    })?;
    Ok(vec![lower::einsum(
        &mut call.builder().graph,
        equation,
        &operands,
    )?])
}

/// What a word of an attribute stands for.
fn word<T: Copy>(
    call: &mut Call<'_>,
    name: &'static str,
    default: T,
    words: &[(&str, T)],
) -> Result<T> {
    let Some(given) = call.attributes.text(name)? else {
        return Ok(default);
    };
    let found = words.iter().find(|(word, _)| *word == given);
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        Error::new(format!(
            "the attribute `{name}` is `{}`",
            given.escape_debug()
        ))
        .remedy(format!("use one of {}", known.join(", ")))
    })
}

/// The reals of a constant argument; `None` where it is omitted or empty.
fn numbers(call: &Call<'_>, k: usize, what: &str) -> Result<Option<Vec<f64>>> {
    Ok(call.reals(k, what)?.filter(|all| !all.is_empty()))
}

/// Upsample and Resize before regions: the first elements agree, and the nearest is that
/// before, or that after where the axis shrinks (as onnxruntime has it, and ONNX's test
/// `test_resize_downsample_nearest`; the operator's text leaves it open).
fn upsample(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    let filter = word(
        call,
        "mode",
        Filter::Nearest(Nearest::ByScale),
        &[
            ("nearest", Filter::Nearest(Nearest::ByScale)),
            ("linear", Filter::Linear { antialias: false }),
            ("bilinear", Filter::Linear { antialias: false }),
        ],
    )?;
    let stated = call.attributes.floats("scales")?;
    let stated = stated.map(|all| all.iter().map(|&s| f64::from(s)).collect());
    let scales = match stated {
        Some(scales) => Some(scales),
        None => numbers(call, 1, "the scales")?,
    };
    let scales =
        scales.ok_or_else(|| Error::new("has no scales").remedy("give one scale for each axis"))?;
    let wanted = Wanted {
        axes: (0..scales.len()).collect(),
        by: By::Scales(scales),
    };
    let coordinates = |_: usize| Coordinates::Asymmetric;
    apply(call, wanted, coordinates, filter, false)
}

/// What extents are asked for.
struct Wanted {
    axes: Vec<usize>,
    by: By,
}

enum By {
    Scales(Vec<f64>),
    Sizes(Vec<usize>, Policy),
}

/// What becomes of the ratio of the sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    Stretch,
    NotLarger,
    NotSmaller,
}

fn resize(call: &mut Call<'_>) -> Result<Vec<ValueId>> {
    if call.scope.opset < WITH_COORDINATES {
        return upsample(call);
    }
    let x = call.input(0)?;
    let rank = call.shape(x).rank();
    let axes = match call.attributes.ints("axes")? {
        Some(axes) => axes_of(axes, rank)?,
        None => (0..rank).collect(),
    };
    let policy = word(
        call,
        "keep_aspect_ratio_policy",
        Policy::Stretch,
        &[
            ("stretch", Policy::Stretch),
            ("not_larger", Policy::NotLarger),
            ("not_smaller", Policy::NotSmaller),
        ],
    )?;
    let scales = numbers(call, 2, "the scales")?;
    let sizes = call.integers(3, "the sizes")?.filter(|s| !s.is_empty());
    let by = match (scales, sizes) {
        (Some(scales), None) => By::Scales(scales),
        (None, Some(sizes)) => {
            let sizes = super::super::call::extents_of(&sizes)?;
            By::Sizes(sizes.to_vec(), policy)
        }
        _ => {
            return Err(Error::new("has scales and sizes, or neither").remedy("give one of them"));
        }
    };
    let filter = filter(call)?;
    let coordinates = coordinates(call, &axes)?;
    let exclude_outside = call.attributes.flag("exclude_outside", false)?;
    apply(
        call,
        Wanted { axes, by },
        coordinates,
        filter,
        exclude_outside,
    )
}

fn filter(call: &mut Call<'_>) -> Result<Filter> {
    let nearest = word(
        call,
        "nearest_mode",
        Nearest::RoundPreferFloor,
        &[
            ("round_prefer_floor", Nearest::RoundPreferFloor),
            ("round_prefer_ceil", Nearest::RoundPreferCeil),
            ("floor", Nearest::Floor),
            ("ceil", Nearest::Ceil),
        ],
    )?;
    let antialias = call.attributes.flag("antialias", false)?;
    let a = f64::from(call.attributes.float("cubic_coeff_a")?.unwrap_or(-0.75));
    word(
        call,
        "mode",
        Filter::Nearest(nearest),
        &[
            ("nearest", Filter::Nearest(nearest)),
            ("linear", Filter::Linear { antialias }),
            ("cubic", Filter::Cubic { a, antialias }),
        ],
    )
}

/// The coordinates along the k-th of the axes.
fn coordinates(
    call: &mut Call<'_>,
    axes: &[usize],
) -> Result<impl Fn(usize) -> Coordinates + use<>> {
    let beyond = call.attributes.float("extrapolation_value")?.unwrap_or(0.0);
    let whole = Coordinates::Crop {
        start: 0.0,
        end: 1.0,
        beyond: f64::from(beyond),
    };
    let mode = word(
        call,
        "coordinate_transformation_mode",
        Coordinates::HalfPixel,
        &[
            ("half_pixel", Coordinates::HalfPixel),
            ("half_pixel_symmetric", Coordinates::HalfPixelSymmetric),
            ("pytorch_half_pixel", Coordinates::PytorchHalfPixel),
            ("align_corners", Coordinates::AlignCorners),
            ("asymmetric", Coordinates::Asymmetric),
            ("tf_crop_and_resize", whole),
        ],
    )?;
    let count = axes.len();
    let region = if matches!(mode, Coordinates::Crop { .. }) {
        numbers(call, 1, "the region")?
    } else {
        None
    };
    if region.as_ref().is_some_and(|r| r.len() != 2 * count) {
        return Err(Error::new("the region does not suit the axes")
            .remedy("give all starts, then all ends"));
    }
    Ok(move |k: usize| match (mode, &region) {
        (Coordinates::Crop { beyond, .. }, Some(region)) => Coordinates::Crop {
            start: region[k],
            end: region[count + k],
            beyond,
        },
        (mode, _) => mode,
    })
}

/// Scales and new extents of every axis.
#[expect(
    clippy::float_arithmetic,
    reason = "scales are part of the graph's meaning"
)]
fn extents(old: &[usize], by: By) -> Vec<(f64, usize)> {
    let ratio = |(&new, &old): (&usize, &usize)| new as f64 / old as f64;
    match by {
        By::Scales(scales) => {
            let each = scales.iter().zip(old);
            each.map(|(&scale, &old)| (scale, (scale * old as f64) as usize))
                .collect()
        }
        By::Sizes(sizes, Policy::Stretch) => {
            let ratios = sizes.iter().zip(old).map(ratio);
            ratios.zip(sizes.iter().copied()).collect()
        }
        By::Sizes(sizes, policy) => {
            let ratios = sizes.iter().zip(old).map(ratio);
            let better = |a: f64, b: f64| (a < b) == (policy == Policy::NotLarger);
            let scale = ratios.reduce(|a, b| if better(a, b) { a } else { b });
            let scale = scale.unwrap_or(1.0);
            let rounded = |&old: &usize| (scale, (scale * old as f64 + 0.5) as usize);
            old.iter().map(rounded).collect()
        }
    }
}

fn apply(
    call: &mut Call<'_>,
    wanted: Wanted,
    coordinates: impl Fn(usize) -> Coordinates,
    filter: Filter,
    exclude_outside: bool,
) -> Result<Vec<ValueId>> {
    let x = call.input(0)?;
    let shape = call.shape(x);
    let count = match &wanted.by {
        By::Scales(scales) => scales.len(),
        By::Sizes(sizes, _) => sizes.len(),
    };
    let old: Option<Vec<usize>> = (wanted.axes.iter())
        .map(|&a| shape.get(a).copied())
        .collect();
    let old = old.filter(|old| old.len() == count).ok_or_else(|| {
        Error::new(format!(
            "{count} scales or sizes for {} axes",
            wanted.axes.len()
        ))
        .remedy("give one for each axis")
    })?;
    let mut all = Vec::new();
    let mut target = shape.to_vec();
    for (k, (scale, extent)) in extents(&old, wanted.by).into_iter().enumerate() {
        let how = lower::Resize {
            axis: wanted.axes[k],
            extent,
            scale,
            coordinates: coordinates(k),
            filter,
            exclude_outside,
        };
        if !how.is_still(old[k]) {
            target[wanted.axes[k]] = extent;
            Shape::checked(&target)?;
            // Weights of neighbours for every element along the axis.
            affordable(call, extent)?;
            all.push(how);
        }
    }
    Ok(vec![lower::resize(&mut call.builder().graph, x, &all)?])
}
