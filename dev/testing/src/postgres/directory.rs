//! Where a cluster lives: `password`, `log` and `data`.

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
use super::held_log;
use super::tls::Tls;
use crate::{private_file, progress};

/// Where Linux keeps files in memory. A database is three hundred of them, and
/// ext4 looks at each inode that was given up in the last minutes before it
/// makes a file: a third of what a run of the tests took.
const MEMORY: &str = "/dev/shm";

/// A run of the tests has 320 MB at its most on two cores: databases of 10 MB, and
/// the log of what is written to them. What else fills memory is not asked.
const MEMORY_NEEDED: u64 = 1 << 30;

/// How long a Postgres of an earlier run may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    account: Account,
    password: String,
    throw_away: bool,
}

impl Directory {
    /// Makes what is missing of `wanted`.
    pub(super) fn kept(wanted: &Path) -> Result<Self> {
        let (path, account) = place(wanted)?;
        Self::prepare(path, account, false)
    }

    /// Makes a directory that goes with its owner.
    pub(super) fn temporary(on_disk: bool) -> Result<Self> {
        let (path, account) = throw_away_place(on_disk)?;
        Self::prepare(path, account, true)
    }

    fn prepare(path: PathBuf, account: Account, throw_away: bool) -> Result<Self> {
        fs::create_dir_all(&path).with_context(|| format!("{} cannot be made", path.display()))?;
        account
            .own(&path)
            .with_context(|| format!("{} cannot be given away", path.display()))?;
        let password = password(&path, account)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Self {
            path,
            account,
            password,
            throw_away,
        })
    }

    pub(super) fn is_throw_away(&self) -> bool {
        self.throw_away
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

    /// The version that made the data; `None` when there are none yet.
    pub(super) fn major_version(&self) -> Option<u32> {
        let text = fs::read_to_string(self.path.join("data/PG_VERSION")).ok()?;
        text.trim().parse().ok()
    }

    /// What `keeper.sh` wants to know of the directory.
    pub(super) fn keeper_arguments(&self) -> Vec<OsString> {
        let fate = if self.throw_away { "remove" } else { "keep" };
        vec![self.path.clone().into(), fate.into()]
    }

    /// The log, when nobody writes to it any more: a Postgres, or initdb, of
    /// an earlier run has then ended, and its data may be touched.
    pub(super) async fn take_log(&self, binaries: &Binaries) -> Result<File> {
        until_free(&self.log(), || self.ask_to_stop(binaries)).await
    }

    /// Harmless where none runs: `pg_ctl` then finds no process to ask.
    fn ask_to_stop(&self, binaries: &Binaries) {
        let mut command = Command::new(binaries.folder.join("pg_ctl"));
        command
            .args(["stop", "--mode=fast", "--no-wait", "-D"])
            .arg(self.path.join("data"));
        self.account.applied_to(&mut command);
        let _ = command
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }

    /// Writes the certificate as Postgres wants it, and tells the settings for it.
    pub(super) fn write_certificate(&self, tls: &Tls) -> Result<Vec<String>> {
        let mut settings = vec!["ssl=on".to_owned()];
        for (setting, name, text) in [
            ("ssl_cert_file", "server.crt", &tls.certificate),
            ("ssl_key_file", "server.key", &tls.key),
        ] {
            let path = self.path.join(name);
            private_file::write(&path, text)?;
            self.account.own(&path)?;
            settings.push(format!("{setting}={}", path.display()));
        }
        Ok(settings)
    }

    pub(super) fn throw_away(&self) {
        if self.throw_away {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Takes the log, waiting for whoever still writes to it. Its keeper is
/// stopping it already, unless that was killed too: hence `ask_to_stop`.
async fn until_free(log: &Path, ask_to_stop: impl Fn()) -> Result<File> {
    if let Some(file) = held_log::try_take(log)? {
        return Ok(file);
    }
    progress::show_while("Waiting for the previous Postgres to stop", async {
        let started = Instant::now();
        while started.elapsed() < STOP_WITHIN {
            ask_to_stop();
            tokio::time::sleep(Duration::from_millis(100)).await;
            if let Some(file) = held_log::try_take(log)? {
                return Ok(file);
            }
        }
        bail!(
            "the previous Postgres does not stop; {}",
            held_log::last_words(log)
        );
    })
    .await
}

/// Removes the data of the cluster in `directory`, which nobody may be using.
///
/// # Errors
///
/// When it is still in use, or the operating system refuses.
pub async fn remove(directory: &Path) -> Result<()> {
    let (path, _) = place(directory)?;
    let (data, old) = (path.join("data"), path.join("data.new"));
    if !data.exists() {
        return Ok(());
    }
    let _log = until_free(&path.join("log"), || ()).await?;
    if old.exists() {
        fs::remove_dir_all(&old)?;
    }
    // Half-removed data must not be taken for data: under this name the next
    // start removes what remains, should we be killed half-way.
    fs::rename(&data, &old)?;
    fs::remove_dir_all(&old)?;
    Ok(())
}

fn place(wanted: &Path) -> Result<(PathBuf, Account)> {
    let account = Account::for_directory(wanted)?;
    let path = account.reachable(wanted)?;
    Ok((path.clone(), Account::for_directory(&path)?))
}

fn throw_away_place(on_disk: bool) -> Result<(PathBuf, Account)> {
    let parent = if !on_disk && is_usable(Path::new(MEMORY)) {
        PathBuf::from(MEMORY)
    } else if geteuid().is_root() {
        // Root's own temporary folder may be closed to others.
        PathBuf::from("/tmp")
    } else {
        std::env::temp_dir()
    };
    let made = tempfile::Builder::new()
        .prefix("sabor-postgres-")
        .tempdir_in(&parent);
    let directory = made.with_context(|| format!("{} cannot be written to", parent.display()))?;
    let account = Account::for_directory(directory.path())?;
    Ok((directory.keep(), account))
}

/// Other systems than Linux have no such folder; a container's is often small, or
/// not to be written to.
fn is_usable(folder: &Path) -> bool {
    let has_room = |found: StatVfs| found.f_bavail.saturating_mul(found.f_frsize) >= MEMORY_NEEDED;
    access(folder, Access::WRITE_OK).is_ok() && statvfs(folder).is_ok_and(has_room)
}

/// The password that the cluster was, or will be, made with.
fn password(directory: &Path, account: Account) -> Result<String> {
    let path = directory.join("password");
    if !path.exists() {
        private_file::write(&path, &random::hex::<16>())?;
    }
    // initdb reads it. Each time, lest we were killed in between once.
    account.own(&path)?;
    Ok(fs::read_to_string(&path)?)
}
