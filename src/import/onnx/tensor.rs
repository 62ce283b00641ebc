//! A `TensorProto`'s numbers, from wherever the file keeps them.

use super::external::External;
use super::load::MAX_FILE;
use super::proto::TensorProto;
use super::types::{self, Nibbles};
use crate::error::{Error, Result};
use crate::import::arrays::{Array, Element};
use crate::import::file;
use crate::import::source::{Budget, Source};
use crate::tensor::Tensor;
use prost::Message;
use std::path::Path;
use std::sync::Arc;

/// Reads a file that holds one `TensorProto`, as ONNX's test data do; integers widen to i64.
pub fn read_tensor(path: &Path) -> Result<Tensor> {
    let whole = Source {
        file: path.into(),
        kind: "tensor",
        name: path.display().to_string(),
    };
    let mut opened = file::open(path)?;
    if opened.length > MAX_FILE {
        return Err(whole
            .error("is larger than 2 GiB")
            .remedy("keep large arrays in an .npz file"));
    }
    let bytes = whole.read_exactly(&mut opened.file, opened.length)?;
    let proto = TensorProto::decode(bytes.as_slice())
        .map_err(|e| disagree(&whole, format!("is no TensorProto: {e}")))?;
    drop(bytes);
    Tensors::new(path).read(&whole, &proto)
}

/// Reads tensors of one model.
pub(super) struct Tensors {
    model: Arc<Path>,
    budget: Budget,
}

impl Tensors {
    /// Tensors of the model in this file; external data lie in its folder.
    pub fn new(model: &Path) -> Tensors {
        Tensors {
            model: model.into(),
            budget: Budget::new(),
        }
    }

    /// A tensor's place in the model's file.
    pub fn source(&self, kind: &'static str, name: &str) -> Source {
        Source {
            file: Arc::clone(&self.model),
            kind,
            name: name.to_owned(),
        }
    }

    /// The tensor in its natural type; integers widen to i64.
    pub fn read(&mut self, source: &Source, proto: &TensorProto) -> Result<Tensor> {
        let element = types::element(proto.data_type).ok_or_else(|| {
            source
                .error(format!(
                    "has the element type {}, which is not supported",
                    types::name(proto.data_type)
                ))
                .remedy("use floats of 8, 16, 32 or 64 bits, integers or booleans")
        })?;
        let extent = |&n: &i64| usize::try_from(n).ok();
        let dims: Option<Vec<usize>> = proto.dims.iter().map(extent).collect();
        let dims =
            dims.ok_or_else(|| disagree(source, format!("has the extents {:?}", proto.dims)))?;
        if dims.len() > types::MAX_RANK {
            return Err(disagree(source, format!("has {} axes", dims.len())));
        }
        let count = source.byte_count(&dims, element.size())?;
        self.budget.take(source, count)?;
        let nibbles = types::nibbles(proto.data_type);
        let needed = nibbles.map_or(count, |_| count.div_ceil(2));
        if proto.segment.is_some() {
            return Err(disagree(source, "is stored in segments"));
        }
        let stored = nibbles.map_or(element, |_| Element::U8);
        let mut bytes = self.bytes(source, proto, stored, needed)?;
        if let Some(nibbles) = nibbles {
            bytes = unpacked(&bytes, count, nibbles);
        }
        Array::new(source.clone(), element, &dims, bytes)?.to_tensor(types::dtype(element))
    }

    fn bytes(
        &self,
        source: &Source,
        proto: &TensorProto,
        element: Element,
        needed: u64,
    ) -> Result<Vec<u8>> {
        let typed = typed_count(proto);
        match (proto.data_location, &proto.raw_data) {
            (1, None) if typed == 0 => {
                External::parse(source, proto)?.read(source, &self.model, needed)
            }
            (0, Some(raw)) if typed == 0 => Ok(raw.clone()),
            (0, None) => typed_bytes(proto, element)
                .ok_or_else(|| disagree(source, "has data that do not suit its element type")),
            (0 | 1, _) => Err(disagree(source, "has its data in two places")),
            (other, _) => Err(disagree(source, format!("has the data location {other}"))),
        }
    }
}

/// Elements of four bits, one per byte; the first of a pair is in the low half.
fn unpacked(bytes: &[u8], count: u64, nibbles: Nibbles) -> Vec<u8> {
    let halves = bytes.iter().flat_map(|byte| [byte & 0xf, byte >> 4]);
    let extend = |half: u8| match nibbles {
        Nibbles::Signed if half >= 8 => half | 0xf0,
        Nibbles::Signed | Nibbles::Unsigned => half,
    };
    halves
        .map(extend)
        .take(usize::try_from(count).unwrap_or(usize::MAX))
        .collect()
}

fn disagree(source: &Source, what: impl std::fmt::Display) -> Error {
    source.error(what).remedy("export the model again")
}

/// Elements in the fields for typed data.
fn typed_count(proto: &TensorProto) -> usize {
    proto.float_data.len()
        + proto.int32_data.len()
        + proto.string_data.len()
        + proto.int64_data.len()
        + proto.double_data.len()
        + proto.uint64_data.len()
}

/// The elements of the field for this type, little-endian; `None` where another field has
/// elements, or one is out of range.
fn typed_bytes(proto: &TensorProto, element: Element) -> Option<Vec<u8>> {
    /// Concatenates what `convert` makes of the numbers.
    fn bytes_of<T: Copy, const N: usize>(
        numbers: &[T],
        convert: impl Fn(T) -> Option<[u8; N]>,
    ) -> Option<(usize, Vec<u8>)> {
        let mut bytes = Vec::with_capacity(numbers.len() * N);
        for &number in numbers {
            bytes.extend_from_slice(&convert(number)?);
        }
        Some((numbers.len(), bytes))
    }
    let small = &proto.int32_data;
    let unsigned = &proto.uint64_data;
    let (count, bytes) = match element {
        Element::F32 => bytes_of(&proto.float_data, |x| Some(x.to_le_bytes())),
        Element::F64 => bytes_of(&proto.double_data, |x| Some(x.to_le_bytes())),
        Element::I64 => bytes_of(&proto.int64_data, |n| Some(n.to_le_bytes())),
        Element::U64 => bytes_of(unsigned, |n| Some(n.to_le_bytes())),
        Element::U32 => bytes_of(unsigned, |n| Some(u32::try_from(n).ok()?.to_le_bytes())),
        Element::I32 => bytes_of(small, |n| Some(n.to_le_bytes())),
        Element::I16 => bytes_of(small, |n| Some(i16::try_from(n).ok()?.to_le_bytes())),
        Element::I8 => bytes_of(small, |n| Some(i8::try_from(n).ok()?.to_le_bytes())),
        // FLOAT4E2M1: a packed pair in each entry.
        Element::U8
        | Element::Bool
        | Element::E4M3
        | Element::E5M2
        | Element::E2M1
        | Element::Void1 => bytes_of(small, |n| Some(u8::try_from(n).ok()?.to_le_bytes())),
        Element::U16 | Element::F16 | Element::BF16 | Element::Void2 => {
            bytes_of(small, |n| Some(u16::try_from(n).ok()?.to_le_bytes()))
        }
    }?;
    (count == typed_count(proto)).then_some(bytes)
}
