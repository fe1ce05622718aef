//! Responses that are expensive to compute, cached in Redis by namespace.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::crypto::secret::sha256_hex;
use crate::error::Result;
use crate::runtime::background::BoxFuture;
use crate::store::cache::{Entry, Expiry, GenerationCache, Invalidation, Lookup};

/// The number of slots that [`ResponseCache::get_or_load_text`] has for each kind.
const SLOTS_PER_KIND: u16 = 1_024;

/// The longest time for which an invalidation is retried.
const MAX_RETRY_TIME: Duration = Duration::from_secs(300);

/// The cached responses of one namespace. Invalidating the namespace invalidates all
/// of them at once, without listing them. Clones are cheap.
#[derive(Clone)]
pub struct ResponseCache {
    cache: GenerationCache,
    namespace: &'static str,
    ttl: Duration,
}

/// A response as it is stored in Redis.
#[derive(Serialize, Deserialize)]
struct CachedResponse<T> {
    #[serde(rename = "version")]
    generation: Option<String>,
    /// The request that the value belongs to. Empty if the key identifies the request.
    #[serde(rename = "asked", default)]
    request: String,
    value: T,
}

impl<T: Serialize + DeserializeOwned> Entry for CachedResponse<T> {
    fn generation(&self) -> Option<&str> {
        self.generation.as_deref()
    }
}

impl ResponseCache {
    /// The default time for which responses are kept. See [`ResponseCache::with_ttl`].
    pub const TTL: Duration = Duration::from_secs(60 * 60);

    /// Creates the cache of a namespace.
    pub fn new(cache: GenerationCache, namespace: &'static str) -> Self {
        Self {
            cache,
            namespace,
            ttl: Self::TTL,
        }
    }

    /// Sets the time for which responses are kept.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Returns the value at `key` from Redis, or calls `load` if Redis has no current
    /// value or is unavailable.
    ///
    /// # Errors
    ///
    /// Fails with the error of `load`.
    pub async fn get_or_load<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        load: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.get_response(key, String::new(), load).await
    }

    /// Returns the response to `request` from Redis, or calls `load`.
    ///
    /// Redis stores at most 1024 responses of each `kind`, so that clients cannot fill
    /// Redis. A hash of the request selects a slot, and a new response replaces the one
    /// in that slot.
    ///
    /// # Errors
    ///
    /// Fails with the error of `load`.
    pub fn get_or_load_text<'a>(
        &'a self,
        kind: &'static str,
        request: String,
        load: BoxFuture<'a, Result<String>>,
    ) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            let digest = sha256_hex(request.as_bytes());
            let slot = u16::from_str_radix(&digest[..4], 16).unwrap_or_default() % SLOTS_PER_KIND;
            self.get_response(&format!("{kind}:{slot}"), request, load)
                .await
        })
    }

    async fn get_response<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        request: String,
        load: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let key = format!("cache:{}:{key}", self.namespace);
        let is_same = |cached: &CachedResponse<T>| cached.request == request;
        let generation = match self.cache.get(&key, &self.generation_key(), is_same).await {
            Lookup::Hit(cached) => return Ok(cached.value),
            Lookup::Miss { generation } => generation,
            Lookup::Unavailable | Lookup::Disabled => return load.await,
        };
        let loaded = CachedResponse {
            generation,
            request,
            value: load.await?,
        };
        self.cache.put(&key, &loaded, Expiry::After(self.ttl)).await;
        Ok(loaded.value)
    }

    /// Invalidates every response of the namespace, after their data has changed
    /// outside of Postgres. For changes in Postgres,
    /// [`Transaction`](crate::session::Transaction) does this.
    pub async fn invalidate(&self) {
        self.cache.prepare(vec![self.invalidation()]).run().await;
    }

    /// Returns the invalidation of the namespace, which a transaction runs after its
    /// commit.
    pub(crate) fn invalidation(&self) -> Invalidation {
        Invalidation {
            generation_key: self.generation_key(),
            entry_key: None,
            keep_for: None,
            retry_for: self.ttl.min(MAX_RETRY_TIME),
            is_urgent: false,
        }
    }

    fn generation_key(&self) -> String {
        format!("cache-version:{}", self.namespace)
    }
}
