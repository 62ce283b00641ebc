//! What a number must offer to carry the real-valued specification.
//!
//! The specification is evaluated over any [`SpecNumber`]: f64 intervals
//! ([`Interval`](super::interval::Interval)), double-double balls
//! ([`Ball`](super::double_double::Ball)), exact rationals
//! ([`Rational`](super::exact::Rational)), intervals of any precision
//! ([`Precise`](super::precise::Precise)), and forward-mode duals over each of them
//! ([`Dual`](super::dual::Dual)). Integers and booleans of a graph are reals here too.

use super::gemm::Layout;

pub use super::interval::Interval as Enclosure;

use super::function::Function;

/// Values of a step function left of, at and right of zero.
///
/// `Steps { below: 0.0, at: 0.0, above: 1.0 }` is relu's gate; signs, tie rules and
/// equality tests are other triples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steps {
    /// The value for every negative argument.
    pub below: f64,
    /// The value at zero.
    pub at: f64,
    /// The value for every positive argument.
    pub above: f64,
}

impl Steps {
    /// 1 right of zero, else 0: the derivative of relu, 0 at the kink.
    pub const RELU_GATE: Steps = Steps {
        below: 0.0,
        at: 0.0,
        above: 1.0,
    };
    /// -1, 0, 1: the derivative of the absolute value, 0 at the kink.
    pub const SIGN: Steps = Steps {
        below: -1.0,
        at: 0.0,
        above: 1.0,
    };
    /// 0, 1/2, 1: which of two arguments is the larger; a tie is split evenly.
    pub const HALF_AT_TIE: Steps = Steps {
        below: 0.0,
        at: 0.5,
        above: 1.0,
    };
    /// 1 at zero only: which elements equal a maximum.
    pub const IS_ZERO: Steps = Steps {
        below: 0.0,
        at: 1.0,
        above: 0.0,
    };
}

/// The elementary functions under their own names.
macro_rules! named {
    ($($(#[$doc:meta])* $name:ident => $function:ident),+ $(,)?) => {$(
        $(#[$doc])*
        fn $name(&self) -> Self {
            self.function(Function::$function)
        }
    )+};
}

/// A number that encloses (or is) a real, so that every operation's result encloses the
/// real result.
///
/// A value outside an operation's domain, or one that the number type cannot hold, becomes
/// "anything": an enclosure of the whole line, which decides no claim.
pub trait SpecNumber: Clone + Send + Sync {
    /// What a number needs to come into being (the working precision, say).
    type Env: Clone + Send + Sync;

    /// The real that a float stands for, exactly; NaN and infinities are "anything".
    fn from_f64(env: &Self::Env, x: f64) -> Self;
    /// The integer, exactly or enclosed.
    fn from_i64(env: &Self::Env, n: i64) -> Self;
    /// x + y.
    fn add(&self, y: &Self) -> Self;
    /// x - y.
    fn sub(&self, y: &Self) -> Self;
    /// x·y.
    fn mul(&self, y: &Self) -> Self;
    /// x / y; anything where y may be 0.
    fn div(&self, y: &Self) -> Self;
    /// -x.
    fn neg(&self) -> Self;
    /// |x|.
    fn abs(&self) -> Self;
    /// max(x, y).
    fn max(&self, y: &Self) -> Self;
    /// min(x, y).
    fn min(&self, y: &Self) -> Self;
    /// √x; anything where x may be negative.
    fn sqrt(&self) -> Self;
    /// An elementary function; anything outside its domain.
    fn function(&self, function: Function) -> Self;
    /// x^y: 1 for y = 0, products and quotients for an integer y, else e^(y·ln x) for
    /// x > 0 and 0 for x = 0 < y; anything elsewhere.
    fn pow(&self, y: &Self) -> Self;
    /// The real that a float stands for, held as precisely as this number is.
    fn like(&self, x: f64) -> Self;
    /// The step function; the hull of its values where the sign is not decided.
    fn step(&self, env: &Self::Env, steps: Steps) -> Self;
    /// An f64 interval that contains the real.
    fn enclose(&self) -> Enclosure;
    /// An f64 interval that contains |c - x|; [0, ∞] where c is not finite.
    fn distance(&self, c: f64) -> Enclosure;

    /// A·B, entry by entry and row-major.
    fn product(env: &Self::Env, a: Factor<'_, Self>, b: Factor<'_, Self>) -> Vec<Self> {
        product(env, a, b)
    }

    /// The sums of what goes to each of n slots.
    fn totals<'a>(
        env: &Self::Env,
        n: usize,
        items: impl Iterator<Item = (usize, &'a Self)>,
    ) -> Vec<Self>
    where
        Self: 'a,
    {
        totals(env, n, items)
    }

    named! {
        /// e^x.
        exp => Exp,
        /// e^x − 1.
        expm1 => Expm1,
        /// ln x.
        log => Log,
        /// ln(1 + x).
        log1p => Log1p,
        /// The error function.
        erf => Erf,
        /// sin x.
        sin => Sin,
        /// cos x.
        cos => Cos,
        /// tan x.
        tan => Tan,
        /// arcsin x.
        asin => Asin,
        /// arccos x.
        acos => Acos,
        /// arctan x.
        atan => Atan,
        /// sinh x.
        sinh => Sinh,
        /// cosh x.
        cosh => Cosh,
        /// tanh x.
        tanh => Tanh,
        /// arsinh x.
        asinh => Asinh,
        /// arcosh x.
        acosh => Acosh,
        /// artanh x.
        atanh => Atanh,
        /// 1 / (1 + e^-x).
        sigmoid => Sigmoid,
        /// ln(1 + e^x).
        softplus => Softplus,
        /// 1/√x.
        rsqrt => Rsqrt,
    }

    /// The integer that this is, where it is decided to be one.
    fn as_integer(&self) -> Option<i64> {
        let e = self.enclose();
        e.as_integer()
    }
}

/// A matrix of numbers, as a product takes it.
#[derive(Debug)]
pub struct Factor<'a, N> {
    /// The entries.
    pub data: &'a [N],
    /// Where each of them lies.
    pub layout: Layout,
}

impl<'a, N> Factor<'a, N> {
    /// The entries with where they lie.
    pub fn new(data: &'a [N], layout: Layout) -> Self {
        Factor { data, layout }
    }

    /// The entries of a row.
    pub(crate) fn row(&self, i: usize) -> impl Iterator<Item = &'a N> {
        let Layout {
            row_step,
            column_step,
            columns,
            ..
        } = self.layout;
        self.entries(i * row_step, column_step, columns)
    }

    /// The entries of a column.
    pub(crate) fn column(&self, j: usize) -> impl Iterator<Item = &'a N> {
        let Layout {
            row_step,
            column_step,
            rows,
            ..
        } = self.layout;
        self.entries(j * column_step, row_step, rows)
    }

    fn entries(&self, start: usize, step: usize, n: usize) -> impl Iterator<Item = &'a N> {
        let data = self.data;
        (0..n).map(move |l| &data[start + l * step])
    }
}

/// A·B by the sums of products that it is.
pub fn product<N: SpecNumber>(env: &N::Env, a: Factor<'_, N>, b: Factor<'_, N>) -> Vec<N> {
    let mut all = Vec::with_capacity(a.layout.rows * b.layout.columns);
    for i in 0..a.layout.rows {
        for j in 0..b.layout.columns {
            all.push(sum(env, a.row(i).zip(b.column(j)).map(|(x, y)| x.mul(y))));
        }
    }
    all
}

/// Σ items, in order.
pub fn sum<N: SpecNumber>(env: &N::Env, mut items: impl Iterator<Item = N>) -> N {
    let Some(first) = items.next() else {
        return N::from_f64(env, 0.0);
    };
    items.fold(first, |acc, item| acc.add(&item))
}

/// Σ of what goes to each of n slots, in order.
pub fn totals<'a, N: SpecNumber + 'a>(
    env: &N::Env,
    n: usize,
    items: impl Iterator<Item = (usize, &'a N)>,
) -> Vec<N> {
    let mut sums: Vec<Option<N>> = vec![None; n];
    for (slot, x) in items {
        let sum = &mut sums[slot];
        *sum = Some(sum.as_ref().map_or_else(|| x.clone(), |s| s.add(x)));
    }
    let zero = || N::from_f64(env, 0.0);
    sums.into_iter().map(|s| s.unwrap_or_else(zero)).collect()
}
