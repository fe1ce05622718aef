//! The API description.

use anyhow::Result;

use crate::functions;

/// Returns the description of every function, in the format of `site/public/openapi.json`.
///
/// # Errors
///
/// Fails if the description cannot be serialized.
pub fn document() -> Result<String> {
    let document = sabor::openapi::document(functions::routes());
    Ok(document.to_pretty_json()? + "\n")
}
