//! One array as the file holds it.

use crate::error::{Error, Result};
use crate::import::source::Source;
use crate::tensor::Shape;
use std::fmt::Display;
use std::sync::Arc;

/// The element types that a file may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "one variant per element type")]
pub enum Element {
    F64,
    F32,
    F16,
    BF16,
    /// numpy's 2-byte void: what it makes of bfloat16, whose name it does not know.
    Void2,
    E4M3,
    E5M2,
    E2M1,
    /// numpy's 1-byte void: what it makes of the 8-, 6- and 4-bit floats of ml_dtypes.
    Void1,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
}

impl Element {
    /// Bytes an element takes.
    pub fn size(self) -> usize {
        match self {
            Element::F64 | Element::I64 | Element::U64 => 8,
            Element::F32 | Element::I32 | Element::U32 => 4,
            Element::F16 | Element::BF16 | Element::Void2 | Element::I16 | Element::U16 => 2,
            Element::E4M3 | Element::E5M2 | Element::E2M1 | Element::Void1 => 1,
            Element::I8 | Element::U8 | Element::Bool => 1,
        }
    }

    /// The name in messages: numpy's, where numpy has one.
    pub fn name(self) -> &'static str {
        match self {
            Element::F64 => "float64",
            Element::F32 => "float32",
            Element::F16 => "float16",
            Element::BF16 => "bfloat16",
            Element::Void2 => "void16",
            Element::E4M3 => "float8_e4m3fn",
            Element::E5M2 => "float8_e5m2",
            Element::E2M1 => "float4_e2m1fn",
            Element::Void1 => "void8",
            Element::I8 => "int8",
            Element::I16 => "int16",
            Element::I32 => "int32",
            Element::I64 => "int64",
            Element::U8 => "uint8",
            Element::U16 => "uint16",
            Element::U32 => "uint32",
            Element::U64 => "uint64",
            Element::Bool => "bool",
        }
    }
}

/// An array with the file's own element type; see [`to_tensor`](Array::to_tensor).
#[derive(Debug, Clone)]
pub struct Array {
    source: Source,
    element: Element,
    shape: Shape,
    /// Little-endian, row-major; exactly as many as shape and element type ask for.
    bytes: Arc<[u8]>,
}

impl Array {
    /// An array of little-endian, row-major bytes; fails where their count disagrees with
    /// the shape.
    pub(in crate::import) fn new(
        source: Source,
        element: Element,
        shape: &[usize],
        bytes: impl Into<Arc<[u8]>>,
    ) -> Result<Array> {
        let bytes = bytes.into();
        let needed = source.byte_count(shape, element.size())?;
        if needed != bytes.len() as u64 {
            return Err(source
                .error(format!(
                    "has {} bytes, but {needed} fill the shape {shape:?} of {}",
                    bytes.len(),
                    element.name(),
                ))
                .remedy("write the file again; its header and its data disagree"));
        }
        Ok(Array {
            source,
            element,
            shape: Shape::from(shape),
            bytes,
        })
    }

    /// The extents.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The file's element type.
    pub fn element(&self) -> Element {
        self.element
    }

    /// The key in the file.
    pub fn name(&self) -> &str {
        &self.source.name
    }

    /// The elements as the file holds them.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// An error that names the array and its file.
    pub(super) fn error(&self, what: impl Display) -> Error {
        self.source.error(what)
    }
}
