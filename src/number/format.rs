//! Binary float formats: precision, range, and the ulp step function.
//!
//! Everything here is exact or an upper bound; a format is four integers, so a new one is
//! a new constant.
#![expect(
    clippy::float_arithmetic,
    reason = "powers of two, exact by construction"
)]

use super::round::Up;

/// A binary floating-point format with gradual underflow.
///
/// A finite value is `k * 2^(e - precision + 1)` with `|k| < 2^precision` and
/// `e_min <= e <= e_max`, up to [`largest`](Format::largest).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// Significant bits, the hidden one included.
    pub precision: i32,
    /// Exponent of the least normal number.
    pub e_min: i32,
    /// Exponent of the largest finite binade.
    pub e_max: i32,
    /// How many of the largest binade's last significands are no numbers.
    pub reserved: i32,
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
    /// TF32: binary32's range with 11 significant bits.
    pub const TF32: Format = Format::new(11, -126, 127);
    /// OCP FP8 E4M3 ("FN"): no infinities, and the last significand of the top binade is NaN.
    pub const E4M3: Format = Format {
        reserved: 1,
        ..Format::new(4, -6, 8)
    };
    /// OCP FP8 E5M2, with infinities and NaN as IEEE 754 has them.
    pub const E5M2: Format = Format::new(3, -14, 15);
    /// OCP FP6 E3M2: every bit pattern is a number.
    pub const E3M2: Format = Format::new(3, -2, 4);
    /// OCP FP6 E2M3: every bit pattern is a number.
    pub const E2M3: Format = Format::new(4, 0, 2);
    /// OCP FP4 E2M1: every bit pattern is a number.
    pub const E2M1: Format = Format::new(2, 0, 2);

    const fn new(precision: i32, e_min: i32, e_max: i32) -> Self {
        Format {
            precision,
            e_min,
            e_max,
            reserved: 0,
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

    /// The largest finite number.
    pub fn largest(self) -> f64 {
        let significand = Up::power_of_two(self.precision).get() - 1.0 - f64::from(self.reserved);
        significand * Up::power_of_two(self.e_max - self.precision + 1).get()
    }

    /// No magnitude below this rounds beyond the largest finite number.
    pub fn overflow_threshold(self) -> f64 {
        // For binary64 the exact threshold is not a float, and the largest finite number
        // below it is the sound choice.
        if self.e_max >= 1023 {
            return f64::MAX;
        }
        self.largest() + Up::power_of_two(self.e_max - self.precision).get()
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

    /// True when no product of two values of this format that is in the normal range of
    /// `wide` is rounded there.
    pub fn products_fit_in(self, wide: Format) -> bool {
        2 * self.precision <= wide.precision
    }

    /// True when some product of two values of this format lies below the least subnormal
    /// of `wide`, or between two of its subnormals.
    pub fn products_underflow_in(self, wide: Format) -> bool {
        2 * (self.e_min - self.precision + 1) <= wide.e_min - wide.precision
    }

    /// True when every value of `narrow` is one of this format.
    pub fn contains(self, narrow: Format) -> bool {
        self.precision >= narrow.precision
            && self.e_min - self.precision <= narrow.e_min - narrow.precision
            && self.largest() >= narrow.largest()
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
pub(crate) fn exponent(x: f64) -> i32 {
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
        for format in [
            Format::F64,
            Format::F32,
            Format::F16,
            Format::BF16,
            Format::TF32,
            Format::E4M3,
            Format::E5M2,
            Format::E3M2,
            Format::E2M3,
            Format::E2M1,
        ] {
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
    fn largest_numbers() {
        assert_eq!(Format::F64.largest(), f64::MAX);
        assert_eq!(Format::F32.largest(), f64::from(f32::MAX));
        assert_eq!(Format::F16.largest(), 65504.0);
        assert_eq!(Format::E4M3.largest(), 448.0);
        assert_eq!(Format::E5M2.largest(), 57344.0);
        assert_eq!(Format::E3M2.largest(), 28.0);
        assert_eq!(Format::E2M3.largest(), 7.5);
        assert_eq!(Format::E2M1.largest(), 6.0);
    }

    #[test]
    fn products_of_narrow_formats_are_exact_in_wide_ones() {
        let exact = |narrow: Format, wide: Format| {
            narrow.products_fit_in(wide) && !narrow.products_underflow_in(wide)
        };
        assert!(exact(Format::F16, Format::F32));
        assert!(exact(Format::F32, Format::F64));
        assert!(exact(Format::E4M3, Format::F16));
        assert!(exact(Format::E5M2, Format::F32));
        assert!(Format::BF16.products_fit_in(Format::F32));
        assert!(Format::BF16.products_underflow_in(Format::F32));
        assert!(Format::TF32.products_underflow_in(Format::F32));
        assert!(!Format::F32.products_fit_in(Format::F32));
    }

    #[test]
    fn a_format_contains_what_its_values_are_values_of() {
        assert!(Format::F16.contains(Format::E5M2) && Format::F16.contains(Format::E4M3));
        assert!(Format::E4M3.contains(Format::E2M3) && Format::E5M2.contains(Format::E3M2));
        assert!(Format::TF32.contains(Format::BF16) && Format::TF32.contains(Format::F16));
        assert!(!Format::F16.contains(Format::BF16) && !Format::E4M3.contains(Format::E5M2));
    }
}
