//! Rounding an f64 to a 16-bit float, once.

use half::{bf16, f16};

/// x rounded to odd in f32: exact, or the neighbour with an odd significand. A second
/// rounding to at most 22 bits then gives what one rounding of x would have given
/// (Boldo & Melquiond 2008).
#[expect(clippy::float_cmp, reason = "whether the rounding was exact")]
fn odd_f32(x: f64) -> f32 {
    let near = x as f32;
    let exact = f64::from(near) == x;
    if exact || !near.is_finite() || near.to_bits() & 1 == 1 {
        return near;
    }
    // An even neighbour was chosen; the odd one lies on x's other side.
    let grow = f64::from(near).abs() < x.abs();
    f32::from_bits(if grow {
        near.to_bits() + 1
    } else {
        near.to_bits() - 1
    })
}

/// Rounds once, to nearest even; `bf16::from_f64` drops low bits first and can misround.
pub fn bf16_from_f64(x: f64) -> bf16 {
    bf16::from_f32(odd_f32(x))
}

/// Rounds once, to nearest even; `f16::from_f64` goes through f32 where the processor does.
pub fn f16_from_f64(x: f64) -> f16 {
    f16::from_f32(odd_f32(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bit_floats_round_once() {
        // Just above the tie between 1 and 1 + 2^-7: rounding twice would go to 1.
        let x = 1.0 + 2f64.powi(-8) + 2f64.powi(-50);
        assert_eq!(bf16_from_f64(x).to_f64(), 1.0 + 2f64.powi(-7));
        assert_eq!(bf16_from_f64(-x).to_f64(), -1.0 - 2f64.powi(-7));
        assert_eq!(bf16_from_f64(1.0 + 2f64.powi(-8)).to_f64(), 1.0);
        assert!(bf16_from_f64(f64::MAX).is_infinite());
        let x = 1.0 + 2f64.powi(-11) + 2f64.powi(-40);
        assert_eq!(f16_from_f64(x).to_f64(), 1.0 + 2f64.powi(-10));
        assert_eq!(f16_from_f64(-x).to_f64(), -1.0 - 2f64.powi(-10));
        assert_eq!(f16_from_f64(1e-300).to_f64(), 0.0);
        assert_eq!(f16_from_f64(1.5 * 2f64.powi(-25)).to_f64(), 2f64.powi(-24));
    }
}
