//! Builds the site with npm, and again whenever one of its sources changes.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use sabor_testing::environment;
use sabor_testing::progress::{show_while, status};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// What `watch.mjs` prints when a build has finished.
const BUILT: &str = "built";

/// What `watch.mjs` prints when a build has failed, after the reason.
const FAILED: &str = "failed";

/// The message after the reason of a failed build.
const NOT_BUILT: &str = "The site was not built, for the reason above. The last build is served \
    until the error is corrected.";

/// The process that builds the site. It ends when this is dropped, and, because its
/// standard input is closed then, also when this process is killed.
#[derive(Debug)]
pub(crate) struct SiteBuild {
    _process: Child,
}

/// Returns the folder of the site's sources.
fn source_directory() -> PathBuf {
    environment::repository().join("site")
}

/// Returns the folder of the built site.
pub(crate) fn output_directory() -> PathBuf {
    source_directory().join("dist")
}

impl SiteBuild {
    /// Builds the site, and keeps building it. A site that cannot be built is reported and
    /// is no error, because the API works without it.
    pub(crate) async fn start() -> Option<Self> {
        match Self::try_start(&source_directory()).await {
            Ok(build) => build,
            Err(error) => {
                status(&format!(
                    "The site was not built: {error:#}. The API works."
                ));
                None
            }
        }
    }

    async fn try_start(folder: &Path) -> Result<Option<Self>> {
        if !is_npm_installed().await? {
            status(
                "npm is not installed, so the site is not built. The API works. \
                 To see the site, install Node 20.19 or newer.",
            );
            return Ok(None);
        }
        if !are_packages_current(folder) {
            let install = install_packages(folder);
            show_while("Installing the site's packages", install).await?;
        }
        let mut process = Command::new("node")
            .arg("scripts/watch.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot run node")?;
        let output = process.stdout.take().context("node has no output")?;
        let mut lines = BufReader::new(output).lines();
        let first_build = wait_for_build(&mut lines);
        show_while("Building the site", first_build).await?;
        tokio::spawn(report_builds(lines));
        Ok(Some(Self { _process: process }))
    }
}

async fn is_npm_installed() -> Result<bool> {
    let version = Command::new("npm").arg("--version").output().await;
    match version {
        Ok(output) => Ok(output.status.success()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).context("cannot run npm"),
    }
}

/// Returns whether npm has installed the packages of the current lock file.
fn are_packages_current(folder: &Path) -> bool {
    let modified = |name: &str| {
        let metadata = std::fs::metadata(folder.join(name));
        metadata.and_then(|metadata| metadata.modified())
    };
    match (
        modified("package-lock.json"),
        modified("node_modules/.package-lock.json"),
    ) {
        (Ok(wanted), Ok(installed)) => installed >= wanted,
        _ => false,
    }
}

async fn install_packages(folder: &Path) -> Result<()> {
    let install = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(folder)
        .kill_on_drop(true)
        .output();
    let output = install.await.context("cannot run npm")?;
    if !output.status.success() {
        bail!("npm ci failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Waits until a build has finished. A failed build has shown its reason on standard error,
/// and is reported.
async fn wait_for_build(lines: &mut Lines<BufReader<ChildStdout>>) -> Result<()> {
    while let Some(line) = lines.next_line().await? {
        if line == FAILED {
            status(NOT_BUILT);
        }
        if line == BUILT || line == FAILED {
            return Ok(());
        }
    }
    bail!("the build ended, see above")
}

/// Reports later builds, until the process ends.
async fn report_builds(mut lines: Lines<BufReader<ChildStdout>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        match line.as_str() {
            BUILT => status("The site was built again."),
            FAILED => status(NOT_BUILT),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_again_after_the_lock_file_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let lock_file = folder.path().join("package-lock.json");
        let installed = folder.path().join("node_modules/.package-lock.json");
        std::fs::write(&lock_file, "{}").unwrap();
        assert!(!are_packages_current(folder.path()));
        std::fs::create_dir(folder.path().join("node_modules")).unwrap();
        std::fs::write(&installed, "{}").unwrap();
        assert!(are_packages_current(folder.path()));
        let written = std::fs::metadata(&lock_file).unwrap().modified().unwrap();
        let later = written + std::time::Duration::from_secs(60);
        let file = std::fs::File::options()
            .write(true)
            .open(lock_file)
            .unwrap();
        file.set_modified(later).unwrap();
        assert!(!are_packages_current(folder.path()));
    }
}
