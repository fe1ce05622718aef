//! Redis, with a deadline on every call and a circuit breaker.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use upstash_redis_rs::{Command, Pipeline, Redis, Reply, ReplyFuture};

use crate::error::{Error, Result};
use crate::runtime::config::RedisConfig;

/// After this many failures in a row, the breaker opens.
const FAILURES: u32 = 3;

/// How long after a failure an open breaker sends the next probe, at the earliest.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// A Redis client with a deadline on every call and a circuit breaker. While the
/// breaker is open, calls fail immediately instead of waiting for the deadline.
/// Cheap to clone.
///
/// A call fails with [`Error::Unavailable`] when Redis does not answer in time or
/// rejects the command, and when the breaker is open. Callers then continue without
/// Redis. An empty key is an [`Error::Internal`].
#[derive(Clone)]
pub struct Kv {
    redis: Redis,
    breaker: Arc<Breaker>,
}

impl Kv {
    /// Creates a client of the configured Redis. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when the URL or the token is invalid.
    pub fn new(config: &RedisConfig) -> Result<Self> {
        let [url, token] = config.variables;
        let redis = Redis::new(&config.url, config.token.expose()).map_err(|error| {
            let variable = match error {
                upstash_redis_rs::Error::InvalidToken => token,
                _ => url,
            };
            Error::internal(format!("{variable}: {error}"))
        })?;
        Ok(Self {
            redis: redis.with_timeout(config.timeout),
            breaker: Arc::default(),
        })
    }

    /// Returns the value of `key`, if there is one.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub async fn get(&self, key: &str) -> Result<Option<String>> {
        self.send(self.redis.get(key)).await
    }

    /// Returns the values of several keys, read atomically.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<String>>> {
        self.send(self.redis.mget(keys)).await
    }

    /// Writes `value`, which expires after `ttl`.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub async fn set(&self, key: &str, value: &str, ttl: Duration) -> Result<()> {
        let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        let request = self.redis.set(key, value).map(|set| set.px(millis));
        self.send(request).await.map(drop)
    }

    /// Writes `value`, which expires at `until_ms` (milliseconds since 1970).
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub async fn set_until(&self, key: &str, value: &str, until_ms: i64) -> Result<()> {
        let until = u64::try_from(until_ms).unwrap_or(1).max(1);
        let request = self.redis.set(key, value).map(|set| set.pxat(until));
        self.send(request).await.map(drop)
    }

    /// Deletes `key`, and returns whether it existed.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub async fn delete(&self, key: &str) -> Result<bool> {
        Ok(self.send(self.redis.del(&[key])).await? > 0)
    }

    /// Returns whether `key` exists.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub async fn exists(&self, key: &str) -> Result<bool> {
        Ok(self.send(self.redis.exists(&[key])).await? > 0)
    }

    /// Lets `key` expire after `ttl`, in whole milliseconds. Returns `false` when
    /// it does not exist.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub async fn expire(&self, key: &str, ttl: Duration) -> Result<bool> {
        let millis = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        self.send(self.redis.pexpire(key, millis)).await
    }

    /// Adds one to the number at `key`, which starts at 0. Returns the sum.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub async fn increment(&self, key: &str) -> Result<i64> {
        self.send(self.redis.incr(key)).await
    }

    /// Sends the commands that `fill` adds, as one `MULTI`/`EXEC` transaction. No
    /// other command runs in between. A rejected command does not undo the others.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`], also when a single command is rejected.
    pub async fn transaction(
        &self,
        fill: impl FnOnce(&Redis, Pipeline) -> Result<Pipeline, upstash_redis_rs::Error>,
    ) -> Result<Vec<Reply>> {
        let request = fill(&self.redis, self.redis.multi()).map(Pipeline::exec);
        let responses: Result<_, _> = self.with_breaker(request).await?.into_iter().collect();
        responses.map_err(|error| Error::Unavailable(Box::new(error)))
    }

    /// Measures how long Redis takes to answer, even if the breaker is open.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub async fn ping(&self) -> Result<Duration> {
        let started = Instant::now();
        let outcome = self.redis.ping().send().await;
        self.breaker.record(outcome.is_ok());
        outcome.map_err(|error| Error::Unavailable(Box::new(error)))?;
        Ok(started.elapsed())
    }

    /// Returns whether the breaker is closed.
    pub(crate) fn is_answering(&self) -> bool {
        self.breaker.is_closed()
    }

    /// The client without the breaker.
    pub(crate) fn redis(&self) -> &Redis {
        &self.redis
    }

    async fn send<C: Command>(
        &self,
        request: Result<C, upstash_redis_rs::Error>,
    ) -> Result<C::Output> {
        self.with_breaker(request.map(Command::send)).await
    }

    async fn with_breaker<T>(
        &self,
        request: Result<ReplyFuture<T>, upstash_redis_rs::Error>,
    ) -> Result<T> {
        let request = request.map_err(|error| Error::Internal(Box::new(error)))?;
        if !self.breaker.is_closed() {
            self.probe();
            return Err(Error::unavailable("Redis has not answered for a while"));
        }
        let outcome = request.await;
        // If Redis rejected the command, it still answered.
        let answered = outcome
            .as_ref()
            .map_or_else(|error| error.is_command(), |_| true);
        self.breaker.record(answered);
        outcome.map_err(|error| Error::Unavailable(Box::new(error)))
    }

    /// Sends a ping in the background if the last failure was a while ago and no
    /// other probe is running. No request waits for it.
    fn probe(&self) {
        if self.breaker.start_probe() {
            let kv = self.clone();
            tokio::spawn(async move {
                // The breaker has recorded the outcome.
                let _ = kv.ping().await;
                kv.breaker.finish_probe();
            });
        }
    }
}

#[derive(Default)]
struct Breaker {
    failures: AtomicU32,
    probing: AtomicBool,
    last_failure: Mutex<Option<Instant>>,
}

impl Breaker {
    fn is_closed(&self) -> bool {
        self.failures.load(Ordering::Relaxed) < FAILURES
    }

    fn record(&self, answered: bool) {
        if answered {
            if self.failures.swap(0, Ordering::Relaxed) >= FAILURES {
                tracing::info!("Redis answers again");
            }
        } else {
            *self.last_failure() = Some(Instant::now());
            let before = self.failures.fetch_add(1, Ordering::Relaxed);
            if before + 1 == FAILURES {
                tracing::warn!("Redis does not answer; continuing without it");
            }
        }
    }

    fn start_probe(&self) -> bool {
        let due = self
            .last_failure()
            .is_none_or(|at| at.elapsed() >= PROBE_INTERVAL);
        due && !self.probing.swap(true, Ordering::Relaxed)
    }

    fn finish_probe(&self) {
        self.probing.store(false, Ordering::Relaxed);
    }

    fn last_failure(&self) -> MutexGuard<'_, Option<Instant>> {
        self.last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
