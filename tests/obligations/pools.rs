//! Pools, resizing and Einstein sums, forward and backward.

use gradbound::Result;
use gradbound::graph::ValueId;
use gradbound::lower::{self, Coordinates, Filter, Lrn, Pool, Resize, Spatial};
use gradbound::witness::fragments::Builder;
use gradbound::witness::generate::Role;

/// Windows of two or three taps that overlap and hang over both ends.
fn pool(b: &mut Builder) -> Pool {
    let axis = Spatial {
        stride: 1 + b.tape.below(2),
        before: 1,
        after: b.tape.below(2),
        ceil: b.tape.coin(),
        ..Spatial::default()
    };
    Pool {
        kernel: vec![2 + b.tape.below(2)],
        axes: vec![axis],
    }
}

fn max_pool(b: &mut Builder) -> Result<ValueId> {
    let (x, how) = (b.any([1, 2, 3]), pool(b));
    lower::max_pool(&mut b.graph, x, &how)
}

/// Of a sum, whose nest ends at the maximum but not at its gradient.
fn max_pool_of_a_sum(b: &mut Builder) -> Result<ValueId> {
    let (x, y, how) = (b.any([1, 1, 4]), b.any([1, 1, 4]), pool(b));
    let sum = b.graph.add(x, y)?;
    lower::max_pool(&mut b.graph, sum, &how)
}

fn average_pool(b: &mut Builder) -> Result<ValueId> {
    let (x, how, count_pads) = (b.any([1, 2, 3]), pool(b), b.tape.coin());
    lower::average_pool(&mut b.graph, x, &how, count_pads)
}

fn lp_pool(b: &mut Builder) -> Result<ValueId> {
    let p = 1 + b.tape.below(3) as u32;
    let (x, how) = (b.input([1, 1, 4], Role::Moderate), pool(b));
    lower::lp_pool(&mut b.graph, x, &how, p)
}

fn lrn(b: &mut Builder) -> Result<ValueId> {
    let how = Lrn {
        size: 1 + b.tape.below(3),
        alpha: 0.1,
        beta: b.tape.pick(&[0.75, 0.5]),
        bias: 1.0,
    };
    let x = b.input([1, 3, 2], Role::Moderate);
    lower::lrn(&mut b.graph, x, &how)
}

fn resize(b: &mut Builder) -> Result<ValueId> {
    let filters = [
        Filter::Linear { antialias: false },
        Filter::Linear { antialias: true },
        Filter::Cubic {
            a: -0.75,
            antialias: false,
        },
    ];
    let (extent, scale) = b.tape.pick(&[(6, 2.0), (4, 1.4), (2, 0.7)]);
    let how = Resize {
        axis: 1,
        extent,
        scale,
        coordinates: b
            .tape
            .pick(&[Coordinates::HalfPixel, Coordinates::AlignCorners]),
        filter: b.tape.pick(&filters),
        exclude_outside: b.tape.coin(),
    };
    let x = b.any([1, 3, 2]);
    // Along two axes programs take either first, or both at once.
    let across = Resize {
        axis: 2,
        extent: 3,
        scale: 1.5,
        filter: Filter::Linear { antialias: false },
        ..how
    };
    match b.tape.coin() {
        true => lower::resize(&mut b.graph, x, &[how, across]),
        false => lower::resize(&mut b.graph, x, &[how]),
    }
}

fn einsum(b: &mut Builder) -> Result<ValueId> {
    let equation = b
        .tape
        .pick(&["bij,bjk->bik", "bij,bjk->ik", "iij,ijk->k", "bij,bij->bj"]);
    let (x, y) = (b.any([2, 2, 2]), b.any([2, 2, 2]));
    lower::einsum(&mut b.graph, equation, &[x, y])
}

crate::nests::nests! {
    max_pool at least 40, max_pool_of_a_sum at least 40, average_pool at least 40,
    lp_pool at least 20, lrn at least 20, resize at least 40, einsum at least 40,
}
