//! Files that hold secrets.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// Writes `text` to `path` atomically. Only the owner can read the file: a
/// temporary file has mode 0600, and renaming it keeps the mode.
///
/// # Errors
///
/// Fails if the folder is missing or cannot be written.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    let written = || -> Result<()> {
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(path)?;
        Ok(())
    };
    written().with_context(|| format!("cannot write {}", path.display()))
}
