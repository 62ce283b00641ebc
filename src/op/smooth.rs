//! Functions of one element that are composed of several primitives, by their derivative.

use super::conditioned::times;
use super::elementwise;
use crate::blocks::Blocks;
use crate::bound::{Bound, Operand};
use crate::number::dual::Dual;
use crate::number::{Enclosure, SpecNumber, Up};

/// An enclosure wider than this is cut into pieces, so that the slopes of each are known well.
const PIECE: f64 = 0.25;
/// At most this many.
const MAX_PIECES: u32 = 16;

/// A smooth function of one element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Smooth {
    /// ½x·(1 + erf(x·√½)).
    Gelu,
    /// ½x·(1 + tanh(√(2/π)·(x + cubic·x³))).
    GeluTanh {
        /// The factor of x³.
        cubic: f64,
    },
    /// x·sigmoid(αx).
    Swish {
        /// α.
        alpha: f64,
    },
    /// x·tanh(softplus(x)).
    Mish,
}

impl Smooth {
    /// f(x).
    fn at<N: SpecNumber>(self, x: &N) -> N {
        let half = x.mul(&x.like(0.5));
        let one = x.like(1.0);
        match self {
            Smooth::Gelu => {
                let scaled = x.mul(&x.like(0.5).sqrt());
                half.mul(&one.add(&scaled.erf()))
            }
            Smooth::GeluTanh { cubic } => {
                let pi = one.atan().mul(&x.like(4.0));
                let bent = x.mul(x).mul(x).mul(&x.like(cubic));
                let inner = x.add(&bent).mul(&x.like(2.0).div(&pi).sqrt());
                half.mul(&one.add(&inner.tanh()))
            }
            Smooth::Swish { alpha } => x.mul(&x.mul(&x.like(alpha)).sigmoid()),
            Smooth::Mish => x.mul(&x.softplus().tanh()),
        }
    }

    /// sup |f′| over an interval; forward-mode derivatives in interval arithmetic, on pieces of
    /// a wide one.
    fn slope(self, x: Enclosure) -> Up {
        let one = Enclosure::point(1.0);
        let over = |value: Enclosure| {
            let seeded = Dual {
                value,
                tangent: one,
            };
            self.at(&seeded).tangent.magnitude()
        };
        let mut pieces = vec![x];
        let mut widest = x.width();
        while widest.get() > PIECE && widest.is_finite() && pieces.len() < MAX_PIECES as usize {
            let halves = |e: &Enclosure| {
                let mid = e.mid();
                [Enclosure::new(e.lo(), mid), Enclosure::new(mid, e.hi())]
            };
            pieces = pieces.iter().flat_map(halves).collect();
            widest = pieces.iter().map(|p| p.width()).fold(Up::ZERO, Up::max);
        }
        pieces.into_iter().map(over).fold(Up::ZERO, Up::max)
    }

    /// |f(x̂) − f(x)| per element.
    ///
    /// # Formula
    /// sup |f′|·ε over the enclosure.
    /// # Derivation
    /// Mean value theorem on the enclosure, where x and every x̂ lie.
    pub(super) fn moved(self, x: &Operand) -> Bound {
        x.bound(|i| match x.eps(i) {
            Up::ZERO => Up::ZERO,
            eps if !eps.is_finite() => eps,
            eps => times(self.slope(x.enclosure(i)), eps),
        })
    }

    /// The norms of f(x̂) − f(x) over blocks: each element is moved by at most sup |f′|.
    pub(super) fn moved_norms(self, x: &Operand) -> Option<Blocks> {
        let slope = |i: usize| match x.eps(i) {
            Up::ZERO => Up::ZERO,
            eps if !eps.is_finite() => eps,
            _ => self.slope(x.enclosure(i)),
        };
        elementwise::norms(x, slope, |_| Up::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Graph, ValueId};
    use crate::interpret::spec;
    use crate::lower::{self, Gelu};
    use crate::tensor::{DType, SpecTensor, Ty};

    /// What a lowering says is f of x is f of x.
    #[test]
    fn functions_are_what_their_lowerings_compute() {
        type Lowering = fn(&mut Graph, ValueId) -> crate::error::Result<ValueId>;
        let all: [Lowering; 5] = [
            |g, x| lower::gelu(g, x, Gelu::Erf),
            |g, x| lower::gelu(g, x, Gelu::Tanh),
            |g, x| lower::swish(g, x, 1.0),
            |g, x| lower::swish(g, x, -0.75),
            lower::mish,
        ];
        for lowering in all {
            let mut g = Graph::new();
            let x = g.input(Ty::new([1], DType::F64));
            let value = lowering(&mut g, x).expect("well formed");
            let crate::op::Op::Conditioned(crate::op::Conditioned::Smooth(f)) = g.node(value).op()
            else {
                panic!("not conditioned")
            };
            for k in -24..=24_i32 {
                let x = Enclosure::point(f64::from(k) / 4.0);
                let lowered = spec::eval(&g, &(), &[SpecTensor::new([1].into(), vec![x])], None);
                let lowered = lowered[value.index()].data[0];
                let own = f.at(&x);
                assert!(
                    lowered.hi() >= own.lo() && own.hi() >= lowered.lo(),
                    "{f:?} at {x:?}"
                );
                assert!(lowered.hull(own).width().get() < 1e-14, "{f:?} at {x:?}");
            }
        }
    }

    #[test]
    fn slopes_cover_every_secant() {
        let f = [Smooth::Gelu, Smooth::Mish, Smooth::Swish { alpha: 1.5 }];
        for (f, k) in f
            .into_iter()
            .flat_map(|f| (-30..30_i32).map(move |k| (f, k)))
        {
            let (a, b) = (f64::from(k) / 8.0, f64::from(k) / 8.0 + 0.7);
            let over = f.slope(Enclosure::new(a, b));
            let rise = f.at(&Enclosure::point(b)).sub(&f.at(&Enclosure::point(a)));
            let secant = rise.div(&Enclosure::point(b).sub(&Enclosure::point(a)));
            assert!(over.get() >= secant.abs().lo(), "{f:?} from {a} to {b}");
        }
    }
}
