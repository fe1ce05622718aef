//! Installs programs that the benchmark needs into the project's home, each in a folder of
//! its own. They are not part of the workspace, so no function and no test depends on them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sabor_testing::environment;
use sabor_testing::progress;
use tokio::process::Command;

/// Writes files to a folder, and returns its path. A file that has not changed is not
/// written, so that it is not built again.
pub(super) fn write_files(folder: &str, files: &[(&str, &str)]) -> Result<PathBuf> {
    let folder = environment::home().join("bench").join(folder);
    fs::create_dir_all(&folder)?;
    for (name, text) in files {
        let path = folder.join(name);
        if !fs::read_to_string(&path).is_ok_and(|written| written == *text) {
            fs::write(path, text)?;
        }
    }
    Ok(folder)
}

/// Builds a crate in the release profile, unless it is already built. Returns its folder.
pub(super) async fn build_crate(folder: &str, files: &[(&str, &str)]) -> Result<PathBuf> {
    let folder_path = write_files(folder, files)?;
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--quiet", "--target-dir", "target"]);
    // Another target would be built in another folder.
    cargo.env_remove("CARGO_BUILD_TARGET");
    let what = format!("Building {folder} (only if it is new or has changed)");
    progress::show_while(&what, run_in(&folder_path, cargo)).await?;
    Ok(folder_path)
}

/// Runs a command in a folder to its end.
pub(super) async fn run_in(folder: &Path, mut command: Command) -> Result<()> {
    command.current_dir(folder).kill_on_drop(true);
    let name = command.as_std().get_program().display().to_string();
    let output = command.output().await;
    let output = output.with_context(|| format!("cannot run {name}. Install it"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let folder = folder.display();
    ensure!(
        output.status.success(),
        "{name} failed in {folder}: {}",
        errors.trim()
    );
    Ok(())
}
