//! Convolutions with their bias and what follows: one reduction with all its leaves, also
//! where gradients meet; and bounds that cannot be much smaller.

use crate::tightness::{Witness, ratio, rounding_up};
use gradbound::Result;
use gradbound::graph::{Graph, ValueId};
use gradbound::lower::{self, Conv, Spatial};
use gradbound::op::{Slide, Taps};
use gradbound::tensor::{DType, Ty};
use gradbound::witness::fragments::{Builder, windows};

/// A convolution whose windows overlap, with a bias that may be preloaded.
fn conv(b: &mut Builder, x: ValueId) -> Result<ValueId> {
    let (kernels, bias) = (b.any([2, 2, 2]), b.any([2]));
    let axis = Spatial {
        before: 1,
        ..Spatial::default()
    };
    let how = Conv {
        axes: vec![axis],
        groups: 1,
    };
    lower::conv(&mut b.graph, x, kernels, Some(bias), &how)
}

/// One convolution: its gradients sum over taps, channels, positions and samples.
fn with_bias(b: &mut Builder) -> Result<ValueId> {
    let x = b.any([2, 2, 2]);
    conv(b, x)
}

/// A residual around a convolution: its sum is a leaf of the dots, forward and backward.
fn with_residual(b: &mut Builder) -> Result<ValueId> {
    let x = b.any([1, 2, 2]);
    let y = conv(b, x)?;
    b.graph.add(y, x)
}

fn transposed(b: &mut Builder) -> Result<ValueId> {
    windows::conv_transpose(b)
}

/// Two convolutions with a relu in between.
fn twice(b: &mut Builder) -> Result<ValueId> {
    let x = b.any([1, 2, 2]);
    let hidden = conv(b, x)?;
    let hidden = b.graph.relu(hidden)?;
    conv(b, hidden)
}

crate::nests::nests! { with_bias at least 40, with_residual at least 40, twice at least 20, transposed at least 40 }

#[test]
fn conv_is_nearly_attained() {
    for (n, least) in [(3, 0.6), (10, 0.85), (100, 0.9)] {
        let mut g = Graph::new();
        let x = g.input(Ty::new([1, 1, n], DType::F32));
        let k = g.input(Ty::new([1, 1, n], DType::F32));
        let how = Conv {
            axes: vec![Spatial::default()],
            groups: 1,
        };
        let out = lower::conv(&mut g, x, k, None, &how).unwrap();
        let terms = [
            Witness::exact(&rounding_up(n)),
            Witness::exact(&vec![1.0; n]),
        ];
        let reached = ratio(&g, out, &terms, &[]);
        println!("convolution of {n} taps: {reached:.4}");
        assert!(
            reached >= least && reached <= 1.0,
            "a convolution of {n} taps reaches only {reached}"
        );
    }
}

#[test]
fn fold_is_nearly_attained() {
    for n in [2, 10, 100] {
        let mut g = Graph::new();
        let x = g.input(Ty::new([n, 1], DType::F32));
        let slide = Slide {
            extent: 1,
            kernel: n,
            count: 1,
            taps: Taps::Table(vec![0; n].into()),
        };
        let out = g.fold(x, &[slide]).unwrap();
        let reached = ratio(&g, out, &[Witness::exact(&rounding_up(n))], &[]);
        println!("{n} windows on one element: {reached:.4}");
        assert!(
            (0.9..=1.0).contains(&reached),
            "a fold of {n} reaches only {reached}"
        );
    }
}
