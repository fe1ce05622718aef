//! What a process has one of: configuration, pool, Redis, clock.

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
use crate::session::{self, AccessTokens, Sessions};
use crate::store::counters::Counters;
use crate::store::postgres::Db;
use crate::store::redis::{Cache, Kv};

/// How long an answer about places left may be wrong when Redis did not hear
/// of a booking; the booking itself is never decided by it.
const SCHEDULE_TTL: Duration = Duration::from_secs(60);

/// Everything that handlers share. Cheap to clone; made once a process, and
/// nothing is connected before it is used.
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
    catalogue: Cache,
    schedule: Cache,
    send_queue: SendQueue,
    streams: EventStreams,
    shutting_down: CancellationToken,
    stripe: Option<Stripe>,
    http_client: HttpClient,
    providers: Cache,
    config: Config,
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Internal`] when a certificate, URL or token of the
    /// configuration turns out to be of no use.
    pub fn new(config: Config) -> Result<Self> {
        let clock = Clock::default();
        let db = Arc::new(Db::new(&config.postgres, clock.clone())?);
        let kv = config.redis.as_ref().map(Kv::new).transpose()?;
        let counters = Counters::new(db.clone(), clock.clone());
        let cache = session::Cache::new(kv.clone(), clock.clone(), config.timing);
        let sessions = Sessions::new(db.clone(), cache, counters.clone(), config.timing);
        Ok(Self(Arc::new(Inner {
            hasher: Hasher::new(available_parallelism().map_or(2, usize::from)),
            cookie_signer: Signer::derive(&config.session_secrets, "session cookie"),
            demo_signer: Signer::derive(&config.session_secrets, "demo record"),
            device_signer: Signer::derive(&config.session_secrets, "device cookie"),
            access_tokens: AccessTokens::new(&config.session_secrets, &config.studio.site_url),
            catalogue: Cache::new(kv.clone(), "catalogue"),
            schedule: Cache::new(kv.clone(), "schedule").with_ttl(SCHEDULE_TTL),
            send_queue: SendQueue::default(),
            streams: EventStreams::default(),
            shutting_down: CancellationToken::new(),
            stripe: config.stripe.clone().map(Stripe::new),
            http_client: HttpClient::default(),
            providers: Cache::new(kv.clone(), "providers"),
            clock,
            db,
            kv,
            sessions,
            counters,
            config,
        })))
    }

    /// What was set from outside.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The time.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Postgres.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// Redis, where there is one.
    pub fn kv(&self) -> Option<&Kv> {
        self.0.kv.as_ref()
    }

    /// All sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// Figures by day.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Hashes passwords, a few at a time.
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

    /// Answers about class types and instructors; ended by whoever changes one.
    pub fn catalogue(&self) -> &Cache {
        &self.0.catalogue
    }

    /// Answers about occurrences and the places left in them; ended by whoever
    /// changes an occurrence or a booking, and with the catalogue.
    pub fn schedule(&self) -> &Cache {
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

    /// Ends what would go on for a while by itself: streams, whose browsers
    /// come back to another process, and rounds of sending mail.
    pub fn shut_down(&self) {
        self.shutting_down().cancel();
    }

    /// Card payments, where the configuration has them.
    pub fn stripe(&self) -> Option<&Stripe> {
        self.0.stripe.as_ref()
    }

    pub(crate) fn http_client(&self) -> &HttpClient {
        &self.0.http_client
    }

    /// What sign-in providers publish of themselves: addresses and keys.
    pub(crate) fn providers(&self) -> &Cache {
        &self.0.providers
    }

    /// Writes what is still to be written, then closes the pool.
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
