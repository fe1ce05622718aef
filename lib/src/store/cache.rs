//! Cache entries in Redis that are checked by generation.
//!
//! For each group of entries, Redis also holds a generation: a random string that every
//! change replaces. A reader fetches an entry and its generation together, and uses the
//! entry only if it was written under that generation. If not, the reader loads the value
//! from Postgres and writes it under the generation that it fetched before. A change is
//! committed first, and then replaces the generation.
//!
//! So a value that was loaded before a change has an old generation and is ignored,
//! even if it arrives late. Replacing a generation is retried with growing pauses until
//! Redis acknowledges it. Until then, this process does not read the entries from Redis.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::crypto::random;
use crate::error::{Error, Result, chain};
use crate::runtime::background;
use crate::store::redis::Kv;

/// How long a response waits for its invalidations, and how long Redis may take
/// to acknowledge a batch.
const ATTEMPT_TIME_LIMIT: Duration = Duration::from_secs(1);

/// The pause before the first retry. It doubles after each failed retry, up to
/// [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How long retries keep the invocation alive. This is much shorter than a function may
/// run. Later retries happen only while the process runs for other reasons.
const INVOCATION_TIME: Duration = Duration::from_secs(8);

/// The maximum number of generations that one request to Redis replaces.
const BATCH_SIZE: usize = 500;

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
    pub(crate) generation_key: String,
    /// The Redis key of the generation's only entry, which is deleted when the
    /// generation is replaced. `None` when the generation has many entries.
    pub(crate) entry_key: Option<String>,
    /// How long Redis keeps the new generation, which must outlive every entry that was
    /// written before. `None` keeps it forever.
    pub(crate) keep_for: Option<Duration>,
    /// How long replacing the generation is retried. This is at most the time for which an entry
    /// can be used, because no outdated entry is used after that.
    pub(crate) retry_for: Duration,
    /// Whether the response waits for the first attempt even if the circuit breaker is open.
    pub(crate) is_urgent: bool,
}

/// A cache of generation-checked entries in Redis. Clones are cheap.
#[derive(Clone)]
pub struct GenerationCache {
    kv: Option<Kv>,
    pending: PendingInvalidations,
    /// Whether the last invalidation failed, so that an outage is logged once.
    is_failing: Arc<AtomicBool>,
}

impl GenerationCache {
    /// Creates the cache. Without `kv`, nothing is cached.
    pub fn new(kv: Option<Kv>) -> Self {
        Self {
            kv,
            pending: PendingInvalidations::default(),
            is_failing: Arc::default(),
        }
    }

    /// Reads the entry at `key` and the generation at `generation_key`. The entry is
    /// a hit if it was written under that generation and `is_valid` accepts it.
    pub(crate) async fn get<E: Entry>(
        &self,
        key: &str,
        generation_key: &str,
        is_valid: impl FnOnce(&E) -> bool,
    ) -> Lookup<E> {
        let Some(kv) = &self.kv else {
            return Lookup::Disabled;
        };
        if self.pending.contains(generation_key) {
            return Lookup::Unavailable;
        }
        let Ok(values) = kv.get_many(&[key, generation_key]).await else {
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
        for batch in invalidations.chunks(BATCH_SIZE) {
            let (unacknowledged, outcome) = match replace_batch(kv, batch).await {
                Ok(replaced) => replaced,
                Err(error) => (batch.to_vec(), Err(error)),
            };
            self.log_outage(&outcome, unacknowledged.len());
            kv.record_write(&outcome.map_err(|error| Error::Unavailable(Box::new(error))));
            left.extend(unacknowledged);
        }
        left
    }

    /// Logs the beginning and the end of an outage, but not every attempt in between.
    fn log_outage(&self, outcome: &Result<(), upstash_redis_rs::Error>, count: usize) {
        let has_failed = outcome.is_err();
        let has_failed_before = self.is_failing.swap(has_failed, Ordering::Relaxed);
        match outcome {
            Err(error) if !has_failed_before => {
                let error = chain(error);
                tracing::warn!(error, count, "failed to invalidate cache entries");
            }
            Ok(()) if has_failed_before => tracing::info!("cache invalidation works again"),
            _ => {}
        }
    }
}

/// Replaces the generations of one batch. Returns the invalidations that Redis did not
/// acknowledge, with the first error. Does not use the circuit breaker, because
/// the few attempts are a negligible load.
async fn replace_batch(
    kv: &Kv,
    batch: &[Invalidation],
) -> Result<(Vec<Invalidation>, Result<(), upstash_redis_rs::Error>), upstash_redis_rs::Error> {
    let redis = kv.redis();
    let mut pipeline = redis.pipeline().timeout(ATTEMPT_TIME_LIMIT);
    for invalidation in batch {
        if let Some(entry_key) = &invalidation.entry_key {
            pipeline = pipeline.push(redis.del(&[entry_key])?);
        }
        // Each attempt uses a new generation. If the same one arrived twice, entries that
        // were written in between would become current again.
        let set = redis.set(&invalidation.generation_key, &random::hex::<16>())?;
        pipeline = match invalidation.keep_for {
            Some(ttl) => pipeline.push(set.px(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))),
            None => pipeline.push(set),
        };
    }
    let mut all_replies = pipeline.exec().await?.into_iter();
    let (mut unacknowledged, mut outcome) = (Vec::new(), Ok(()));
    for invalidation in batch {
        let commands = 1 + usize::from(invalidation.entry_key.is_some());
        let replies = all_replies.by_ref().take(commands);
        let replies: Result<Vec<_>, _> = replies.collect::<Vec<_>>().into_iter().collect();
        if let Err(error) = replies {
            unacknowledged.push(invalidation.clone());
            outcome = outcome.and(Err(error));
        }
    }
    Ok((unacknowledged, outcome))
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
    /// acknowledged all of them. Returns when the first attempt has ended or has taken
    /// [`ATTEMPT_TIME_LIMIT`], or at once if the circuit breaker is open and no invalidation is
    /// urgent.
    pub(crate) async fn run(self) {
        if self.invalidations.is_empty() {
            return;
        }
        let (attempt_sender, attempt_receiver) = oneshot::channel();
        background::spawn(self.retry_invalidation(attempt_sender));
        // The task drops the sender without sending a value, so this returns an error.
        let _ = attempt_receiver.await;
    }

    /// Replaces the generations. Retries keep the invocation alive for at most
    /// [`INVOCATION_TIME`]. A task that does not keep the invocation alive makes the later
    /// retries.
    async fn retry_invalidation(self, attempt_sender: oneshot::Sender<()>) {
        let started = Instant::now();
        let mut retries = Retries {
            cache: self.cache.clone(),
            left: self.first_attempt(attempt_sender).await,
            started,
            pause: FIRST_PAUSE,
        };
        retries.run(INVOCATION_TIME).await;
        if !retries.left.is_empty() {
            tokio::spawn(async move {
                retries.run(Duration::MAX).await;
                // This process may read the entries from Redis again.
                drop(self);
            });
        }
    }

    /// Attempts to replace the generations, and returns the invalidations that are left.
    /// Drops the sender as soon as [`PreparedInvalidation::run`] may return.
    async fn first_attempt(&self, attempt_sender: oneshot::Sender<()>) -> Vec<Invalidation> {
        let attempt_sender = self.must_await_attempt().then_some(attempt_sender);
        let mut attempt = pin!(self.cache.replace(&self.invalidations));
        match timeout(ATTEMPT_TIME_LIMIT, &mut attempt).await {
            Ok(left) => left,
            Err(_) => {
                drop(attempt_sender);
                attempt.await
            }
        }
    }

    fn must_await_attempt(&self) -> bool {
        let is_answering = self.cache.kv.as_ref().is_some_and(Kv::is_answering);
        is_answering || self.invalidations.iter().any(|one| one.is_urgent)
    }
}

/// The invalidations that Redis has not acknowledged yet.
struct Retries {
    cache: GenerationCache,
    left: Vec<Invalidation>,
    started: Instant,
    pause: Duration,
}

impl Retries {
    /// Retries until Redis has acknowledged everything, [`Invalidation::retry_for`] has passed,
    /// or the next retry would begin more than `time` after the first attempt began.
    async fn run(&mut self, time: Duration) {
        loop {
            let elapsed = self.started.elapsed();
            self.left
                .retain(|invalidation| elapsed < invalidation.retry_for);
            let Some(remaining) = time.checked_sub(elapsed) else {
                return;
            };
            if self.left.is_empty() || self.pause > remaining {
                return;
            }
            self.wait().await;
            self.left = self.cache.replace(&self.left).await;
        }
    }

    /// Waits for the next attempt, which is earlier if Redis recovers.
    async fn wait(&mut self) {
        let recovered = async {
            match &self.cache.kv {
                Some(kv) => kv.recovered().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep(self.pause) => self.pause = LONGEST_PAUSE.min(self.pause * 2),
            () = recovered => {}
        }
    }
}

impl Drop for PreparedInvalidation {
    fn drop(&mut self) {
        self.cache.pending.remove(&self.invalidations);
    }
}

/// The keys of the generations that changes of this process are about to replace, with the
/// number of such changes.
#[derive(Clone, Default)]
struct PendingInvalidations(Arc<Mutex<HashMap<String, usize>>>);

impl PendingInvalidations {
    fn contains(&self, generation_key: &str) -> bool {
        self.lock().contains_key(generation_key)
    }

    fn add(&self, invalidations: &[Invalidation]) {
        let mut pending = self.lock();
        for invalidation in invalidations {
            *pending
                .entry(invalidation.generation_key.clone())
                .or_default() += 1;
        }
    }

    fn remove(&self, invalidations: &[Invalidation]) {
        let mut pending = self.lock();
        for Invalidation { generation_key, .. } in invalidations {
            if let Some(count) = pending.get_mut(generation_key) {
                *count -= 1;
                if *count == 0 {
                    pending.remove(generation_key);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
