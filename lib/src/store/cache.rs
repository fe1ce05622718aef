//! Cache entries in Redis that are checked by generation.
//!
//! For each group of entries, Redis also holds a generation: a random text that is
//! replaced by every change. A reader fetches an entry and its generation together,
//! and uses the entry only if it was written under that generation. If not, the
//! reader loads the value from Postgres and writes it under the generation that it
//! fetched before. A change is committed first, and then replaces the generation.
//!
//! So a value that was loaded before a change has an old generation and is ignored,
//! even if it arrives late. Replacing a generation is retried until Redis
//! acknowledges it. Until then, this process does not read the entries from Redis.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::crypto::random;
use crate::error::{Result, chain};
use crate::runtime::background;
use crate::store::redis::Kv;

/// How long a response waits for its invalidations, and how long Redis may take
/// to acknowledge one attempt.
const ATTEMPT_DEADLINE: Duration = Duration::from_secs(1);

/// The time between two attempts.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// How many generations one request to Redis replaces.
const BATCH: usize = 500;

/// An entry in Redis: a value and the generation that it was written under.
pub(crate) trait Entry: Serialize + DeserializeOwned {
    /// Returns the generation that the entry was written under. `None` when Redis had no
    /// generation.
    fn generation(&self) -> Option<&str>;
}

/// The result of reading an entry.
#[derive(Debug)]
pub(crate) enum Lookup<E> {
    /// The entry is current.
    Hit(E),
    /// There is no current entry. A new one must be written under this generation.
    Miss {
        /// `None` when Redis has no generation.
        generation: Option<String>,
    },
    /// Redis did not answer, or an invalidation is pending. The loaded value must not
    /// be written to the cache.
    Unavailable,
    /// No Redis is configured.
    Disabled,
}

/// When an entry expires in Redis.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expiry {
    /// After this time.
    After(Duration),
    /// At this time, in milliseconds since 1970.
    At(i64),
}

/// A generation to be replaced.
#[derive(Clone, Debug)]
pub(crate) struct Invalidation {
    /// The Redis key of the generation.
    pub(crate) generation: String,
    /// The Redis key of the generation's only entry, which is deleted when the
    /// generation is replaced. `None` when the generation has many entries.
    pub(crate) entry: Option<String>,
    /// How long Redis keeps the new generation, which must outlive every entry that was
    /// written before. `None` keeps it forever.
    pub(crate) keep_for: Option<Duration>,
    /// How long replacing the generation is retried: no longer than entries are used.
    pub(crate) retry_for: Duration,
    /// Whether the response waits for the acknowledgment even if Redis has not
    /// answered for a while.
    pub(crate) is_urgent: bool,
}

/// A cache of generation-checked entries in Redis. Clones are cheap.
#[derive(Clone)]
pub struct GenerationCache {
    kv: Option<Kv>,
    pending: PendingInvalidations,
}

impl GenerationCache {
    /// Creates the cache. Without `kv`, nothing is cached.
    pub fn new(kv: Option<Kv>) -> Self {
        Self {
            kv,
            pending: PendingInvalidations::default(),
        }
    }

    /// Reads the entry at `key` and the generation at `generation`. The entry is
    /// a hit if it was written under that generation and `is_valid` accepts it.
    pub(crate) async fn get<E: Entry>(
        &self,
        key: &str,
        generation: &str,
        is_valid: impl FnOnce(&E) -> bool,
    ) -> Lookup<E> {
        let Some(kv) = &self.kv else {
            return Lookup::Disabled;
        };
        if self.pending.contains(generation) {
            return Lookup::Unavailable;
        }
        let Ok(values) = kv.get_many(&[key, generation]).await else {
            return Lookup::Unavailable;
        };
        let Ok([json, generation]) = <[_; 2]>::try_from(values) else {
            return Lookup::Unavailable;
        };
        // An entry that cannot be parsed is a miss.
        let entry: Option<E> = json.and_then(|json| serde_json::from_str(&json).ok());
        match entry {
            Some(entry) if entry.generation() == generation.as_deref() && is_valid(&entry) => {
                Lookup::Hit(entry)
            }
            _ => Lookup::Miss { generation },
        }
    }

    /// Writes an entry under the generation that was read before its value was
    /// loaded. A failure is only logged, because the value can be loaded again.
    pub(crate) async fn put<E: Entry>(&self, key: &str, entry: &E, expiry: Expiry) {
        let (Some(kv), Ok(json)) = (&self.kv, serde_json::to_string(entry)) else {
            return;
        };
        let written = match expiry {
            Expiry::After(ttl) => kv.set(key, &json, ttl).await,
            Expiry::At(until_ms) => kv.set_until(key, &json, until_ms).await,
        };
        if let Err(error) = written {
            tracing::debug!(error = %chain(&error), "failed to write cache entry");
        }
    }

    /// Registers invalidations before the change that causes them is sent to Postgres.
    /// Until the returned guard is dropped, this process does not read the entries from
    /// Redis.
    pub(crate) fn prepare(&self, mut invalidations: Vec<Invalidation>) -> PreparedInvalidation {
        if self.kv.is_none() {
            invalidations.clear();
        }
        self.pending.add(&invalidations);
        PreparedInvalidation {
            cache: self.clone(),
            invalidations,
        }
    }

    /// Replaces each generation. Returns the invalidations that Redis did not
    /// acknowledge.
    async fn replace(&self, invalidations: &[Invalidation]) -> Vec<Invalidation> {
        let Some(kv) = &self.kv else {
            return Vec::new();
        };
        let mut left = Vec::new();
        for batch in invalidations.chunks(BATCH) {
            match replace_batch(kv, batch).await {
                Ok(unacknowledged) => left.extend(unacknowledged),
                Err(error) => {
                    let (error, count) = (chain(&error), batch.len());
                    tracing::warn!(error, count, "failed to invalidate cache entries");
                    left.extend_from_slice(batch);
                }
            }
        }
        left
    }
}

/// Replaces the generations of one batch. Returns the invalidations that Redis did not
/// acknowledge. Does not use the circuit breaker, because one attempt per second is a
/// negligible load.
async fn replace_batch(
    kv: &Kv,
    batch: &[Invalidation],
) -> Result<Vec<Invalidation>, upstash_redis_rs::Error> {
    let redis = kv.redis();
    let mut pipeline = redis.pipeline().timeout(ATTEMPT_DEADLINE);
    for invalidation in batch {
        if let Some(entry) = &invalidation.entry {
            pipeline = pipeline.push(redis.del(&[entry])?);
        }
        // Each attempt uses a new generation. If the same one arrived twice, entries that
        // were written in between would become current again.
        let set = redis.set(&invalidation.generation, &random::hex::<16>())?;
        pipeline = match invalidation.keep_for {
            Some(ttl) => pipeline.push(set.px(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))),
            None => pipeline.push(set),
        };
    }
    let mut responses = pipeline.exec().await?.into_iter();
    let mut left = Vec::new();
    for invalidation in batch {
        let commands = 1 + usize::from(invalidation.entry.is_some());
        let acknowledged = responses
            .by_ref()
            .take(commands)
            .filter(Result::is_ok)
            .count();
        if acknowledged < commands {
            left.push(invalidation.clone());
        }
    }
    Ok(left)
}

/// Invalidations to run when a change has been committed. If the change was not
/// committed, the guard is dropped without [`PreparedInvalidation::run`].
#[must_use]
pub(crate) struct PreparedInvalidation {
    cache: GenerationCache,
    invalidations: Vec<Invalidation>,
}

impl PreparedInvalidation {
    /// Replaces the generations, and retries in the background until Redis has
    /// acknowledged all of them. Returns after the first attempt, or at once if Redis has
    /// not answered for a while and no invalidation is urgent.
    pub(crate) async fn run(self) {
        if self.invalidations.is_empty() {
            return;
        }
        let (attempted, first_attempt) = oneshot::channel();
        background::spawn(self.retry_invalidation(attempted));
        // The task drops the sender without sending a value, so this returns an error.
        let _ = first_attempt.await;
    }

    async fn retry_invalidation(self, attempted: oneshot::Sender<()>) {
        let started = Instant::now();
        let mut attempted = Some(attempted);
        if !self.must_await_attempt() {
            attempted.take();
        }
        let attempt = self.cache.replace(&self.invalidations);
        let mut left = match timeout(ATTEMPT_DEADLINE, attempt).await {
            Ok(left) => left,
            Err(_) => self.invalidations.clone(),
        };
        attempted.take();
        loop {
            left.retain(|invalidation| started.elapsed() < invalidation.retry_for);
            if left.is_empty() {
                return;
            }
            sleep(RETRY_INTERVAL).await;
            left = self.cache.replace(&left).await;
        }
    }

    fn must_await_attempt(&self) -> bool {
        let is_answering = self.cache.kv.as_ref().is_some_and(Kv::is_answering);
        is_answering || self.invalidations.iter().any(|one| one.is_urgent)
    }
}

impl Drop for PreparedInvalidation {
    fn drop(&mut self) {
        self.cache.pending.remove(&self.invalidations);
    }
}

/// The generations that changes of this process are about to replace. The value is the
/// number of such changes.
#[derive(Clone, Default)]
struct PendingInvalidations(Arc<Mutex<HashMap<String, usize>>>);

impl PendingInvalidations {
    fn contains(&self, generation: &str) -> bool {
        self.lock().contains_key(generation)
    }

    fn add(&self, invalidations: &[Invalidation]) {
        let mut pending = self.lock();
        for invalidation in invalidations {
            *pending.entry(invalidation.generation.clone()).or_default() += 1;
        }
    }

    fn remove(&self, invalidations: &[Invalidation]) {
        let mut pending = self.lock();
        for Invalidation { generation, .. } in invalidations {
            if let Some(count) = pending.get_mut(generation) {
                *count -= 1;
                if *count == 0 {
                    pending.remove(generation);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
