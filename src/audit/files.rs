//! Writing results: each file whole or not at all.

use super::Audited;
use crate::error::{Error, Result};
use crate::report;
use std::io::Write;
use std::path::Path;

/// Writes `audit.json`, `report.html` and the witnesses into a folder, which may exist.
pub fn write(audited: &Audited, folder: &Path) -> Result<()> {
    let unwritable = |path: &Path, e: std::io::Error| {
        Error::new(format!("cannot be written: {e}"))
            .in_file(path)
            .remedy("choose a folder that can be written with --out DIR")
    };
    std::fs::create_dir_all(folder).map_err(|e| unwritable(folder, e))?;
    let put = |path: &Path, bytes: &[u8]| replace(path, bytes).map_err(|e| unwritable(path, e));
    if !audited.witnesses.is_empty() {
        let inner = folder.join("witnesses");
        std::fs::create_dir_all(&inner).map_err(|e| unwritable(&inner, e))?;
        for (name, witness) in &audited.witnesses {
            put(&inner.join(name), format!("{witness:#}\n").as_bytes())?;
        }
    }
    put(
        &folder.join("report.html"),
        report::html(&audited.audit)?.as_bytes(),
    )?;
    put(&folder.join("audit.json"), json(audited)?.as_bytes())
}

/// The record as JSON text.
pub fn json(audited: &Audited) -> Result<String> {
    serde_json::to_string_pretty(&audited.audit)
        .map(|text| text + "\n")
        .map_err(|e| Error::new(format!("the record cannot be written as JSON: {e}")))
}

/// Writes a file beside its final place and renames it, so that no reader sees half of it.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(permissions)?;
    file.persist(path)?;
    Ok(())
}
