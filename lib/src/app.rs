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

/// How long a cached response about free spots may be outdated if its invalidation
/// failed. Booking does not read the cache.
const SCHEDULE_TTL: Duration = Duration::from_secs(60);

/// The state that all handlers share. It is created once per process and is cheap to
/// clone. Connections are opened when they are first needed.
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
    visitor_signer: Signer,
    registration_signer: Signer,
    first_visit_signer: Signer,
    unsubscribe_signer: Signer,
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
        let redis = config.redis.as_ref();
        let kv = redis.map(|redis| Kv::new(redis, clock.clone()));
        let kv = kv.transpose()?;
        let counters = Counters::new(db.clone(), clock.clone());
        let cache = GenerationCache::new(kv.clone());
        let session_cache = SessionCache::new(cache.clone(), clock.clone(), config.timing);
        let sessions = Sessions::new(
            db.clone(),
            session_cache,
            counters.clone(),
            config.timing,
            config.require_staff_second_factor,
        );
        Ok(Self(Arc::new(Inner {
            hasher: Hasher::new(available_parallelism().map_or(2, usize::from)),
            cookie_signer: Signer::derive(&config.session_secrets, "session cookie"),
            demo_signer: Signer::derive(&config.session_secrets, "demo record"),
            device_signer: Signer::derive(&config.session_secrets, "device cookie"),
            visitor_signer: Signer::derive(&config.session_secrets, "visitor cookie"),
            registration_signer: Signer::derive(&config.session_secrets, "registration cookie"),
            first_visit_signer: Signer::derive(&config.session_secrets, "first visit"),
            unsubscribe_signer: Signer::derive(&config.session_secrets, "unsubscribe link"),
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

    /// Returns the configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Returns the clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Returns the pool of connections to Postgres.
    pub fn db(&self) -> &Arc<Db> {
        &self.0.db
    }

    /// Returns the Redis client, if Redis is configured.
    pub fn kv(&self) -> Option<&Kv> {
        self.0.kv.as_ref()
    }

    /// Returns the handle to all sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// Prepares a transaction. No statement is sent until it runs.
    pub fn transaction(&self) -> Transaction<'_> {
        self.sessions().transaction()
    }

    /// Returns the daily counters.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Returns the password hasher.
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

    pub(crate) fn visitor_signer(&self) -> &Signer {
        &self.0.visitor_signer
    }

    pub(crate) fn registration_signer(&self) -> &Signer {
        &self.0.registration_signer
    }

    /// Returns the signer of the cookie that marks a first visit, for which there is no
    /// session.
    pub(crate) fn first_visit_signer(&self) -> &Signer {
        &self.0.first_visit_signer
    }

    /// Returns the signer of the links in e-mails that switch e-mails of their category off.
    pub(crate) fn unsubscribe_signer(&self) -> &Signer {
        &self.0.unsubscribe_signer
    }

    /// Returns the issuer and verifier of access tokens.
    pub fn access_tokens(&self) -> &AccessTokens {
        &self.0.access_tokens
    }

    /// Returns the cache of responses about class types and instructors. A change to a class
    /// type, an instructor or a room invalidates this cache and [`App::schedule`].
    pub fn catalog(&self) -> &ResponseCache {
        &self.0.catalog
    }

    /// Returns the cache of responses about occurrences and their free spots. A change
    /// to an occurrence or a booking invalidates it.
    pub fn schedule(&self) -> &ResponseCache {
        &self.0.schedule
    }

    pub(crate) fn send_queue(&self) -> &SendQueue {
        &self.0.send_queue
    }

    pub(crate) fn streams(&self) -> &EventStreams {
        &self.0.streams
    }

    /// Returns the token that is cancelled when the process is about to end.
    pub(crate) fn shutting_down(&self) -> &CancellationToken {
        &self.0.shutting_down
    }

    /// Stops long-running work: event streams and sending e-mails. Browsers reconnect their
    /// event streams to another process.
    pub fn shut_down(&self) {
        self.shutting_down().cancel();
    }

    /// Returns the Stripe client, if card payments are configured.
    pub fn stripe(&self) -> Option<&Stripe> {
        self.0.stripe.as_ref()
    }

    pub(crate) fn http_client(&self) -> &HttpClient {
        &self.0.http_client
    }

    /// Returns the cache of sign-in providers' metadata: their endpoints and keys.
    pub(crate) fn providers(&self) -> &ResponseCache {
        &self.0.providers
    }

    /// Writes the counters and closes the connection pool.
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
