//! The state that an endpoint's connections share.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::backend::Backend;
use crate::hold::{HeldResponse, Hold, Results};
use crate::log::Log;
use crate::mode::FaultMode;
use crate::protocol::RequestKind;

pub(crate) struct State {
    pub(crate) backend: Backend,
    /// The value that the `Authorization` header must have, if the request has one.
    pub(crate) authorization: String,
    /// The number of connections accepted so far.
    pub(crate) connection_count: AtomicU64,
    mode: Mutex<FaultMode>,
    holds: Mutex<Vec<Arc<Hold>>>,
    log: Mutex<Log>,
}

impl State {
    pub(crate) fn new(backend: Backend, token: &str, log_capacity: usize) -> Self {
        Self {
            backend,
            authorization: format!("Bearer {token}"),
            connection_count: AtomicU64::new(0),
            mode: Mutex::default(),
            holds: Mutex::default(),
            log: Mutex::new(Log::new(log_capacity)),
        }
    }

    pub(crate) fn mode(&self) -> FaultMode {
        *lock(&self.mode)
    }

    pub(crate) fn set_mode(&self, mode: FaultMode) {
        *lock(&self.mode) = mode;
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    pub(crate) fn add_hold(&self, hold: &Arc<Hold>) {
        lock(&self.holds).push(Arc::clone(hold));
    }

    pub(crate) fn remove_hold(&self, removed: &Arc<Hold>) {
        lock(&self.holds).retain(|hold| !Arc::ptr_eq(hold, removed));
    }

    /// Holds the request if it matches one of the holds.
    pub(crate) fn try_hold(
        &self,
        kind: RequestKind,
        commands: &[Vec<String>],
    ) -> Option<HeldResponse> {
        let holds = lock(&self.holds);
        holds.iter().find_map(|hold| hold.try_hold(kind, commands))
    }

    /// Runs the commands of a request, except those that the mode refuses. If the mode
    /// refuses a command of a transaction, none of them runs.
    pub(crate) async fn run(&self, kind: RequestKind, commands: &[Vec<String>]) -> Results {
        let mode = self.mode();
        let atomic = kind == RequestKind::MultiExec;
        let refuse = |command: &[String]| mode.refusal(command);
        self.backend.run(commands, atomic, refuse).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
