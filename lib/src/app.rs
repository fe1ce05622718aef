//! The state of a process: configuration, connection pool, Redis, clock.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use tokio_util::sync::CancellationToken;

use crate::crypto::password::Hasher;
use crate::crypto::secret::Signer;
use crate::error::Result;
use crate::notify::event_streams::EventStreams;
use crate::notify::mail::SendQueue;
use crate::payments::stripe::Stripe;
use crate::runtime::clock::Clock;
use crate::runtime::config::Config;
use crate::runtime::http_client::HttpClient;
use crate::session::{AccessTokens, SessionCache, Sessions, Transaction};
use crate::store::cache::GenerationCache;
use crate::store::counters::Counters;
use crate::store::postgres::Db;
use crate::store::redis::Kv;
use crate::store::response_cache::ResponseCache;

/// How long a response may show an outdated number of free spots, if invalidating it
/// failed. Bookings do not depend on it.
const SCHEDULE_TTL: Duration = Duration::from_secs(60);

/// Everything that handlers share. It is made once a process, and cheap to clone.
/// Nothing is connected before it is used.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    clock: Clock,
    db: Arc<Db>,
    kv: Option<Kv>,
    sessions: Sessions,
    counters: Counters,
    hasher: Hasher,
    cookie_signer: Signer,
    demo_signer: Signer,
    device_signer: Signer,
    access_tokens: AccessTokens,
    catalog: ResponseCache,
    schedule: ResponseCache,
    send_queue: SendQueue,
    streams: EventStreams,
    shutting_down: CancellationToken,
    stripe: Option<Stripe>,
    http_client: HttpClient,
    providers: ResponseCache,
    config: Config,
}

impl App {
    /// Creates the state from the configuration.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Internal`] when a certificate, URL or token of the
    /// configuration is invalid.
    pub fn new(config: Config) -> Result<Self> {
        let clock = Clock::default();
        let db = Arc::new(Db::new(&config.postgres, clock.clone())?);
        let kv = config.redis.as_ref().map(Kv::new).transpose()?;
        let counters = Counters::new(db.clone(), clock.clone());
        let cache = GenerationCache::new(kv.clone());
        let records = SessionCache::new(cache.clone(), clock.clone(), config.timing);
        let sessions = Sessions::new(db.clone(), records, counters.clone(), config.timing);
        Ok(Self(Arc::new(Inner {
            hasher: Hasher::new(available_parallelism().map_or(2, usize::from)),
            cookie_signer: Signer::derive(&config.session_secrets, "session cookie"),
            demo_signer: Signer::derive(&config.session_secrets, "demo record"),
            device_signer: Signer::derive(&config.session_secrets, "device cookie"),
            access_tokens: AccessTokens::new(&config.session_secrets, &config.studio.site_url),
            catalog: ResponseCache::new(cache.clone(), "catalogue"),
            schedule: ResponseCache::new(cache.clone(), "schedule").with_ttl(SCHEDULE_TTL),
            send_queue: SendQueue::default(),
            streams: EventStreams::default(),
            shutting_down: CancellationToken::new(),
            stripe: config.stripe.clone().map(Stripe::new),
            http_client: HttpClient::default(),
            providers: ResponseCache::new(cache, "providers"),
            clock,
            db,
            kv,
            sessions,
            counters,
            config,
        })))
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Postgres.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// Redis, if it is configured.
    pub fn kv(&self) -> Option<&Kv> {
        self.0.kv.as_ref()
    }

    /// All sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// Prepares a transaction. Nothing is sent before it is run.
    pub fn transaction(&self) -> Transaction<'_> {
        self.sessions().transaction()
    }

    /// Daily figures.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Hashes passwords, a few at once.
    pub fn hasher(&self) -> &Hasher {
        &self.0.hasher
    }

    pub(crate) fn cookie_signer(&self) -> &Signer {
        &self.0.cookie_signer
    }

    pub(crate) fn demo_signer(&self) -> &Signer {
        &self.0.demo_signer
    }

    pub(crate) fn device_signer(&self) -> &Signer {
        &self.0.device_signer
    }

    /// Issues and verifies access tokens.
    pub fn access_tokens(&self) -> &AccessTokens {
        &self.0.access_tokens
    }

    /// Cached responses about class types and instructors. A change to one of them
    /// invalidates these responses, and [`App::schedule`].
    pub fn catalog(&self) -> &ResponseCache {
        &self.0.catalog
    }

    /// Cached responses about occurrences and their free spots. A change to an
    /// occurrence or a booking invalidates them.
    pub fn schedule(&self) -> &ResponseCache {
        &self.0.schedule
    }

    pub(crate) fn send_queue(&self) -> &SendQueue {
        &self.0.send_queue
    }

    pub(crate) fn streams(&self) -> &EventStreams {
        &self.0.streams
    }

    /// Cancelled when the process is about to end.
    pub(crate) fn shutting_down(&self) -> &CancellationToken {
        &self.0.shutting_down
    }

    /// Stops long-running work: event streams, whose browsers reconnect to another
    /// process, and sending mail.
    pub fn shut_down(&self) {
        self.shutting_down().cancel();
    }

    /// Card payments, if they are configured.
    pub fn stripe(&self) -> Option<&Stripe> {
        self.0.stripe.as_ref()
    }

    pub(crate) fn http_client(&self) -> &HttpClient {
        &self.0.http_client
    }

    /// Cached metadata of sign-in providers: their endpoints and keys.
    pub(crate) fn providers(&self) -> &ResponseCache {
        &self.0.providers
    }

    /// Writes the counters, and closes the pool.
    pub async fn close(&self) {
        self.counters().write().await;
        self.db().close();
    }
}

impl FromRequestParts<App> for App {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self::from_ref(app))
    }
}
