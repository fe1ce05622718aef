//! Results of the benchmark and the drills as JSON.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sabor_testing::environment;
use serde::Serialize;
use serde_json::json;

/// Writes the rows of a table, the time and the machine to `path`.
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
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Returns the path of today's file in a folder of `.sabor/`.
pub(crate) fn default_path(folder: &str) -> PathBuf {
    let date = sabor::runtime::clock::Clock::default().now().date_naive();
    environment::home().join(format!("{folder}/{date}.json"))
}
