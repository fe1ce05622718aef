//! Where drills are played: the stores, and the functions in several processes.

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
use redis_endpoint::Mode;
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

/// The partner application.
pub(super) const APP: &str = "ticket-shop";

/// Small classes, so that most who want a place do not get one.
const CLASSES: usize = 12;
const PLACES: i32 = 3;

/// As many sessions are looked at all the time.
pub(super) const STANDING: usize = 64;

/// What Postgres has, and each process at most: all of it is enough for all of
/// them, and soon taken.
const CONNECTIONS: u16 = 100;
const POOL: u16 = 5;

/// How long everything may take to be well again.
const RECOVER_WITHIN: Duration = Duration::from_secs(60);

/// A process that has answered so often in a row is well again.
const WELL: usize = 5;

/// What is asked for, each of a function of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
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

impl Kind {
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

    /// Of these two processes each may have seen what the other has not.
    fn processes(self) -> usize {
        match self {
            Self::Check | Self::Book => 2,
            _ => 1,
        }
    }
}

/// A process of a function, or another in its place.
pub(super) struct Instance {
    pub(super) kind: Kind,
    server: tokio::sync::Mutex<Option<Server>>,
    address: Mutex<SocketAddr>,
    /// How often it has answered since it last failed.
    streak: AtomicUsize,
}

impl Instance {
    async fn start(kind: Kind, variables: &Variables) -> Result<Self> {
        let server = function::start(kind.path(), variables).await?;
        Ok(Self {
            kind,
            address: Mutex::new(server.address),
            server: tokio::sync::Mutex::new(Some(server)),
            streak: AtomicUsize::new(0),
        })
    }

    /// Ends it with -9.
    pub(super) async fn kill(&self) -> Result<()> {
        match self.server.lock().await.take() {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }

    /// Starts another in its place, which is killed if it still runs.
    pub(super) async fn start_again(&self, variables: &Variables) -> Result<()> {
        self.kill().await?;
        let server = function::start(self.kind.path(), variables).await?;
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = server.address;
        *self.server.lock().await = Some(server);
        Ok(())
    }

    pub(super) async fn signal(&self, name: &str) -> Result<()> {
        let server = self.server.lock().await;
        server.as_ref().context("it has ended")?.signal(name).await
    }

    /// Asks on a connection of its own, so that none outlives a process.
    pub(super) async fn ask(&self, call: Call) -> Result<Response<Bytes>> {
        let address = *self.address.lock().unwrap_or_else(PoisonError::into_inner);
        Connection::open(address).await?.ask_whole(call).await
    }

    pub(super) fn note(&self, answered: bool) {
        match answered {
            true => _ = self.streak.fetch_add(1, Ordering::Relaxed),
            false => self.streak.store(0, Ordering::Relaxed),
        }
    }
}

pub(super) struct Stage {
    pub(super) testbed: Testbed,
    /// Between all functions and Postgres.
    pub(super) proxy: FaultyProxy,
    pub(super) instances: Vec<Instance>,
    /// For what a drill writes.
    pub(super) folder: TempDir,
    app_secret: String,
    short: bool,
    next: AtomicUsize,
    next_member: AtomicUsize,
    next_session: AtomicUsize,
}

impl Stage {
    pub(super) async fn open(short: bool) -> Result<Self> {
        let testbed = Testbed::open(short, CONNECTIONS).await?;
        let proxy = FaultyProxy::start(&testbed.cluster.url(DATABASE)).await?;
        let mut stage = Self {
            testbed,
            proxy,
            instances: Vec::new(),
            folder: tempfile::tempdir()?,
            app_secret: random::hex::<32>(),
            short,
            next: AtomicUsize::new(0),
            next_member: AtomicUsize::new(0),
            next_session: AtomicUsize::new(0),
        };
        stage.add_app().await?;
        let variables = stage.variables();
        for kind in Kind::value_variants() {
            for _ in 0..kind.processes() {
                let instance = Instance::start(*kind, &variables).await?;
                stage.instances.push(instance);
            }
        }
        Ok(stage)
    }

    /// What the functions are given: Postgres is at the other end of the wire.
    pub(super) fn variables(&self) -> Variables {
        let mut variables = self.testbed.variables(DATABASE, true);
        variables.retain(|(name, _)| *name != "POSTGRES_URL");
        variables.push(("POSTGRES_URL", self.proxy.url().to_owned()));
        variables.push(("POSTGRES_POOL_MAX", POOL.to_string()));
        variables
    }

    /// Past the wire.
    pub(super) async fn postgres(&self) -> Result<Client> {
        Ok(self.testbed.cluster.connect(DATABASE).await?)
    }

    /// The processes of a function.
    pub(super) fn all(&self, kind: Kind) -> impl Iterator<Item = &Instance> {
        self.instances.iter().filter(move |one| one.kind == kind)
    }

    /// One process of a function; of two, by turns.
    pub(super) fn one(&self, kind: Kind, turn: usize) -> Option<&Instance> {
        self.all(kind).nth(turn % kind.processes())
    }

    /// A number that nobody has had.
    pub(super) fn next(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The number of a member who has not come for long, and how often all have.
    pub(super) fn next_member(&self) -> (usize, usize) {
        let turn = self.next_member.fetch_add(1, Ordering::Relaxed);
        (turn % MEMBERS, turn / MEMBERS)
    }

    /// The number of a session that nobody ends, of a member who has not acted
    /// for long: each in turn, for how often one may is limited.
    pub(super) fn next_session(&self) -> usize {
        let turn = self.next_session.fetch_add(1, Ordering::Relaxed);
        STANDING + 1 + turn % (MEMBERS - STANDING)
    }

    /// How long all is well before a fault.
    pub(super) fn quiet(&self) -> Duration {
        Duration::from_millis(if self.short { 1_000 } else { 4_000 })
    }

    /// How long a fault lasts.
    pub(super) fn lasting(&self) -> Duration {
        Duration::from_secs(if self.short { 3 } else { 10 })
    }

    /// Lets a fault last.
    pub(super) async fn last(&self) {
        tokio::time::sleep(self.lasting()).await;
    }

    /// Waits until each process has answered several times in a row.
    pub(super) async fn well(&self) -> Result<()> {
        for instance in &self.instances {
            instance.note(false);
        }
        let begun = Instant::now();
        let ailing = || {
            let mut all = self.instances.iter();
            all.find(|one| one.streak.load(Ordering::Relaxed) < WELL)
        };
        while let Some(instance) = ailing() {
            if begun.elapsed() > RECOVER_WITHIN {
                bail!("{} does not answer again", instance.kind.path());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Has every process started anew, with nothing counted and nothing known.
    pub(super) async fn renew(&self) -> Result<()> {
        let variables = self.variables();
        for instance in &self.instances {
            instance.start_again(&variables).await?;
        }
        Ok(())
    }

    /// Puts right what a drill has left that came to no good end; fails where
    /// nothing can be played here any more.
    pub(super) async fn mend(&self) -> Result<()> {
        let Redis {
            endpoint, server, ..
        } = &self.testbed.redis;
        self.proxy.set_mode(ProxyMode::Forward);
        self.testbed.redis.set_mode(Mode::Normal).await?;
        if let (Some(server), Err(_)) = (server, endpoint.command(&["PING"]).await) {
            server.restart().await?;
        }
        if self.postgres().await.is_err() {
            self.testbed.cluster.restart().await?;
        }
        database::migrate(&self.testbed.cluster.url(DATABASE), None).await?;
        self.add_app().await?;
        self.renew().await
    }

    /// Enters the partner application, if it is not there.
    pub(super) async fn add_app(&self) -> Result<()> {
        const INSERT: &str = "
            insert into apps (id, name, secret_hash, allowed_origins)
            values (gen_random_uuid(), $1, $2, '{}')
            on conflict (name) do update set secret_hash = excluded.secret_hash";
        let hash = sha256_hex(self.app_secret.as_bytes());
        let client = self.postgres().await?;
        client.execute(INSERT, &[&APP, &hash]).await?;
        Ok(())
    }

    /// What the partner application's server presents.
    pub(super) fn partner(&self) -> String {
        format!(
            "Basic {}",
            BASE64.encode(format!("{APP}:{}", self.app_secret))
        )
    }

    /// Makes the classes of a drill.
    pub(super) async fn add_classes(&self) -> Result<Vec<Uuid>> {
        // So far ahead that no clock of a drill brings them near.
        const INSERT: &str = "
            with instructor as (
                insert into instructors (id, name) values ($1, 'Marisol Vega')
            ), type as (
                insert into class_types (id, name, price_per_class) values ($1, $1::text, 25)
            )
            insert into scheduled_classes (id, class_type_id, instructor_id, title, start_time,
                end_time, max_participants, room)
            values ($1, $1, $1, 'Salsa', now() + interval '30 days',
                now() + interval '30 days 1 hour', $2, $1::text)";
        let client = self.postgres().await?;
        let mut classes = Vec::new();
        for _ in 0..CLASSES {
            let id = Uuid::now_v7();
            client.execute(INSERT, &[&id, &PLACES]).await?;
            classes.push(id);
        }
        Ok(classes)
    }
}
