//! A cluster's directory with its `password`, `log` and `data`.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fs::{Access, StatVfs, access, statvfs};
use rustix::process::geteuid;
use sabor::crypto::random;

use super::account::Account;
use super::binaries::Binaries;
use super::locked_log;
use super::tls::Tls;
use crate::{private_file, progress};

/// A folder whose files Linux keeps in memory. A database has three hundred files, and
/// creating them on ext4 took a third of the time of a test run.
const MEMORY_FOLDER: &str = "/dev/shm";

/// The free space that a cluster in memory requires: 1 GiB. A test run on two cores uses at
/// most 320 MB: databases of 10 MB each and their write-ahead log.
const MIN_FREE_BYTES: u64 = 1 << 30;

/// How long the Postgres of an earlier run may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// The directory of a cluster, and the account that runs Postgres in it.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    account: Account,
    password: String,
    is_temporary: bool,
}

impl Directory {
    /// Opens or creates a directory that is kept when this process ends.
    pub(super) fn permanent(directory: &Path) -> Result<Self> {
        let (path, account) = resolve(directory)?;
        Self::prepare(path, account, false)
    }

    /// Creates a directory that is removed when this process ends.
    pub(super) fn temporary(on_disk: bool) -> Result<Self> {
        let (path, account) = create_temporary(on_disk)?;
        Self::prepare(path, account, true)
    }

    fn prepare(path: PathBuf, account: Account, is_temporary: bool) -> Result<Self> {
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        account
            .take_ownership(&path)
            .with_context(|| format!("cannot change the owner of {}", path.display()))?;
        let password = read_or_create_password(&path, account)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self {
            path,
            account,
            password,
            is_temporary,
        })
    }

    pub(super) fn is_temporary(&self) -> bool {
        self.is_temporary
    }

    pub(super) fn account(&self) -> &Account {
        &self.account
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Returns the major version of Postgres that created the data, or `None` if there is no
    /// data.
    pub(super) fn major_version(&self) -> Option<u32> {
        let text = fs::read_to_string(self.path.join("data/PG_VERSION")).ok()?;
        text.trim().parse().ok()
    }

    /// Returns the first arguments of `supervisor.sh`.
    pub(super) fn supervisor_arguments(&self) -> Vec<OsString> {
        let at_exit = if self.is_temporary { "remove" } else { "keep" };
        vec![self.path.clone().into(), at_exit.into()]
    }

    /// Locks the log. The lock shows that the Postgres or initdb of an earlier run has
    /// ended. The data can then be changed.
    pub(super) async fn lock_log(&self, binaries: &Binaries) -> Result<File> {
        wait_for_lock(&self.log(), || self.request_stop(binaries)).await
    }

    /// Asks a running Postgres to stop. Does nothing if none runs.
    fn request_stop(&self, binaries: &Binaries) {
        let mut command = Command::new(binaries.folder.join("pg_ctl"));
        command
            .args(["stop", "--mode=fast", "--no-wait", "-D"])
            .arg(self.path.join("data"));
        self.account.apply_to(&mut command);
        let _ = command
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }

    /// Writes the certificate and its key. Returns the settings that enable them.
    pub(super) fn write_certificate(&self, tls: &Tls) -> Result<Vec<String>> {
        let mut settings = vec!["ssl=on".to_owned()];
        for (setting, name, text) in [
            ("ssl_cert_file", "server.crt", &tls.certificate),
            ("ssl_key_file", "server.key", &tls.key),
        ] {
            let path = self.path.join(name);
            private_file::write(&path, text)?;
            self.account.take_ownership(&path)?;
            settings.push(format!("{setting}={}", path.display()));
        }
        Ok(settings)
    }

    pub(super) fn remove_if_temporary(&self) {
        if self.is_temporary {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Locks the log once no process writes to it. The supervisor of an earlier run stops its
/// Postgres by itself. If the supervisor was killed, `request_stop` stops Postgres.
async fn wait_for_lock(log: &Path, request_stop: impl Fn()) -> Result<File> {
    if let Some(file) = locked_log::try_lock(log)? {
        return Ok(file);
    }
    progress::show_while("Waiting for the previous Postgres to stop", async {
        let started = Instant::now();
        while started.elapsed() < STOP_TIMEOUT {
            request_stop();
            tokio::time::sleep(Duration::from_millis(100)).await;
            if let Some(file) = locked_log::try_lock(log)? {
                return Ok(file);
            }
        }
        bail!(
            "the previous Postgres did not stop: {}",
            locked_log::last_lines(log)
        );
    })
    .await
}

/// Removes the data of the cluster in `directory`.
///
/// # Errors
///
/// Fails if the cluster is still in use a minute later, or a file cannot be removed.
pub async fn remove_data(directory: &Path) -> Result<()> {
    let (path, _) = resolve(directory)?;
    let (data, discarded) = (path.join("data"), path.join("data.new"));
    if !data.exists() {
        return Ok(());
    }
    let _log = wait_for_lock(&path.join("log"), || ()).await?;
    if discarded.exists() {
        fs::remove_dir_all(&discarded)?;
    }
    // If this process is killed halfway, the next start removes `data.new`. A partial
    // `data` would look like a complete cluster.
    fs::rename(&data, &discarded)?;
    fs::remove_dir_all(&discarded)?;
    Ok(())
}

/// Returns the path to use for `directory`, and the account that runs Postgres there. The path
/// differs from `directory` if the account cannot enter a parent folder.
fn resolve(directory: &Path) -> Result<(PathBuf, Account)> {
    let account = Account::for_directory(directory)?;
    let path = account.accessible_path(directory)?;
    Ok((path.clone(), Account::for_directory(&path)?))
}

fn create_temporary(on_disk: bool) -> Result<(PathBuf, Account)> {
    let parent = if !on_disk && has_room(Path::new(MEMORY_FOLDER)) {
        PathBuf::from(MEMORY_FOLDER)
    } else if geteuid().is_root() {
        // Other accounts may have no access to root's own temporary folder.
        PathBuf::from("/tmp")
    } else {
        std::env::temp_dir()
    };
    let created = tempfile::Builder::new()
        .prefix("sabor-postgres-")
        .tempdir_in(&parent);
    let directory = created.with_context(|| format!("cannot write to {}", parent.display()))?;
    let account = Account::for_directory(directory.path())?;
    Ok((directory.keep(), account))
}

/// Returns whether the folder exists, is writable and has enough space. Containers
/// often have a small or read-only `/dev/shm`.
fn has_room(folder: &Path) -> bool {
    let is_large = |stats: StatVfs| stats.f_bavail.saturating_mul(stats.f_frsize) >= MIN_FREE_BYTES;
    access(folder, Access::WRITE_OK).is_ok() && statvfs(folder).is_ok_and(is_large)
}

/// Reads the cluster's password. Creates it if it does not exist.
fn read_or_create_password(directory: &Path, account: Account) -> Result<String> {
    let path = directory.join("password");
    if !path.exists() {
        private_file::write(&path, &random::hex::<16>())?;
    }
    // initdb reads the file. This step is repeated on every start, because an earlier run
    // may have been killed before it.
    account.take_ownership(&path)?;
    Ok(fs::read_to_string(&path)?)
}
