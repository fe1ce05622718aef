//! Responses that are expensive to compute, cached in Redis by namespace.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::crypto::secret::sha256_hex;
use crate::error::Result;
use crate::runtime::background::BoxFuture;
use crate::store::cache::{Entry, Expiry, GenerationCache, Invalidation, Lookup};

/// How many responses of a kind [`ResponseCache::text`] keeps.
const SLOTS: u16 = 1_024;

/// How long an invalidation is retried at the most.
const RETRY_FOR: Duration = Duration::from_secs(300);

/// The responses of one namespace. Invalidating the namespace invalidates all of
/// them at once, without a search. Cheap to clone.
#[derive(Clone)]
pub struct ResponseCache {
    cache: GenerationCache,
    namespace: &'static str,
    ttl: Duration,
}

/// A response in Redis.
#[derive(Serialize, Deserialize)]
struct CachedResponse<T> {
    #[serde(rename = "version")]
    generation: Option<String>,
    /// The request that this is the response to, where the key does not say so.
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
    /// How long responses are kept, unless [`ResponseCache::with_ttl`] is called.
    pub const TTL: Duration = Duration::from_secs(60 * 60);

    /// Creates the cache of a namespace.
    pub fn new(cache: GenerationCache, namespace: &'static str) -> Self {
        Self {
            cache,
            namespace,
            ttl: Self::TTL,
        }
    }

    /// Keeps responses for `ttl` at the most.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Returns the value at `key`, from Redis or else from `load`. Without Redis,
    /// it is loaded each time.
    ///
    /// # Errors
    ///
    /// What `load` returns.
    pub async fn get_or<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        load: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.get_response(key, String::new(), load).await
    }

    /// Returns the text that responds to `request`, from Redis or else from `load`.
    ///
    /// Redis holds at most 1024 texts of a `kind`, whatever clients ask for. Each
    /// request has a slot, which it shares with others; the last one written stays.
    ///
    /// # Errors
    ///
    /// What `load` returns.
    pub fn text<'a>(
        &'a self,
        kind: &'static str,
        request: String,
        load: BoxFuture<'a, Result<String>>,
    ) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            let digest = sha256_hex(request.as_bytes());
            let slot = u16::from_str_radix(&digest[..4], 16).unwrap_or_default() % SLOTS;
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

    /// Invalidates every response of the namespace, after what they show has
    /// changed outside of Postgres. A change in Postgres is made in a
    /// [`Transaction`](crate::session::Transaction), which does this by itself.
    pub async fn invalidate(&self) {
        self.cache.prepare(vec![self.invalidation()]).run().await;
    }

    /// What a transaction does after its commit to invalidate the namespace.
    pub(crate) fn invalidation(&self) -> Invalidation {
        Invalidation {
            generation: self.generation_key(),
            entry: None,
            keep_for: None,
            retry_for: self.ttl.min(RETRY_FOR),
            is_urgent: false,
        }
    }

    fn generation_key(&self) -> String {
        format!("cache-version:{}", self.namespace)
    }
}
