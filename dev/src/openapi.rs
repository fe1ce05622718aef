//! The API description, as it stands in `public/openapi.json`.

use anyhow::{Context, Result};

use crate::environment;

/// The description of every function, as the file holds it.
///
/// # Errors
///
/// When it cannot be written as JSON.
pub fn document() -> Result<String> {
    let document = sabor::openapi::document(crate::routes());
    Ok(document.to_pretty_json()? + "\n")
}

/// Writes the file; says so.
pub(crate) fn write() -> Result<String> {
    let path = environment::repository().join("public/openapi.json");
    let written = std::fs::write(&path, document()?);
    written.with_context(|| format!("{} cannot be written", path.display()))?;
    Ok("public/openapi.json is up to date.".to_owned())
}
