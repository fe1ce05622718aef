//! The environment of the drills: the stores, the faulty proxy and function processes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::ValueEnum;
use hyper::Response;
use hyper::body::Bytes;
use redis_endpoint::FaultMode;
use sabor::crypto::random;
use sabor::crypto::secret::sha256_hex;
use sabor_testing::faulty_proxy::{FaultyProxy, ProxyMode};
use serde::Serialize;
use tempfile::TempDir;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::database;
use crate::testbed::load::{Call, Connection};
use crate::testbed::redis::Redis;
use crate::testbed::server::{Server, Variables};
use crate::testbed::{DATABASE, MEMBERS, Testbed, function};

/// The name of the partner application.
pub(super) const APP: &str = "ticket-shop";

/// The number of classes and of spots in each. The classes are small, so that most
/// booking requests find no free spot.
const CLASS_COUNT: usize = 12;
const SPOTS_PER_CLASS: i32 = 3;

/// The number of sessions that are checked all the time and never ended.
pub(super) const PERMANENT_SESSIONS: usize = 64;

/// The connection limits of Postgres and of each process. There are just enough
/// connections for all processes, so that a drill can exhaust them quickly.
const MAX_CONNECTIONS: u16 = 100;
const POOL_SIZE: u16 = 5;

/// How long all processes may take to recover.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(60);

/// A process is healthy after this many definite responses in a row.
const HEALTHY_STREAK: usize = 5;

/// An operation of the clients. Each belongs to one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Operation {
    Check,
    SignIn,
    SignOut,
    Revoke,
    Register,
    ChangePassword,
    Refresh,
    Book,
    Cancel,
    Issue,
    Redeem,
    Contact,
}

impl Operation {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Check => "/api/auth/session",
            Self::SignIn => "/api/auth/login",
            Self::SignOut => "/api/auth/logout",
            Self::Revoke => "/api/sessions/{id}",
            Self::Register => "/api/auth/register",
            Self::ChangePassword => "/api/auth/change-password",
            Self::Refresh => "/api/auth/refresh",
            Self::Book => "/api/bookings/create",
            Self::Cancel => "/api/bookings/cancel",
            Self::Issue => "/api/cross-app/token",
            Self::Redeem => "/api/cross-app/validate",
            Self::Contact => "/api/contact/submit",
        }
    }

    pub(super) fn name(self) -> String {
        let name = self.to_possible_value();
        name.map_or_else(String::new, |name| name.get_name().to_owned())
    }

    /// Returns the number of processes. Two processes show whether a change in one is
    /// visible in the other.
    fn process_count(self) -> usize {
        match self {
            Self::Check | Self::Book => 2,
            _ => 1,
        }
    }
}

/// A process of a function. It can be restarted.
pub(super) struct Instance {
    pub(super) operation: Operation,
    server: tokio::sync::Mutex<Option<Server>>,
    address: Mutex<SocketAddr>,
    /// The number of definite responses in a row.
    streak: AtomicUsize,
}

impl Instance {
    async fn start(operation: Operation, variables: &Variables) -> Result<Self> {
        let server = function::start(operation.path(), variables).await?;
        Ok(Self {
            operation,
            address: Mutex::new(server.address),
            server: tokio::sync::Mutex::new(Some(server)),
            streak: AtomicUsize::new(0),
        })
    }

    /// Kills the process with SIGKILL.
    pub(super) async fn kill(&self) -> Result<()> {
        match self.server.lock().await.take() {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }

    /// Kills the process if it runs, and starts a new one.
    pub(super) async fn restart(&self, variables: &Variables) -> Result<()> {
        self.kill().await?;
        let server = function::start(self.operation.path(), variables).await?;
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = server.address;
        *self.server.lock().await = Some(server);
        Ok(())
    }

    pub(super) async fn signal(&self, name: &str) -> Result<()> {
        let server = self.server.lock().await;
        server
            .as_ref()
            .context("the process has ended")?
            .signal(name)
            .await
    }

    /// Sends a request on a new connection, so that no connection outlives a process.
    pub(super) async fn send(&self, call: Call) -> Result<Response<Bytes>> {
        let address = *self.address.lock().unwrap_or_else(PoisonError::into_inner);
        Connection::open(address).await?.send_full(call).await
    }

    /// Counts a definite response. Any other response resets the count.
    pub(super) fn record_response(&self, is_definite: bool) {
        match is_definite {
            true => _ = self.streak.fetch_add(1, Ordering::Relaxed),
            false => self.streak.store(0, Ordering::Relaxed),
        }
    }
}

/// The stores, the proxy and the function processes of the drills.
pub(super) struct Environment {
    pub(super) testbed: Testbed,
    /// The proxy between all functions and Postgres.
    pub(super) proxy: FaultyProxy,
    pub(super) instances: Vec<Instance>,
    /// The folder for files that a drill writes.
    pub(super) folder: TempDir,
    app_secret: String,
    short: bool,
    next_number: AtomicUsize,
    next_member: AtomicUsize,
    next_session: AtomicUsize,
}

impl Environment {
    pub(super) async fn start(short: bool) -> Result<Self> {
        let testbed = Testbed::start(short, MAX_CONNECTIONS).await?;
        let proxy = FaultyProxy::start(&testbed.cluster.url(DATABASE)).await?;
        let mut environment = Self {
            testbed,
            proxy,
            instances: Vec::new(),
            folder: tempfile::tempdir()?,
            app_secret: random::hex::<32>(),
            short,
            next_number: AtomicUsize::new(0),
            next_member: AtomicUsize::new(0),
            next_session: AtomicUsize::new(0),
        };
        environment.add_app().await?;
        let variables = environment.variables();
        for operation in Operation::value_variants() {
            for _ in 0..operation.process_count() {
                let instance = Instance::start(*operation, &variables).await?;
                environment.instances.push(instance);
            }
        }
        Ok(environment)
    }

    /// Returns the functions' environment variables, which connect to Postgres through
    /// the proxy.
    pub(super) fn variables(&self) -> Variables {
        let mut variables = self.testbed.function_variables(DATABASE, true);
        variables.retain(|(name, _)| *name != "POSTGRES_URL");
        variables.push(("POSTGRES_URL", self.proxy.url().to_owned()));
        variables.push(("POSTGRES_POOL_MAX", POOL_SIZE.to_string()));
        variables
    }

    /// Connects to Postgres directly, without the proxy.
    pub(super) async fn connect(&self) -> Result<Client> {
        Ok(self.testbed.cluster.connect(DATABASE).await?)
    }

    /// Returns the processes of a function.
    pub(super) fn instances_of(&self, operation: Operation) -> impl Iterator<Item = &Instance> {
        self.instances
            .iter()
            .filter(move |instance| instance.operation == operation)
    }

    /// Returns a process of a function. `turn` selects one if there are two.
    pub(super) fn instance(&self, operation: Operation, turn: usize) -> Option<&Instance> {
        self.instances_of(operation)
            .nth(turn % operation.process_count())
    }

    /// Returns a number that has not been returned before.
    pub(super) fn next_number(&self) -> usize {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the number of the next member, and the number of completed rounds.
    pub(super) fn next_member(&self) -> (usize, usize) {
        let turn = self.next_member.fetch_add(1, Ordering::Relaxed);
        (turn % MEMBERS, turn / MEMBERS)
    }

    /// Returns the number of the next session to issue tokens with. These sessions follow the
    /// permanent ones, and are used in turn, because each member has a rate limit.
    pub(super) fn next_session(&self) -> usize {
        let turn = self.next_session.fetch_add(1, Ordering::Relaxed);
        PERMANENT_SESSIONS + 1 + turn % (MEMBERS - PERMANENT_SESSIONS)
    }

    /// Returns how long the load runs before the fault.
    pub(super) fn warm_up_duration(&self) -> Duration {
        Duration::from_millis(if self.short { 1_000 } else { 4_000 })
    }

    /// Returns how long a fault lasts.
    pub(super) fn fault_duration(&self) -> Duration {
        Duration::from_secs(if self.short { 3 } else { 10 })
    }

    /// Waits for the duration of a fault.
    pub(super) async fn wait_fault_duration(&self) {
        tokio::time::sleep(self.fault_duration()).await;
    }

    /// Waits until each process has responded several times in a row.
    pub(super) async fn wait_until_healthy(&self) -> Result<()> {
        for instance in &self.instances {
            instance.record_response(false);
        }
        let started = Instant::now();
        let unhealthy = || {
            let mut all = self.instances.iter();
            all.find(|instance| instance.streak.load(Ordering::Relaxed) < HEALTHY_STREAK)
        };
        while let Some(instance) = unhealthy() {
            if started.elapsed() > RECOVERY_TIMEOUT {
                bail!("{} did not recover", instance.operation.path());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Restarts every process, which clears its counters and caches.
    pub(super) async fn restart_functions(&self) -> Result<()> {
        let variables = self.variables();
        for instance in &self.instances {
            instance.restart(&variables).await?;
        }
        Ok(())
    }

    /// Repairs the environment after a failed drill. Fails if this is not possible, so
    /// that no other drill can run.
    pub(super) async fn repair(&self) -> Result<()> {
        let Redis {
            endpoint, server, ..
        } = &self.testbed.redis;
        self.proxy.set_mode(ProxyMode::Forward);
        self.testbed.redis.set_mode(FaultMode::Normal).await?;
        if let (Some(server), Err(_)) = (server, endpoint.command(&["PING"]).await) {
            server.restart().await?;
        }
        if self.connect().await.is_err() {
            self.testbed.cluster.restart().await?;
        }
        database::migrate(&self.testbed.cluster.url(DATABASE), None).await?;
        self.add_app().await?;
        self.restart_functions().await
    }

    /// Adds the partner application, or sets its secret if it exists.
    pub(super) async fn add_app(&self) -> Result<()> {
        const INSERT: &str = "
            insert into apps (id, name, secret_hash, allowed_origins)
            values (gen_random_uuid(), $1, $2, '{}')
            on conflict (name) do update set secret_hash = excluded.secret_hash";
        let hash = sha256_hex(self.app_secret.as_bytes());
        let client = self.connect().await?;
        client.execute(INSERT, &[&APP, &hash]).await?;
        Ok(())
    }

    /// Returns the partner server's `Authorization` header.
    pub(super) fn partner_credentials(&self) -> String {
        format!(
            "Basic {}",
            BASE64.encode(format!("{APP}:{}", self.app_secret))
        )
    }

    /// Creates the occurrences of a drill.
    pub(super) async fn add_classes(&self) -> Result<Vec<Uuid>> {
        // The classes start far enough in the future for the drills that move a clock. They
        // do not overlap, because the bookings of a member must not.
        const INSERT: &str = "
            with instructor as (
                insert into instructors (id, name) values ($1, 'Marisol Vega')
            ), type as (
                insert into class_types (id, name, price_per_class) values ($1, $1::text, 25)
            )
            insert into scheduled_classes (id, class_type_id, instructor_id, title, start_time,
                end_time, max_participants, room)
            select $1, $1, $1, 'Salsa', start, start + interval '1 hour', $2, $1::text
            from (
                select greatest(max(end_time), now() + interval '30 days') as start
                from scheduled_classes
            ) last";
        let client = self.connect().await?;
        let mut classes = Vec::new();
        for _ in 0..CLASS_COUNT {
            let id = Uuid::now_v7();
            client.execute(INSERT, &[&id, &SPOTS_PER_CLASS]).await?;
            classes.push(id);
        }
        Ok(classes)
    }
}
