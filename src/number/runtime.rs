//! Native floats: what the runtime interpretation computes with.
//!
//! Elementary functions are core-math's correctly rounded ones (f16 and bf16 go through
//! f32, and so do the simulated formats), so this runtime is an admissible execution under
//! every accuracy table and gives the same bits on every machine.
#![expect(clippy::float_arithmetic, reason = "the runtime's own arithmetic")]

use super::Format;
use super::function::Function;
use super::round::sum_excess;
use super::simulated::{E2m1, E2m3, E3m2, E4m3, E5m2, Tf32};
use super::spec::Steps;
use half::{bf16, f16};

/// A native float format.
pub trait Float: Copy + PartialOrd + Send + Sync + 'static {
    /// Zero.
    const ZERO: Self;
    /// Precision and range.
    const FORMAT: Format;
    /// The nearest value to x, ties to even.
    fn from_f64(x: f64) -> Self;
    /// The value, exactly.
    fn to_f64(self) -> f64;
    /// fl(x + y).
    fn add(self, y: Self) -> Self;
    /// fl(x - y).
    fn sub(self, y: Self) -> Self;
    /// fl(x·y).
    fn mul(self, y: Self) -> Self;
    /// fl(x / y).
    fn div(self, y: Self) -> Self;
    /// fl(x·y + z), rounded once.
    fn fused(self, y: Self, z: Self) -> Self;
    /// fl(√x).
    fn sqrt(self) -> Self;
    /// fl(f(x)); the sigmoid and softplus within 3 ulp in f64 and within 1 ulp in the
    /// narrower formats.
    fn function(self, function: Function) -> Self;
    /// fl(x^y), with IEEE 754's values at 0, 1, infinities and NaN.
    fn pow(self, y: Self) -> Self;

    /// -x.
    fn neg(self) -> Self {
        Self::from_f64(-self.to_f64())
    }
    /// |x|.
    fn abs(self) -> Self {
        Self::from_f64(self.to_f64().abs())
    }
    /// The larger; NaN where either is NaN.
    fn max(self, y: Self) -> Self {
        if y > self || y.is_nan() { y } else { self }
    }
    /// The smaller; NaN where either is NaN.
    fn min(self, y: Self) -> Self {
        if y < self || y.is_nan() { y } else { self }
    }
    /// True for NaN.
    fn is_nan(self) -> bool {
        self.to_f64().is_nan()
    }
    /// The step function; NaN at NaN.
    fn step(self, steps: Steps) -> Self {
        let x = self.to_f64();
        Self::from_f64(if x > 0.0 {
            steps.above
        } else if x < 0.0 {
            steps.below
        } else if x == 0.0 {
            steps.at
        } else {
            f64::NAN
        })
    }
}

/// 1 / (1 + e^-x) in f64 without overflow.
///
/// For x >= 0: e = fl(e^-x) <= 1 has relative error u, 1 + e then at most (1 + ½)u, the
/// quotient u more: under 3u, that is under 3 ulp. For x < 0: e / (1 + e) with e = fl(e^x)
/// likewise.
fn sigmoid_f64(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + core_math::exp(-x))
    } else {
        let e = core_math::exp(x);
        e / (1.0 + e)
    }
}

/// ln(1 + e^x) = max(x, 0) + ln(1 + e^−|x|) in f64 without overflow.
///
/// e = fl(e^−|x|) has relative error u, and ln(1 + e) is no worse conditioned than e: with
/// its own rounding at most 2u(1 + u) relative. Added to x > 0 that is at most 2 ulp of the
/// sum, whose rounding adds ½: under 3 ulp.
fn softplus_f64(x: f64) -> f64 {
    let rest = core_math::log1p(core_math::exp(-x.abs()));
    if x > 0.0 { x + rest } else { rest }
}

/// The functions that are no correctly rounded ones of CORE-MATH.
fn composed_f64(function: Function, x: f64) -> f64 {
    if function == Function::Sigmoid {
        sigmoid_f64(x)
    } else {
        softplus_f64(x)
    }
}

impl Float for f64 {
    const ZERO: Self = 0.0;
    const FORMAT: Format = Format::F64;
    fn from_f64(x: f64) -> Self {
        x
    }
    fn to_f64(self) -> f64 {
        self
    }
    fn add(self, y: Self) -> Self {
        self + y
    }
    fn sub(self, y: Self) -> Self {
        self - y
    }
    fn mul(self, y: Self) -> Self {
        self * y
    }
    fn div(self, y: Self) -> Self {
        self / y
    }
    fn fused(self, y: Self, z: Self) -> Self {
        self.mul_add(y, z)
    }
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    fn function(self, function: Function) -> Self {
        match function.correctly_rounded() {
            Some(f) => f(self),
            None => composed_f64(function, self),
        }
    }
    fn pow(self, y: Self) -> Self {
        core_math::pow(self, y)
    }
}

impl Float for f32 {
    const ZERO: Self = 0.0;
    const FORMAT: Format = Format::F32;
    fn from_f64(x: f64) -> Self {
        x as f32
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn add(self, y: Self) -> Self {
        self + y
    }
    fn sub(self, y: Self) -> Self {
        self - y
    }
    fn mul(self, y: Self) -> Self {
        self * y
    }
    fn div(self, y: Self) -> Self {
        self / y
    }
    fn fused(self, y: Self, z: Self) -> Self {
        self.mul_add(y, z)
    }
    fn sqrt(self) -> Self {
        f32::sqrt(self)
    }
    fn function(self, function: Function) -> Self {
        match function.correctly_rounded_f32() {
            Some(f) => f(self),
            None => composed_f64(function, f64::from(self)) as f32,
        }
    }
    fn pow(self, y: Self) -> Self {
        core_math::powf(self, y)
    }
}

/// x·y + z for numbers of at most 11 significant bits: x·y is exact in f64, and the sum is
/// rounded to odd there, so that one more rounding gives what one rounding of the exact
/// value would have given (Boldo & Melquiond 2008; 53 >= 11 + 2).
fn fused_odd(x: f64, y: f64, z: f64) -> f64 {
    let product = x * y;
    let sum = product + z;
    let excess = sum_excess(product, z, sum);
    if !sum.is_finite() || excess == 0.0 || sum.to_bits() & 1 == 1 {
        return sum;
    }
    // An even neighbour was chosen; the odd one lies on the exact sum's other side.
    if (excess < 0.0) == (sum > 0.0) {
        f64::from_bits(sum.to_bits() + 1)
    } else {
        f64::from_bits(sum.to_bits() - 1)
    }
}

/// A narrow format of p bits computes +, −, ·, /, √ in a wide one of at least 2p + 2 and
/// rounds once more, which is the correctly rounded result (Figueroa 1995), also where the
/// narrow format is subnormal, as long as the wide one rounds no subnormal product: f32 does
/// for the 16-bit formats, f64 for the simulated ones (TF32's products underflow in f32).
/// Elementary functions go through f32.
macro_rules! through_f32 {
    ($float:ty, $format:ident, $from_f64:path, $widen:ident, $narrow:ident) => {
        impl Float for $float {
            const ZERO: Self = <$float>::ZERO;
            const FORMAT: Format = Format::$format;
            fn from_f64(x: f64) -> Self {
                $from_f64(x)
            }
            fn to_f64(self) -> f64 {
                <$float>::to_f64(self)
            }
            fn add(self, y: Self) -> Self {
                <$float>::$narrow(self.$widen() + y.$widen())
            }
            fn sub(self, y: Self) -> Self {
                <$float>::$narrow(self.$widen() - y.$widen())
            }
            fn mul(self, y: Self) -> Self {
                <$float>::$narrow(self.$widen() * y.$widen())
            }
            fn div(self, y: Self) -> Self {
                <$float>::$narrow(self.$widen() / y.$widen())
            }
            fn fused(self, y: Self, z: Self) -> Self {
                $from_f64(fused_odd(
                    <$float>::to_f64(self),
                    <$float>::to_f64(y),
                    <$float>::to_f64(z),
                ))
            }
            fn sqrt(self) -> Self {
                <$float>::$narrow(self.$widen().sqrt())
            }
            fn function(self, function: Function) -> Self {
                <$float>::from_f32(Float::function(self.to_f32(), function))
            }
            fn pow(self, y: Self) -> Self {
                <$float>::from_f32(Float::pow(self.to_f32(), y.to_f32()))
            }
        }
    };
}

through_f32!(f16, F16, crate::tensor::f16_from_f64, to_f32, from_f32);
through_f32!(bf16, BF16, crate::tensor::bf16_from_f64, to_f32, from_f32);
through_f32!(Tf32, TF32, Tf32::from_f64, to_f64, from_f64);
through_f32!(E4m3, E4M3, E4m3::from_f64, to_f64, from_f64);
through_f32!(E5m2, E5M2, E5m2::from_f64, to_f64, from_f64);
through_f32!(E3m2, E3M2, E3m2::from_f64, to_f64, from_f64);
through_f32!(E2m3, E2M3, E2m3::from_f64, to_f64, from_f64);
through_f32!(E2m1, E2M1, E2m1::from_f64, to_f64, from_f64);

/// Runs an expression with `$T` bound to the native type of a float dtype.
macro_rules! with_float {
    ($dtype:expr, $T:ident => $body:expr, else $other:expr) => {
        match $dtype {
            $crate::tensor::DType::F64 => {
                type $T = f64;
                $body
            }
            $crate::tensor::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::tensor::DType::F16 => {
                type $T = half::f16;
                $body
            }
            $crate::tensor::DType::BF16 => {
                type $T = half::bf16;
                $body
            }
            $crate::tensor::DType::TF32 => {
                type $T = $crate::number::simulated::Tf32;
                $body
            }
            $crate::tensor::DType::E4M3 => {
                type $T = $crate::number::simulated::E4m3;
                $body
            }
            $crate::tensor::DType::E5M2 => {
                type $T = $crate::number::simulated::E5m2;
                $body
            }
            $crate::tensor::DType::E3M2 => {
                type $T = $crate::number::simulated::E3m2;
                $body
            }
            $crate::tensor::DType::E2M3 => {
                type $T = $crate::number::simulated::E2m3;
                $body
            }
            $crate::tensor::DType::E2M1 => {
                type $T = $crate::number::simulated::E2m1;
                $body
            }
            $crate::tensor::DType::I64 | $crate::tensor::DType::Bool => $other,
        }
    };
}
pub(crate) use with_float;
