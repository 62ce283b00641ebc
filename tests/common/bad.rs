//! What an error about a bad file must say.

use gradbound::error::Error;
use std::path::Path;

/// Asserts that the error names the file, says what to do, and contains a word.
#[track_caller]
pub fn assert_names(error: &Error, path: &Path, word: &str) {
    let text = error.to_string();
    assert_eq!(error.file(), Some(path), "no file: {text}");
    assert!(error.remedy_text().is_some(), "no remedy: {text}");
    assert!(text.contains(word), "no {word:?} in: {text}");
}
