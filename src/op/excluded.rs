//! Elements that take no part in a maximum: padding, and what a constant mask leaves out.

use super::reduction::Axes;
use crate::error::{Error, Result};
use crate::tensor::Shape;
use std::sync::Arc;

/// Which elements are left out. A pattern speaks for the trailing axes and repeats along the
/// leading ones, so that padding costs nothing per image and channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Excluded(Option<Arc<[bool]>>);

impl Excluded {
    /// True at what is left out.
    pub fn new(pattern: Arc<[bool]>) -> Excluded {
        Excluded(pattern.contains(&true).then_some(pattern))
    }

    /// True where the element takes no part.
    pub fn at(&self, position: usize) -> bool {
        self.0
            .as_ref()
            .is_some_and(|pattern| pattern[position % pattern.len()])
    }

    /// Fails unless the pattern suits the shape and leaves every group of the reduction an
    /// element.
    pub fn check(&self, x: &Shape, axes: &Axes, groups: usize) -> Result<()> {
        if axes.count(x) == 0 {
            return Err(Error::new("the maximum of no elements")
                .remedy("reduce over axes that are not empty"));
        }
        let Some(pattern) = &self.0 else {
            return Ok(());
        };
        if pattern.is_empty() || !x.len().is_multiple_of(pattern.len()) {
            return Err(Error::new(format!(
                "a mask of {} elements for a tensor of shape {x}",
                pattern.len()
            ))
            .remedy("give the mask the shape of some trailing axes"));
        }
        let mut has_one = vec![false; groups];
        for (i, target) in axes.targets(x).into_iter().enumerate() {
            has_one[target] |= !self.at(i);
        }
        if has_one.contains(&false) {
            return Err(Error::new("the maximum of elements that are all left out")
                .remedy("keep at least one element of every group"));
        }
        Ok(())
    }
}
