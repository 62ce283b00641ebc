//! Misuse: what can't be used, where, and what to do about it.
//!
//! An [`Error`] never speaks about a bound. A bound that fails is a
//! [`Verdict`](crate::verdict::Verdict), with a witness.

use std::fmt;
use std::path::{Path, PathBuf};

/// A result whose failure is misuse.
pub type Result<T> = std::result::Result<T, Error>;

/// What can't be used: the problem, the file and the node it is in, and the remedy.
///
/// Every part but the problem is optional; the parts are added on the way up, by the
/// layer that knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    what: String,
    remedy: Option<String>,
    node: Option<String>,
    file: Option<PathBuf>,
}

impl Error {
    /// An error that says what is wrong.
    pub fn new(what: impl Into<String>) -> Self {
        Error(Box::new(Parts {
            what: what.into(),
            remedy: None,
            node: None,
            file: None,
        }))
    }

    /// Adds what the user can do; the innermost remedy stays.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy.get_or_insert_with(|| remedy.into());
        self
    }

    /// Says what the user can do where the layer below knows less of it.
    #[must_use]
    pub(crate) fn rather(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// Adds the graph node at fault; the innermost node stays.
    #[must_use]
    pub fn at_node(mut self, node: impl Into<String>) -> Self {
        self.0.node.get_or_insert_with(|| node.into());
        self
    }

    /// Adds the file at fault; the innermost file stays.
    #[must_use]
    pub fn in_file(mut self, file: impl AsRef<Path>) -> Self {
        self.0
            .file
            .get_or_insert_with(|| file.as_ref().to_path_buf());
        self
    }

    /// The file at fault, where one is known.
    pub fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }

    /// The node at fault, where one is known.
    pub fn node(&self) -> Option<&str> {
        self.0.node.as_deref()
    }

    /// What the user can do, where something is known.
    pub fn remedy_text(&self) -> Option<&str> {
        self.0.remedy.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.0.file {
            write!(f, "{}: ", file.display())?;
        }
        if let Some(node) = &self.0.node {
            write!(f, "node `{}`: ", node.escape_debug())?;
        }
        f.write_str(&self.0.what)?;
        if let Some(remedy) = &self.0.remedy {
            write!(f, "\n  help: {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
