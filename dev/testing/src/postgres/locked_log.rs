//! Log files whose lock shows whether the program that writes to them still runs.
//!
//! A file lock is inherited by child processes and released when the last of them
//! ends. A process ID would not be reliable: after a reboot it may belong to another
//! program.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context, Result};

/// Opens, locks and empties the log. Returns `None` while a program still writes to
/// it.
pub(super) fn try_lock(path: &Path) -> Result<Option<File>> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    match log.try_lock() {
        Ok(()) => {
            log.set_len(0)?;
            Ok(Some(log))
        }
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Returns the last lines of a log, for an error message.
pub(super) fn last_lines(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut lines: Vec<&str> = text.lines().rev().take(8).collect();
    lines.reverse();
    let excerpt = lines.join("\n  ");
    if excerpt.contains("No space left on device") {
        return format!("the disk is full:\n  {excerpt}");
    }
    format!("the log ends with:\n  {excerpt}")
}
