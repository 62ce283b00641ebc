//! How a reduction is executed: its tree, fused products, flushed subnormals.

use super::runtime::Float;
use std::num::NonZeroUsize;
use std::ops::Range;

/// The tree of a reduction over leaves 0, 1, …, n − 1 in the order of their indices (a dot
/// product's: that of the index that is summed over; several axes: row-major).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tree {
    /// ((l₀ + l₁) + l₂) + …
    Left,
    /// The sum of the first ⌈n/2⌉ leaves plus that of the other ⌊n/2⌋, each in the same way.
    Pairwise,
    /// Blocks of N neighbours from left to right, then the blocks' sums from left to right;
    /// the last block has what remains.
    Blocked(NonZeroUsize),
}

impl Tree {
    /// The most additions that one of `leaves` leaves passes.
    pub fn height(self, leaves: usize) -> usize {
        let chain = leaves.saturating_sub(1);
        match self {
            Tree::Left => chain,
            // ⌈log2 n⌉: halving rounds the larger half up.
            Tree::Pairwise => (usize::BITS - chain.leading_zeros()) as usize,
            Tree::Blocked(n) => {
                let block = n.get().min(leaves);
                block.saturating_sub(1) + leaves.div_ceil(n.get()).saturating_sub(1)
            }
        }
    }

    /// Reduces a range of leaves: `chain` adds neighbours from left to right, `join` two
    /// partial sums. Chains are never empty where the range is not.
    fn reduce<S>(
        self,
        range: Range<usize>,
        chain: &impl Fn(Range<usize>) -> S,
        join: &impl Fn(S, S) -> S,
    ) -> S {
        match self {
            Tree::Pairwise if range.len() > 2 => {
                let middle = range.start + range.len().div_ceil(2);
                let first = self.reduce(range.start..middle, chain, join);
                join(first, self.reduce(middle..range.end, chain, join))
            }
            Tree::Blocked(n) if range.len() > n.get() => {
                let end = range.end;
                let block = |start: usize| chain(start..end.min(start + n.get()));
                let mut starts = range.step_by(n.get());
                let first = block(starts.next().unwrap_or(end));
                starts.fold(first, |sum, start| join(sum, block(start)))
            }
            // A pair is a chain, so that its second product can be fused.
            Tree::Left | Tree::Pairwise | Tree::Blocked(_) => chain(range),
        }
    }
}

/// How reductions are executed in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The tree.
    pub tree: Tree,
    /// A product is fused into the addition that extends a chain by it.
    pub fused: bool,
    /// Results below the least normal number become zero.
    pub flushed: bool,
}

impl Order {
    /// From left to right, without contraction, with subnormals.
    pub const PLAIN: Order = Order {
        tree: Tree::Left,
        fused: false,
        flushed: false,
    };

    /// Σ terms; zero for none.
    pub fn sum<T: Float>(self, terms: &[T]) -> T {
        self.along(terms, T::ZERO, |x, y| self.add(x, y))
    }

    /// Π factors; one for none.
    pub fn product<T: Float>(self, factors: &[T]) -> T {
        self.along(factors, T::from_f64(1.0), |x, y| self.mul(x, y))
    }

    /// All leaves combined in the tree; `none` where there is none.
    fn along<T: Copy>(self, leaves: &[T], none: T, combine: impl Fn(T, T) -> T) -> T {
        if leaves.is_empty() {
            return none;
        }
        let chain = |range: Range<usize>| {
            let leaves = &leaves[range];
            let rest = leaves.iter().skip(1);
            rest.fold(leaves[0], |all, &leaf| combine(all, leaf))
        };
        self.tree.reduce(0..leaves.len(), &chain, &combine)
    }

    /// Reduces `leaves` tiles of sums of products at once.
    pub(super) fn reduce<S>(
        self,
        leaves: usize,
        chain: impl Fn(Range<usize>) -> S,
        join: impl Fn(S, S) -> S,
    ) -> S {
        self.tree.reduce(0..leaves, &chain, &join)
    }

    /// fl(x + y).
    pub fn add<T: Float>(self, x: T, y: T) -> T {
        self.flush(x.add(y))
    }

    /// fl(x·y).
    pub fn mul<T: Float>(self, x: T, y: T) -> T {
        self.flush(x.mul(y))
    }

    /// fl(sum + x·y), with one rounding or two.
    pub fn add_product<T: Float>(self, sum: T, x: T, y: T) -> T {
        if self.fused {
            self.flush(x.fused(y, sum))
        } else {
            self.add(sum, self.mul(x, y))
        }
    }

    /// x, or zero where it is subnormal and these are flushed.
    pub fn flush<T: Float>(self, x: T) -> T {
        let subnormal = || x.to_f64().abs() < T::FORMAT.lambda().get();
        if self.flushed && subnormal() {
            T::ZERO
        } else {
            x
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocked(n: usize) -> Tree {
        Tree::Blocked(NonZeroUsize::new(n).expect("not zero"))
    }

    /// The tree written out, and the most additions that a leaf passes in it.
    fn written(tree: Tree, leaves: usize) -> (String, usize) {
        let order = Order {
            tree,
            ..Order::PLAIN
        };
        type Part = (String, usize);
        let join = |(x, h): Part, (y, k): Part| (format!("({x}{y})"), 1 + usize::max(h, k));
        let leaf = |i: usize| (i.to_string(), 0);
        let chain = |range: Range<usize>| {
            let mut leaves = range.map(leaf);
            let first = leaves.next().expect("a chain is not empty");
            leaves.fold(first, join)
        };
        order.reduce(leaves, chain, join)
    }

    #[test]
    fn trees_are_what_their_definitions_say() {
        assert_eq!(written(Tree::Left, 4).0, "(((01)2)3)");
        assert_eq!(written(Tree::Pairwise, 5).0, "(((01)2)(34))");
        assert_eq!(written(Tree::Pairwise, 7).0, "(((01)(23))((45)6))");
        assert_eq!(written(blocked(3), 8).0, "((((01)2)((34)5))(67))");
        assert_eq!(written(blocked(3), 7).0, "((((01)2)((34)5))6)");
        assert_eq!(written(blocked(9), 3).0, "((01)2)");
    }

    #[test]
    fn heights_are_those_of_the_trees() {
        for leaves in 1..200 {
            for tree in [
                Tree::Left,
                Tree::Pairwise,
                blocked(1),
                blocked(2),
                blocked(7),
            ] {
                let (_, height) = written(tree, leaves);
                assert_eq!(tree.height(leaves), height, "{tree:?} of {leaves}");
            }
        }
        assert_eq!(Tree::Pairwise.height(1024), 10);
        assert_eq!(Tree::Pairwise.height(0), 0);
    }

    #[test]
    fn sums_follow_the_tree_and_flush() {
        let terms = [
            1.0_f32,
            f32::EPSILON / 2.0,
            f32::EPSILON / 2.0,
            f32::EPSILON / 2.0,
        ];
        let sum = |tree| {
            Order {
                tree,
                ..Order::PLAIN
            }
            .sum(&terms)
        };
        assert_eq!(sum(Tree::Left), 1.0);
        assert_eq!(sum(Tree::Pairwise), 1.0 + f32::EPSILON);
        let flushed = Order {
            flushed: true,
            ..Order::PLAIN
        };
        let small = f32::MIN_POSITIVE;
        assert_eq!(flushed.sum(&[small * 1.5, -small]), 0.0);
        assert_eq!(Order::PLAIN.sum(&[small * 1.5, -small]), small / 2.0);
        let fused = Order {
            fused: true,
            ..Order::PLAIN
        };
        let x = 1.0 + f32::EPSILON;
        assert_eq!(
            fused.add_product(-1.0 - 2.0 * f32::EPSILON, x, x),
            f32::EPSILON * f32::EPSILON
        );
    }
}
