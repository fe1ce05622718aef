//! Shared by the tests: an application with its own database and Redis endpoint,
//! clients that call it, and stand-ins for external services.

mod authenticator;
mod classes;
mod client;
mod databases;
mod function_process;
mod github;
mod local_server;
mod localstripe;
mod mail_server;
mod many_members;
mod oidc_provider;
mod outbox;
mod packages;
mod stripe;
mod stripe_balance;
mod stripe_billing;
mod stripe_events;
mod stripe_sdk;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use redis_endpoint::{Backend, Endpoint, Options, RedisServer};
use reqwest::Method;
use sabor::crypto::secret::sha256_hex;
use sabor::models::partner_app::NewApp;
use sabor::runtime::config::Timing;
use sabor::session::Token;
use sabor::values::time_zone::TimeZone;
use sabor::{App, Config};
use sabor_testing::postgres::Cluster;
use uuid::Uuid;

pub use authenticator::Authenticator;
pub use classes::NewClass;
pub use client::{TestClient, TestResponse, send_from_origin};
pub use databases::{Database, connect, empty_database, postgres_binaries};
pub use function_process::FunctionProcess;
pub use github::GitHubStandIn;
pub use local_server::LocalServer;
pub use localstripe::LocalStripe;
pub use mail_server::{MailServer, text_in_one_line};
pub use oidc_provider::{OidcProvider, ProviderFault, TokenRewrite, decode_claims};
pub use packages::python;
pub use sabor_testing::faulty_proxy::FaultyProxy;
pub use stripe::{StripeFault, StripeStandIn};
pub use stripe_billing::Renewal;
pub use stripe_events::{WEBHOOK_SECRET, sign_event, stripe_event};
pub use stripe_sdk::StripeSdk;

/// The password of every member.
pub const PASSWORD: &str = "una contraseña larga";

/// The URL of the site.
pub const SITE: &str = "https://sabor.example";

/// The bearer token that cron sends.
pub const CRON_SECRET: &str = "cron-secret-of-the-tests";

/// The secret that signs cookies.
const SESSION_SECRET: &str = "the secret of the tests is long enough";

/// An application that serves all functions in this process.
pub struct TestApp {
    pub app: App,
    pub redis: Arc<Endpoint>,
    pub database: Database,
    settings: Settings,
    server: LocalServer,
    next_address: AtomicU16,
}

/// Changes to the default configuration.
#[derive(Clone, Default)]
pub struct Settings {
    /// Environment variables to set.
    pub variables: HashMap<&'static str, String>,
    /// Time limits of the session model.
    pub timing: Option<Timing>,
    /// Deadline of requests to Stripe.
    pub stripe_time_limit: Option<Duration>,
    /// Deadline of requests to sign-in providers.
    pub provider_time_limit: Option<Duration>,
}

impl Settings {
    /// Sets an environment variable.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.insert(name, value.into());
        self
    }
}

impl TestApp {
    /// Starts an application with the default settings.
    pub async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    /// Starts an application with these settings.
    pub async fn start_with(settings: Settings) -> Self {
        let redis = Endpoint::start(Backend::memory(), Options::default());
        let redis = Arc::new(redis.await.unwrap());
        Self::start_on(databases::migrated_database().await, redis, settings).await
    }

    /// Starts an application on its own Redis server. Returns `None` if `redis-server` is
    /// not installed.
    pub async fn start_on_own_redis() -> Option<(Self, RedisServer)> {
        if !RedisServer::available() {
            assert!(!is_ci(), "redis-server is not installed");
            eprintln!("skipped: redis-server is not installed (apt install redis-server)");
            return None;
        }
        let server = RedisServer::start().await.unwrap();
        let backend = Backend::redis(&server.url()).await.unwrap();
        let redis = Endpoint::start(backend, Options::default()).await.unwrap();
        let database = databases::migrated_database().await;
        let app = Self::start_on(database, Arc::new(redis), Settings::default()).await;
        Some((app, server))
    }

    /// Starts another process of the same deployment, with the same database, Redis endpoint
    /// and secrets.
    pub async fn start_another(&self) -> Self {
        self.start_another_with(self.settings.clone()).await
    }

    /// Starts another process on the same database and Redis endpoint with other settings.
    pub async fn start_another_with(&self, settings: Settings) -> Self {
        Self::start_on(self.database.clone(), self.redis.clone(), settings).await
    }

    /// Starts an application on its own Postgres cluster, which the test may stop.
    pub async fn start_on_own_cluster() -> (Self, Arc<Cluster>) {
        let cluster = Arc::new(Cluster::start(Default::default()).await.unwrap());
        cluster.create_database("own").await.unwrap();
        let url = cluster.url("own");
        let mut client = connect(&url).await;
        sabor::store::migrations::up(&mut client).await.unwrap();
        let redis = Endpoint::start(Backend::memory(), Options::default());
        let redis = Arc::new(redis.await.unwrap());
        let database = Database::external(url);
        (
            Self::start_on(database, redis, Settings::default()).await,
            cluster,
        )
    }

    async fn start_on(database: Database, redis: Arc<Endpoint>, settings: Settings) -> Self {
        let app = App::new(config(&database, &redis, &settings)).unwrap();
        let router = sabor::http::router(app.clone(), sabor_testing::functions::routes());
        let server = LocalServer::start(router).await;
        Self {
            app,
            redis,
            database,
            settings,
            server,
            next_address: AtomicU16::new(1),
        }
    }

    /// Returns the URL of the application.
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// Starts one function as its own process, on the same database and Redis endpoint.
    pub async fn start_function(&self, executable: &str) -> FunctionProcess {
        let variables = environment(&self.database, &self.redis, &self.settings);
        FunctionProcess::start(executable, variables).await
    }

    /// Stops the application and drops everything in memory.
    pub async fn stop(self) {
        self.server.stop();
        self.app.close().await;
    }

    /// Returns a client that is not signed in and has its own IP address.
    pub fn visitor(&self) -> TestClient {
        // 198.18.0.0/15 is reserved for tests (RFC 2544).
        let [high, low] = self
            .next_address
            .fetch_add(1, Ordering::Relaxed)
            .to_be_bytes();
        TestClient::new(self.url(), Ipv4Addr::new(198, 18, high, low).into())
    }

    /// Returns a client with the same session cookie at a new IP address, which has
    /// its own rate limits.
    pub fn visitor_with_cookie_of(&self, person: &TestClient) -> TestClient {
        let visitor = self.visitor();
        visitor.set_cookie(person.cookie());
        visitor
    }

    /// Registers `<name>@example.com` and confirms the address; returns the signed-in
    /// client.
    pub async fn member(&self, name: &str) -> TestClient {
        let person = self.unconfirmed_member(name).await;
        self.confirm_address(&format!("{name}@example.com")).await;
        person
    }

    /// Marks an address as confirmed by SQL. The member must not have used the session yet,
    /// because a session record in Redis would not change.
    pub async fn confirm_address(&self, email: &str) {
        self.sql(&format!(
            "update users set email_verified_at = now() where email = '{email}'"
        ))
        .await;
    }

    /// Registers `<name>@example.com`; returns the signed-in client.
    pub async fn unconfirmed_member(&self, name: &str) -> TestClient {
        let person = self.visitor();
        let form = serde_json::json!({
            "email": format!("{name}@example.com"),
            "password": PASSWORD,
            "firstName": name,
            "lastName": "Reyes",
        });
        person.post("/api/auth/register", form).await.expect(201);
        person
    }

    /// Registers an administrator; returns the signed-in client.
    pub async fn admin(&self, name: &str) -> TestClient {
        let person = self.member(name).await;
        let email = format!("{name}@example.com");
        let client = self.app.db().client().await.unwrap();
        assert!(
            sabor::models::user::grant_admin(&client, &email)
                .await
                .unwrap()
        );
        person.sign_in(&email, PASSWORD).await.expect(200);
        person
    }

    /// Registers a member of the staff; returns the signed-in client.
    pub async fn staff(&self, name: &str) -> TestClient {
        let person = self.member(name).await;
        let email = format!("{name}@example.com");
        self.sql(&format!(
            "update users set is_staff = true where email = '{email}'"
        ))
        .await;
        person.sign_in(&email, PASSWORD).await.expect(200);
        person
    }

    /// Registers a member who is an instructor; returns the signed-in client and the id of the
    /// instructor.
    pub async fn instructor(&self, name: &str) -> (TestClient, Uuid) {
        let person = self.member(name).await;
        (person, self.link_instructor(name).await)
    }

    /// Inserts an instructor who is the member with the address `<name>@example.com`; returns
    /// the instructor's id.
    pub async fn link_instructor(&self, name: &str) -> Uuid {
        let rows = self
            .sql(&format!(
                "insert into instructors (id, name, user_id)
                select gen_random_uuid(), first_name, id from users
                where email = '{name}@example.com' returning id"
            ))
            .await;
        rows[0].get(0)
    }

    /// Registers a partner application at `https://<name>.example`; returns its
    /// secret.
    pub async fn register_partner_app(&self, name: &str) -> String {
        let origins = vec![format!("https://{name}.example")];
        let new_app = NewApp::parse(name, origins, true).unwrap();
        let (client, secret) = (self.app.db().client().await.unwrap(), partner_secret(name));
        let token = Token::parse(&secret).unwrap();
        let inserted = sabor::models::partner_app::insert(&client, &new_app, &token);
        inserted.await.unwrap();
        secret
    }

    /// Sets the application's clock.
    pub fn set_clock(&self, time: DateTime<Utc>) {
        let clock = self.app.clock();
        clock.advance(time - clock.now());
    }

    /// Advances the application's clock to the next noon at the studio; returns the time. Neither
    /// the local date nor that in UTC then changes during a test.
    pub fn advance_to_noon(&self) -> DateTime<Utc> {
        let zone = TimeZone::of_studio(&self.app.config().studio).unwrap();
        let tomorrow = zone.date(self.app.clock().now()) + TimeDelta::days(1);
        let noon = zone.resolve(tomorrow, NaiveTime::from_hms_opt(12, 0, 0).unwrap());
        self.set_clock(noon);
        noon
    }

    /// Waits until Redis has `count` session records. They are written after the response.
    pub async fn wait_for_session_records(&self, count: usize) {
        let command = ["KEYS", "session:*"];
        let keys = async || self.redis.command(&command).await.unwrap();
        wait_until(async || keys().await.as_array().unwrap().len() >= count).await;
    }

    /// Runs the clean-up as cron does.
    pub async fn run_clean_up(&self) -> TestResponse {
        let cron = self.visitor();
        let request = cron.request(Method::GET, "/api/admin/cleanup-sessions");
        cron.send(request.bearer_auth(CRON_SECRET)).await
    }

    /// Marks an occurrence as cancelled by SQL, without notifying anyone.
    pub async fn mark_cancelled(&self, occurrence: Uuid) {
        self.sql(&format!(
            "update scheduled_classes set is_cancelled = true where id = '{occurrence}'"
        ))
        .await;
    }

    /// Runs SQL on a new connection; returns the rows.
    pub async fn sql(&self, statement: &str) -> Vec<tokio_postgres::Row> {
        let client = databases::connect(&self.database).await;
        client.query(statement, &[]).await.unwrap()
    }

    /// Runs a statement in a transaction that stays open and holds its locks.
    pub async fn hold_locks(&self, statement: &str) -> HeldLocks {
        let client = databases::connect(&self.database).await;
        let begin = format!("begin; {statement}");
        client.batch_execute(&begin).await.unwrap();
        HeldLocks(client)
    }

    /// Returns the number of statements that wait for a lock of another transaction.
    pub async fn blocked_statements(&self) -> i64 {
        self.count(
            "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'",
        )
        .await
    }

    /// Returns the number that a query selects.
    pub async fn count(&self, query: &str) -> i64 {
        self.sql(query).await[0].get(0)
    }
}

/// Returns the secret of the partner application with this name.
pub fn partner_secret(name: &str) -> String {
    sha256_hex(name.as_bytes())
}

/// The open transaction of [`TestApp::hold_locks`].
pub struct HeldLocks(tokio_postgres::Client);

impl HeldLocks {
    /// Runs another statement in the transaction.
    pub async fn run(&self, statement: &str) {
        self.0.batch_execute(statement).await.unwrap();
    }

    /// Commits the transaction, which releases its locks.
    pub async fn commit(self) {
        self.0.batch_execute("commit").await.unwrap();
    }

    /// Rolls the transaction back, which releases its locks.
    pub async fn release(self) {
        self.0.batch_execute("rollback").await.unwrap();
    }
}

/// Returns the environment variables of a deployment, with `settings` applied.
fn environment(
    database: &str,
    redis: &Endpoint,
    settings: &Settings,
) -> HashMap<&'static str, String> {
    let mut variables = HashMap::from([
        ("POSTGRES_URL", database.to_owned()),
        ("POSTGRES_POOL_MAX", "8".to_owned()),
        // A busy machine must not look like an outage, so both limits are higher than in
        // production. The limit of Redis is lower than that of Postgres, because tests of an
        // unresponsive Redis wait for it several times.
        ("POSTGRES_POOL_TIMEOUT_MS", "20000".to_owned()),
        ("KV_TIMEOUT_MS", "1000".to_owned()),
        ("KV_REST_API_URL", redis.url()),
        ("KV_REST_API_TOKEN", redis.token().to_owned()),
        ("SESSION_SECRET", SESSION_SECRET.to_owned()),
        ("ENCRYPTION_KEY", "11".repeat(32)),
        ("CRON_SECRET", CRON_SECRET.to_owned()),
        ("SITE_URL", SITE.to_owned()),
        // A registration signs the member in, so that only one password hash is computed for
        // each member.
        ("REQUIRE_EMAIL_VERIFICATION", "false".to_owned()),
        // Makes the application accept the IP address that each client sends.
        ("VERCEL", "1".to_owned()),
    ]);
    variables.extend(settings.variables.clone());
    variables
}

fn config(database: &str, redis: &Endpoint, settings: &Settings) -> Config {
    let variables = environment(database, redis, settings);
    let owned_variables = variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let mut config = Config::read(&owned_variables.collect()).unwrap();
    if let Some(timing) = settings.timing {
        config.timing = timing;
    }
    if let (Some(stripe), Some(time_limit)) = (&mut config.stripe, settings.stripe_time_limit) {
        stripe.time_limit = time_limit;
    }
    if let Some(time_limit) = settings.provider_time_limit {
        for provider in config.providers.values_mut() {
            provider.time_limit = time_limit;
        }
    }
    config
}

/// Waits until `condition` is true, for work that continues after a response.
///
/// # Panics
///
/// If `condition` is still false after a minute.
pub async fn wait_until(mut condition: impl AsyncFnMut() -> bool) {
    let started = std::time::Instant::now();
    while !condition().await {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "the condition did not become true"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Returns an error and its causes, as the log shows them.
pub fn cause_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// Encodes bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns whether the tests run on CI, where every required tool must be
/// installed.
pub fn is_ci() -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "this configures the test run, not the product"
    )]
    std::env::var_os("CI").is_some()
}
