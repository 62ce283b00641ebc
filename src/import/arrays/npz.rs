//! `.npz`: a zip archive of `.npy` members.

use super::array::{Array, Element};
use super::{Fits, directory, npy};
use crate::error::{Error, Result};
use crate::import::file::Opened;
use crate::import::source::{Budget, Source};
use crate::memory;
use crate::tensor::Tensor;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;
use zip::read::ZipFile;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Deflate never shrinks more than 1032 times.
const MAX_RATIO: u64 = 1100;

type Archive = ZipArchive<BufReader<File>>;

/// Reads every member.
pub(super) fn read(
    path: &Path,
    mut opened: Opened,
    fits: &Fits,
) -> Result<BTreeMap<String, Array>> {
    let directory = directory::scan(&mut opened.file, opened.length)?;
    let mut archive = Archive::new(BufReader::new(opened.file)).map_err(|e| damaged(&e))?;
    let count = archive.len();
    if archive.central_directory_start() != directory.start || count as u64 != directory.count {
        return Err(Error::new("has two tables of contents")
            .remedy("write the file again with numpy.savez"));
    }
    let file: Arc<Path> = path.into();
    let mut arrays = BTreeMap::new();
    let mut budget = Budget::new();
    // Members that overlap could each unpack the same bytes.
    let mut unclaimed = opened.length;
    for index in 0..count {
        let member = archive.by_index(index).map_err(|e| damaged(&e))?;
        let source = Source {
            file: Arc::clone(&file),
            kind: "array",
            name: array_name(member.name())?,
        };
        unclaimed = unclaimed
            .checked_sub(member.compressed_size())
            .ok_or_else(|| implausible(&source, "shares its bytes with another"))?;
        let array = read_member(source, member, &mut budget, fits)?;
        arrays.insert(array.name().to_owned(), array);
    }
    Ok(arrays)
}

fn array_name(member: &str) -> Result<String> {
    match member.strip_suffix(".npy") {
        Some(name) => Ok(name.to_owned()),
        None => Err(Error::new(format!(
            "has the member `{}`, which is no .npy array",
            member.escape_debug()
        ))
        .remedy("write the file with numpy.savez, and keep other files out of it")),
    }
}

/// Reads one member, whose header and sizes must agree before its data are read.
fn read_member<R: Read>(
    source: Source,
    mut member: ZipFile<'_, R>,
    budget: &mut Budget,
    fits: &Fits,
) -> Result<Array> {
    let declared = member.size();
    budget.take(&source, declared)?;
    if declared > member.compressed_size().saturating_mul(MAX_RATIO) {
        return Err(implausible(
            &source,
            format!(
                "claims {declared} bytes from {} compressed ones",
                member.compressed_size()
            ),
        ));
    }
    let header = npy::read_header(&source, &mut member)?;
    let needed = source.byte_count(&header.shape, header.element.size())?;
    if header.length + needed != declared {
        return Err(implausible(
            &source,
            format!(
                "has {} bytes of data, but {needed} fill its shape {:?}",
                declared.saturating_sub(header.length),
                header.shape,
            ),
        ));
    }
    fits(&source.name, &header.shape)?;
    // The bytes are held twice while they become an array.
    memory::room_for(2 * needed, &format!("the array `{}`", source.name))?;
    let mut bytes = source.read_exactly(&mut member, needed)?;
    // Reading on to the end makes the zip library compare the checksum.
    match member.read(&mut [0]) {
        Ok(0) => {}
        Ok(_) => return Err(implausible(&source, "has more bytes than it declares")),
        Err(e) => return Err(implausible(&source, format!("is damaged: {e}"))),
    }
    if header.big_endian {
        let size = header.element.size();
        bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    if header.fortran_order {
        bytes = row_major(&bytes, &header.shape, header.element);
    }
    Array::new(source, header.element, &header.shape, bytes)
}

/// Column-major elements in row-major order.
fn row_major(bytes: &[u8], shape: &[usize], element: Element) -> Vec<u8> {
    let size = element.size();
    let mut ordered = Vec::with_capacity(bytes.len());
    let mut index = vec![0; shape.len()];
    while ordered.len() < bytes.len() {
        let position = (shape.iter().zip(&index).rev()).fold(0, |sum, (n, i)| sum * n + i);
        let Some(chunk) = bytes.chunks_exact(size).nth(position) else {
            break;
        };
        ordered.extend_from_slice(chunk);
        for (i, n) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < *n {
                break;
            }
            *i = 0;
        }
    }
    ordered
}

fn implausible(source: &Source, what: impl std::fmt::Display) -> Error {
    source
        .error(what)
        .remedy("write the file again with numpy.savez; it is damaged or made to mislead")
}

fn damaged(e: &ZipError) -> Error {
    Error::new(format!("cannot be read as a zip archive: {e}"))
        .remedy("write the file again with numpy.savez or numpy.savez_compressed")
}

/// Writes tensors as an `.npz` file: f16 as float16, bf16 as its bits in uint16.
///
/// The file is replaced whole: what was there stays until the new one is complete.
pub fn write_npz(path: &Path, arrays: &[(String, Tensor)]) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let written = || -> std::io::Result<()> {
        let temporary = tempfile::Builder::new()
            .prefix(".npz-")
            .tempfile_in(folder)?;
        let mut archive = ZipWriter::new(BufWriter::new(temporary));
        for (name, tensor) in arrays {
            // Members beyond 4 GiB need the 64-bit form from the start.
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .large_file(tensor.len() >= 1 << 28);
            archive.start_file(format!("{name}.npy"), options)?;
            npy::write(&mut archive, tensor)?;
        }
        let mut buffered = archive.finish()?;
        buffered.flush()?;
        let temporary = buffered.into_inner().map_err(|e| e.into_error())?;
        readable_by_all(temporary.as_file())?;
        temporary.persist(path)?;
        Ok(())
    };
    written().map_err(|e| {
        Error::new(format!("cannot be written: {e}"))
            .in_file(path)
            .remedy("check that the folder exists and may be written to")
    })
}

/// Temporary files are born private.
#[cfg(unix)]
fn readable_by_all(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_: &File) -> std::io::Result<()> {
    Ok(())
}
