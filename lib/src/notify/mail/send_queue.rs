//! The queue of the tasks of a process that send e-mails.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard};

/// Limits a process to one task that sends e-mails and one that waits. The waiting task
/// also sends the e-mails of all requests that arrive meanwhile.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    turn: Mutex<()>,
    has_waiter: AtomicBool,
}

impl SendQueue {
    /// Registers the caller as the waiting task. Returns `false` if another one waits.
    pub(super) fn join(&self) -> bool {
        !self.has_waiter.swap(true, Ordering::AcqRel)
    }

    /// Waits until the task that sends now has finished. The caller may send while it holds
    /// the guard.
    pub(super) async fn take_turn(&self) -> MutexGuard<'_, ()> {
        let turn = self.turn.lock().await;
        self.has_waiter.store(false, Ordering::Release);
        turn
    }
}
