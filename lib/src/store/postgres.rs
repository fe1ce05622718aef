//! The pool of connections to Postgres, and connections outside of it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Metrics, Pool, RecyclingMethod, Runtime, Timeouts,
};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::crypto::random;
use crate::error::{Error, Result, chain, database_error};
use crate::runtime::background::{self, BoxFuture};
use crate::runtime::clock::Clock;
use crate::runtime::config::PostgresConfig;
use crate::runtime::tls;
use crate::store::client::Client;
use crate::store::statement::Statement;

/// A connection that was not used for this long is probed before it is used.
const PROBE_IDLE_TIME: Duration = Duration::from_secs(1);

/// How long a probe may take.
const PROBE_TIME_LIMIT: Duration = Duration::from_millis(500);

/// The maximum number of attempts to connect. A suspended database refuses connections
/// while it wakes up, which takes a few hundred milliseconds.
const MAX_CONNECT_ATTEMPTS: u32 = 3;

/// A pool of connections to Postgres, which are opened on first use.
pub struct Db {
    pool: Pool,
    clock: Clock,
    idle_timeout: Duration,
    slow_query: Duration,
    usage: Arc<Usage>,
    variable: &'static str,
    /// The last ping, which may still be running.
    last_ping: Mutex<Option<watch::Receiver<PingState>>>,
}

/// The outcome of a ping, once there is one.
type PingState = Option<Result<Duration, Arc<Error>>>;

/// The state of the pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolState {
    /// The number of connections.
    pub size: usize,
    /// The number of connections that are not in use.
    pub free: usize,
    /// The number of requests that wait for a connection.
    pub waiting: usize,
}

static PING: Statement = Statement::new("ping", "select 1");

impl Db {
    /// Creates the configured pool.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Internal`] when `POSTGRES_CA_CERT` contains no certificate.
    pub fn new(config: &PostgresConfig, clock: Clock) -> Result<Self> {
        let usage = Arc::new(Usage::new(clock.now_ms()));
        let pool = Pool::builder(create_manager(config)?)
            .max_size(config.pool_max)
            .timeouts(Timeouts {
                wait: Some(config.pool_timeout),
                create: Some(config.connect_timeout),
                recycle: Some(PROBE_TIME_LIMIT),
            })
            .runtime(Runtime::Tokio1)
            .pre_recycle(probe_suspects(usage.clone()))
            .build()
            .map_err(|error| Error::Internal(Box::new(error)))?;
        Ok(Self {
            pool,
            clock,
            idle_timeout: config.idle_timeout,
            slow_query: config.slow_query,
            usage,
            variable: config.connection.variable,
            last_ping: Mutex::default(),
        })
    }

    /// Takes a connection from the pool, or opens a new one.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Unavailable`] when no connection is free in time, or Postgres does
    /// not answer.
    pub fn client(&self) -> BoxFuture<'_, Result<Client>> {
        Box::pin(async move {
            self.close_stale();
            let mut attempts = 1;
            loop {
                match self.pool.get().await.map_err(Error::from) {
                    Ok(connection) => return Ok(Client::pooled(connection, self.slow_query)),
                    Err(error) if attempts < MAX_CONNECT_ATTEMPTS && is_waking(&error) => {
                        let pause = 50 * u64::from(attempts) + random::below(100);
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                        attempts += 1;
                    }
                    Err(error) => return Err(error.with_variable(self.variable)),
                }
            }
        })
    }

    /// Runs read-only statements. Runs them once more if the connection turns out to be closed.
    ///
    /// # Errors
    ///
    /// Fails with the errors of `work` and of [`Db::client`].
    pub async fn read<T>(&self, work: impl AsyncFnOnce(&Client) -> Result<T> + Clone) -> Result<T> {
        let client = self.client().await?;
        match work.clone()(&client).await {
            Err(error) if self.record_if_closed(&error) => {
                drop(client);
                let client = self.client().await?;
                work(&client).await
            }
            outcome => outcome,
        }
    }

    /// Runs a write that is safe to repeat. Runs it once more if the connection turns out to be
    /// closed.
    ///
    /// # Errors
    ///
    /// Fails with the errors of [`Db::read`].
    pub async fn repeatable_write<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> Result<T> + Clone,
    ) -> Result<T> {
        self.read(work).await
    }

    /// Returns whether the error means that the connection was closed. If so, the other
    /// connections are probed before their next use, because they are probably closed too.
    pub(crate) fn record_if_closed(&self, error: &Error) -> bool {
        let is_closed = is_closed(error);
        if is_closed {
            self.usage.suspect_all();
        }
        is_closed
    }

    /// Measures how long Postgres takes to answer.
    ///
    /// The ping continues in the background if the caller gives up, so that a database that
    /// takes long to wake up has a connection in the pool for the next caller. A call during
    /// a ping waits for its outcome.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Unavailable`] when Postgres does not answer, and with
    /// [`Error::Internal`] when it rejects the connection.
    pub async fn ping(self: &Arc<Self>) -> Result<Duration, Arc<Error>> {
        let mut ping = self.running_ping();
        let state = ping.wait_for(Option::is_some).await;
        let outcome = state.ok().and_then(|state| (*state).clone());
        outcome.unwrap_or_else(|| Err(Arc::new(Error::unavailable("the ping was cancelled"))))
    }

    /// Returns the running ping, or starts one.
    fn running_ping(self: &Arc<Self>) -> watch::Receiver<PingState> {
        let mut last_ping = self
            .last_ping
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(ping) = &*last_ping
            && ping.has_changed().is_ok()
        {
            return ping.clone();
        }
        let (sender, ping) = watch::channel(None);
        *last_ping = Some(ping.clone());
        let db = Arc::clone(self);
        background::spawn(async move {
            let started = Instant::now();
            let outcome = db
                .read(async |client| PING.execute(client, &[]).await)
                .await;
            let outcome = outcome.map(|()| started.elapsed()).map_err(Arc::new);
            // Every caller may have given up.
            let _ = sender.send(Some(outcome));
        });
        ping
    }

    /// Returns the state of the pool.
    pub fn state(&self) -> PoolState {
        let status = self.pool.status();
        PoolState {
            size: status.size,
            free: status.available,
            waiting: status.waiting,
        }
    }

    /// Closes the pool. [`Db::client`] fails from now on.
    pub fn close(&self) {
        self.pool.close();
    }

    /// Closes connections that were idle for too long. An instance is frozen between
    /// requests, and does not notice when the server closes a connection meanwhile. The
    /// pause is measured with the wall clock, because a monotonic clock may stop while the
    /// instance is frozen.
    fn close_stale(&self) {
        let pause = self.usage.record(self.clock.now_ms());
        if pause > self.idle_timeout {
            self.pool.retain(|_, _| false);
        } else {
            self.pool
                .retain(|_, metrics| metrics.last_used() < self.idle_timeout);
        }
    }
}

/// The last use of connections, which decides which ones are probed.
struct Usage {
    last_used_ms: AtomicI64,
    /// Connections that were last used before this time are probed.
    suspected_at: Mutex<Option<Instant>>,
}

impl Usage {
    fn new(now_ms: i64) -> Self {
        Self {
            last_used_ms: AtomicI64::new(now_ms),
            suspected_at: Mutex::new(None),
        }
    }

    /// Records a use at `now_ms`, and suspects all connections if the pause since the
    /// previous use was long. Returns the pause.
    fn record(&self, now_ms: i64) -> Duration {
        let last = self.last_used_ms.swap(now_ms, Ordering::Relaxed);
        let pause = Duration::from_millis(u64::try_from(now_ms - last).unwrap_or(0));
        if pause > PROBE_IDLE_TIME {
            self.suspect_all();
        }
        pause
    }

    /// Requires that every open connection is probed before its next use.
    fn suspect_all(&self) {
        *self.suspected_at() = Some(Instant::now());
    }

    fn is_suspect(&self, metrics: &Metrics) -> bool {
        let last_used = metrics.recycled.unwrap_or(metrics.created);
        let suspected_at = *self.suspected_at();
        metrics.last_used() > PROBE_IDLE_TIME || suspected_at.is_some_and(|at| last_used < at)
    }

    fn suspected_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.suspected_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn probe_suspects(usage: Arc<Usage>) -> Hook {
    Hook::async_fn(move |client, metrics| {
        let is_suspect = usage.is_suspect(metrics);
        Box::pin(async move {
            if !is_suspect {
                return Ok(());
            }
            match timeout(PROBE_TIME_LIMIT, client.check_connection()).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(HookError::Backend(error)),
                Err(_) => Err(HookError::message("no answer to the probe")),
            }
        })
    })
}

/// Connects without the pool, for migrations and administration.
///
/// # Errors
///
/// Fails with [`Error::Unavailable`] when Postgres does not answer, and with
/// [`Error::Internal`] when it rejects the connection string, or when `POSTGRES_CA_CERT`
/// contains no certificate.
pub async fn connect_direct(config: &crate::Config) -> Result<Client> {
    let direct = &config.postgres_direct.config;
    let log_failure = |error: tokio_postgres::Error| {
        tracing::warn!(error = %chain(&error), "connection to Postgres failed");
    };
    let name_variable = |error| Error::from(error).with_variable(config.postgres_direct.variable);
    let client = if direct.get_ssl_mode() == SslMode::Disable {
        let (client, connection) = direct.connect(NoTls).await.map_err(name_variable)?;
        tokio::spawn(async move { connection.await.unwrap_or_else(log_failure) });
        client
    } else {
        let connector = tls_connector(&config.postgres)?;
        let (client, connection) = direct.connect(connector).await.map_err(name_variable)?;
        tokio::spawn(async move { connection.await.unwrap_or_else(log_failure) });
        client
    };
    Ok(Client::direct(client, config.postgres.slow_query))
}

fn create_manager(config: &PostgresConfig) -> Result<Manager> {
    let connection = config.connection.config.clone();
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    // Without TLS, the certificates need not be parsed.
    if connection.get_ssl_mode() == SslMode::Disable {
        return Ok(Manager::from_config(connection, NoTls, recycling));
    }
    Ok(Manager::from_config(
        connection,
        tls_connector(config)?,
        recycling,
    ))
}

/// Creates a TLS connector that verifies the server against `POSTGRES_CA_CERT` if it is
/// set, or else against the public roots.
fn tls_connector(config: &PostgresConfig) -> Result<MakeRustlsConnect> {
    let roots = match &config.ca_certificate {
        None => tls::public_roots(),
        Some(pem) => tls::roots_from_pem(pem)
            .ok_or_else(|| Error::internal("POSTGRES_CA_CERT: must be a PEM certificate"))?,
    };
    Ok(MakeRustlsConnect::new(tls::client_config(roots)))
}

/// Returns whether Postgres is starting or stopping, or does not listen yet.
fn is_waking(error: &Error) -> bool {
    let Error::Unavailable(source) = error else {
        return false;
    };
    is_shutdown(error)
        || source
            .source()
            .is_some_and(|cause| cause.is::<std::io::Error>())
}

/// Returns whether the connection was closed before or during its use.
fn is_closed(error: &Error) -> bool {
    let Error::Unavailable(source) = error else {
        return false;
    };
    let driver = source.downcast_ref::<tokio_postgres::Error>();
    driver.is_some_and(tokio_postgres::Error::is_closed) || is_shutdown(error)
}

/// Returns whether the error is of class 57P: the server closed the connection, or does
/// not accept connections yet.
fn is_shutdown(error: &Error) -> bool {
    database_error(error).is_some_and(|error| error.code().code().starts_with("57P"))
}
