//! Formats that the processor does not have, exact by construction: TF32 and OCP's FP8, FP6
//! and FP4.
//!
//! Every value of these formats is a binary32 number, which is what a [`Simulated`] number
//! keeps; every result is rounded to the format once, to nearest even. Bit patterns follow
//! OCP 8-bit Floating Point (OFP8) 1.0 and OCP Microscaling Formats (MX) 1.0. A result that
//! the format has no number for (beyond the range, or not a number) becomes an infinity
//! where the format has one, else a NaN: also in FP6 and FP4, which have no pattern for it,
//! so that it claims nothing. Conversions that saturate are executions without a claim there.
#![expect(clippy::float_arithmetic, reason = "scaling by powers of two is exact")]

use super::format::{Format, exponent};
use super::round::Up;
use std::fmt::Debug;
use std::marker::PhantomData;

/// Which format a [`Simulated`] number is in.
pub trait Layout: Debug + Copy + PartialOrd + Send + Sync + 'static {
    /// Precision and range.
    const FORMAT: Format;
    /// Bits of the pattern.
    const BITS: u32;
    /// True where results beyond the range are infinities.
    const INFINITIES: bool;
}

macro_rules! layouts {
    ($($(#[$doc:meta])* $alias:ident, $layout:ident: $format:ident, $bits:literal bits, infinities $infinities:literal;)+) => {$(
        #[doc = concat!("Marks numbers of the format ", stringify!($format), ".")]
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
        pub struct $layout;
        impl Layout for $layout {
            const FORMAT: Format = Format::$format;
            const BITS: u32 = $bits;
            const INFINITIES: bool = $infinities;
        }
        $(#[$doc])*
        pub type $alias = Simulated<$layout>;
    )+};
}

layouts! {
    /// TF32: binary32's range with 11 significant bits; patterns are binary32's.
    Tf32, Tf32Layout: TF32, 32 bits, infinities true;
    /// OCP FP8 E4M3.
    E4m3, E4m3Layout: E4M3, 8 bits, infinities false;
    /// OCP FP8 E5M2.
    E5m2, E5m2Layout: E5M2, 8 bits, infinities true;
    /// OCP FP6 E3M2.
    E3m2, E3m2Layout: E3M2, 6 bits, infinities false;
    /// OCP FP6 E2M3.
    E2m3, E2m3Layout: E2M3, 6 bits, infinities false;
    /// OCP FP4 E2M1.
    E2m1, E2m1Layout: E2M1, 4 bits, infinities false;
}

/// A number of a simulated format.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Simulated<L>(f32, PhantomData<L>);

impl<L: Layout> Simulated<L> {
    /// Zero.
    pub const ZERO: Self = Simulated(0.0, PhantomData);

    /// The nearest value, ties to even, in one rounding.
    pub fn from_f64(x: f64) -> Self {
        // Exact: every value of the format is one of binary32.
        Simulated(nearest(L::FORMAT, L::INFINITIES, x) as f32, PhantomData)
    }

    /// The nearest value, ties to even, in one rounding.
    pub fn from_f32(x: f32) -> Self {
        Self::from_f64(f64::from(x))
    }

    /// The value, exactly.
    pub fn to_f32(self) -> f32 {
        self.0
    }

    /// The value, exactly.
    pub fn to_f64(self) -> f64 {
        f64::from(self.0)
    }

    /// The value of a bit pattern; `None` where it has more bits than the format.
    pub fn from_bits(bits: u32) -> Option<Self> {
        let fraction_bits = L::FORMAT.precision - 1;
        let sign = 1_u32 << (L::BITS - 1);
        if u64::from(bits) >> L::BITS != 0 {
            return None;
        }
        // TF32's low 13 bits lie beyond its precision.
        let unused = L::BITS - 1 - exponent_bits::<L>() - fraction_bits as u32;
        if bits & ((1 << unused) - 1) != 0 {
            return None;
        }
        let code = (bits & !sign) >> unused;
        let (field, fraction) = (code >> fraction_bits, code & ((1 << fraction_bits) - 1));
        let hidden = if field == 0 { 0 } else { 1 << fraction_bits };
        let e = field.saturating_sub(1) as i32 + L::FORMAT.e_min;
        let magnitude = f64::from(hidden + fraction) * power(e - L::FORMAT.precision + 1);
        let magnitude = if magnitude <= L::FORMAT.largest() {
            magnitude
        } else if L::INFINITIES && fraction == 0 {
            f64::INFINITY
        } else {
            f64::NAN
        };
        let value = if bits & sign == 0 {
            magnitude
        } else {
            -magnitude
        };
        Some(Simulated(value as f32, PhantomData))
    }

    /// The bit pattern; `None` for a NaN in a format that has none.
    pub fn to_bits(self) -> Option<u32> {
        let fraction_bits = L::FORMAT.precision - 1;
        let unused = L::BITS - 1 - exponent_bits::<L>() - fraction_bits as u32;
        let sign = u32::from(self.0.is_sign_negative()) << (L::BITS - 1);
        let top = (1_u32 << (L::BITS - 1 - unused)) - 1;
        let code = if self.0.is_nan() {
            if !L::INFINITIES && L::FORMAT.reserved == 0 {
                return None;
            }
            top
        } else if self.0.is_infinite() {
            top >> fraction_bits << fraction_bits
        } else {
            let x = self.to_f64().abs();
            let e = exponent(x).max(L::FORMAT.e_min);
            let significand = x / power(e - L::FORMAT.precision + 1);
            // A normal number's hidden bit carries into the exponent field.
            (((e - L::FORMAT.e_min) as u32) << fraction_bits) + significand as u32
        };
        Some(sign | code << unused)
    }
}

/// 2^e, exactly.
fn power(e: i32) -> f64 {
    Up::power_of_two(e).get()
}

/// Bits of the exponent field: its largest value is that of the top binade, or one more
/// where infinities have a field of their own.
fn exponent_bits<L: Layout>() -> u32 {
    let largest = L::FORMAT.e_max - L::FORMAT.e_min + 1 + i32::from(L::INFINITIES);
    u32::BITS - largest.leading_zeros()
}

/// The value of the format nearest to x, ties to even.
fn nearest(format: Format, infinities: bool, x: f64) -> f64 {
    if x == 0.0 || x.is_nan() {
        return x;
    }
    let beyond = if infinities {
        f64::INFINITY.copysign(x)
    } else {
        f64::NAN
    };
    if x.is_infinite() {
        return beyond;
    }
    let e = exponent(x.abs()).max(format.e_min);
    let quantum = power(e - format.precision + 1);
    let y = (x / quantum).round_ties_even() * quantum;
    if y.abs() > format.largest() {
        beyond
    } else {
        y
    }
}
