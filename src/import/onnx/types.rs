//! Element types: what a file's types become, and which of them change with `--format`.

use super::proto::DataType;
use crate::error::Result;
use crate::import::arrays::Element;
use crate::import::source::Source;
use crate::tensor::{DType, Tensor};
use std::borrow::Cow;

/// The most axes that a tensor may have; numpy's limit.
pub(super) const MAX_RANK: usize = 64;

/// The file's element type, where it is a number or a truth value of a plain size.
pub(super) fn element(data_type: i32) -> Option<Element> {
    match DataType::try_from(data_type).ok()? {
        DataType::Float => Some(Element::F32),
        DataType::Double => Some(Element::F64),
        DataType::Float16 => Some(Element::F16),
        DataType::Bfloat16 => Some(Element::BF16),
        DataType::Float8E4m3fn => Some(Element::E4M3),
        DataType::Float8E5m2 => Some(Element::E5M2),
        DataType::Float4E2m1 => Some(Element::E2M1),
        // Four bits are read into eight.
        DataType::Int8 | DataType::Int4 => Some(Element::I8),
        DataType::Int16 => Some(Element::I16),
        DataType::Int32 => Some(Element::I32),
        DataType::Int64 => Some(Element::I64),
        DataType::Uint8 | DataType::Uint4 => Some(Element::U8),
        DataType::Uint16 => Some(Element::U16),
        DataType::Uint32 => Some(Element::U32),
        DataType::Uint64 => Some(Element::U64),
        DataType::Bool => Some(Element::Bool),
        DataType::Undefined
        | DataType::String
        | DataType::Complex64
        | DataType::Complex128
        | DataType::Float8E4m3fnuz
        | DataType::Float8E5m2fnuz => None,
    }
}

/// How elements of four bits are packed, two in a byte; `None` for larger ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nibbles {
    Unsigned,
    Signed,
}

/// Whether, and how, the file packs elements of this type.
pub(super) fn nibbles(data_type: i32) -> Option<Nibbles> {
    let four = [
        (DataType::Uint4, Nibbles::Unsigned),
        (DataType::Float4E2m1, Nibbles::Unsigned),
        (DataType::Int4, Nibbles::Signed),
    ];
    let found = four.into_iter().find(|&(of, _)| of as i32 == data_type);
    found.map(|(_, nibbles)| nibbles)
}

/// The type that a value of the file's element type has in the graph: integers widen.
pub(super) fn dtype(element: Element) -> DType {
    match element {
        Element::F64 => DType::F64,
        Element::F32 => DType::F32,
        Element::F16 => DType::F16,
        Element::BF16 | Element::Void2 => DType::BF16,
        Element::E4M3 | Element::Void1 => DType::E4M3,
        Element::E5M2 => DType::E5M2,
        Element::E2M1 => DType::E2M1,
        Element::I8
        | Element::I16
        | Element::I32
        | Element::I64
        | Element::U8
        | Element::U16
        | Element::U32
        | Element::U64 => DType::I64,
        Element::Bool => DType::Bool,
    }
}

/// The integers of a type that has fewer than int64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Width {
    bits: u32,
    signed: bool,
}

/// The width of an integer type, where it does not hold every i64.
pub(super) fn width(data_type: i32) -> Option<Width> {
    let (bits, signed) = match element(data_type)? {
        Element::I8 | Element::U8 if nibbles(data_type).is_some() => {
            (4, nibbles(data_type) == Some(Nibbles::Signed))
        }
        Element::I8 => (8, true),
        Element::I16 => (16, true),
        Element::I32 => (32, true),
        Element::U8 => (8, false),
        Element::U16 => (16, false),
        Element::U32 => (32, false),
        Element::U64 => (64, false),
        Element::I64
        | Element::Bool
        | Element::F64
        | Element::F32
        | Element::F16
        | Element::BF16
        | Element::Void2
        | Element::E4M3
        | Element::E5M2
        | Element::E2M1
        | Element::Void1 => return None,
    };
    Some(Width { bits, signed })
}

impl Width {
    /// The type's name, as short as the others: `i32`, `u8`.
    pub fn name(self) -> Cow<'static, str> {
        let sign = if self.signed { 'i' } else { 'u' };
        Cow::Owned(format!("{sign}{}", self.bits))
    }

    /// The least and the greatest of them that an i64 holds.
    pub fn limits(self) -> (i64, i64) {
        let all = i64::MAX >> (i64::BITS - self.bits);
        match (self.signed, self.bits) {
            (true, _) => (-all - 1, all),
            (false, i64::BITS) => (0, i64::MAX),
            (false, _) => (0, 2 * all + 1),
        }
    }

    /// The integer modulo 2^bits; `None` where an i64 does not hold it.
    pub fn wrap(self, n: i64) -> Option<i64> {
        let shift = i64::BITS - self.bits;
        let low = n.cast_unsigned() << shift;
        if self.signed {
            return Some(low.cast_signed() >> shift);
        }
        i64::try_from(low >> shift).ok()
    }
}

/// ONNX's name of an element type, for messages.
pub(super) fn name(data_type: i32) -> String {
    match DataType::try_from(data_type) {
        Ok(known) => format!("{known:?}").to_uppercase(),
        Err(_) => format!("number {data_type}"),
    }
}

/// Values of the model's own float type get the type that the audit is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retype {
    pub own: DType,
    pub format: DType,
}

impl Retype {
    /// Whether the model's own float type is replaced by another.
    pub fn replaces(self) -> bool {
        self.own != self.format
    }

    /// The type of a value that the file gives this type.
    pub fn dtype(self, dtype: DType) -> DType {
        if dtype == self.own {
            self.format
        } else {
            dtype
        }
    }

    /// A constant in its new type, rounded to nearest even; fails where an element is not
    /// finite, or overflows.
    pub fn constant(self, source: &Source, value: Tensor) -> Result<Tensor> {
        if let Some(k) = not_finite(&value) {
            return Err(source
                .error(format!(
                    "has the element {} at {:?}, and constants must be finite",
                    value.get(k),
                    value.shape().index_of(k)
                ))
                .remedy("replace it with a finite number"));
        }
        let rounded = value.cast(self.dtype(value.dtype()))?;
        if let Some(k) = not_finite(&rounded) {
            return Err(source
                .error(format!(
                    "has the element {}, which overflows in {}",
                    value.get(k),
                    self.format
                ))
                .remedy("audit in a format with more range (bf16, f32 or f64)"));
        }
        Ok(rounded)
    }
}

fn not_finite(value: &Tensor) -> Option<usize> {
    if !value.dtype().is_float() {
        return None;
    }
    (0..value.len()).find(|&k| !value.get(k).is_finite())
}
