//! Redis, with a deadline on every call and a circuit breaker.

mod breaker;

use std::sync::Arc;
use std::time::{Duration, Instant};

use upstash_redis_rs::{Command, Pipeline, Redis, Reply, ReplyFuture};

use self::breaker::Breaker;
pub use self::breaker::RefusedWrite;
use crate::error::{Error, Result};
use crate::runtime::clock::Clock;
use crate::runtime::config::RedisConfig;

/// The key that [`Kv::ping`] writes, and how long Redis keeps it.
const PING_KEY: &str = "health:ping";
const PING_TTL_MS: u64 = 60_000;

/// A Redis client with a deadline on every call and a circuit breaker. The breaker opens
/// when Redis does not answer, and when it refuses writes: an entry in Redis cannot be
/// trusted if it cannot be invalidated. While the breaker is open, calls fail immediately
/// instead of waiting for the deadline. Cheap to clone.
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
    /// Fails with [`Error::Internal`] when the URL or the token is invalid.
    pub fn new(config: &RedisConfig, clock: Clock) -> Result<Self> {
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
            breaker: Arc::new(Breaker::new(clock)),
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
        let outcome = self.send(request).await;
        self.record_write(&outcome);
        outcome.map(drop)
    }

    /// Writes `value`, which expires at `until_ms` (milliseconds since 1970).
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub async fn set_until(&self, key: &str, value: &str, until_ms: i64) -> Result<()> {
        let until = u64::try_from(until_ms).unwrap_or(1).max(1);
        let request = self.redis.set(key, value).map(|set| set.pxat(until));
        let outcome = self.send(request).await;
        self.record_write(&outcome);
        outcome.map(drop)
    }

    /// Deletes keys, and returns how many of them existed.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub async fn delete(&self, keys: &[&str]) -> Result<i64> {
        let outcome = self.send(self.redis.del(keys)).await;
        self.record_refusal(&outcome);
        outcome
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
        let outcome = self.send(self.redis.pexpire(key, millis)).await;
        self.record_refusal(&outcome);
        outcome
    }

    /// Adds one to the number at `key`, which starts at 0. Returns the sum.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub async fn increment(&self, key: &str) -> Result<i64> {
        let outcome = self.send(self.redis.incr(key)).await;
        self.record_write(&outcome);
        outcome
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
        let outcome = self.with_breaker(request).await.and_then(|responses| {
            let responses: Result<_, _> = responses.into_iter().collect();
            responses.map_err(|error| Error::Unavailable(Box::new(error)))
        });
        self.record_write(&outcome);
        outcome
    }

    /// Measures how long Redis takes to answer, even if the breaker is open. The command is
    /// a write, so that [`Kv::refused_write`] is current afterwards.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`], except that a refused write counts as an answer.
    pub async fn ping(&self) -> Result<Duration> {
        let started = Instant::now();
        let write = self.redis.set(PING_KEY, "1");
        let write = write.map(|set| set.px(PING_TTL_MS).send());
        let outcome = self.record_answer(write).await;
        self.record_write(&outcome);
        match outcome {
            Err(error) if refusal_kind(&error).is_none() => Err(error),
            _ => Ok(started.elapsed()),
        }
    }

    /// Returns the last write that Redis refused, unless it has accepted one since.
    pub fn refused_write(&self) -> Option<RefusedWrite> {
        self.breaker.refused_write()
    }

    /// Records the outcome of a write for [`Kv::refused_write`].
    pub(crate) fn record_write<T>(&self, outcome: &Result<T>) {
        match outcome {
            Ok(_) => self.breaker.record_accepted_write(),
            Err(_) => self.record_refusal(outcome),
        }
    }

    /// Records a refusal of the command. Does not record that Redis accepted it, because
    /// Redis accepts some commands, such as deletions, even while it refuses writes.
    fn record_refusal<T>(&self, outcome: &Result<T>) {
        if let Some(kind) = outcome.as_ref().err().and_then(refusal_kind) {
            self.breaker.record_refused_write(kind);
        }
    }

    /// Returns whether the breaker is closed.
    pub(crate) fn is_answering(&self) -> bool {
        self.breaker.is_closed()
    }

    /// Waits for the next time that the breaker closes. If the breaker is closed now, this
    /// is after it has opened again.
    pub(crate) async fn recovered(&self) {
        self.breaker.recovered().await;
    }

    /// Returns the client without the breaker.
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
        if !self.breaker.is_closed() {
            self.probe();
            return Err(Error::unavailable("Redis has not answered for a while"));
        }
        self.record_answer(request).await
    }

    /// Sends a request, and records whether Redis answered.
    async fn record_answer<T>(
        &self,
        request: Result<ReplyFuture<T>, upstash_redis_rs::Error>,
    ) -> Result<T> {
        let request = request.map_err(|error| Error::Internal(Box::new(error)))?;
        let outcome = request.await;
        match &outcome {
            // If Redis rejected the command, it still answered.
            Err(error) if !error.is_command() => self.breaker.record_failure(error),
            _ => self.breaker.record_answer(),
        }
        outcome.map_err(|error| Error::Unavailable(Box::new(error)))
    }

    /// Sends a ping in the background if the last failure was a while ago and no
    /// other probe is running. No request waits for the ping.
    fn probe(&self) {
        if self.breaker.try_start_probe() {
            let kv = self.clone();
            tokio::spawn(async move {
                // The breaker has recorded the outcome.
                let _ = kv.ping().await;
                kv.breaker.finish_probe();
            });
        }
    }
}

/// Returns the kind of the error if Redis rejected a command, such as `READONLY`.
fn refusal_kind(error: &Error) -> Option<&str> {
    let Error::Unavailable(source) = error else {
        return None;
    };
    source
        .downcast_ref::<upstash_redis_rs::Error>()?
        .command_kind()
}
