//! Figures by day, counted in passing and written now and then.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use tokio_postgres::Client;

use crate::runtime::background;
use crate::runtime::clock::Clock;
use crate::store::postgres::{Db, Statement, chain};

/// One write in so many milliseconds, at the most.
const WRITE_EVERY_MS: i64 = 5_000;

/// Counts that outlive the rows which they count (`daily_counters`).
///
/// A process that is killed loses the last few seconds of them: they are
/// figures for people, and nothing is decided by them.
#[derive(Clone)]
pub struct Counters(Arc<Inner>);

struct Inner {
    db: Arc<Db>,
    clock: Clock,
    counted: Mutex<BTreeMap<&'static str, u64>>,
    written_ms: AtomicI64,
}

impl Counters {
    pub(crate) fn new(db: Arc<Db>, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            written_ms: AtomicI64::new(clock.now_ms()),
            db,
            clock,
            counted: Mutex::default(),
        }))
    }

    /// Adds `count` to today's figure of this name.
    pub fn add(&self, name: &'static str, count: u64) {
        if count > 0 {
            *self.counted().entry(name).or_default() += count;
        }
    }

    /// Writes what has been counted, after the answer, when it is time to.
    pub(crate) fn write_when_due(&self) {
        let now_ms = self.0.clock.now_ms();
        let written_ms = self.0.written_ms.load(Ordering::Relaxed);
        if now_ms - written_ms < WRITE_EVERY_MS || self.counted().is_empty() {
            return;
        }
        // Of several requests that come to this point, one writes.
        let exchanged = self.0.written_ms.compare_exchange(
            written_ms,
            now_ms,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if exchanged.is_ok() {
            let counters = self.clone();
            background::spawn(async move { counters.write().await });
        }
    }

    /// Writes what has been counted. What cannot be written is kept for the
    /// next time.
    pub async fn write(&self) {
        let counted = std::mem::take(&mut *self.counted());
        if counted.is_empty() {
            return;
        }
        if let Err(error) = self.add_all(&counted).await {
            tracing::warn!(error = %chain(&error), "counters not written");
            let mut newer = self.counted();
            for (name, count) in counted {
                *newer.entry(name).or_default() += count;
            }
        }
    }

    async fn add_all(&self, counted: &BTreeMap<&'static str, u64>) -> Result<()> {
        let client = self.0.db.client().await?;
        add(&client, counted).await
    }

    fn counted(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.0
            .counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

// In the order of the names, so that two instances cannot lock each other out.
static ADD: Statement = Statement::new(
    "daily_counter.add",
    "insert into daily_counters as c (day, name, count)
    select (now() at time zone 'utc')::date, name, count
    from unnest($1::text[], $2::bigint[]) as t (name, count) order by name
    on conflict (day, name) do update set count = c.count + excluded.count",
);

/// Adds to today's figures, by their names.
///
/// # Errors
///
/// [`crate::Error::Unavailable`].
async fn add(client: &Client, counted: &BTreeMap<&'static str, u64>) -> Result<()> {
    let names: Vec<String> = counted.keys().map(|name| (*name).to_owned()).collect();
    let counts: Vec<i64> = counted
        .values()
        .map(|count| i64::try_from(*count).unwrap_or(i64::MAX))
        .collect();
    ADD.execute(client, &[&names, &counts]).await
}
