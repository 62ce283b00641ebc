//! Which element of one tensor each element of another is.

use super::Shape;
use crate::blocks::{Blocks, Part};
use std::sync::Arc;

/// A source position that stands for a zero that is filled in.
pub const ZERO_FILL: usize = usize::MAX;

/// A movement: every result element is one of the source's, or a zero that is filled in.
pub trait Sources {
    /// True where some result element is a zero that is filled in.
    fn fills(&self) -> bool;

    /// The result's elements, where `at` tells the source's.
    fn pick<T: Clone>(&self, at: impl Fn(usize) -> T, zero: &T) -> Arc<[T]>;

    /// The norms of the result's blocks, from those of the source's.
    fn blocks(&self, blocks: &Blocks, shape: &Shape) -> Option<Blocks> {
        let own = self.pick(|i| i, &ZERO_FILL);
        let pairs = own.iter().copied().enumerate();
        let pairs = pairs.filter(|&(_, own)| own != ZERO_FILL).collect();
        Some(Blocks::gathered(shape, &[Part { blocks, pairs }]))
    }
}

/// Result element k is element `self[k]`, or zero for [`ZERO_FILL`].
impl Sources for [usize] {
    fn fills(&self) -> bool {
        self.contains(&ZERO_FILL)
    }
    fn pick<T: Clone>(&self, at: impl Fn(usize) -> T, zero: &T) -> Arc<[T]> {
        let one = |&source: &usize| match source {
            ZERO_FILL => zero.clone(),
            source => at(source),
        };
        self.iter().map(one).collect()
    }
}

/// As for a slice.
impl Sources for Vec<usize> {
    fn fills(&self) -> bool {
        self.as_slice().fills()
    }
    fn pick<T: Clone>(&self, at: impl Fn(usize) -> T, zero: &T) -> Arc<[T]> {
        self.as_slice().pick(at, zero)
    }
}
