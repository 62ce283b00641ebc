//! From the file's elements to the numbers they stand for.

use super::array::{Array, Element};
use crate::error::{Error, Result};
use crate::number::simulated::{E2m1, E2m3, E3m2, E4m3, E5m2, Layout, Simulated};
use crate::tensor::{DType, Tensor};
use half::{bf16, f16};
use std::sync::Arc;

/// Reads every element with `from_le_bytes`.
macro_rules! decode {
    ($bytes:expr, $number:ty) => {
        $bytes
            .as_chunks()
            .0
            .iter()
            .map(|&chunk| <$number>::from_le_bytes(chunk))
    };
}

impl Array {
    /// The numbers as a tensor of `dtype`, never rounded.
    ///
    /// Floats may come in any float type whose values `dtype` represents exactly (NaN and
    /// infinities included); 16-bit formats also as `uint16` bit patterns, formats of at most
    /// 8 bits as `uint8` ones (one byte per element), bf16 and those also as numpy's 2-byte
    /// and 1-byte void. Integers may come in any integer type, booleans as `bool` or as `uint8`
    /// zeros and ones.
    pub fn to_tensor(&self, dtype: DType) -> Result<Tensor> {
        match dtype {
            DType::I64 => Tensor::i64s(self.shape().clone(), self.integers()?),
            DType::Bool => Tensor::bools(self.shape().clone(), self.booleans()?),
            DType::F64 => Tensor::f64s(self.shape().clone(), self.floats(dtype)?),
            // The common case, without the detour.
            DType::F32 if self.element() == Element::F32 => {
                let data: Arc<[f32]> = decode!(self.bytes(), f32).collect();
                Tensor::f32s(self.shape().clone(), data)
            }
            DType::F32
            | DType::F16
            | DType::BF16
            | DType::TF32
            | DType::E4M3
            | DType::E5M2
            | DType::E3M2
            | DType::E2M3
            | DType::E2M1 => self.narrowed_exactly(dtype),
        }
    }

    /// The numbers in f64, for comparing: nothing is rounded.
    ///
    /// `dtype` says which format the bits of `uint16`, `uint8` and void arrays are. A format
    /// narrower than f32 takes only values it represents exactly; beside an f32 value, a float64 array
    /// may hold anything.
    pub fn to_f64s(&self, dtype: DType) -> Result<Vec<f64>> {
        match dtype {
            DType::F64 | DType::F32 => self.floats(dtype),
            DType::F16
            | DType::BF16
            | DType::TF32
            | DType::E4M3
            | DType::E5M2
            | DType::E3M2
            | DType::E2M3
            | DType::E2M1 => self.narrowed_exactly(dtype).map(|t| t.to_f64s()),
            DType::I64 => self.integers().and_then(|d| {
                d.iter()
                    .map(|&n| exact_f64(n).ok_or_else(|| self.out_of_range(n, "f64")))
                    .collect()
            }),
            DType::Bool => self
                .booleans()
                .map(|d| d.iter().map(|&b| f64::from(u8::from(b))).collect()),
        }
    }

    /// The numbers, taken as values of the model's `own` type and rounded to nearest even
    /// into the type `format` that the model is audited in.
    ///
    /// Bit patterns are already in `format`, and an audit in a wider type takes the wider
    /// type's values as they are. A finite number that would become infinite is an error.
    pub fn to_rounded(&self, own: DType, format: DType) -> Result<Tensor> {
        let bits = matches!(
            self.element(),
            Element::U16 | Element::Void2 | Element::U8 | Element::Void1
        );
        if own == format || !own.is_float() || bits || is_wider(format, own) {
            return self.to_tensor(if own.is_float() { format } else { own });
        }
        let exact = self.to_tensor(own)?;
        let rounded = exact.cast(format)?;
        let overflow =
            (0..exact.len()).find(|&k| exact.get(k).is_finite() && !rounded.get(k).is_finite());
        match overflow {
            None => Ok(rounded),
            Some(k) => Err(self
                .error(format!(
                    "has the element {} at {:?}, which overflows in {format}",
                    exact.get(k),
                    self.shape().index_of(k),
                ))
                .remedy("audit in a format with more range (bf16, f32 or f64)")),
        }
    }

    /// Floats that `dtype` represents exactly.
    #[expect(clippy::float_cmp, reason = "exactly means to the bit")]
    fn narrowed_exactly(&self, dtype: DType) -> Result<Tensor> {
        let values = self.floats(dtype)?;
        let tensor = Tensor::from_f64s(self.shape().clone(), dtype, &values)?;
        let same = |(k, &x): (usize, &f64)| x == tensor.get(k) || x.is_nan();
        match values.iter().enumerate().find(|&item| !same(item)) {
            None => Ok(tensor),
            Some((k, x)) => Err(self
                .error(format!(
                    "has the {} element {x:e} at {:?}, which is no value of {dtype}",
                    self.element().name(),
                    self.shape().index_of(k),
                ))
                .remedy(format!(
                    "save the array in {dtype} ({}), so that what is meant by its numbers is \
                     stated in the file",
                    spelling(dtype)
                ))),
        }
    }

    /// The floats, widened; `dtype` tells which format bare bits are in.
    fn floats(&self, dtype: DType) -> Result<Vec<f64>> {
        let element = match (self.element(), dtype) {
            (Element::U16, DType::F16) => Element::F16,
            (Element::U16 | Element::Void2, DType::BF16) => Element::BF16,
            (Element::U8 | Element::Void1, DType::E4M3) => Element::E4M3,
            (Element::U8 | Element::Void1, DType::E5M2) => Element::E5M2,
            (Element::U8 | Element::Void1, DType::E2M1) => Element::E2M1,
            (Element::U8 | Element::Void1, DType::E3M2) => return self.patterns::<E3m2>(),
            (Element::U8 | Element::Void1, DType::E2M3) => return self.patterns::<E2m3>(),
            (other, _) => other,
        };
        let bytes = self.bytes();
        match element {
            Element::F64 => Ok(decode!(bytes, f64).collect()),
            Element::F32 => Ok(decode!(bytes, f32).map(f64::from).collect()),
            Element::F16 => Ok(decode!(bytes, f16).map(f64::from).collect()),
            Element::BF16 => Ok(decode!(bytes, bf16).map(f64::from).collect()),
            Element::E4M3 => self.patterns::<E4m3>(),
            Element::E5M2 => self.patterns::<E5m2>(),
            Element::E2M1 => self.patterns::<E2m1>(),
            Element::Void2
            | Element::Void1
            | Element::I8
            | Element::I16
            | Element::I32
            | Element::I64
            | Element::U8
            | Element::U16
            | Element::U32
            | Element::U64
            | Element::Bool => Err(self.mismatch(dtype)),
        }
    }

    /// The numbers of bit patterns, one byte each.
    fn patterns<T: Patterned>(&self) -> Result<Vec<f64>> {
        let decode = |&byte: &u8| {
            T::decode(byte).ok_or_else(|| {
                self.error(format!(
                    "has the byte {byte:#04x}, which has more bits than the format"
                ))
                .remedy("save one pattern per byte, in its low bits")
            })
        };
        self.bytes().iter().map(decode).collect()
    }

    fn integers(&self) -> Result<Vec<i64>> {
        let bytes = self.bytes();
        match self.element() {
            Element::I8 => Ok(decode!(bytes, i8).map(i64::from).collect()),
            Element::I16 => Ok(decode!(bytes, i16).map(i64::from).collect()),
            Element::I32 => Ok(decode!(bytes, i32).map(i64::from).collect()),
            Element::I64 => Ok(decode!(bytes, i64).collect()),
            Element::U8 => Ok(decode!(bytes, u8).map(i64::from).collect()),
            Element::U16 => Ok(decode!(bytes, u16).map(i64::from).collect()),
            Element::U32 => Ok(decode!(bytes, u32).map(i64::from).collect()),
            Element::U64 => decode!(bytes, u64)
                .map(|n| i64::try_from(n).map_err(|_| self.out_of_range(n, "i64")))
                .collect(),
            Element::F64
            | Element::F32
            | Element::F16
            | Element::BF16
            | Element::Void2
            | Element::E4M3
            | Element::E5M2
            | Element::E2M1
            | Element::Void1
            | Element::Bool => Err(self.mismatch(DType::I64)),
        }
    }

    fn booleans(&self) -> Result<Vec<bool>> {
        if !matches!(self.element(), Element::Bool | Element::U8) {
            return Err(self.mismatch(DType::Bool));
        }
        self.bytes()
            .iter()
            .map(|&byte| match byte {
                0 => Ok(false),
                1 => Ok(true),
                other => Err(self
                    .error(format!("has the byte {other}, which is no truth value"))
                    .remedy("save the array as bool: array.astype(bool)")),
            })
            .collect()
    }

    fn mismatch(&self, dtype: DType) -> Error {
        self.error(format!(
            "holds {}, but {dtype} is needed",
            self.element().name()
        ))
        .remedy(format!("save it as {}", spelling(dtype)))
    }

    fn out_of_range(&self, n: impl std::fmt::Display, dtype: &str) -> Error {
        self.error(format!("has the integer {n}, which is no value of {dtype}"))
            .remedy("use integers of a smaller magnitude")
    }
}

/// True where every value of `narrow` is one of `wide`, and not the other way round.
fn is_wider(wide: DType, narrow: DType) -> bool {
    match (wide.format(), narrow.format()) {
        (Some(wide), Some(narrow)) => wide != narrow && wide.contains(narrow),
        (Some(_) | None, _) => false,
    }
}

/// A format whose numbers have patterns of at most a byte.
trait Patterned {
    fn decode(byte: u8) -> Option<f64>;
}

impl<L: Layout> Patterned for Simulated<L> {
    fn decode(byte: u8) -> Option<f64> {
        Simulated::<L>::from_bits(u32::from(byte)).map(Simulated::to_f64)
    }
}

/// How to make an array of this type in numpy.
fn spelling(dtype: DType) -> &'static str {
    match dtype {
        DType::F64 => "array.astype(numpy.float64)",
        DType::F32 => "array.astype(numpy.float32)",
        DType::F16 => "array.astype(numpy.float16)",
        DType::BF16 => "array.astype(ml_dtypes.bfloat16).view(numpy.uint16)",
        DType::TF32 => "float32 values with 11 significant bits",
        DType::E4M3 => "array.astype(ml_dtypes.float8_e4m3fn).view(numpy.uint8)",
        DType::E5M2 => "array.astype(ml_dtypes.float8_e5m2).view(numpy.uint8)",
        DType::E3M2 => "array.astype(ml_dtypes.float6_e3m2fn).view(numpy.uint8)",
        DType::E2M3 => "array.astype(ml_dtypes.float6_e2m3fn).view(numpy.uint8)",
        DType::E2M1 => "array.astype(ml_dtypes.float4_e2m1fn).view(numpy.uint8)",
        DType::I64 => "array.astype(numpy.int64)",
        DType::Bool => "array.astype(bool)",
    }
}

fn exact_f64(n: i64) -> Option<f64> {
    (n.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS).then_some(n as f64)
}
