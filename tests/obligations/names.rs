//! The primitives that this test attacks: one list, shared with `tests/coverage.rs`.

/// Hands the names of all attacked primitives to another macro.
macro_rules! attacked {
    ($use_them:ident) => {
        $use_them! {
            Abs,
            Add,
            AddN,
            AnyOf,
            Broadcast,
            Cast,
            Compare,
            Concat,
            Div,
            Embed,
            Exp,
            Fold,
            FreeMax,
            Gather,
            Kernel,
            KernelVjp,
            Log,
            MatMul,
            Max,
            MaxOver,
            Mean,
            Min,
            Mul,
            Neg,
            Relu,
            Reshape,
            ScatterAdd,
            Select,
            Settle,
            Share,
            Sigmoid,
            Slice,
            Sqrt,
            Step,
            Sub,
            Sum,
            Tanh,
            Transpose,
            Windows,
            Winner,
        }
    };
}
