//! Postgres: the pool, transactions, health, and the slow-query log.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Metrics, Object, Pool, RecyclingMethod, Runtime,
    Timeouts,
};
use rust_decimal::Decimal;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::DbError;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

use crate::crypto::random;
use crate::error::{Error, Result, database_error};
use crate::runtime::background::BoxFuture;
use crate::runtime::clock::Clock;
use crate::runtime::config::PostgresConfig;
use crate::runtime::tls;

/// Longer than any statement of ours takes; a server that was cut off without
/// a word would otherwise hold its request for good.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(15);

/// After a pause this long a connection is asked whether it still lives.
const TRUSTED_PAUSE: Duration = Duration::from_secs(1);

/// How long that question may take.
const PROBE_DEADLINE: Duration = Duration::from_millis(500);

/// How often making a connection is tried: a suspended database wakes in some
/// hundred milliseconds, and refuses until then.
const CONNECT_TRIES: u32 = 3;

/// A pool of connections to Postgres. Nothing is connected before it is used.
pub struct Db {
    pool: Pool,
    clock: Clock,
    idle_timeout: Duration,
    pauses: Arc<Pauses>,
}

/// What the pool can say of itself.
#[derive(Clone, Copy, Debug)]
pub struct PoolState {
    /// Connections that exist.
    pub size: usize,
    /// Connections that nobody uses at the moment.
    pub free: usize,
    /// Requests that wait for one.
    pub waiting: usize,
}

impl Db {
    /// A pool as `config` describes it.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when `POSTGRES_CA_CERT` holds no certificate.
    pub fn new(config: &PostgresConfig, clock: Clock) -> Result<Self> {
        SLOW_QUERY_MS.store(millis(config.slow_query), Ordering::Relaxed);
        let pauses = Arc::new(Pauses::new(clock.now_ms()));
        let pool = Pool::builder(manager(config)?)
            .max_size(config.pool_max)
            .timeouts(Timeouts {
                wait: Some(config.pool_timeout),
                create: Some(config.connect_timeout),
                recycle: Some(PROBE_DEADLINE),
            })
            .runtime(Runtime::Tokio1)
            .pre_recycle(probe_doubted(pauses.clone()))
            .build()
            .map_err(|error| Error::Internal(Box::new(error)))?;
        Ok(Self {
            pool,
            clock,
            idle_timeout: config.idle_timeout,
            pauses,
        })
    }

    /// A connection that lives, from the pool or new.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when none is free in time or Postgres does not
    /// answer.
    pub fn client(&self) -> BoxFuture<'_, Result<Object>> {
        Box::pin(async move {
            self.drop_stale();
            let mut tries = 1;
            loop {
                match self.pool.get().await.map_err(Error::from) {
                    Err(error) if tries < CONNECT_TRIES && is_waking(&error) => {
                        let pause = 50 * u64::from(tries) + random::below(100);
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                        tries += 1;
                    }
                    outcome => return outcome,
                }
            }
        })
    }

    /// Reads, and reads once more when the connection was found closed, on one
    /// that is new or was seen to live. For statements that change nothing.
    ///
    /// # Errors
    ///
    /// What `work` returns, or as [`Db::client`].
    pub async fn read<T>(&self, work: impl AsyncFn(&Client) -> Result<T>) -> Result<T> {
        let client = self.client().await?;
        match work(&client).await {
            Err(error) if is_closed(&error) => {
                drop(client);
                // What ended one has most likely ended others.
                self.pauses.doubt();
                let client = self.client().await?;
                work(&client).await
            }
            outcome => outcome,
        }
    }

    /// Runs `work` in a transaction: committed when it returns a value, rolled
    /// back when it returns an error, is dropped, or panics.
    ///
    /// # Errors
    ///
    /// What `work` returns; [`Error::Unavailable`] when the commit was not
    /// acknowledged, in which case it may or may not have happened.
    pub async fn transaction<T>(&self, work: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T> {
        let mut tries = 1;
        loop {
            let mut client = self.client().await?;
            let begun = Client::transaction(&mut client);
            match in_time("begin", begun).await {
                Ok(transaction) => {
                    let value = work(transaction.client()).await?;
                    in_time("commit", transaction.commit()).await?;
                    return Ok(value);
                }
                // Nothing has been written yet: the connection was a dead one.
                Err(error) if tries == 1 && is_closed(&error) => {
                    self.pauses.doubt();
                    tries = 2;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// How long Postgres takes to answer.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<Duration> {
        let started = Instant::now();
        self.read(async |client| PING.execute(client, &[]).await)
            .await?;
        Ok(started.elapsed())
    }

    /// The state of the pool, for the dashboard.
    pub fn state(&self) -> PoolState {
        let status = self.pool.status();
        PoolState {
            size: status.size,
            free: status.available,
            waiting: status.waiting,
        }
    }

    /// Closes every connection; whoever asks for one then is refused.
    pub fn close(&self) {
        self.pool.close();
    }

    /// An instance is frozen between requests, and what the other side closed
    /// meanwhile shows only on use. The wall clock tells of the pause; a
    /// monotonic one may have stood still.
    fn drop_stale(&self) {
        let pause = self.pauses.taken_at(self.clock.now_ms());
        if pause > self.idle_timeout {
            self.pool.retain(|_, _| false);
        } else {
            self.pool
                .retain(|_, metrics| metrics.last_used() < self.idle_timeout);
        }
    }
}

/// When connections were last taken, by the wall clock, and since when those
/// in the pool are doubted.
struct Pauses {
    last_taken_ms: AtomicI64,
    doubted_since: Mutex<Option<Instant>>,
}

impl Pauses {
    fn new(now_ms: i64) -> Self {
        Self {
            last_taken_ms: AtomicI64::new(now_ms),
            doubted_since: Mutex::new(None),
        }
    }

    /// Notes that a connection is taken now; returns the pause before it.
    fn taken_at(&self, now_ms: i64) -> Duration {
        let last = self.last_taken_ms.swap(now_ms, Ordering::Relaxed);
        let pause = Duration::from_millis(u64::try_from(now_ms - last).unwrap_or(0));
        if pause > TRUSTED_PAUSE {
            self.doubt();
        }
        pause
    }

    /// Has each connection of now looked at before it is used again.
    fn doubt(&self) {
        *self.lock() = Some(Instant::now());
    }

    fn doubts(&self, metrics: &Metrics) -> bool {
        let last_used = metrics.recycled.unwrap_or(metrics.created);
        metrics.last_used() > TRUSTED_PAUSE || self.lock().is_some_and(|since| last_used < since)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.doubted_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn probe_doubted(pauses: Arc<Pauses>) -> Hook {
    Hook::async_fn(move |client, metrics| {
        let doubted = pauses.doubts(metrics);
        Box::pin(async move {
            if !doubted {
                return Ok(());
            }
            match timeout(PROBE_DEADLINE, client.check_connection()).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(HookError::Backend(error)),
                Err(_) => Err(HookError::message("no answer to the probe")),
            }
        })
    })
}

/// Connects past the pool, for migrations and administration.
///
/// # Errors
///
/// [`Error::Unavailable`] when Postgres does not answer or refuses.
pub async fn connect_direct(config: &crate::Config) -> Result<Client> {
    let direct = &config.postgres_direct;
    let trouble = |error: tokio_postgres::Error| {
        tracing::warn!(error = %chain(&error), "connection to Postgres ended");
    };
    if direct.get_ssl_mode() == SslMode::Disable {
        let (client, connection) = direct.connect(NoTls).await?;
        tokio::spawn(async move { connection.await.unwrap_or_else(trouble) });
        return Ok(client);
    }
    let (client, connection) = direct.connect(tls_connector(&config.postgres)?).await?;
    tokio::spawn(async move { connection.await.unwrap_or_else(trouble) });
    Ok(client)
}

fn manager(config: &PostgresConfig) -> Result<Manager> {
    let connection = config.connection.clone();
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    // The certificates are not even read when nobody is going to be asked for one.
    if connection.get_ssl_mode() == SslMode::Disable {
        return Ok(Manager::from_config(connection, NoTls, recycling));
    }
    Ok(Manager::from_config(
        connection,
        tls_connector(config)?,
        recycling,
    ))
}

/// TLS that verifies the server: against `POSTGRES_CA_CERT` alone when it is
/// given, else against the public roots.
fn tls_connector(config: &PostgresConfig) -> Result<MakeRustlsConnect> {
    let roots = match &config.ca_certificate {
        None => tls::public_roots(),
        Some(pem) => tls::roots_from_pem(pem)
            .ok_or_else(|| Error::internal("POSTGRES_CA_CERT: must be a PEM certificate"))?,
    };
    Ok(MakeRustlsConnect::new(tls::client_config(roots)))
}

/// Postgres is starting, stopping, or was asked before it listened.
fn is_waking(error: &Error) -> bool {
    let Error::Unavailable(source) = error else {
        return false;
    };
    is_shutdown(error)
        || source
            .source()
            .is_some_and(|cause| cause.is::<std::io::Error>())
}

/// The connection ended, before or while it was used.
fn is_closed(error: &Error) -> bool {
    let Error::Unavailable(source) = error else {
        return false;
    };
    let driver = source.downcast_ref::<tokio_postgres::Error>();
    driver.is_some_and(tokio_postgres::Error::is_closed) || is_shutdown(error)
}

async fn in_time<T>(
    what: &str,
    asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T> {
    match timeout(STATEMENT_DEADLINE, asked).await {
        Ok(answered) => Ok(answered?),
        Err(_) => Err(Error::unavailable(format!("{what} took too long"))),
    }
}

/// Class 57P: the server ended the connection, or does not take any yet.
fn is_shutdown(error: &Error) -> bool {
    database_error(error).is_some_and(|error| error.code().code().starts_with("57P"))
}

/// An error and all that caused it, in one line for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = match cause.downcast_ref::<DbError>() {
            // Its details quote the whole row, with the hash and all.
            Some(told) => format!("{text}: {} ({})", told.message(), told.code().code()),
            None => format!("{text}: {cause}"),
        };
        next = cause.source();
    }
    text
}

static PING: Statement = Statement::new("ping", "select 1");

/// From [`PostgresConfig::slow_query`]; a statement knows only its connection.
static SLOW_QUERY_MS: AtomicU64 = AtomicU64::new(1_000);

/// One SQL statement and the name under which the slow-query log knows it.
///
/// It runs without a named prepared statement and with the types of its
/// parameters stated: one round trip, right through every pooler.
pub struct Statement {
    name: &'static str,
    sql: &'static str,
}

impl Statement {
    /// Names `sql`, after the noun and the verb: `session.find`.
    pub const fn new(name: &'static str, sql: &'static str) -> Self {
        Self { name, sql }
    }

    /// All rows.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when Postgres does not answer, [`Error::Internal`]
    /// when it refuses.
    pub fn all<'a>(
        &'a self,
        client: &'a Client,
        params: &'a [&'a dyn Param],
    ) -> BoxFuture<'a, Result<Vec<Row>>> {
        Box::pin(async move {
            let typed: Vec<_> = params
                .iter()
                .map(|param| (param.as_sql(), param.sql_type()))
                .collect();
            let started = Instant::now();
            let outcome = in_time(self.name, client.query_typed(self.sql, &typed)).await;
            self.note(started.elapsed());
            outcome
        })
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    ///
    /// As [`Statement::all`].
    pub fn opt<'a>(
        &'a self,
        client: &'a Client,
        params: &'a [&'a dyn Param],
    ) -> BoxFuture<'a, Result<Option<Row>>> {
        Box::pin(async move { Ok(self.all(client, params).await?.into_iter().next()) })
    }

    /// The row that there always is.
    ///
    /// # Errors
    ///
    /// As [`Statement::all`]; [`Error::Internal`] when there is none.
    pub fn one<'a>(
        &'a self,
        client: &'a Client,
        params: &'a [&'a dyn Param],
    ) -> BoxFuture<'a, Result<Row>> {
        Box::pin(async move {
            let row = self.opt(client, params).await?;
            row.ok_or_else(|| Error::internal(format!("{} returned no row", self.name)))
        })
    }

    /// Runs it for its effect.
    ///
    /// # Errors
    ///
    /// As [`Statement::all`].
    pub fn execute<'a>(
        &'a self,
        client: &'a Client,
        params: &'a [&'a dyn Param],
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.all(client, params).await.map(drop) })
    }

    fn note(&self, elapsed: Duration) {
        if millis(elapsed) >= SLOW_QUERY_MS.load(Ordering::Relaxed) {
            tracing::warn!(statement = self.name, ms = millis(elapsed), "slow query");
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A value that knows its Postgres type, so that nothing has to be prepared.
pub trait Param: ToSql + Sync {
    /// The type that is announced for it.
    fn sql_type(&self) -> Type;

    /// Itself, as the driver takes it.
    fn as_sql(&self) -> &(dyn ToSql + Sync);
}

macro_rules! params {
    ($($rust:ty => $scalar:ident, $array:ident;)+) => {$(
        impl Param for $rust {
            fn sql_type(&self) -> Type { Type::$scalar }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
        impl Param for Option<$rust> {
            fn sql_type(&self) -> Type { Type::$scalar }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
        impl Param for Vec<$rust> {
            fn sql_type(&self) -> Type { Type::$array }
            fn as_sql(&self) -> &(dyn ToSql + Sync) { self }
        }
    )+};
}

params! {
    &str => TEXT, TEXT_ARRAY;
    String => TEXT, TEXT_ARRAY;
    Uuid => UUID, UUID_ARRAY;
    bool => BOOL, BOOL_ARRAY;
    i32 => INT4, INT4_ARRAY;
    i64 => INT8, INT8_ARRAY;
    f64 => FLOAT8, FLOAT8_ARRAY;
    IpAddr => INET, INET_ARRAY;
    NaiveDate => DATE, DATE_ARRAY;
    NaiveTime => TIME, TIME_ARRAY;
    Decimal => NUMERIC, NUMERIC_ARRAY;
    DateTime<Utc> => TIMESTAMPTZ, TIMESTAMPTZ_ARRAY;
    serde_json::Value => JSONB, JSONB_ARRAY;
    Vec<u8> => BYTEA, BYTEA_ARRAY;
}
