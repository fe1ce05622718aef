//! The session records in Redis.

use chrono::{DateTime, Utc};

use crate::crypto::token::SessionKey;
use crate::runtime::background;
use crate::runtime::clock::Clock;
use crate::runtime::config::Timing;
use crate::session::record::{Record, Session};
use crate::store::cache::{Expiry, GenerationCache, Invalidation, Lookup, PreparedInvalidation};

/// Reads, writes and invalidates records, by the protocol of
/// [`store::cache`](crate::store::cache). Each session has its own generation.
#[derive(Clone)]
pub(crate) struct SessionCache {
    cache: GenerationCache,
    clock: Clock,
    timing: Timing,
}

impl SessionCache {
    pub(crate) fn new(cache: GenerationCache, clock: Clock, timing: Timing) -> Self {
        Self {
            cache,
            clock,
            timing,
        }
    }

    /// Reads the record of a session.
    pub(super) async fn get(&self, key: &SessionKey) -> Lookup<Record> {
        let now_ms = self.clock.now_ms();
        let is_valid = |record: &Record| record.is_valid(key, now_ms);
        self.cache
            .get(&entry_key_of(key), &generation_key_of(key), is_valid)
            .await
    }

    /// Writes a record in the background, possibly after the response. Even if it arrives
    /// late, the record is used only while `generation` is current, and until `until`.
    pub(super) fn put(
        &self,
        key: &SessionKey,
        generation: Option<String>,
        until: DateTime<Utc>,
        session: Session,
    ) {
        let until_ms = until.timestamp_millis();
        let record = Record::new(key, generation, until_ms, session);
        let (cache, entry_key) = (self.cache.clone(), entry_key_of(key));
        background::spawn(async move {
            cache.put(&entry_key, &record, Expiry::At(until_ms)).await;
        });
    }

    /// Returns the invalidations that a change of these sessions requires.
    pub(super) fn invalidations(
        &self,
        keys: impl IntoIterator<Item = SessionKey>,
    ) -> impl Iterator<Item = Invalidation> {
        keys.into_iter().map(|key| Invalidation {
            generation_key: generation_key_of(&key),
            entry_key: Some(entry_key_of(&key)),
            keep_for: Some(self.timing.generation_lifetime),
            retry_for: self.timing.record_lifetime,
            is_urgent: true,
        })
    }

    /// Registers invalidations before the change that causes them is sent to Postgres.
    pub(super) fn prepare(&self, invalidations: Vec<Invalidation>) -> PreparedInvalidation {
        self.cache.prepare(invalidations)
    }
}

fn entry_key_of(key: &SessionKey) -> String {
    format!("session:{}", key.as_str())
}

fn generation_key_of(key: &SessionKey) -> String {
    format!("change:{}", key.as_str())
}
