//! Opening the files that the user names, and their fingerprints.

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// An open regular file, its length, and its SHA-256 in hexadecimal.
pub(crate) struct Opened {
    /// The file, at its beginning.
    pub file: File,
    /// Its length in bytes.
    pub length: u64,
    /// The digest of all of it.
    pub sha256: String,
}

/// Opens a regular file and hashes it.
pub(crate) fn open(path: &Path) -> Result<Opened> {
    let unreadable = |e: std::io::Error| {
        Error::new(format!("cannot be read: {e}"))
            .in_file(path)
            .remedy("check the path and its permissions")
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Error::new("is not a regular file")
            .in_file(path)
            .remedy("give the path of a file"));
    }
    let sha256 = sha256(&mut file).map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    Ok(Opened {
        file,
        length: metadata.len(),
        sha256,
    })
}

fn sha256(reader: &mut impl Read) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
    let mut hex = String::with_capacity(64);
    for byte in hasher.finalize() {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex)
}
