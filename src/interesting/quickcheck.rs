//! Arguments of properties.

use super::{Cancelling, Drawn, Elements, Interesting};
use crate::kernel::Element;
use crate::witness::tape::Tape;
use quickcheck::{Arbitrary, Gen};

macro_rules! arguments {
    ($($of:ident)+) => {$(
        impl<T: Element> Arbitrary for $of<T> {
            fn arbitrary(g: &mut Gen) -> Self {
                Self::drawn(&mut Tape::fed(|| u32::arbitrary(g)))
            }
            fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
                Box::new(self.simpler().into_iter())
            }
        }
    )+};
}

arguments! { Interesting Elements Cancelling }
