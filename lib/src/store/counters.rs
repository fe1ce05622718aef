//! Daily counters, which are kept in memory and written to Postgres every few seconds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Result, chain};
use crate::runtime::background;
use crate::runtime::clock::Clock;
use crate::store::client::Client;
use crate::store::postgres::Db;
use crate::store::statement::Statement;

/// The minimum time between two writes, in milliseconds.
const WRITE_INTERVAL_MS: i64 = 5_000;

/// Counters that outlive the rows that they count (`daily_counters`).
///
/// A process that is killed loses the counts of its last few seconds. This is acceptable,
/// because the counters are only used in reports.
#[derive(Clone)]
pub struct Counters(Arc<Inner>);

struct Inner {
    db: Arc<Db>,
    clock: Clock,
    counted: Mutex<BTreeMap<&'static str, u64>>,
    last_write_ms: AtomicI64,
}

impl Counters {
    pub(crate) fn new(db: Arc<Db>, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            last_write_ms: AtomicI64::new(clock.now_ms()),
            db,
            clock,
            counted: Mutex::default(),
        }))
    }

    /// Adds `count` to today's counter `name`.
    pub fn add(&self, name: &'static str, count: u64) {
        if count > 0 {
            *self.counted().entry(name).or_default() += count;
        }
    }

    /// Writes the counts in the background, if the last write was some seconds ago.
    pub(crate) fn write_when_due(&self) {
        let now_ms = self.0.clock.now_ms();
        let last_write_ms = self.0.last_write_ms.load(Ordering::Relaxed);
        if now_ms - last_write_ms < WRITE_INTERVAL_MS || self.counted().is_empty() {
            return;
        }
        // Of several concurrent requests, only one writes.
        let exchanged = self.0.last_write_ms.compare_exchange(
            last_write_ms,
            now_ms,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if exchanged.is_ok() {
            let counters = self.clone();
            background::spawn(async move { counters.write().await });
        }
    }

    /// Writes the counts. After a failure, they are kept for the next write.
    pub async fn write(&self) {
        let counted = std::mem::take(&mut *self.counted());
        if counted.is_empty() {
            return;
        }
        if let Err(error) = self.add_all(&counted).await {
            tracing::warn!(error = %chain(&error), "failed to write counters");
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

// The rows are written in the order of their names, so that two instances cannot run
// into a deadlock.
static ADD: Statement = Statement::new(
    "daily_counter.add",
    "insert into daily_counters as c (day, name, count)
    select (now() at time zone 'utc')::date, name, count
    from unnest($1::text[], $2::bigint[]) as t (name, count) order by name
    on conflict (day, name) do update set count = c.count + excluded.count",
);

/// Adds the counts to today's counters.
async fn add(client: &Client, counted: &BTreeMap<&'static str, u64>) -> Result<()> {
    let names: Vec<String> = counted.keys().map(|name| (*name).to_owned()).collect();
    let counts: Vec<i64> = counted
        .values()
        .map(|count| i64::try_from(*count).unwrap_or(i64::MAX))
        .collect();
    ADD.execute(client, &[&names, &counts]).await
}
