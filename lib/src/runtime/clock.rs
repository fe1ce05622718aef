//! The wall clock, which no other module reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// A clock that tests can advance.
///
/// Most statements use Postgres' own `now()`. This clock is for decisions without a query,
/// such as whether a cached session record has expired, and for statements that receive the
/// current time as a parameter.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicI64>,
}

impl Clock {
    /// Returns the current time.
    pub fn now(&self) -> DateTime<Utc> {
        #[expect(
            clippy::disallowed_methods,
            reason = "only this module reads the wall clock"
        )]
        let now = Utc::now();
        now + TimeDelta::milliseconds(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// Returns the current time in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.now().timestamp_millis()
    }

    /// Advances this clock and all its clones.
    pub fn advance(&self, duration: TimeDelta) {
        self.ahead_ms
            .fetch_add(duration.num_milliseconds(), Ordering::Relaxed);
    }
}
