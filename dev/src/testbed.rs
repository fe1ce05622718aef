//! The environment of the benchmark, the drills and Schemathesis: a Postgres and a Redis
//! with members and sessions, and the functions' own executables.
//!
//! [`function`] starts executables as the platform does. [`load`] generates requests.

pub(crate) mod function;
pub(crate) mod load;
pub(crate) mod redis;
pub(crate) mod server;
pub(crate) mod site;

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http_body_util::Full;
use hyper::{Method, Request};
use sabor::crypto::password::{Hasher, Password};
use sabor::crypto::random;
use sabor::crypto::secret::{Secret, Signer, sha256_hex};
use sabor::session::{AccessTokens, Token};
use sabor_testing::postgres::{Cluster, Options};
use sabor_testing::progress::status;

use self::load::{Call, Load};
use self::redis::Redis;
use self::server::{Server, Variables};
use crate::database;

/// The default database.
pub(crate) const DATABASE: &str = "sabor";

/// The functions' public host.
const HOST: &str = "sabor.example";

/// The members' password.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The default number of members.
pub(crate) const MEMBERS: usize = 1_000;

/// The maximum number of rows that one statement writes. If there are more rows, a progress
/// message precedes each statement.
const BATCH_SIZE: usize = 250_000;

/// The number of sessions in [`Testbed::warm_checks`].
const WARM_SESSIONS: usize = 64;

/// How long connections may take to close after their process has ended.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

const HAS_CONNECTIONS: &str = "select exists (
    select from pg_stat_activity where datname = $1 and backend_type = 'client backend')";

/// Postgres settings of a small deployment. Unlike in a deployment, a temporary cluster does
/// not make its data durable.
const SETTINGS: [(&str, &str); 2] = [("shared_buffers", "512MB"), ("max_wal_size", "4GB")];

/// The running stores, and the secrets that requests to the functions need.
pub(crate) struct Testbed {
    /// Whether to measure for a shorter time and with fewer rows.
    pub(crate) quick: bool,
    pub(crate) redis: Redis,
    pub(crate) cluster: Cluster,
    session_secret: String,
    encryption_key: String,
    cron_secret: String,
    next_session: AtomicUsize,
    next_address: AtomicUsize,
}

impl Testbed {
    pub(crate) async fn start(quick: bool, connections: u16) -> Result<Self> {
        status("Starting Postgres and Redis …");
        let connections = connections.to_string();
        let settings = [SETTINGS.as_slice(), &[("max_connections", &connections)]].concat();
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let cluster = Cluster::start(Options {
            settings: settings.collect(),
            on_disk: true,
            ..Options::default()
        });
        let testbed = Self {
            quick,
            redis: Redis::start().await?,
            cluster: cluster.await?,
            session_secret: random::hex::<32>(),
            encryption_key: random::hex::<32>(),
            cron_secret: random::hex::<32>(),
            next_session: AtomicUsize::new(WARM_SESSIONS + 1),
            next_address: AtomicUsize::new(0),
        };
        testbed
            .create_database(DATABASE, 10_000, Expired::None)
            .await?;
        Ok(testbed)
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.cluster.stop().await
    }

    /// Returns the number of rounds. Competitors take turns in short rounds, so that
    /// disturbances of the machine affect all of them.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 3 } else { 7 }
    }

    /// Creates a migrated database with [`MEMBERS`] members and `sessions` sessions. Each
    /// session was last used ten minutes ago, so its first check records a use, as most checks
    /// of returning members do.
    pub(crate) async fn create_database(
        &self,
        name: &str,
        sessions: usize,
        expired: Expired,
    ) -> Result<()> {
        self.create_database_with(name, MEMBERS, sessions, expired)
            .await
    }

    /// Like [`Testbed::create_database`], with `members` members, who own the sessions in
    /// turn.
    pub(crate) async fn create_database_with(
        &self,
        name: &str,
        members: usize,
        sessions: usize,
        expired: Expired,
    ) -> Result<()> {
        self.cluster.create_database(name).await?;
        database::migrate(&self.cluster.url(name), None).await?;
        let client = self.cluster.connect(name).await?;
        let hash = Hasher::new(1).hash(Password::submitted(PASSWORD)).await?;
        let members = i32::try_from(members)?;
        client.execute(INSERT_MEMBERS, &[&members, &hash]).await?;
        let even_numbers_expired = expired == Expired::EvenNumbers;
        for first in (1..=sessions).step_by(BATCH_SIZE) {
            let last = sessions.min(first + BATCH_SIZE - 1);
            if sessions > BATCH_SIZE {
                status(&format!("  writing session {first} of {sessions} …"));
            }
            let (first, last) = (i32::try_from(first)?, i32::try_from(last)?);
            client
                .execute(
                    INSERT_SESSIONS,
                    &[&first, &last, &name, &members, &even_numbers_expired],
                )
                .await?;
        }
        Ok(client.batch_execute("vacuum analyze").await?)
    }

    /// Counts the expired sessions.
    pub(crate) async fn count_expired(&self, database: &str) -> Result<i64> {
        let client = self.cluster.connect(database).await?;
        let query = "select count(*) from user_sessions where expires_at <= now()";
        Ok(client.query_one(query, &[]).await?.try_get(0)?)
    }

    /// Counts the transactions of a database. Waits until all connections have closed,
    /// because each reports its last transactions when it closes.
    pub(crate) async fn count_transactions(&self, name: &str) -> Result<i64> {
        let client = self.cluster.connect("postgres").await?;
        let started = Instant::now();
        while client
            .query_one(HAS_CONNECTIONS, &[&name])
            .await?
            .try_get(0)?
        {
            ensure!(
                started.elapsed() < CLOSE_TIMEOUT,
                "{name} still has connections"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let query = "select xact_commit + xact_rollback from pg_stat_database where datname = $1";
        Ok(client.query_one(query, &[&name]).await?.try_get(0)?)
    }

    /// Starts a function configured like a deployment.
    pub(crate) async fn start_function(&self, path: &str) -> Result<Server> {
        function::start(path, &self.function_variables(DATABASE, true)).await
    }

    /// Starts a function configured like a deployment without Redis.
    pub(crate) async fn start_function_without_redis(&self, path: &str) -> Result<Server> {
        function::start(path, &self.function_variables(DATABASE, false)).await
    }

    /// Returns the environment variables of a deployment.
    pub(crate) fn function_variables(&self, database: &str, with_redis: bool) -> Variables {
        let mut variables = self.store_variables(database);
        if !with_redis {
            variables.retain(|(name, _)| !name.starts_with("KV_"));
        }
        variables.extend([
            ("VERCEL", "1".to_owned()),
            ("VERCEL_ENV", "production".to_owned()),
            ("VERCEL_URL", HOST.to_owned()),
            ("ENCRYPTION_KEY", self.encryption_key.clone()),
            ("CRON_SECRET", self.cron_secret.clone()),
            // A registration then also creates a session, which is measured with it.
            ("REQUIRE_EMAIL_VERIFICATION", "false".to_owned()),
            // The simulated members book more often than real ones.
            ("MAX_UNPAID_BOOKINGS", "1000".to_owned()),
        ]);
        variables
    }

    /// Returns the variables of both stores and the session secret, which the peers use
    /// too.
    pub(crate) fn store_variables(&self, database: &str) -> Variables {
        let redis = &self.redis.endpoint;
        vec![
            ("POSTGRES_URL", self.cluster.url(database)),
            ("KV_REST_API_URL", redis.url()),
            ("KV_REST_API_TOKEN", redis.token().to_owned()),
            ("SESSION_SECRET", self.session_secret.clone()),
        ]
    }

    /// Returns checks of the sessions that the benchmark checks repeatedly.
    pub(crate) fn warm_checks(&self) -> Result<Vec<Call>> {
        self.session_checks(DATABASE, 1..=WARM_SESSIONS)
    }

    /// Returns checks of sessions that were never checked before.
    pub(crate) fn fresh_checks(&self, count: usize) -> Result<Vec<Call>> {
        self.session_checks(DATABASE, self.fresh_sessions(count))
    }

    /// Returns the numbers of sessions that were never used before.
    pub(crate) fn fresh_sessions(&self, count: usize) -> Range<usize> {
        let first = self.next_session.fetch_add(count, Ordering::Relaxed);
        first..first + count
    }

    /// Returns checks of the sessions with these numbers.
    pub(crate) fn session_checks(
        &self,
        database: &str,
        numbers: impl IntoIterator<Item = usize>,
    ) -> Result<Vec<Call>> {
        let build_check = |number| {
            let call = self.call(Method::GET, "/api/auth/session");
            let cookie = self.cookie(database, number)?;
            Ok(call.header("cookie", cookie).body(Full::default())?)
        };
        numbers.into_iter().map(build_check).collect()
    }

    /// Returns the cookie that a sign-in sets for this session.
    pub(crate) fn cookie(&self, database: &str, number: usize) -> Result<String> {
        // The functions derive their signing key in the same way.
        let secret = Secret::new(self.session_secret.clone());
        let signer = Signer::derive(&[secret], "session cookie");
        let token = token(database, number)?;
        Ok(format!(
            "__Host-sabor_session={}",
            token.to_signed_cookie(&signer)
        ))
    }

    /// Returns an issuer of valid access tokens.
    pub(crate) fn access_tokens(&self, issuer: &str) -> AccessTokens {
        AccessTokens::new(&[Secret::new(self.session_secret.clone())], issuer)
    }

    /// Builds a request with the platform's headers. Each request has a different client
    /// address, so that the rate limit has no effect.
    pub(crate) fn call(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        let [_, a, b, c] = self
            .next_address
            .fetch_add(1, Ordering::Relaxed)
            .to_be_bytes()[4..]
        else {
            unreachable!("the last four of eight bytes")
        };
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", HOST)
            .header("x-real-ip", format!("10.{a}.{b}.{c}"))
            .header(
                "x-vercel-id",
                "bench::iad1::00000-1700000000000-000000000000",
            )
            .header("x-vercel-internal-invocation-id", "bench")
            .header("x-vercel-internal-request-id", "1")
    }

    /// Builds a request with a JSON body.
    pub(crate) fn post(&self, path: &str, body: &serde_json::Value) -> Result<Call> {
        let call = self.call(Method::POST, path);
        let call = call.header("content-type", "application/json");
        Ok(call.body(Full::from(body.to_string()))?)
    }

    /// Builds the request of the platform's cron job.
    pub(crate) fn cron_request(&self, path: &str) -> Result<Call> {
        let call = self.call(Method::GET, path);
        let call = call.header("authorization", self.cron_bearer());
        Ok(call.body(Full::default())?)
    }

    /// Returns the origin of the site's own pages.
    pub(crate) fn origin(&self) -> String {
        format!("https://{HOST}")
    }

    /// Returns the cron job's `Authorization` header.
    pub(crate) fn cron_bearer(&self) -> String {
        format!("Bearer {}", self.cron_secret)
    }

    /// Returns the Redis key of a session's record.
    pub(crate) fn session_key(&self, database: &str, number: usize) -> Result<String> {
        let key = sha256_hex(token(database, number)?.expose().as_bytes());
        Ok(format!("session:{key}"))
    }

    /// Returns a request that reads a session record directly from the Redis endpoint.
    pub(crate) fn redis_read_request(&self) -> Result<(SocketAddr, Call)> {
        let redis = &self.redis.endpoint;
        let host = redis.url().trim_start_matches("http://").to_owned();
        let command = serde_json::json!(["GET", self.session_key(DATABASE, 1)?]);
        let call = Request::post("/")
            .header("host", &host)
            .header("authorization", format!("Bearer {}", redis.token()))
            .body(Full::from(command.to_string()))?;
        Ok((host.parse()?, call))
    }

    /// Sends the requests twice, so that the function is warm and the sessions are in Redis.
    pub(crate) async fn warm_up(&self, server: &Server, calls: &[Call]) -> Result<()> {
        for _ in 0..2 {
            Load::once(server.address, calls.to_vec()).run().await?;
        }
        Ok(())
    }
}

/// Which sessions are expired.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expired {
    None,
    /// The sessions with even numbers.
    EvenNumbers,
}

/// Returns the token of a session that [`INSERT_SESSIONS`] created.
fn token(database: &str, number: usize) -> Result<Token> {
    let text = sha256_hex(format!("{database} {number}").as_bytes());
    Token::parse(&text).context("a token has 64 hex digits")
}

const INSERT_MEMBERS: &str = "
    insert into users (id, email, password_hash, first_name, last_name, email_verified_at)
    select md5('member' || n)::uuid, 'member' || n || '@example.com', $2, 'Member', n::text, now()
    from generate_series(0, $1 - 1) n";

const INSERT_SESSIONS: &str = "
    insert into user_sessions (id, user_id, session_key, ip_address, user_agent, login_method,
        created_at, last_activity, expires_at, absolute_expires_at)
    select gen_random_uuid(), md5('member' || n % $4::int)::uuid,
        encode(sha256(convert_to(encode(sha256(convert_to($3::text || ' ' || n, 'UTF8')), 'hex'), 'UTF8')), 'hex'),
        '192.0.2.1', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'password',
        now() - interval '2 days', now() - interval '10 minutes',
        case when $5 and n % 2 = 0 then now() - interval '1 day' else now() + interval '20 hours' end,
        now() + interval '5 days'
    from generate_series($1::int, $2::int) n";

/// Inserts session 1 for the demo data's administrator.
pub(crate) const INSERT_ADMIN_SESSION: &str = "
    insert into user_sessions (id, user_id, session_key, login_method, expires_at, absolute_expires_at)
    select gen_random_uuid(), id,
        encode(sha256(convert_to(encode(sha256(convert_to($1::text || ' 1', 'UTF8')), 'hex'), 'UTF8')), 'hex'),
        'password', now() + interval '20 hours', now() + interval '5 days'
    from users where email = 'admin@sabor.dev'";
