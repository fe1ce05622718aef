//! The senders of a process.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard};

/// The senders of a process: one sends, and at most one waits. The waiting one sends
/// the mails of any number of requests.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    turn: Mutex<()>,
    has_waiter: AtomicBool,
}

impl SendQueue {
    /// Registers a waiting sender. Returns `false` if one is waiting already.
    pub(super) fn join(&self) -> bool {
        !self.has_waiter.swap(true, Ordering::AcqRel)
    }

    /// Waits until the current sender has finished. The caller sends while it holds
    /// the guard.
    pub(super) async fn take_turn(&self) -> MutexGuard<'_, ()> {
        let turn = self.turn.lock().await;
        self.has_waiter.store(false, Ordering::Release);
        turn
    }
}
