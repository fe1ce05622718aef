//! `cargo dev openapi`.

use anyhow::{Context, Result};
use sabor_testing::{environment, openapi};

/// Writes `site/public/openapi.json`. Returns a message for the terminal.
pub(crate) fn write() -> Result<String> {
    let path = environment::repository().join("site/public/openapi.json");
    let written = std::fs::write(&path, openapi::document()?);
    written.with_context(|| format!("cannot write {}", path.display()))?;
    Ok("Wrote site/public/openapi.json.".to_owned())
}
