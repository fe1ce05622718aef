//! Who runs Postgres, which refuses to run as root.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use rustix::process::geteuid;

/// Where root keeps what the account cannot reach inside the checkout.
const REACHABLE: &str = "/var/lib/sabor-dev";

/// Ourselves or, where we are root, an account without privileges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    /// User and group, where they are not our own.
    other: Option<(u32, u32)>,
}

impl Account {
    /// Ourselves, or the owner of `directory`, or `postgres`, or `nobody`.
    /// A directory that an ordinary user made stays that user's.
    pub(super) fn for_directory(directory: &Path) -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self { other: None });
        }
        let owner = fs::metadata(directory).map(|found| (found.uid(), found.gid()));
        let other = match owner {
            Ok((user, group)) if user != 0 => (user, group),
            _ => without_privileges()?,
        };
        Ok(Self { other: Some(other) })
    }

    /// Makes `command` run as this account.
    pub(super) fn applied_to(&self, command: &mut Command) {
        if let Some((user, group)) = self.other {
            command.uid(user).gid(group);
        }
    }

    /// Makes `path` belong to this account.
    pub(super) fn own(&self, path: &Path) -> io::Result<()> {
        match self.other {
            Some((user, group)) => chown(path, Some(user), Some(group)),
            None => Ok(()),
        }
    }

    /// `wanted` or, where a parent folder such as `/root` is closed to this
    /// account, a folder elsewhere that stands for it.
    pub(super) fn reachable(&self, wanted: &Path) -> Result<PathBuf> {
        let Some(parent) = wanted.parent() else {
            return Ok(wanted.to_owned());
        };
        fs::create_dir_all(parent)
            .with_context(|| format!("{} cannot be made", parent.display()))?;
        if self.other.is_none() || self.can_enter(parent)? {
            return Ok(wanted.to_owned());
        }
        let name = wanted
            .to_string_lossy()
            .trim_start_matches('/')
            .replace('/', "+");
        fs::create_dir_all(REACHABLE).with_context(|| format!("{REACHABLE} cannot be made"))?;
        fs::set_permissions(REACHABLE, Permissions::from_mode(0o755))?;
        Ok(Path::new(REACHABLE).join(name))
    }

    fn can_enter(&self, folder: &Path) -> Result<bool> {
        let mut command = Command::new("test");
        command.arg("-x").arg(folder).current_dir("/");
        self.applied_to(&mut command);
        let status = command.stdin(Stdio::null()).status();
        Ok(status.context("`test` cannot be run")?.success())
    }
}

fn without_privileges() -> Result<(u32, u32)> {
    let accounts = fs::read_to_string("/etc/passwd").context("/etc/passwd cannot be read")?;
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
            "Postgres refuses to run as root, and there is neither a user `postgres` nor `nobody`: \
         run this as an ordinary user",
        )
}
