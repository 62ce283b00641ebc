//! Where an array comes from, so that everything said about it names it.

use crate::error::{Error, Result};
use crate::tensor::Shape;
use std::fmt::Display;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// An array's file and its name there.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub file: Arc<Path>,
    /// What messages call it: "array", "initializer", ...
    pub kind: &'static str,
    pub name: String,
}

impl Source {
    /// An error that names the array and its file.
    pub fn error(&self, what: impl Display) -> Error {
        let Source { file, kind, name } = self;
        Error::new(format!("{kind} `{}` {what}", name.escape_debug())).in_file(file)
    }

    /// Bytes that the elements of a shape take; fails where no tensor may be that large.
    pub fn byte_count(&self, shape: &[usize], element_size: usize) -> Result<u64> {
        match Shape::excess(shape) {
            None => {
                let len: usize = shape.iter().product();
                Ok(len as u64 * element_size as u64)
            }
            Some(why) => Err(self
                .error(format!("of shape {shape:?} has {why}"))
                .remedy("use smaller arrays")),
        }
    }

    /// Reads exactly `count` bytes, which the caller has found plausible; what follows them
    /// is left unread.
    ///
    /// Memory that is not there is an error, not an abort.
    pub fn read_exactly(&self, reader: &mut impl Read, count: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let capacity = usize::try_from(count).unwrap_or(usize::MAX);
        if bytes.try_reserve_exact(capacity).is_err() {
            return Err(self
                .error(format!("has {count} bytes, which do not fit into memory"))
                .remedy("use smaller arrays or a machine with more memory"));
        }
        let damaged = |what: String| self.error(what).remedy("write the file again");
        match reader.take(count).read_to_end(&mut bytes) {
            Ok(read) if read == capacity => Ok(bytes),
            Ok(read) => Err(damaged(format!("ends after {read} of {count} bytes"))),
            Err(e) => Err(damaged(format!("cannot be read: {e}"))),
        }
    }
}

/// What all arrays of a file may take together, decompressed.
#[derive(Debug)]
pub(super) struct Budget(u64);

impl Budget {
    /// The default.
    const LIMIT: u64 = 8 << 30;

    pub fn new() -> Self {
        Budget(Budget::LIMIT)
    }

    /// Takes an array's bytes off the budget; fails where they exceed it.
    pub fn take(&mut self, source: &Source, bytes: u64) -> Result<()> {
        let rest = self.0.checked_sub(bytes).ok_or_else(|| {
            source
                .error(format!(
                    "has {bytes} bytes, and the file's arrays may have {} GiB together",
                    Budget::LIMIT >> 30
                ))
                .remedy("split the file, or keep only the arrays that are needed")
        })?;
        self.0 = rest;
        Ok(())
    }
}
