//! Strategies: `any::<Interesting<f32>>()`.

use super::{Cancelling, Drawn, Elements, Interesting};
use crate::kernel::Element;
use crate::witness::tape::Tape;
use proptest::arbitrary::{Arbitrary, any};
use proptest::collection::vec;
use proptest::strategy::{BoxedStrategy, Strategy};
use std::fmt;

/// By numbers that shrink to 0, so to the simplest choices; past the last one they are 0.
fn strategy<D: Drawn + fmt::Debug>(numbers: usize) -> BoxedStrategy<D> {
    let tapes = vec(any::<u32>(), numbers);
    tapes
        .prop_map(|numbers| D::drawn(&mut Tape::new(&numbers)))
        .boxed()
}

macro_rules! strategies {
    ($($of:ident, $numbers:literal;)+) => {$(
        impl<T: Element + fmt::Debug> Arbitrary for $of<T> {
            type Parameters = ();
            type Strategy = BoxedStrategy<Self>;
            fn arbitrary_with((): ()) -> Self::Strategy {
                strategy($numbers)
            }
        }
    )+};
}

// A float is made of at most six numbers; large tensors end in zeros.
strategies! {
    Interesting, 6;
    Elements, 400;
    Cancelling, 80;
}
