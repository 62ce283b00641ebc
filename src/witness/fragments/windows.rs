//! Sliding kernels: windows, what is added up from them, and convolutions.

use super::{Builder, Fragment};
use crate::Result;
use crate::graph::ValueId;
use crate::lower::{self, Conv, ConvTranspose, Spatial};
use crate::op::{Slide, Taps};
use crate::tensor::ZERO_FILL;
use crate::witness::generate::Role;

/// The fragments of the primitives that this file is about.
pub fn of(primitive: &str) -> Option<&'static [Fragment]> {
    Some(match primitive {
        "Fold" => &[fold, fold_of_a_table, conv_transpose],
        "Windows" => &[windows, windows_of_positive, conv, depthwise],
        _ => return None,
    })
}

/// A kernel of up to three taps on an axis of this extent; windows may overlap, leave gaps
/// or hang over the ends.
fn slide(b: &mut Builder, extent: usize) -> Slide {
    let stride = 1 + b.tape.below(3);
    Slide {
        extent,
        kernel: 1 + b.tape.below(3),
        count: 1 + b.tape.below(3),
        taps: Taps::Regular {
            stride,
            dilation: 1 + b.tape.below(2),
            before: b.tape.below(3),
        },
    }
}

fn windows(b: &mut Builder) -> Result<ValueId> {
    let slides = [slide(b, 3), slide(b, 2)];
    let x = b.any([3, 2]);
    b.graph.windows(x, &slides)
}

/// Of values that are at least 1, beside which zeros are filled in.
fn windows_of_positive(b: &mut Builder) -> Result<ValueId> {
    let slides = [slide(b, 3), slide(b, 2)];
    let x = b.input([3, 2], Role::Moderate);
    let x = b.graph.cosh(x)?;
    b.graph.windows(x, &slides)
}

fn fold(b: &mut Builder) -> Result<ValueId> {
    let slide = slide(b, 4);
    let x = b.any([2, slide.kernel, slide.count]);
    b.graph.fold(x, &[slide])
}

fn fold_of_a_table(b: &mut Builder) -> Result<ValueId> {
    let taps = Taps::Table([0, 2, ZERO_FILL, 2, 2, 1].into());
    let slide = Slide {
        extent: 3,
        kernel: 2,
        count: 3,
        taps,
    };
    let x = b.any([2, 3]);
    b.graph.fold(x, &[slide])
}

fn axis(b: &mut Builder) -> Spatial {
    Spatial {
        stride: 1 + b.tape.below(2),
        dilation: 1 + b.tape.below(2),
        before: b.tape.below(3),
        after: 1 + b.tape.below(2),
        ceil: false,
    }
}

fn conv(b: &mut Builder) -> Result<ValueId> {
    let how = Conv {
        axes: vec![axis(b)],
        groups: 1,
    };
    let (samples, channels) = (1 + b.tape.below(2), 1 + b.tape.below(2));
    let x = b.any([samples, channels, 3]);
    let (kernels, bias) = (b.any([2, channels, 2]), b.any([2]));
    let bias = b.tape.coin().then_some(bias);
    lower::conv(&mut b.graph, x, kernels, bias, &how)
}

fn depthwise(b: &mut Builder) -> Result<ValueId> {
    let how = Conv {
        axes: vec![axis(b), Spatial::default()],
        groups: 2,
    };
    let (x, kernels, bias) = (b.any([1, 2, 3, 1]), b.any([2, 1, 2, 1]), b.any([2]));
    lower::conv(&mut b.graph, x, kernels, Some(bias), &how)
}

/// A transposed convolution.
pub fn conv_transpose(b: &mut Builder) -> Result<ValueId> {
    let pads = b.tape.below(2);
    let axis = Spatial {
        before: pads,
        after: 0,
        ..axis(b)
    };
    let how = ConvTranspose {
        axes: vec![axis],
        output_padding: vec![b.tape.below(2)],
        groups: 1,
    };
    let (x, kernels, bias) = (b.any([1, 2, 2]), b.any([2, 2, 2]), b.any([2]));
    lower::conv_transpose(&mut b.graph, x, kernels, Some(bias), &how)
}
