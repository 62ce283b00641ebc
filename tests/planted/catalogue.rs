//! The faults, by family and obligation.

use crate::besides::BESIDES;
use crate::lie::Lie;
use gradbound::obligation::Obligation;
use gradbound::tensor::DType;

/// A fault: while the obligation of one operation is attacked, one primitive's rules lie.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// Whose obligation is attacked.
    pub of: &'static str,
    pub obligation: Obligation,
    /// Whose rules lie.
    pub primitive: &'static str,
    pub lie: Lie,
    pub dtype: DType,
    /// Whether all inputs are known exactly: what is propagated would hide a rounding.
    pub exact: bool,
}

impl Fault {
    /// What is attacked, whatever the fault.
    pub fn subject_key(&self) -> String {
        let Fault {
            of,
            obligation,
            dtype,
            exact,
            ..
        } = self;
        let inputs = if *exact { ", exact inputs" } else { "" };
        let flushing = match self.lie {
            Gradually => ", flushing",
            HalfOfMeasured => ", fixed executions",
            _ => "",
        };
        format!("{obligation:?} of {of} in {dtype}{inputs}{flushing}")
    }

    pub fn name(&self) -> String {
        format!("{}: {} {:?}", self.subject_key(), self.primitive, self.lie)
    }
}

use Lie::*;
use Obligation::*;

/// A family: the obligation of operations, the primitive whose rules lie (the operation itself
/// without one), and the lies.
pub type Family = (
    Obligation,
    &'static [&'static str],
    Option<&'static str>,
    &'static [Lie],
);

const FAMILIES: &[Family] = &[
    // Arithmetic: a dropped term, half of one, u of the wrong format, no cross term.
    (
        Sound,
        &["Add", "Sub"],
        None,
        &[
            Exactly(0),
            Exactly(1),
            HalfOf(0),
            WiderFormat,
            Times(0.5),
            FirstIsExact,
            Least,
        ],
    ),
    (
        Sound,
        &["Mul"],
        None,
        &[
            Exactly(0),
            Exactly(1),
            HalfOf(1),
            RunIsAll,
            WiderFormat,
            Times(0.5),
            Least,
        ],
    ),
    (
        Sound,
        &["Div"],
        None,
        &[Exactly(0), Exactly(1), RunIsAll, WiderFormat, Times(0.5)],
    ),
    (
        Sound,
        &["Sqrt", "Square"],
        None,
        &[Exactly(0), HalfOf(0), WiderFormat, Times(0.5)],
    ),
    (
        Sound,
        &["Neg", "Abs", "Relu"],
        None,
        &[Exactly(0), HalfOf(0), Times(0.5)],
    ),
    (
        Sound,
        &["Max", "Min"],
        None,
        &[Exactly(0), Exactly(1), Least],
    ),
    (Sound, &["Cast"], None, &[Exactly(0), Times(0.5)]),
    // Functions: another table, no rounding, no slope.
    (
        Sound,
        &["Exp", "Log", "Tanh", "Sin", "Erf", "Atan", "Expm1"],
        None,
        &[Exactly(0), CorrectFunctions, WiderFormat],
    ),
    (
        Sound,
        &["Sigmoid", "Softplus"],
        None,
        &[Exactly(0), HalfOf(0), WiderFormat],
    ),
    // Reductions: n - 1 for n, another tree, a forgotten factor's error.
    (
        Sound,
        &["sum"],
        Some("Sum"),
        &[Exactly(0), OneLess(0), WiderFormat, ByHalves, Times(0.5)],
    ),
    (
        Sound,
        &["mean"],
        Some("Mean"),
        &[Exactly(0), OneLess(0), WiderFormat, Times(0.5)],
    ),
    (
        Sound,
        &["dot"],
        Some("MatMul"),
        &[
            Exactly(0),
            Exactly(1),
            OneLess(0),
            RunIsAll,
            WiderFormat,
            ByHalves,
            Times(0.5),
        ],
    ),
    (
        Sound,
        &["Softmax", "LogSumExp"],
        None,
        &[Exactly(0), HalfOf(0), Times(0.5)],
    ),
    // Flushing forgotten.
    (
        Sound,
        &[
            "Add", "Mul", "Div", "Sqrt", "Exp", "Neg", "Relu", "Reshape", "sum", "dot", "Softmax",
        ],
        None,
        &[Gradually],
    ),
    (VjpSound, &["Mul", "Div", "MatMul"], None, &[Gradually]),
    (AddSound, &["Mul"], Some("AddN"), &[Gradually]),
    // What only moves values, and gates.
    (
        Sound,
        &[
            "Reshape",
            "Transpose",
            "Slice",
            "Gather",
            "Broadcast",
            "Concat",
        ],
        None,
        &[Exactly(0), FirstIsExact],
    ),
    (
        Sound,
        &["Step", "Round", "Compare"],
        None,
        &[Exactly(0), HalfOf(0)],
    ),
    // Which of two is the larger, where they may be equal.
    (
        VjpSound,
        &["Max", "Min"],
        Some("Step"),
        &[Exactly(0), HalfOf(0)],
    ),
    (Sound, &["Select"], None, &[Exactly(1), Exactly(2)]),
    // Pullbacks.
    (
        VjpSound,
        &["Mul", "Tanh", "Exp", "Sigmoid"],
        Some("Mul"),
        &[Exactly(0), WiderFormat, Times(0.5)],
    ),
    (
        VjpSound,
        &["MatMul"],
        None,
        &[Exactly(0), Exactly(1), WiderFormat, Times(0.5)],
    ),
    (VjpSound, &["Sum"], Some("Broadcast"), &[Exactly(0)]),
    (VjpSound, &["Relu", "Abs"], Some("Step"), &[Exactly(0)]),
    (
        VjpSound,
        &["Div"],
        Some("Div"),
        &[Exactly(0), Exactly(1), WiderFormat],
    ),
    // Accumulation: a contribution forgotten, its rounding forgotten.
    (
        AddSound,
        &["Mul", "Exp", "Neg", "MatMul"],
        Some("AddN"),
        &[Exactly(0), Exactly(1), WiderFormat, Times(0.5)],
    ),
    // Scales: an argument forgotten, half, the run alone.
    (
        FwdScaleSound,
        &["Add", "Sub"],
        None,
        &[Exactly(0), Exactly(1), Times(0.5), RunOnly],
    ),
    (
        FwdScaleSound,
        &["Mul", "Relu", "Neg", "Abs", "Square"],
        None,
        &[HalfOf(0), Times(0.5), RunOnly],
    ),
    (
        FwdScaleSound,
        &["sum"],
        Some("Sum"),
        &[HalfOf(0), Times(0.5), RunOnly],
    ),
    (
        FwdScaleSound,
        &["dot"],
        Some("MatMul"),
        &[HalfOf(0), Times(0.5), RunOnly],
    ),
    (
        FwdScaleSound,
        &["Exp", "Tanh", "Sigmoid"],
        None,
        &[Times(0.5), RunOnly],
    ),
    (
        VjpScaleSound,
        &["Mul", "Exp"],
        Some("Mul"),
        &[HalfOf(0), Times(0.5), RunOnly],
    ),
    (
        VjpScaleSound,
        &["MatMul"],
        None,
        &[HalfOf(0), Times(0.5), RunOnly],
    ),
    (
        AddScaleSound,
        &["Mul", "Neg"],
        Some("AddN"),
        &[Exactly(0), Times(0.5), RunOnly],
    ),
];

/// All of them, in f32; arithmetic and reductions in bf16 as well.
pub fn faults() -> Vec<Fault> {
    let mut all = Vec::new();
    for (obligation, operations, primitive, lies) in FAMILIES.iter().chain(BESIDES) {
        for of in *operations {
            for lie in *lies {
                let fault = Fault {
                    of,
                    obligation: *obligation,
                    primitive: primitive.unwrap_or(of),
                    lie: *lie,
                    dtype: DType::F32,
                    exact: matches!(lie, ByHalves | Gradually | HalfOfMeasured),
                };
                all.push(fault);
                let narrow = ["Add", "Mul", "Div", "Sqrt", "dot", "sum"].contains(of);
                if narrow && *obligation == Sound && matches!(lie, WiderFormat | Exactly(_)) {
                    all.push(Fault {
                        dtype: DType::BF16,
                        ..fault
                    });
                }
            }
        }
    }
    all
}
