//! Writing results: each file whole or not at all.

use super::Audited;
use crate::error::{Error, Result};
use crate::report;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes `audit.json`, `report.html` and the witnesses into a folder, which may exist.
///
/// Every file is complete beside its final place before the first one takes its place, so
/// that a full disk leaves an earlier audit as it was.
pub fn write(audited: &Audited, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| unwritable(folder, OPTION, &e))?;
    let inner = folder.join("witnesses");
    let mut ready = Vec::new();
    if !audited.witnesses.is_empty() {
        std::fs::create_dir_all(&inner).map_err(|e| unwritable(&inner, OPTION, &e))?;
    }
    for (name, witness) in &audited.witnesses {
        let text = format!("{witness:#}\n");
        ready.push(Whole::new(inner.join(name), OPTION, &text)?);
    }
    let page = report::html(&audited.audit)?;
    ready.push(Whole::new(folder.join("report.html"), OPTION, &page)?);
    ready.push(Whole::new(
        folder.join("audit.json"),
        OPTION,
        &json(audited)?,
    )?);
    remove_earlier_witnesses(&inner);
    ready.into_iter().try_for_each(Whole::publish)
}

/// What chooses the folder of an audit.
const OPTION: &str = "--out DIR";

fn unwritable(path: &Path, option: &str, e: &std::io::Error) -> Error {
    Error::new(format!("cannot be written: {e}"))
        .in_file(path)
        .remedy(format!("choose a place that can be written with {option}"))
}

/// A file that is complete under a temporary name.
pub(crate) struct Whole {
    file: tempfile::NamedTempFile,
    path: PathBuf,
    /// The option that chooses where it goes.
    option: &'static str,
}

impl Whole {
    pub(crate) fn new(path: PathBuf, option: &'static str, text: &str) -> Result<Whole> {
        if path.is_dir() {
            return Err(Error::new("is a folder where a file must go")
                .in_file(&path)
                .remedy(format!("choose another one with {option}")));
        }
        let write = || {
            let mut file =
                tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
            file.write_all(text.as_bytes())?;
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            file.as_file().set_permissions(permissions)?;
            Ok(file)
        };
        match write() {
            Ok(file) => Ok(Whole { file, path, option }),
            Err(e) => Err(unwritable(&path, option, &e)),
        }
    }

    pub(crate) fn publish(self) -> Result<()> {
        match self.file.persist(&self.path) {
            Ok(_) => Ok(()),
            Err(e) => Err(unwritable(&self.path, self.option, &e.error)),
        }
    }
}

/// Witnesses of an earlier audit in the same folder would contradict this one. Only files
/// that an audit names (a number and `.json`) are touched; what cannot be removed stays.
fn remove_earlier_witnesses(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries.filter_map(|e| Some(e.ok()?.path())) {
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or("");
        let numbered = !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_digit());
        if numbered && path.extension().is_some_and(|e| e == "json") {
            let _ = std::fs::remove_file(&path);
        }
    }
    // Fails, as it should, where something else is in it or witnesses are being written.
    let _ = std::fs::remove_dir(folder);
}

/// The record as JSON text.
pub fn json(audited: &Audited) -> Result<String> {
    serde_json::to_string_pretty(&audited.audit)
        .map(|text| text + "\n")
        .map_err(|e| Error::new(format!("the record cannot be written as JSON: {e}")))
}
