//! Tensor data beside the model: a file in the model's folder, and never outside it.

use super::proto::TensorProto;
use crate::error::{Error, Result};
use crate::import::source::Source;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// Where a tensor's bytes are.
pub(super) struct External<'a> {
    location: &'a str,
    offset: u64,
    /// All that follows the offset, where it is not given.
    length: Option<u64>,
}

impl<'a> External<'a> {
    /// Reads the entries; others than the three (checksums, say) are of no consequence.
    pub fn parse(source: &Source, proto: &'a TensorProto) -> Result<External<'a>> {
        let entry = |key: &str| {
            let mut found = proto.external_data.iter().filter(|e| e.key == key);
            found.next().map(|e| e.value.as_str())
        };
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                refuse(source, format!("has the external {key} {text:?}"))
                    .remedy("export the model again")
            }),
        };
        let location = entry("location").filter(|l| !l.is_empty()).ok_or_else(|| {
            refuse(source, "has external data without a location").remedy("export the model again")
        })?;
        Ok(External {
            location,
            offset: number("offset")?.unwrap_or(0),
            length: number("length")?,
        })
    }

    /// Reads the bytes, which must be as many as the tensor needs.
    pub fn read(&self, source: &Source, model: &Path, needed: u64) -> Result<Vec<u8>> {
        let path = self.path_inside(source, model)?;
        let unreadable = |e: std::io::Error| {
            refuse(
                source,
                format!(
                    "has its data in `{}`, which cannot be read: {e}",
                    self.location
                ),
            )
            .remedy("put the file beside the model")
        };
        let mut file = File::open(&path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let available = metadata.len().saturating_sub(self.offset);
        let length = self.length.unwrap_or(available);
        if !metadata.is_file() || length != needed || available < needed {
            return Err(refuse(
                source,
                format!(
                    "needs {needed} bytes; its entry names {length} bytes from {} on in `{}`, \
                     which has {available} there",
                    self.offset, self.location
                ),
            )
            .remedy("export the model again, with all its files"));
        }
        file.seek(SeekFrom::Start(self.offset))
            .map_err(unreadable)?;
        source.read_exactly(&mut file, needed)
    }

    /// The path, with every link followed, if it lies in the model's folder.
    fn path_inside(&self, source: &Source, model: &Path) -> Result<PathBuf> {
        let outside = || {
            refuse(
                source,
                format!(
                    "has its data in `{}`, outside the model's folder",
                    self.location
                ),
            )
            .remedy("put the file beside the model, and its plain name into `location`")
        };
        let relative = Path::new(self.location);
        let plain = |c: Component<'_>| matches!(c, Component::Normal(_) | Component::CurDir);
        if !relative.components().all(plain) {
            return Err(outside());
        }
        let folder = match model.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let missing = |e: std::io::Error| {
            refuse(
                source,
                format!(
                    "has its data in `{}`, which cannot be read: {e}",
                    self.location
                ),
            )
            .remedy("put the file beside the model")
        };
        let folder = folder.canonicalize().map_err(missing)?;
        let path = folder.join(relative).canonicalize().map_err(missing)?;
        if path.starts_with(&folder) {
            Ok(path)
        } else {
            Err(outside())
        }
    }
}

fn refuse(source: &Source, what: impl std::fmt::Display) -> Error {
    source.error(what)
}
