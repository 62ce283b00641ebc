//! Every value that a format has, and its bits.

use crate::number::simulated::{E2m1, E2m3, E3m2, E4m3, E5m2, Tf32};
use crate::tensor::{DType, bf16_from_f64, f16_from_f64};
use half::{bf16, f16};

/// The bit patterns of a format, numbered.
#[derive(Debug, Clone, Copy)]
pub struct Patterns {
    dtype: DType,
    /// How many there are.
    pub count: u64,
    /// TF32's patterns are binary32's whose last bits are 0.
    shift: u32,
}

/// The patterns of a float type of at most 32 bits.
pub fn patterns(dtype: DType) -> Option<Patterns> {
    let (bits, shift) = match dtype {
        DType::F32 => (32, 0),
        DType::TF32 => (19, 13),
        DType::F16 | DType::BF16 => (16, 0),
        DType::E4M3 | DType::E5M2 => (8, 0),
        DType::E3M2 | DType::E2M3 => (6, 0),
        DType::E2M1 => (4, 0),
        DType::F64 | DType::I64 | DType::Bool => return None,
    };
    Some(Patterns {
        dtype,
        count: 1 << bits,
        shift,
    })
}

impl Patterns {
    /// The value of a pattern, exactly; infinities and NaN as they are.
    pub fn value(self, number: u64) -> f64 {
        let bits = (number as u32) << self.shift;
        let simulated = |x: Option<f32>| x.map_or(f64::NAN, f64::from);
        match self.dtype {
            DType::F32 => f64::from(f32::from_bits(bits)),
            DType::F16 => f16::from_bits(bits as u16).to_f64(),
            DType::BF16 => bf16::from_bits(bits as u16).to_f64(),
            DType::TF32 => simulated(Tf32::from_bits(bits).map(Tf32::to_f32)),
            DType::E4M3 => simulated(E4m3::from_bits(bits).map(E4m3::to_f32)),
            DType::E5M2 => simulated(E5m2::from_bits(bits).map(E5m2::to_f32)),
            DType::E3M2 => simulated(E3m2::from_bits(bits).map(E3m2::to_f32)),
            DType::E2M3 => simulated(E2m3::from_bits(bits).map(E2m3::to_f32)),
            DType::E2M1 => simulated(E2m1::from_bits(bits).map(E2m1::to_f32)),
            DType::F64 | DType::I64 | DType::Bool => f64::NAN,
        }
    }
}

/// The bits of a value of the format, in hexadecimal; those of the f64 for other types.
pub fn hex(dtype: DType, x: f64) -> String {
    let simulated =
        |bits: Option<u32>| bits.map_or_else(|| "nan".to_string(), |b| format!("{b:#04x}"));
    match dtype {
        DType::F32 => format!("{:#010x}", (x as f32).to_bits()),
        DType::F16 => format!("{:#06x}", f16_from_f64(x).to_bits()),
        DType::BF16 => format!("{:#06x}", bf16_from_f64(x).to_bits()),
        DType::TF32 => format!("{:#010x}", (x as f32).to_bits()),
        DType::E4M3 => simulated(E4m3::from_f64(x).to_bits()),
        DType::E5M2 => simulated(E5m2::from_f64(x).to_bits()),
        DType::E3M2 => simulated(E3m2::from_f64(x).to_bits()),
        DType::E2M3 => simulated(E2m3::from_f64(x).to_bits()),
        DType::E2M1 => simulated(E2m1::from_f64(x).to_bits()),
        DType::F64 | DType::I64 | DType::Bool => format!("{:#018x}", x.to_bits()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pattern is one value, and its hexadecimal digits are the pattern.
    #[test]
    fn patterns_and_digits_agree() {
        let narrow = DType::FLOATS.into_iter().skip_while(|d| *d != DType::F16);
        for dtype in narrow {
            let all = patterns(dtype).unwrap();
            for n in 0..all.count {
                let x = all.value(n);
                if !x.is_nan() {
                    let digits = hex(dtype, x);
                    assert_eq!(
                        u64::from_str_radix(digits.trim_start_matches("0x"), 16).unwrap(),
                        n,
                        "{dtype}"
                    );
                }
            }
        }
        assert_eq!(patterns(DType::TF32).unwrap().value(127 << 10), 1.0);
        assert_eq!(hex(DType::F32, 1.0), "0x3f800000");
    }
}
