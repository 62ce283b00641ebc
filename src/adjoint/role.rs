//! What an operation is to an adjoint: where errors arise, and whether they pass through.

use crate::bound::{Approx, Operand};
use crate::number::Up;
use crate::op::Op;
use crate::tensor::Ty;

/// What the adjoint form makes of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A continuous function that rounds nothing: errors pass through its derivative.
    Exact,
    /// A kink at zero that rounds nothing: errors pass through the slope of a line, and what differs
    /// from that arises here.
    Kink,
    /// A continuous function whose result is rounded.
    Rounded,
    /// One of several formulas: the first one's derivative, and what the others add.
    AnyOf,
    /// What jumps, or is not ours to differentiate: its whole ε arises here, and nothing that
    /// comes before it is followed through it.
    Source,
}

/// The role of an operation whose arguments are of these types and known like this.
pub(super) fn role(op: &Op, args: &[(&Ty, &Approx)]) -> Role {
    // An index, a mask or a condition that is not decided makes a jump of whatever it picks.
    let decided = (args.iter()).all(|(ty, known)| ty.dtype.is_float() || known.eps.is_zero());
    if !decided {
        return Role::Source;
    }
    match op {
        Op::Abs(_) | Op::Relu(_) => Role::Kink,
        Op::Broadcast(_)
        | Op::Concat(_)
        | Op::Conditioned(_)
        | Op::Embed(_)
        | Op::Gather(_)
        | Op::Max(_)
        | Op::MaxOver(_)
        | Op::Min(_)
        | Op::Neg(_)
        | Op::Reshape(_)
        | Op::Select(_)
        | Op::Settle(_)
        | Op::Slice(_)
        | Op::Transpose(_)
        | Op::Windows(_) => Role::Exact,
        Op::AddN(sum) if sum.rule.is_some() => Role::Source,
        Op::Cast(_) if args.iter().any(|(ty, _)| !ty.dtype.is_float()) => Role::Source,
        Op::Acos(_)
        | Op::Acosh(_)
        | Op::Add(_)
        | Op::AddN(_)
        | Op::Asin(_)
        | Op::Asinh(_)
        | Op::Atan(_)
        | Op::Atanh(_)
        | Op::Cast(_)
        | Op::Cos(_)
        | Op::Cosh(_)
        | Op::Div(_)
        | Op::Erf(_)
        | Op::Exp(_)
        | Op::Expm1(_)
        | Op::Fold(_)
        | Op::Log1p(_)
        | Op::Log(_)
        | Op::LogSumExp(_)
        | Op::MatMul(_)
        | Op::Mean(_)
        | Op::Mul(_)
        | Op::Pow(_)
        | Op::Prod(_)
        | Op::Rsqrt(_)
        | Op::ScatterAdd(_)
        | Op::Share(_)
        | Op::Sigmoid(_)
        | Op::Sin(_)
        | Op::Sinh(_)
        | Op::Softplus(_)
        | Op::Softmax(_)
        | Op::Sqrt(_)
        | Op::Square(_)
        | Op::Sub(_)
        | Op::Sum(_)
        | Op::Tan(_)
        | Op::Tanh(_) => Role::Rounded,
        Op::AnyOf(_) => Role::AnyOf,
        Op::ArgMax(_)
        | Op::Compare(_)
        | Op::Constant(_)
        | Op::FreeMax(_)
        | Op::Held(_)
        | Op::Input
        | Op::Irrational(_)
        | Op::Kernel(_)
        | Op::KernelVjp(_)
        | Op::Mod(_)
        | Op::Round(_)
        | Op::Step(_)
        | Op::Winner(_) => Role::Source,
    }
}

/// True for an operation whose reduction takes the leaves of its arguments' reductions in: of
/// them nothing is stored on the way. A product's factors are stored.
pub(super) fn absorbs(op: &Op, known: &Approx) -> bool {
    known.nest.is_some() && !matches!(op, Op::MatMul(_))
}

/// True for the identity on the first argument, which is the value by its own formula; the other
/// arguments are the same real by another, or what it is computed from.
pub(super) fn stands_for_its_formula(op: &Op) -> bool {
    matches!(op, Op::AnyOf(_) | Op::Conditioned(_) | Op::Settle(_))
}

/// True for what takes the scores twice: less a shift, and as they are.
pub(super) fn names_scores_twice(op: &Op) -> bool {
    matches!(op, Op::Softmax(_) | Op::LogSumExp(_))
}

/// Which arguments errors are followed to.
pub(super) fn follows(op: &Op, arg: usize) -> bool {
    arg == 0 || !(stands_for_its_formula(op) || names_scores_twice(op))
}

/// True for what has a kink at zero and is followed on a line.
pub(super) fn bends(op: &Op) -> bool {
    matches!(op, Op::Abs(_) | Op::Relu(_))
}

/// The line that a kinked function is followed on, and how far from it two values may lead apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// g.
    pub slope: f64,
    /// |r(x̂) − r(x)| is at most this, with f(t) = g·t + r(t).
    pub apart: Up,
}

/// The better of two lines for element i of the argument x of a function that [bends](bends).
///
/// # Derivation
/// On the run's side r is 0 there and monotone beyond, with a slope of at most 1 (relu) or 2
/// (abs): |r(x̂) − r(x)| ≤ that times min(ε, how far the enclosure reaches across). On the line
/// halfway between both sides r has slopes of ±½ (relu) or ±1 (abs): half as much times ε.
pub(super) fn line(op: &Op, x: &Operand, i: usize) -> Line {
    let relu = matches!(op, Op::Relu(_));
    let (c, reach, eps) = (x.c(i), x.enclosure(i), x.eps(i));
    let (slope, halfway, steep) = match (relu, c > 0.0) {
        (true, true) => (1.0, 0.5, Up::ONE),
        (true, false) => (0.0, 0.5, Up::ONE),
        (false, true) => (1.0, 0.0, Up::new(2.0)),
        (false, false) => (-1.0, 0.0, Up::new(2.0)),
    };
    let across = match (c > 0.0, reach.lo() < 0.0, reach.hi() > 0.0) {
        (true, true, _) => Up::magnitude(reach.lo()),
        (false, _, true) => Up::magnitude(reach.hi()),
        (true, false, _) | (false, _, false) => Up::ZERO,
    };
    let (beside, between) = (steep * eps.min(across), Up::new(0.5) * steep * eps);
    match beside > between {
        true => Line {
            slope: halfway,
            apart: between,
        },
        false => Line {
            slope,
            apart: beside,
        },
    }
}

/// True for a sum, a product, or what passes their results on: a use of it may have its own copy,
/// computed in another tree, contracted or not.
pub(crate) fn is_copied(op: &Op) -> bool {
    passes_copies(op) || matches!(op, Op::MatMul(_))
}

/// True where the copies that uses have of a result are made of copies of the arguments. A matrix
/// product's factors are loaded.
pub(super) fn passes_copies(op: &Op) -> bool {
    matches!(
        op,
        Op::Add(_)
            | Op::AddN(_)
            | Op::AnyOf(_)
            | Op::Broadcast(_)
            | Op::Concat(_)
            | Op::Conditioned(_)
            | Op::Div(_)
            | Op::Embed(_)
            | Op::Fold(_)
            | Op::Gather(_)
            | Op::Mean(_)
            | Op::Mul(_)
            | Op::Neg(_)
            | Op::Prod(_)
            | Op::Reshape(_)
            | Op::ScatterAdd(_)
            | Op::Select(_)
            | Op::Settle(_)
            | Op::Share(_)
            | Op::Slice(_)
            | Op::Square(_)
            | Op::Sub(_)
            | Op::Sum(_)
            | Op::Transpose(_)
            | Op::Windows(_)
    )
}
