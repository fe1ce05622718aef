//! What was measured or tried, as JSON, for programs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sabor_testing::environment;
use serde::Serialize;
use serde_json::json;

/// Writes the rows of a table to `path`.
pub(crate) fn write(rows: &[impl Serialize], quick: bool, path: &Path) -> Result<()> {
    let report = json!({
        "at": sabor::runtime::clock::Clock::default().now(),
        "quick": quick,
        "machine": {
            "system": std::env::consts::OS,
            "architecture": std::env::consts::ARCH,
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
        },
        "rows": rows,
    });
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, serde_json::to_string_pretty(&report)?)
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// The file of today in a folder of `.sabor/`.
pub(crate) fn of_today(folder: &str) -> PathBuf {
    let date = sabor::runtime::clock::Clock::default().now().date_naive();
    environment::home().join(format!("{folder}/{date}.json"))
}
