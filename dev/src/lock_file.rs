//! One stack a checkout: who runs it, and where.
//!
//! `.sabor/stack.json` is locked by whoever runs the stack, and tells the
//! others where it is. The operating system gives the lock back, however its
//! holder ends; what the file says stays, so that the next run can take the
//! same ports.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sabor_testing::environment;
use serde::{Deserialize, Serialize};

/// How long a child may hold the lock of one who was killed.
const INHERITED_FOR: Duration = Duration::from_millis(500);

/// What runs, or ran last.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Running {
    /// What a person typed.
    pub(crate) command: String,
    pub(crate) process: u32,
    /// Where the site is.
    pub(crate) url: Option<String>,
    /// The connection string of the local database, once it is migrated.
    pub(crate) postgres: Option<String>,
    pub(crate) postgres_port: Option<u16>,
    pub(crate) redis_port: Option<u16>,
}

/// The right to run the stack of this checkout, as long as this lives.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: File,
    /// What ran last.
    pub(crate) last: Running,
}

/// Who has the stack.
pub(crate) enum Holder {
    /// We do, from now on.
    Us(LockFile),
    /// Somebody else.
    Other(Running),
}

impl LockFile {
    /// Takes the stack for `command`, or tells who has it.
    pub(crate) fn seek(command: &str) -> Result<Holder> {
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
                "{} cannot be written; does another user own it?",
                path.display()
            )
        })?;
        let is_ours = lock(&file)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        // Nothing, or half of it, when its writer is only just beginning.
        let found: Running = serde_json::from_str(&text).unwrap_or_default();
        if !is_ours {
            return Ok(Holder::Other(found));
        }
        let mut lock_file = Self { file, last: found };
        lock_file.tell(&Running {
            command: command.to_owned(),
            process: std::process::id(),
            ..lock_file.last.without_addresses()
        })?;
        Ok(Holder::Us(lock_file))
    }

    /// Takes the stack for `command`.
    pub(crate) fn take(command: &str) -> Result<Self> {
        match Self::seek(command)? {
            Holder::Us(lock_file) => Ok(lock_file),
            Holder::Other(running) => bail!("{}", running.sentence()),
        }
    }

    /// Tells others what runs now.
    pub(crate) fn tell(&mut self, running: &Running) -> Result<()> {
        let text = serde_json::to_string(running)?;
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text.as_bytes())?;
        Ok(())
    }
}

/// Whether the lock is ours now.
///
/// One who is killed while starting a program leaves the lock to its child
/// until that has become the program, which does not inherit it.
fn lock(file: &File) -> Result<bool> {
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if started.elapsed() < INHERITED_FOR => {
                thread::sleep(INHERITED_FOR / 20);
            }
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => {
                return Err(error).context("stack.json cannot be locked");
            }
        }
    }
}

impl Running {
    /// For the time until the stack is up again; the ports are kept.
    fn without_addresses(&self) -> Self {
        Self {
            url: None,
            postgres: None,
            ..self.clone()
        }
    }

    /// What keeps the stack from being taken, for a person.
    pub(crate) fn sentence(&self) -> String {
        let what = format!(
            "`{}` (process {}) runs already in this checkout",
            self.command, self.process
        );
        match &self.url {
            Some(url) => format!("{what}, at {url}: stop it first"),
            None => format!("{what}: wait for it, or stop it first"),
        }
    }
}
