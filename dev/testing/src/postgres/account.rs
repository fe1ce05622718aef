//! The account that runs Postgres, which refuses to run as root.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::geteuid;

/// The folder for Postgres's files if the checkout is in a folder that the account cannot
/// enter.
const FALLBACK_FOLDER: &str = "/var/lib/sabor-dev";

/// The current account or, for root, an unprivileged one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    /// The user and group ID, if this is not the current account.
    unprivileged_ids: Option<(u32, u32)>,
}

impl Account {
    /// Returns the current account. For root, returns the owner of `directory` if
    /// that is an ordinary user, otherwise `postgres`, `_postgres` or `nobody`.
    pub(super) fn for_directory(directory: &Path) -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self {
                unprivileged_ids: None,
            });
        }
        let owner = fs::metadata(directory).map(|found| (found.uid(), found.gid()));
        let ids = match owner {
            Ok((user, group)) if user != 0 => (user, group),
            _ => find_unprivileged_ids()?,
        };
        Ok(Self {
            unprivileged_ids: Some(ids),
        })
    }

    /// Makes `command` run as this account.
    pub(super) fn apply_to(&self, command: &mut Command) {
        if let Some((user, group)) = self.unprivileged_ids {
            command.uid(user).gid(group);
        }
    }

    /// Makes this account the owner of `path`.
    pub(super) fn take_ownership(&self, path: &Path) -> io::Result<()> {
        match self.unprivileged_ids {
            Some((user, group)) => chown(path, Some(user), Some(group)),
            None => Ok(()),
        }
    }

    /// Returns `preferred` or, if this account cannot enter a parent folder such as
    /// `/root`, a path in [`FALLBACK_FOLDER`]. Creates the parent folder.
    pub(super) fn accessible_path(&self, preferred: &Path) -> Result<PathBuf> {
        let Some(parent) = preferred.parent() else {
            return Ok(preferred.to_owned());
        };
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot create {}", parent.display()))?;
        if self.unprivileged_ids.is_none() || self.can_enter(parent)? {
            return Ok(preferred.to_owned());
        }
        let name = preferred
            .to_string_lossy()
            .trim_start_matches('/')
            .replace('/', "+");
        fs::create_dir_all(FALLBACK_FOLDER)
            .with_context(|| format!("cannot create {FALLBACK_FOLDER}"))?;
        fs::set_permissions(FALLBACK_FOLDER, Permissions::from_mode(0o755))?;
        Ok(Path::new(FALLBACK_FOLDER).join(name))
    }

    fn can_enter(&self, folder: &Path) -> Result<bool> {
        let mut command = Command::new("test");
        command.arg("-x").arg(folder).current_dir("/");
        self.apply_to(&mut command);
        let status = command.stdin(Stdio::null()).status();
        Ok(status.context("cannot run `test`")?.success())
    }
}

fn find_unprivileged_ids() -> Result<(u32, u32)> {
    let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let ids = |name: &str| {
        let line = accounts
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    ["postgres", "_postgres", "nobody"]
        .into_iter()
        .find_map(ids)
        .context(
            "Postgres refuses to run as root, and there is no user `postgres` or `nobody`. \
         Run this as an ordinary user",
        )
}
