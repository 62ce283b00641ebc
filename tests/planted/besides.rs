//! The faults of formulas, shifts, rarer reductions and movements, and of what is said besides ε:
//! norms, ranges, leaves, and whether a value is determined.

use crate::catalogue::Family;
use crate::lie::Lie::*;
use gradbound::obligation::Obligation::*;

pub const BESIDES: &[Family] = &[
    // Formulas of one value, and what they are computed from.
    (
        Sound,
        &["AnyOf"],
        None,
        &[Exactly(0), Exactly(1), Times(0.5), Determined, HalfNorms],
    ),
    (
        Sound,
        &["Held"],
        None,
        &[Exactly(0), NoDrift, HalfDrift, Determined],
    ),
    (
        Sound,
        &["Conditioned"],
        None,
        &[Exactly(1), HalfOf(2), Times(0.5), Determined, HalfNorms],
    ),
    // Shifts: one that differs between executions, and what it cancels in.
    (Sound, &["FreeMax"], None, &[NoDrift, HalfDrift]),
    (Sound, &["Compare"], None, &[Determined]),
    (Sound, &["Settle"], None, &[Times(0.5)]),
    // The other reductions and movements, and divisions by counts.
    (
        Sound,
        &["Share"],
        None,
        &[Exactly(0), WiderFormat, Times(0.5), Determined],
    ),
    (
        Sound,
        &["Prod", "Pow"],
        None,
        &[Exactly(0), WiderFormat, Times(0.5), Determined],
    ),
    (Sound, &["Pow"], None, &[Exactly(1), CorrectFunctions]),
    (
        Sound,
        &["Mod"],
        None,
        &[Exactly(0), Exactly(1), Times(0.5), Determined],
    ),
    (
        Sound,
        &["MaxOver"],
        None,
        &[Exactly(0), HalfOf(0), Least, Times(0.5), Determined],
    ),
    (
        Sound,
        &["Fold"],
        None,
        &[Exactly(0), WiderFormat, Times(0.5), Least],
    ),
    (
        Sound,
        &["ScatterAdd"],
        None,
        &[Exactly(0), WiderFormat, Times(0.5), Least],
    ),
    (
        Sound,
        &["Windows"],
        None,
        &[Exactly(0), FirstIsExact, Times(0.5), Determined, RangeOfRun],
    ),
    // ℓ2 norms of blocks of errors.
    (
        Sound,
        &["Mul", "Div"],
        None,
        &[HalfNorms, ExactInNorms(0), ExactInNorms(1)],
    ),
    (
        Sound,
        &["dot"],
        Some("MatMul"),
        &[HalfNorms, ExactInNorms(0), ExactInNorms(1)],
    ),
    (
        Sound,
        &[
            "Cast",
            "Softmax",
            "Relu",
            "Tanh",
            "Reshape",
            "Transpose",
            "Slice",
            "Windows",
        ],
        None,
        &[HalfNorms],
    ),
    // One execution for all of them; what it lost is measured.
    (
        Sound,
        &[
            "Add", "Mul", "Exp", "Gather", "Select", "Step", "Round", "Softmax",
        ],
        None,
        &[Determined],
    ),
    (Sound, &["sum"], Some("Sum"), &[Determined, HalfOfMeasured]),
    (
        Sound,
        &["dot"],
        Some("MatMul"),
        &[Determined, HalfOfMeasured],
    ),
    // What a later sum is told of the leaves, and where values are said to lie.
    (
        Sound,
        &["ArgMax"],
        Some("Gather"),
        &[ExactLeaves, Times(0.5)],
    ),
    (
        Sound,
        &["Square", "Sigmoid", "Relu", "Sqrt", "Max"],
        None,
        &[RangeOfRun],
    ),
];
