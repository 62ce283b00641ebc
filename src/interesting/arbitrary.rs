//! Arguments of fuzz targets.

use super::{Cancelling, Drawn, Elements, Interesting};
use crate::kernel::Element;
use crate::witness::tape::Tape;
use arbitrary::{Arbitrary, Result, Unstructured};

macro_rules! arguments {
    ($($of:ident)+) => {$(
        impl<'a, T: Element> Arbitrary<'a> for $of<T> {
            /// Past the last byte all numbers are 0.
            fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
                Ok(Self::drawn(&mut Tape::fed(|| u32::arbitrary(u).unwrap_or(0))))
            }
        }
    )+};
}

arguments! { Interesting Elements Cancelling }
