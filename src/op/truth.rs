//! Truth values as the specification and the bounds see them: 0, 1, or not decided.

use super::rule::{ScaleOperand, Scaled};
use crate::bound::Bound;
use crate::number::spec::Steps;
use crate::number::{SpecNumber, Up};

/// A truth value that is not decided: anything from 0 to 1.
pub(crate) fn either<N: SpecNumber>(env: &N::Env) -> N {
    const JUMP: Steps = Steps {
        below: 0.0,
        at: 1.0,
        above: 1.0,
    };
    N::from_f64(env, f64::NAN).step(env, JUMP)
}

/// A truth value that is decided.
pub(crate) fn decided<N: SpecNumber>(x: &N) -> Option<bool> {
    match x.as_integer() {
        Some(0) => Some(false),
        Some(1) => Some(true),
        Some(_) | None => None,
    }
}

/// The scale of a truth value: 1; no claim where an argument has none and may be undefined.
pub(crate) fn scale(args: &[ScaleOperand]) -> Scaled {
    let defined = args.iter().all(|a| a.scaled.scale.largest().is_finite());
    let scale = if defined { Up::ONE } else { Up::INFINITY };
    Scaled::new(Bound::uniform(scale))
}
