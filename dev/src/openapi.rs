//! `cargo dev openapi`.

use anyhow::{Context, Result};
use sabor_testing::{environment, openapi};

/// Writes `public/openapi.json`. Returns a message for the terminal.
pub(crate) fn write() -> Result<String> {
    let path = environment::repository().join("public/openapi.json");
    let written = std::fs::write(&path, openapi::document()?);
    written.with_context(|| format!("cannot write {}", path.display()))?;
    Ok("Wrote public/openapi.json.".to_owned())
}
