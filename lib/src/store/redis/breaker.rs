//! The circuit breaker of the Redis client.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use crate::error::chain;
use crate::runtime::clock::Clock;

/// After this many failures in a row, the breaker opens.
const FAILURE_LIMIT: u32 = 3;

/// The minimum time between a failure and the next probe. Only an open breaker sends probes.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Error kinds that concern one command only. They do not mean that Redis refuses other
/// writes.
const COMMAND_SPECIFIC_ERRORS: [&str; 3] = ["ERR", "EXECABORT", "WRONGTYPE"];

/// A write that Redis refused.
#[derive(Clone, Debug)]
pub struct RefusedWrite {
    /// The first word of the error, such as `READONLY`, `OOM` or `NOPERM`.
    pub kind: String,
    /// When it was refused.
    pub at: DateTime<Utc>,
}

/// Opens when Redis does not answer, or refuses writes. Closes when Redis answers again and
/// does not refuse writes.
pub(super) struct Breaker {
    clock: Clock,
    failures: AtomicU32,
    probing: AtomicBool,
    /// Whether a write was refused for a reason that concerns every write, and no write was
    /// accepted since.
    refuses_writes: AtomicBool,
    state: Mutex<State>,
    recovered: Notify,
}

#[derive(Default)]
struct State {
    last_failure: Option<Instant>,
    /// The last error without an answer. The commands of one request share it, and count once.
    last_error: Option<upstash_redis_rs::Error>,
    /// The last refused write, for any reason, unless a write was accepted since.
    last_refused_write: Option<RefusedWrite>,
}

impl Breaker {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            failures: AtomicU32::default(),
            probing: AtomicBool::default(),
            refuses_writes: AtomicBool::default(),
            state: Mutex::default(),
            recovered: Notify::new(),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.failures.load(Ordering::Relaxed) < FAILURE_LIMIT
            && !self.refuses_writes.load(Ordering::Relaxed)
    }

    /// Waits for the next time that the breaker closes. If the breaker is closed now, this
    /// is after it has opened again.
    pub(super) async fn recovered(&self) {
        self.recovered.notified().await;
    }

    /// Records that Redis answered, even if it rejected the command.
    pub(super) fn record_answer(&self) {
        if self.failures.swap(0, Ordering::Relaxed) >= FAILURE_LIMIT {
            tracing::info!("Redis answers again");
            self.notify_if_closed();
        }
    }

    /// Records that Redis did not answer. Several commands that left in one request count as one
    /// failure.
    pub(super) fn record_failure(&self, error: &upstash_redis_rs::Error) {
        let mut state = self.state();
        state.last_failure = Some(Instant::now());
        let last_error = state.last_error.replace(error.clone());
        drop(state);
        if last_error.is_some_and(|last| last.is_same_failure(error)) {
            return;
        }
        let previous_failures = self.failures.fetch_add(1, Ordering::Relaxed);
        if previous_failures + 1 == FAILURE_LIMIT {
            let error = chain(error);
            tracing::warn!(error, "Redis does not answer; continuing without it");
        }
    }

    /// Records that Redis accepted a write.
    pub(super) fn record_accepted_write(&self) {
        let refused = self.state().last_refused_write.take();
        self.refuses_writes.store(false, Ordering::Relaxed);
        if refused.is_some() {
            tracing::info!("Redis accepts writes again");
            self.notify_if_closed();
        }
    }

    /// Records that Redis refused a write with this kind of error. Only the first refusal
    /// of an outage is logged.
    pub(super) fn record_refused_write(&self, kind: &str) {
        let refused = RefusedWrite {
            kind: kind.to_owned(),
            at: self.clock.now(),
        };
        let mut state = self.state();
        state.last_failure = Some(Instant::now());
        let previous = state.last_refused_write.replace(refused);
        drop(state);
        if !COMMAND_SPECIFIC_ERRORS.contains(&kind) {
            self.refuses_writes.store(true, Ordering::Relaxed);
        }
        if previous.is_none() {
            tracing::warn!(kind, "Redis refuses writes");
        }
    }

    pub(super) fn refused_write(&self) -> Option<RefusedWrite> {
        self.state().last_refused_write.clone()
    }

    /// Returns whether the caller must send a probe now: no failure was recorded in the last
    /// [`PROBE_INTERVAL`], and no other probe is running. The caller must call
    /// [`Self::finish_probe`] after the probe.
    pub(super) fn try_start_probe(&self) -> bool {
        let last_failure = self.state().last_failure;
        let is_due = last_failure.is_none_or(|at| at.elapsed() >= PROBE_INTERVAL);
        is_due && !self.probing.swap(true, Ordering::Relaxed)
    }

    /// Records that a probe has ended.
    pub(super) fn finish_probe(&self) {
        self.probing.store(false, Ordering::Relaxed);
    }

    fn notify_if_closed(&self) {
        if self.is_closed() {
            self.recovered.notify_waiters();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use upstash_redis_rs::Error;

    use super::*;

    fn broken_connection() -> Error {
        Error::Transport(Arc::new(io::Error::from(io::ErrorKind::ConnectionReset)))
    }

    #[test]
    fn the_commands_of_one_request_count_as_one_failure() {
        let breaker = Breaker::new(Clock::default());
        let error = broken_connection();
        for _ in 0..64 {
            breaker.record_failure(&error.clone());
        }
        assert!(breaker.is_closed());
        breaker.record_failure(&broken_connection());
        assert!(breaker.is_closed());
        breaker.record_failure(&broken_connection());
        assert!(!breaker.is_closed());
    }
}
