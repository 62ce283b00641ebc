//! Arrays: inputs, seeds, boxes and observed values, from `.npz` and `.safetensors` files.
//!
//! A file is read whole and checked before its numbers are believed: names, element types,
//! and shapes against the bytes that are really there. Its arrays keep the file's own element
//! type until [`Array::to_tensor`] or one of its siblings is told what they stand for,
//! because a `uint16` array may hold integers or the bits of either 16-bit float.

mod array;
mod convert;
mod directory;
mod npy;
mod npz;
mod safetensors;

pub use array::{Array, Element};
pub use npz::write_npz;

use super::file;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The arrays of one file.
#[derive(Debug, Clone)]
pub struct ArrayFile {
    /// The file they came from.
    pub path: PathBuf,
    /// The file's SHA-256, in hexadecimal.
    pub sha256: String,
    /// The arrays by their keys in the file.
    pub arrays: BTreeMap<String, Array>,
}

/// Says whether an array of this name may have these extents; asked before its elements are
/// read, for a small file may unpack to large arrays.
pub(crate) type Fits<'a> = dyn Fn(&str, &[usize]) -> Result<()> + 'a;

/// Reads every array of an `.npz` or `.safetensors` file (told apart by the ending).
pub fn read(path: &Path) -> Result<ArrayFile> {
    read_fitting(path, &|_, _| Ok(()))
}

/// [`read`], and fails at an array whose extents do not fit.
pub(crate) fn read_fitting(path: &Path, fits: &Fits) -> Result<ArrayFile> {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    let opened = match ending {
        "npz" | "safetensors" => file::open(path)?,
        _ => {
            return Err(Error::new("is neither a .npz nor a .safetensors file")
                .in_file(path)
                .remedy("save the arrays with numpy.savez, under a name that ends in .npz"));
        }
    };
    let sha256 = opened.sha256.clone();
    let arrays = if ending == "npz" {
        npz::read(path, opened, fits)
    } else {
        safetensors::read(path, opened, fits)
    };
    Ok(ArrayFile {
        path: path.to_path_buf(),
        sha256,
        arrays: arrays.map_err(|e| e.in_file(path))?,
    })
}
