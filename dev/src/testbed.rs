//! Where functions are measured and put to the test: one Postgres, one Redis,
//! members and sessions, and the functions' own executables in front of them.
//!
//! [`function`] plays the platform's part, [`load`] asks.

pub(crate) mod function;
pub(crate) mod load;
pub(crate) mod redis;
pub(crate) mod server;

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

/// The database of all measurements that need no other.
pub(crate) const DATABASE: &str = "sabor";

/// The site that the functions belong to.
const HOST: &str = "sabor.example";

/// What the members sign in with.
pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) const MEMBERS: usize = 1_000;

/// Rows that are written by one statement, between two signs of life.
const BATCH: usize = 250_000;

/// As many sessions as are asked for again and again.
const WARM: usize = 64;

/// How long connections may take to end with the process that had them.
const END_WITHIN: Duration = Duration::from_secs(10);

const CONNECTED: &str = "select exists (
    select from pg_stat_activity where datname = $1 and backend_type = 'client backend')";

/// Postgres as a small deployment has it, but for durability, which a
/// throw-away cluster does without.
const SETTINGS: [(&str, &str); 2] = [("shared_buffers", "512MB"), ("max_wal_size", "4GB")];

pub(crate) struct Testbed {
    /// Shorter, and with fewer rows.
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
    pub(crate) async fn open(quick: bool, connections: u16) -> Result<Self> {
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
            next_session: AtomicUsize::new(WARM + 1),
            next_address: AtomicUsize::new(0),
        };
        testbed.fill(DATABASE, 10_000, Expired::None).await?;
        Ok(testbed)
    }

    pub(crate) async fn close(self) -> Result<()> {
        self.cluster.stop().await
    }

    /// Rounds are short and alternate, so that what disturbs the machine
    /// disturbs both sides.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 3 } else { 7 }
    }

    /// Makes a migrated database with members and `sessions` sessions, each
    /// last used ten minutes ago, as most are when a request comes.
    pub(crate) async fn fill(&self, name: &str, sessions: usize, expired: Expired) -> Result<()> {
        self.fill_with(name, MEMBERS, sessions, expired).await
    }

    /// As [`Testbed::fill`], with so many members; sessions are theirs in turn.
    pub(crate) async fn fill_with(
        &self,
        name: &str,
        members: usize,
        sessions: usize,
        expired: Expired,
    ) -> Result<()> {
        self.cluster.create_database(name).await?;
        database::migrate(&self.cluster.url(name), None).await?;
        let client = self.cluster.connect(name).await?;
        let hash = Hasher::new(1).hash(Password::typed(PASSWORD)).await?;
        let members = i32::try_from(members)?;
        client.execute(INSERT_MEMBERS, &[&members, &hash]).await?;
        let half = expired == Expired::EverySecond;
        for first in (1..=sessions).step_by(BATCH) {
            let last = sessions.min(first + BATCH - 1);
            if sessions > BATCH {
                status(&format!("  writing session {first} of {sessions} …"));
            }
            let (first, last) = (i32::try_from(first)?, i32::try_from(last)?);
            client
                .execute(INSERT_SESSIONS, &[&first, &last, &name, &members, &half])
                .await?;
        }
        Ok(client.batch_execute("vacuum analyze").await?)
    }

    /// The sessions that wait for the clean-up.
    pub(crate) async fn expired(&self, database: &str) -> Result<i64> {
        let client = self.cluster.connect(database).await?;
        let question = "select count(*) from user_sessions where expires_at <= now()";
        Ok(client.query_one(question, &[]).await?.try_get(0)?)
    }

    /// The transactions that ended in a database so far. A connection tells of
    /// its last ones when it ends, so that the end of all is waited for.
    pub(crate) async fn transactions(&self, name: &str) -> Result<i64> {
        let client = self.cluster.connect("postgres").await?;
        let begun = Instant::now();
        while client.query_one(CONNECTED, &[&name]).await?.try_get(0)? {
            ensure!(begun.elapsed() < END_WITHIN, "{name} is still connected to");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let question =
            "select xact_commit + xact_rollback from pg_stat_database where datname = $1";
        Ok(client.query_one(question, &[&name]).await?.try_get(0)?)
    }

    /// Starts a function as a deployment has it.
    pub(crate) async fn function(&self, path: &str) -> Result<Server> {
        function::start(path, &self.variables(DATABASE, true)).await
    }

    /// Starts a function of a deployment that has no Redis.
    pub(crate) async fn function_without_redis(&self, path: &str) -> Result<Server> {
        function::start(path, &self.variables(DATABASE, false)).await
    }

    /// What a deployment sets for a function.
    pub(crate) fn variables(&self, database: &str, with_redis: bool) -> Variables {
        let mut variables = self.backing(database);
        if !with_redis {
            variables.retain(|(name, _)| !name.starts_with("KV_"));
        }
        variables.extend([
            ("VERCEL", "1".to_owned()),
            ("VERCEL_ENV", "production".to_owned()),
            ("VERCEL_URL", HOST.to_owned()),
            ("ENCRYPTION_KEY", self.encryption_key.clone()),
            ("CRON_SECRET", self.cron_secret.clone()),
        ]);
        variables
    }

    /// Both stores, and the secret that a peer signs with as well.
    pub(crate) fn backing(&self, database: &str) -> Variables {
        let redis = &self.redis.endpoint;
        vec![
            ("POSTGRES_URL", self.cluster.url(database)),
            ("KV_REST_API_URL", redis.url()),
            ("KV_REST_API_TOKEN", redis.token().to_owned()),
            ("SESSION_SECRET", self.session_secret.clone()),
        ]
    }

    /// Checks of the sessions that are asked for again and again.
    pub(crate) fn warm_checks(&self) -> Result<Vec<Call>> {
        self.checks(DATABASE, 1..=WARM)
    }

    /// Checks of sessions that nobody has asked for before.
    pub(crate) fn fresh_checks(&self, count: usize) -> Result<Vec<Call>> {
        self.checks(DATABASE, self.fresh_sessions(count))
    }

    /// The numbers of sessions that nobody has asked for before.
    pub(crate) fn fresh_sessions(&self, count: usize) -> Range<usize> {
        let first = self.next_session.fetch_add(count, Ordering::Relaxed);
        first..first + count
    }

    /// Checks of the sessions with these numbers.
    pub(crate) fn checks(
        &self,
        database: &str,
        numbers: impl IntoIterator<Item = usize>,
    ) -> Result<Vec<Call>> {
        let check = |number| {
            let call = self.call(Method::GET, "/api/auth/session");
            let cookie = self.cookie(database, number)?;
            Ok(call.header("cookie", cookie).body(Full::default())?)
        };
        numbers.into_iter().map(check).collect()
    }

    /// The cookie of a session, as signing in would have set it.
    pub(crate) fn cookie(&self, database: &str, number: usize) -> Result<String> {
        // The functions refuse it should they ever derive their key otherwise.
        let secret = Secret::new(self.session_secret.clone());
        let signer = Signer::derive(&[secret], "session cookie");
        let token = token(database, number)?;
        Ok(format!("__Host-sabor_session={}", token.signed(&signer)))
    }

    /// Issues access tokens as the functions of this issuer do.
    pub(crate) fn access_tokens(&self, issuer: &str) -> AccessTokens {
        AccessTokens::new(&[Secret::new(self.session_secret.clone())], issuer)
    }

    /// A call of a function, with what the platform adds to it; each comes
    /// from an address of its own, lest the throttle is what is measured.
    pub(crate) fn call(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        let [_, a, b, c] = self
            .next_address
            .fetch_add(1, Ordering::Relaxed)
            .to_be_bytes()[4..]
        else {
            unreachable!("eight bytes less four are four")
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

    /// A call with a body of JSON.
    pub(crate) fn post(&self, path: &str, body: &serde_json::Value) -> Result<Call> {
        let call = self.call(Method::POST, path);
        let call = call.header("content-type", "application/json");
        Ok(call.body(Full::from(body.to_string()))?)
    }

    /// The call by which the platform's cron starts the clean-up.
    pub(crate) fn cron(&self, path: &str) -> Result<Call> {
        let call = self.call(Method::GET, path);
        let call = call.header("authorization", self.cron_bearer());
        Ok(call.body(Full::default())?)
    }

    /// Where the site's own pages are.
    pub(crate) fn origin(&self) -> String {
        format!("https://{HOST}")
    }

    /// What cron calls with.
    pub(crate) fn cron_bearer(&self) -> String {
        format!("Bearer {}", self.cron_secret)
    }

    /// Where a session's record is in Redis.
    pub(crate) fn session_key(&self, database: &str, number: usize) -> Result<String> {
        let key = sha256_hex(token(database, number)?.expose().as_bytes());
        Ok(format!("session:{key}"))
    }

    /// Reads one session's record from Redis, past Sabor.
    pub(crate) fn redis_get(&self) -> Result<(SocketAddr, Call)> {
        let redis = &self.redis.endpoint;
        let host = redis.url().trim_start_matches("http://").to_owned();
        let command = serde_json::json!(["GET", self.session_key(DATABASE, 1)?]);
        let call = Request::post("/")
            .header("host", &host)
            .header("authorization", format!("Bearer {}", redis.token()))
            .body(Full::from(command.to_string()))?;
        Ok((host.parse()?, call))
    }

    /// Lets a function read sessions once, so that it is warm and they are in Redis.
    pub(crate) async fn warm(&self, server: &Server, calls: &[Call]) -> Result<()> {
        for _ in 0..2 {
            Load::once(server.address, calls.to_vec()).run().await?;
        }
        Ok(())
    }
}

/// Which of the sessions have expired.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expired {
    None,
    /// Those with even numbers.
    EverySecond,
}

/// The token of a session that [`INSERT_SESSIONS`] has made.
fn token(database: &str, number: usize) -> Result<Token> {
    let text = sha256_hex(format!("{database} {number}").as_bytes());
    Token::parse(&text).context("64 hex characters are a token")
}

const INSERT_MEMBERS: &str = "
    insert into users (id, email, password_hash, first_name, last_name)
    select md5('member' || n)::uuid, 'member' || n || '@example.com', $2, 'Member', n::text
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

/// The session of number 1, of the administrator among the demo accounts.
pub(crate) const INSERT_ADMIN_SESSION: &str = "
    insert into user_sessions (id, user_id, session_key, login_method, expires_at, absolute_expires_at)
    select gen_random_uuid(), id,
        encode(sha256(convert_to(encode(sha256(convert_to($1::text || ' 1', 'UTF8')), 'hex'), 'UTF8')), 'hex'),
        'password', now() + interval '20 hours', now() + interval '5 days'
    from users where email = 'admin@sabor.dev'";
