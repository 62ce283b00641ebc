//! Sliding kernels: windows and their sums, convolutions in one to three dimensions.

use super::{Function, closely, exactly, float};
use gradbound::lower::{
    self, Conv, ConvTranspose, Coordinates, Filter, Lrn, Nearest, Pool, Resize, Spatial,
};
use gradbound::op::{Slide, Taps};
use gradbound::tensor::ZERO_FILL;

fn slides() -> [Slide; 2] {
    let regular = |extent, kernel, count, stride, dilation, before| Slide {
        extent,
        kernel,
        count,
        taps: Taps::Regular {
            stride,
            dilation,
            before,
        },
    };
    [regular(4, 2, 3, 1, 2, 1), regular(3, 3, 2, 2, 1, 1)]
}

fn axis(stride: usize, dilation: usize, before: usize, after: usize) -> Spatial {
    Spatial {
        stride,
        dilation,
        before,
        after,
        ceil: false,
    }
}

identities! {
    windows: exactly ["Windows", "Fold"], |g| {
        let x = float(g, [2, 4, 3]);
        g.windows(x, &slides())
    };
    fold: exactly ["Fold", "Windows"], |g| {
        let x = float(g, [2, 2, 3, 3, 2]);
        g.fold(x, &slides())
    };
    windows_of_a_table: exactly ["Windows", "Fold"], |g| {
        let x = float(g, [3]);
        let taps = Taps::Table([0, 2, ZERO_FILL, 2, 2, 1].into());
        g.windows(x, &[Slide { extent: 3, kernel: 2, count: 3, taps }])
    };
    conv_in_one_dimension: exactly [], |g| {
        let (x, k, b) = (float(g, [2, 2, 5]), float(g, [3, 2, 2]), float(g, [3]));
        let how = Conv { axes: vec![axis(2, 2, 1, 0)], groups: 1 };
        lower::conv(g, x, k, Some(b), &how)
    };
    conv_in_two_dimensions: exactly [], |g| {
        let (x, k, b) = (float(g, [2, 4, 4, 3]), float(g, [2, 2, 2, 3]), float(g, [2]));
        let how = Conv { axes: vec![axis(1, 2, 0, 1), axis(2, 1, 2, 1)], groups: 2 };
        lower::conv(g, x, k, Some(b), &how)
    };
    conv_in_three_dimensions: exactly [], |g| {
        let (x, k) = (float(g, [1, 1, 3, 2, 3]), float(g, [2, 1, 2, 2, 2]));
        let how = Conv { axes: vec![axis(1, 1, 1, 0), axis(1, 1, 0, 1), axis(1, 2, 0, 0)], groups: 1 };
        lower::conv(g, x, k, None, &how)
    };
    pointwise_conv: exactly [], |g| {
        let (x, k, b) = (float(g, [2, 3, 2, 2]), float(g, [4, 3, 1, 1]), float(g, [4]));
        let how = Conv { axes: vec![Spatial::default(); 2], groups: 1 };
        lower::conv(g, x, k, Some(b), &how)
    };
    depthwise_conv: exactly [], |g| {
        let (x, k) = (float(g, [1, 3, 3, 3]), float(g, [6, 1, 2, 2]));
        let how = Conv { axes: vec![axis(1, 1, 1, 1); 2], groups: 3 };
        lower::conv(g, x, k, None, &how)
    };
    conv_transpose_in_one_dimension: exactly [], |g| {
        let (x, k, b) = (float(g, [2, 2, 3]), float(g, [2, 1, 3]), float(g, [2]));
        let how = ConvTranspose { axes: vec![axis(2, 2, 1, 0)], output_padding: vec![1], groups: 2 };
        lower::conv_transpose(g, x, k, Some(b), &how)
    };
    conv_transpose_in_two_dimensions: exactly [], |g| {
        let (x, k, b) = (float(g, [2, 2, 2, 3]), float(g, [2, 3, 2, 2]), float(g, [3]));
        let how = ConvTranspose {
            axes: vec![axis(1, 1, 0, 0), axis(2, 1, 1, 1)],
            output_padding: vec![0, 1],
            groups: 1,
        };
        lower::conv_transpose(g, x, k, Some(b), &how)
    };
    max_pool: exactly ["MaxOver"], |g| {
        let x = float(g, [1, 1, 2, 4]);
        let how = Pool { kernel: vec![2, 3], axes: vec![axis(1, 1, 1, 0), axis(2, 1, 1, 1)] };
        lower::max_pool(g, x, &how)
    };
    average_pool: exactly ["Mean"], |g| {
        let x = float(g, [2, 1, 4, 3]);
        let how = Pool { kernel: vec![2, 2], axes: vec![axis(2, 1, 0, 0), axis(1, 2, 1, 1)] };
        lower::average_pool(g, x, &how, true)
    };
    average_pool_without_pads: exactly ["Div"], |g| {
        let x = float(g, [1, 2, 5]);
        let how = Pool { kernel: vec![3], axes: vec![Spatial { ceil: true, ..axis(2, 1, 1, 0) }] };
        lower::average_pool(g, x, &how, false)
    };
    lp_pool: closely ["Sqrt"], |g| {
        let x = float(g, [1, 1, 2, 3]);
        let how = Pool { kernel: vec![2, 2], axes: vec![axis(1, 1, 0, 0), axis(1, 1, 0, 0)] };
        lower::lp_pool(g, x, &how, 2)
    };
    lp_pool_of_cubes: closely ["Log"], |g| {
        let x = float(g, [1, 1, 4]);
        let how = Pool { kernel: vec![2], axes: vec![axis(1, 1, 0, 0)] };
        lower::lp_pool(g, x, &how, 3)
    };
    lrn: closely ["Log"], |g| {
        let x = float(g, [2, 3, 2]);
        lower::lrn(g, x, &Lrn { size: 2, alpha: 0.5, beta: 0.75, bias: 1.0 })
    };
    global_lp_pool: exactly ["Abs"], |g| {
        let x = float(g, [2, 2, 3]);
        lower::global_lp_pool(g, x, 1)
    };
    resize_to_the_nearest: exactly ["Windows"], |g| {
        let x = float(g, [1, 2, 3]);
        lower::resize(g, x, &[resized(1, 3, 1.5, Filter::Nearest(Nearest::Ceil)), resized(2, 2, 0.7, Filter::Nearest(Nearest::RoundPreferFloor))])
    };
    resize_linearly: exactly ["Windows"], |g| {
        let x = float(g, [2, 3, 2]);
        lower::resize(g, x, &[resized(2, 4, 2.0, Filter::Linear { antialias: false }), resized(1, 2, 0.7, Filter::Linear { antialias: true })])
    };
    resize_cubically: exactly ["Windows"], |g| {
        let x = float(g, [5]);
        lower::resize(g, x, &[resized(0, 8, 1.6, Filter::Cubic { a: -0.75, antialias: false })])
    };
    einsum_of_batches: exactly ["MatMul"], |g| {
        let (a, b) = (float(g, [2, 3, 2]), float(g, [2, 2, 4]));
        lower::einsum(g, "bij,bjk->kbi", &[a, b])
    };
    einsum_of_diagonals: exactly ["Slice"], |g| {
        let (a, b) = (float(g, [2, 3, 3]), float(g, [3, 2]));
        lower::einsum(g, "...ii,ij", &[a, b])
    };
    einsum_of_three: exactly ["Mul"], |g| {
        let (a, b, c) = (float(g, [2, 3]), float(g, [1, 4]), float(g, [4, 2]));
        lower::einsum(g, "ij,ik,ki->ij", &[a, b, c])
    };
}

fn resized(axis: usize, extent: usize, scale: f64, filter: Filter) -> Resize {
    Resize {
        axis,
        extent,
        scale,
        coordinates: Coordinates::HalfPixel,
        filter,
        exclude_outside: false,
    }
}
