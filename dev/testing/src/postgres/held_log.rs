//! Logs that tell whether what writes to them still runs.
//!
//! The lock of a file belongs to everybody who has inherited it and goes with
//! the last of them. A program that is started with a locked log as its
//! output is thus known to run or not, without believing a process number,
//! which after a restart of the machine may be somebody else's.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context, Result};

/// Opens and locks `path`, emptied; `None` while somebody still writes to it.
pub(super) fn try_take(path: &Path) -> Result<Option<File>> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    match log.try_lock() {
        Ok(()) => {
            log.set_len(0)?;
            Ok(Some(log))
        }
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} cannot be locked", path.display()))
        }
    }
}

/// The last lines of a log, for a person who has to find out what went wrong.
pub(super) fn last_words(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut lines: Vec<&str> = text.lines().rev().take(8).collect();
    lines.reverse();
    let words = lines.join("\n  ");
    if words.contains("No space left on device") {
        return format!("the disk is full:\n  {words}");
    }
    format!("its last words:\n  {words}")
}
