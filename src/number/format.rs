//! Binary float formats: precision, range, and the ulp step function.
//!
//! Everything here is exact or an upper bound; a format is three integers, so a new one is
//! a new constant.
#![expect(
    clippy::float_arithmetic,
    reason = "powers of two, exact by construction"
)]

use super::round::Up;

/// A binary floating-point format with gradual underflow.
///
/// A finite value is `k * 2^(e - precision + 1)` with `|k| < 2^precision` and
/// `e_min <= e <= e_max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// Significant bits, the hidden one included.
    pub precision: i32,
    /// Exponent of the least normal number.
    pub e_min: i32,
    /// Exponent of the largest finite binade.
    pub e_max: i32,
}

impl Format {
    /// IEEE 754 binary64.
    pub const F64: Format = Format::new(53, -1022, 1023);
    /// IEEE 754 binary32.
    pub const F32: Format = Format::new(24, -126, 127);
    /// IEEE 754 binary16.
    pub const F16: Format = Format::new(11, -14, 15);
    /// bfloat16: binary32's range with 8 significant bits.
    pub const BF16: Format = Format::new(8, -126, 127);

    const fn new(precision: i32, e_min: i32, e_max: i32) -> Self {
        Format {
            precision,
            e_min,
            e_max,
        }
    }

    /// The unit roundoff u = 2^-p of round to nearest (dimensionless).
    pub fn unit(self) -> Up {
        Up::power_of_two(-self.precision)
    }

    /// η, the least positive (subnormal) number.
    pub fn eta(self) -> Up {
        Up::power_of_two(self.e_min - self.precision + 1)
    }

    /// λ, the least normal number.
    pub fn lambda(self) -> Up {
        Up::power_of_two(self.e_min)
    }

    /// The least magnitude that rounds to infinity.
    pub fn overflow_threshold(self) -> f64 {
        // (2 - 2^-p)·2^e_max; for binary64 the exact threshold is not a float, and the
        // largest finite number below it is the sound choice.
        let largest = 2.0 - (1.0 - f64::from(self.precision)).exp2();
        if self.e_max >= 1023 {
            return f64::MAX;
        }
        let half_step = (-f64::from(self.precision)).exp2();
        (largest + half_step) * f64::from(self.e_max).exp2()
    }

    /// ½ulp at the magnitude bound `m`: a bound on |fl(z) - z| for every |z| <= m.
    ///
    /// # Formula
    /// 2^(e - p) with e = max(e_min, ⌈log2 m⌉ - 1): at a power of two the binade below
    /// decides, because the power itself is representable. 0 for m = 0; +∞ where
    /// z may round to infinity ("no claim").
    /// # Derivation
    /// Higham, Accuracy and Stability, 2nd ed., §2.1-2.2, with the least subnormal as floor.
    /// # Assumes
    /// A1 round to nearest; A2 gradual underflow.
    /// # Tightness
    /// `add_is_nearly_attained`, `mul_is_nearly_attained`.
    pub fn half_ulp(self, m: Up) -> Up {
        if m == Up::ZERO {
            return Up::ZERO;
        }
        if m.get() >= self.overflow_threshold() {
            return Up::INFINITY;
        }
        let exponent = exponent(m.get().next_down()).max(self.e_min);
        Up::power_of_two(exponent - self.precision)
    }

    /// A full ulp at the magnitude bound `m`, as the accuracy tables of libm count them.
    ///
    /// Unlike [`half_ulp`](Self::half_ulp), it takes the binade that `m` itself lies in.
    pub fn ulp(self, m: Up) -> Up {
        if m.get() >= self.overflow_threshold() {
            return Up::INFINITY;
        }
        let exponent = exponent(m.get()).max(self.e_min);
        Up::power_of_two(exponent - self.precision + 1)
    }

    /// True when every product of two values of this format is a value of `wide`.
    pub fn products_are_exact_in(self, wide: Format) -> bool {
        2 * self.precision <= wide.precision
            && 2 * (self.e_min - self.precision + 1) > wide.e_min - wide.precision
            && 2 * self.e_max < wide.e_max
    }

    /// True where x is a value of this format.
    pub fn holds(self, x: f64) -> bool {
        if x == 0.0 {
            return true;
        }
        if !x.is_finite() || x.abs() >= self.overflow_threshold() {
            return false;
        }
        let lowest = exponent(x.abs()).max(self.e_min) - self.precision + 1;
        let significand = (x.to_bits() & ((1 << 52) - 1)) | (1 << 52);
        // Exponent of x's lowest set bit; subnormal f64s are below every narrower format.
        x.is_normal() && exponent(x.abs()) - 52 + significand.trailing_zeros() as i32 >= lowest
    }

    /// The wider of two formats, by precision.
    pub fn wider(self, other: Format) -> Format {
        if other.precision > self.precision {
            other
        } else {
            self
        }
    }
}

/// ⌊log2 x⌋ for a finite x >= 0; far below every format for 0.
fn exponent(x: f64) -> i32 {
    let biased = ((x.to_bits() >> 52) & 0x7ff) as i32;
    if biased > 0 {
        return biased - 1023;
    }
    let fraction = x.to_bits() & ((1 << 52) - 1);
    -1074 + 63 - fraction.leading_zeros() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_ulp_steps_just_above_powers_of_two() {
        let u = Format::F32.unit();
        assert_eq!(Format::F32.half_ulp(Up::new(1.0)), u * Up::new(0.5));
        assert_eq!(Format::F32.half_ulp(Up::new(1.0_f64.next_up())), u);
        assert_eq!(Format::F32.half_ulp(Up::new(1.5)), u);
    }

    #[test]
    fn subnormals_have_a_floor_and_zero_is_exact() {
        assert_eq!(Format::F32.half_ulp(Up::ZERO), Up::ZERO);
        assert_eq!(
            Format::F32.half_ulp(Up::new(1e-300)),
            Up::power_of_two(-150)
        );
        assert_eq!(Format::F64.half_ulp(Up::new(5e-324)), Up::new(5e-324));
    }

    #[test]
    fn overflow_is_no_claim() {
        for format in [Format::F64, Format::F32, Format::F16, Format::BF16] {
            let t = format.overflow_threshold();
            assert_eq!(format.half_ulp(Up::new(t)), Up::INFINITY);
            assert!(format.half_ulp(Up::new(t.next_down())).is_finite());
        }
        assert_eq!(Format::F16.overflow_threshold(), 65520.0);
        assert_eq!(half::f16::from_f64(65520.0), half::f16::INFINITY);
        assert_eq!(half::f16::from_f64(65519.99), half::f16::MAX);
    }

    #[test]
    fn exponents_of_the_whole_range() {
        assert_eq!(exponent(1.0), 0);
        assert_eq!(exponent(f64::MIN_POSITIVE), -1022);
        assert_eq!(exponent(f64::from_bits(1)), -1074);
        assert_eq!(exponent(f64::from_bits(3)), -1073);
    }

    #[test]
    fn products_of_narrow_formats_are_exact_in_wide_ones() {
        assert!(Format::F16.products_are_exact_in(Format::F32));
        assert!(Format::F32.products_are_exact_in(Format::F64));
        assert!(!Format::BF16.products_are_exact_in(Format::F32));
    }
}
