//! `.safetensors`: a JSON header and the bytes it describes.

use super::Fits;
use super::array::{Array, Element};
use crate::error::{Error, Result};
use crate::import::file::Opened;
use crate::import::source::{Budget, Source};
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Reads every tensor.
pub(super) fn read(
    path: &Path,
    mut opened: Opened,
    fits: &Fits,
) -> Result<BTreeMap<String, Array>> {
    let file: Arc<Path> = path.into();
    let whole = Source {
        file: Arc::clone(&file),
        kind: "file",
        name: path.display().to_string(),
    };
    Budget::new().take(&whole, opened.length)?;
    let bytes = whole.read_exactly(&mut opened.file, opened.length)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| {
        Error::new(format!("cannot be read as safetensors: {e}"))
            .remedy("write the file again with safetensors.numpy.save_file")
    })?;
    let mut arrays = BTreeMap::new();
    for (name, view) in tensors.iter() {
        let source = Source {
            file: Arc::clone(&file),
            kind: "array",
            name: name.to_owned(),
        };
        fits(name, view.shape())?;
        let element = element(view.dtype()).ok_or_else(|| {
            source
                .error(format!(
                    "has the element type {:?}, which is not supported",
                    view.dtype()
                ))
                .remedy("save floats of 8, 16, 32 or 64 bits, integers or booleans")
        })?;
        let array = Array::new(source, element, view.shape(), view.data())?;
        arrays.insert(name.to_owned(), array);
    }
    Ok(arrays)
}

fn element(dtype: Dtype) -> Option<Element> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the library's list grows; what is not listed is refused by name"
    )]
    match dtype {
        Dtype::F64 => Some(Element::F64),
        Dtype::F32 => Some(Element::F32),
        Dtype::F16 => Some(Element::F16),
        Dtype::BF16 => Some(Element::BF16),
        Dtype::F8_E4M3 => Some(Element::E4M3),
        Dtype::F8_E5M2 => Some(Element::E5M2),
        Dtype::I8 => Some(Element::I8),
        Dtype::I16 => Some(Element::I16),
        Dtype::I32 => Some(Element::I32),
        Dtype::I64 => Some(Element::I64),
        Dtype::U8 => Some(Element::U8),
        Dtype::U16 => Some(Element::U16),
        Dtype::U32 => Some(Element::U32),
        Dtype::U64 => Some(Element::U64),
        Dtype::BOOL => Some(Element::Bool),
        _ => None,
    }
}
