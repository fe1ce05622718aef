//! Redis: deadlines, a breaker, and a cache with namespaces.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use upstash_redis_rs::{Command, Pipeline, Redis, Reply, ReplyFuture, Request};

use crate::crypto::random;
use crate::crypto::secret::sha256_hex;
use crate::error::{Error, Result};
use crate::runtime::background;
use crate::runtime::background::BoxFuture;
use crate::runtime::config::RedisConfig;

/// After so many failures in a row Redis is taken for dead.
const FAILURES: u32 = 3;

/// For how long a change is told to a Redis that does not hear of it; as long as
/// a mark is tried.
const END_FOR: Duration = Duration::from_secs(300);

/// How often a dead Redis is asked whether it lives again.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// Redis, with a deadline on every call, and a breaker that keeps a dead one
/// from costing every request its deadline. Cheap to clone.
///
/// Every call fails with [`Error::Unavailable`] when Redis does not answer in
/// time, or has not for a while; whoever calls goes on without it.
#[derive(Clone)]
pub struct Kv {
    redis: Redis,
    breaker: Arc<Breaker>,
}

impl Kv {
    /// A client of the Redis that `config` names. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when the URL or the token is of no use.
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

    /// The value of `key`; `None` when there is none.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`]; so for all that follow.
    pub fn get<'a>(&'a self, key: &str) -> BoxFuture<'a, Result<Option<String>>> {
        self.guarded(self.redis.get(key))
    }

    /// The values of several keys, of one moment.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub fn get_many<'a>(&'a self, keys: &[&str]) -> BoxFuture<'a, Result<Vec<Option<String>>>> {
        self.guarded(self.redis.mget(keys))
    }

    /// Writes `value`, to be kept for `ttl`.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub fn set<'a>(&'a self, key: &str, value: &str, ttl: Duration) -> BoxFuture<'a, Result<()>> {
        let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        let request = self.redis.set(key, value).map(|set| set.px(millis));
        self.guarded_unit(request.map(Command::into_request))
    }

    /// Writes `value`, to be kept until `until_ms` (milliseconds since 1970).
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub fn set_until<'a>(
        &'a self,
        key: &str,
        value: &str,
        until_ms: i64,
    ) -> BoxFuture<'a, Result<()>> {
        let until = u64::try_from(until_ms).unwrap_or(1).max(1);
        let request = self.redis.set(key, value).map(|set| set.pxat(until));
        self.guarded_unit(request.map(Command::into_request))
    }

    /// Writes `value` for good.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    fn set_lasting<'a>(&'a self, key: &str, value: &str) -> BoxFuture<'a, Result<()>> {
        let request = self.redis.set(key, value);
        self.guarded_unit(request.map(Command::into_request))
    }

    /// Deletes `key`; whether it was there.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub fn delete<'a>(&'a self, key: &str) -> BoxFuture<'a, Result<bool>> {
        let request = self.guarded(self.redis.del(&[key]));
        Box::pin(async move { Ok(request.await? > 0) })
    }

    /// Whether `key` is there.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub fn exists<'a>(&'a self, key: &str) -> BoxFuture<'a, Result<bool>> {
        let request = self.guarded(self.redis.exists(&[key]));
        Box::pin(async move { Ok(request.await? > 0) })
    }

    /// Ends `key` after `ttl`, in whole milliseconds; `false` when it is not there.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub fn expire<'a>(&'a self, key: &str, ttl: Duration) -> BoxFuture<'a, Result<bool>> {
        let millis = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        self.guarded(self.redis.pexpire(key, millis))
    }

    /// Adds one to the number at `key`, from 0 when it is not there.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub fn increment<'a>(&'a self, key: &str) -> BoxFuture<'a, Result<i64>> {
        self.guarded(self.redis.incr(key))
    }

    /// Sends the commands that `fill` puts into a transaction; all are applied,
    /// with nothing between them, or none.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`], also when a single command is refused.
    pub fn transaction(
        &self,
        fill: impl FnOnce(&Redis, Pipeline) -> Result<Pipeline, upstash_redis_rs::Error>,
    ) -> BoxFuture<'_, Result<Vec<Reply>>> {
        let answers = fill(&self.redis, self.redis.multi()).map(Pipeline::exec);
        let answers = self.in_breaker(answers);
        Box::pin(async move {
            let answers: Result<_, _> = answers.await?.into_iter().collect();
            answers.map_err(|error| Error::Unavailable(Box::new(error)))
        })
    }

    /// How long Redis takes to answer, whatever the breaker thinks.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`].
    pub fn ping(&self) -> BoxFuture<'_, Result<Duration>> {
        Box::pin(async move {
            let started = Instant::now();
            let outcome = self.redis.ping().send().await;
            self.breaker.note(outcome.is_ok());
            outcome.map_err(|error| Error::Unavailable(Box::new(error)))?;
            Ok(started.elapsed())
        })
    }

    /// The bare client, for what the breaker must not stop.
    pub(crate) fn redis(&self) -> &Redis {
        &self.redis
    }

    fn guarded_unit(
        &self,
        request: Result<Request<bool>, upstash_redis_rs::Error>,
    ) -> BoxFuture<'_, Result<()>> {
        let answer = self.guarded(request);
        Box::pin(async move { answer.await.map(|_| ()) })
    }

    fn guarded<C: Command>(
        &self,
        request: Result<C, upstash_redis_rs::Error>,
    ) -> BoxFuture<'_, Result<C::Output>> {
        self.in_breaker(request.map(Command::send))
    }

    fn in_breaker<T: Send + 'static>(
        &self,
        request: Result<ReplyFuture<T>, upstash_redis_rs::Error>,
    ) -> BoxFuture<'_, Result<T>> {
        Box::pin(async move {
            let request = request.map_err(|error| Error::Internal(Box::new(error)))?;
            if !self.breaker.lets_through() {
                self.probe();
                return Err(Error::unavailable("Redis has not answered for a while"));
            }
            let outcome = request.await;
            // A command that was refused was answered all the same.
            let answered = outcome
                .as_ref()
                .map_or_else(|error| error.is_command(), |_| true);
            self.breaker.note(answered);
            outcome.map_err(|error| Error::Unavailable(Box::new(error)))
        })
    }

    /// Asks a dead Redis, in passing and at most once in a while, whether it
    /// lives again. No request waits for this.
    fn probe(&self) {
        if self.breaker.may_probe() {
            let kv = self.clone();
            tokio::spawn(async move {
                // Whether it worked is noted by the breaker.
                let _ = kv.ping().await;
                kv.breaker.probed();
            });
        }
    }
}

#[derive(Default)]
struct Breaker {
    failures: AtomicU32,
    probing: AtomicBool,
    probed_at: Mutex<Option<Instant>>,
}

impl Breaker {
    fn lets_through(&self) -> bool {
        self.failures.load(Ordering::Relaxed) < FAILURES
    }

    fn note(&self, answered: bool) {
        if answered {
            if self.failures.swap(0, Ordering::Relaxed) >= FAILURES {
                tracing::info!("Redis answers again");
            }
        } else {
            *self.probed_at() = Some(Instant::now());
            let before = self.failures.fetch_add(1, Ordering::Relaxed);
            if before + 1 == FAILURES {
                tracing::warn!("Redis does not answer; going on without it");
            }
        }
    }

    fn may_probe(&self) -> bool {
        let due = self
            .probed_at()
            .is_none_or(|at| at.elapsed() >= PROBE_EVERY);
        due && !self.probing.swap(true, Ordering::Relaxed)
    }

    fn probed(&self) {
        *self.probed_at() = Some(Instant::now());
        self.probing.store(false, Ordering::Relaxed);
    }

    fn probed_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.probed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers that are dear to work out, kept in Redis by namespace. Ending a
/// namespace ends all that it holds, at once and without a search.
///
/// A value is written together with the version that its namespace had before
/// the value was worked out, and is believed under that version only: what was
/// read before a change can be written after it without harm.
#[derive(Clone)]
pub struct Cache {
    /// `None`: everything is worked out each time.
    kv: Option<Kv>,
    namespace: &'static str,
    ttl: Duration,
}

#[derive(Serialize, Deserialize)]
struct Cached<T> {
    version: Option<String>,
    /// What the value answers, where its key does not say so.
    #[serde(default)]
    asked: String,
    value: T,
}

/// How many texts of a kind [`Cache::text`] keeps.
const PLACES: u16 = 1_024;

impl Cache {
    /// One hour, unless [`Cache::with_ttl`] says otherwise.
    pub const TTL: Duration = Duration::from_secs(60 * 60);

    /// The cache of `namespace`.
    pub fn new(kv: Option<Kv>, namespace: &'static str) -> Self {
        Self {
            kv,
            namespace,
            ttl: Self::TTL,
        }
    }

    /// Keeps values for `ttl` at the most.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// The value of `key`, from Redis or else from `load`. With Redis away it
    /// is `load` each time.
    ///
    /// # Errors
    ///
    /// What `load` returns.
    pub async fn get_or<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        load: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.get_asked(key, String::new(), load).await
    }

    /// The text that answers `asked`, from Redis or else from `load`.
    ///
    /// Whatever callers think of asking, Redis holds no more than 1024 texts
    /// of a `kind`: each question has its place, which it shares with others,
    /// and the last to be asked has it.
    ///
    /// # Errors
    ///
    /// What `load` returns.
    pub fn text<'a>(
        &'a self,
        kind: &'static str,
        asked: String,
        load: BoxFuture<'a, Result<String>>,
    ) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            let digest = sha256_hex(asked.as_bytes());
            let place = u16::from_str_radix(&digest[..4], 16).unwrap_or_default() % PLACES;
            let key = format!("{kind}:{place}");
            self.get_asked(&key, asked, load).await
        })
    }

    async fn get_asked<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        asked: String,
        load: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(kv) = &self.kv else {
            return load.await;
        };
        let value_key = format!("cache:{}:{key}", self.namespace);
        let Ok(found) = kv.get_many(&[&value_key, &self.version_key()]).await else {
            return load.await;
        };
        let [value, version] = <[_; 2]>::try_from(found)
            .map_err(|_| Error::internal("Redis answered another number of values"))?;
        let cached: Option<Cached<T>> = value.and_then(|json| serde_json::from_str(&json).ok());
        let fits = |cached: &Cached<T>| cached.version == version && cached.asked == asked;
        if let Some(cached) = cached.filter(fits) {
            return Ok(cached.value);
        }
        let fresh = Cached {
            version,
            asked,
            value: load.await?,
        };
        let json =
            serde_json::to_string(&fresh).map_err(|error| Error::Internal(Box::new(error)))?;
        if let Err(error) = kv.set(&value_key, &json, self.ttl).await {
            tracing::debug!(error = %crate::store::postgres::chain(&error), "not cached");
        }
        Ok(fresh.value)
    }

    /// Ends everything in the namespace. To be called when a change to what it
    /// holds has been committed.
    ///
    /// # Errors
    ///
    /// As stated for [`Kv`]: what is cached may then be stale for its `ttl`.
    pub async fn invalidate(&self) -> Result<()> {
        let Some(kv) = &self.kv else {
            return Ok(());
        };
        let version = random::hex::<16>();
        kv.set_lasting(&self.version_key(), &version).await
    }

    /// As [`Cache::invalidate`], for whoever has just committed. A Redis that did
    /// not hear of it is told again, after the answer, until it has, or until
    /// what it holds has ended by itself.
    pub fn end(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Err(error) = self.invalidate().await {
                let (namespace, error) = (self.namespace, crate::store::postgres::chain(&error));
                tracing::warn!(namespace, error, "cached answers may be stale");
                background::spawn(self.clone().end_until_heard());
            }
        })
    }

    /// Past the breaker, as marks go: what nobody asks for is not asked for the
    /// sooner, and a try a second is no load.
    async fn end_until_heard(self) {
        let Some(kv) = &self.kv else { return };
        let begun = Instant::now();
        while begun.elapsed() < self.ttl.min(END_FOR) {
            tokio::time::sleep(PROBE_EVERY).await;
            let version = random::hex::<16>();
            let Ok(set) = kv.redis().set(&self.version_key(), &version) else {
                return;
            };
            if set.send().await.is_ok() {
                return;
            }
        }
    }

    fn version_key(&self) -> String {
        format!("cache-version:{}", self.namespace)
    }
}
