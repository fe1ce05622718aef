//! The one place where the wall clock is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// Tells the time of day; a test moves it.
///
/// What Postgres decides goes by Postgres' own `now()`; this clock judges
/// what needs no query: a record's end, a signed record's age, a pause
/// between two uses of a connection.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead_ms: Arc<AtomicI64>,
}

impl Clock {
    /// The time now.
    pub fn now(&self) -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let now = Utc::now();
        now + TimeDelta::milliseconds(self.ahead_ms.load(Ordering::Relaxed))
    }

    /// The time now, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.now().timestamp_millis()
    }

    /// Moves this clock, and every copy of it, by `lapse`.
    pub fn advance(&self, lapse: TimeDelta) {
        self.ahead_ms
            .fetch_add(lapse.num_milliseconds(), Ordering::Relaxed);
    }
}
