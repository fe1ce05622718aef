//! The lock file that allows one stack per checkout.
//!
//! The process that runs the stack holds a lock on `.sabor/stack.json`. Other commands
//! read the stack's addresses from this file. The operating system releases the lock when
//! the process ends. The content remains, so that the next run can use the same ports.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sabor_testing::environment;
use serde::{Deserialize, Serialize};

/// How long a child process may hold the lock of a killed parent.
const INHERITED_LOCK_TIMEOUT: Duration = Duration::from_millis(500);

/// The stack that is running, or that ran last.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct StackInfo {
    /// The command that a person typed.
    pub(crate) command: String,
    pub(crate) process: u32,
    /// The site's address.
    pub(crate) url: Option<String>,
    /// The connection string of the local database. Set once it is migrated.
    pub(crate) postgres: Option<String>,
    pub(crate) postgres_port: Option<u16>,
    pub(crate) redis_port: Option<u16>,
}

/// The locked file. Dropping it releases the lock.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: File,
    /// The stack that ran last.
    pub(crate) last: StackInfo,
}

/// The result of an attempt to lock the file.
pub(crate) enum Lock {
    Acquired(LockFile),
    /// Another process holds the lock.
    HeldBy(StackInfo),
}

impl LockFile {
    /// Locks the file for `command`, or returns the stack that holds the lock.
    pub(crate) fn try_acquire(command: &str) -> Result<Lock> {
        let home = environment::home();
        let path = home.join("stack.json");
        let mut options = File::options();
        options
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600);
        let opened = fs::create_dir_all(&home).and_then(|()| options.open(&path));
        let mut file = opened.with_context(|| {
            format!(
                "cannot write {}. Check whether another user owns it",
                path.display()
            )
        })?;
        let is_acquired = lock(&file)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        // The text is empty or incomplete while another process is writing it.
        let found: StackInfo = serde_json::from_str(&text).unwrap_or_default();
        if !is_acquired {
            return Ok(Lock::HeldBy(found));
        }
        let mut lock_file = Self { file, last: found };
        lock_file.write(&StackInfo {
            command: command.to_owned(),
            process: std::process::id(),
            ..lock_file.last.without_addresses()
        })?;
        Ok(Lock::Acquired(lock_file))
    }

    /// Locks the file for `command`. Fails if another process holds the lock.
    pub(crate) fn acquire(command: &str) -> Result<Self> {
        match Self::try_acquire(command)? {
            Lock::Acquired(lock_file) => Ok(lock_file),
            Lock::HeldBy(running) => bail!("{}", running.message()),
        }
    }

    /// Writes the running stack, so that other commands can read it.
    pub(crate) fn write(&mut self, running: &StackInfo) -> Result<()> {
        let text = serde_json::to_string(running)?;
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        Ok(())
    }
}

/// Tries to lock the file, and returns whether it succeeded.
///
/// If the previous holder was killed between `fork` and `exec`, its child process keeps
/// the lock for a moment. So this function retries for a short time.
fn lock(file: &File) -> Result<bool> {
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if started.elapsed() < INHERITED_LOCK_TIMEOUT => {
                thread::sleep(INHERITED_LOCK_TIMEOUT / 20);
            }
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => {
                return Err(error).context("cannot lock stack.json");
            }
        }
    }
}

impl StackInfo {
    /// Returns a copy for a stack that is starting. It keeps the ports but not the
    /// addresses, which are not valid yet.
    fn without_addresses(&self) -> Self {
        Self {
            url: None,
            postgres: None,
            ..self.clone()
        }
    }

    /// Returns an error message that says what holds the lock.
    pub(crate) fn message(&self) -> String {
        let what = format!(
            "`{}` (process {}) is already running in this checkout",
            self.command, self.process
        );
        match &self.url {
            Some(url) => format!("{what}, at {url}. Stop it first"),
            None => format!("{what}. Wait for it or stop it first"),
        }
    }
}
