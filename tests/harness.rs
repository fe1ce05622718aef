//! What a story needs: a database of its own, an endpoint of its own, the
//! functions in front of them, and people who call.

mod authenticator;
mod classes;
mod client;
mod databases;
mod function_process;
mod github;
mod localstripe;
mod mail_server;
mod many_members;
mod oidc_provider;
mod outbox;
mod packages;
mod stripe;
mod stripe_events;
mod stripe_sdk;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use redis_endpoint::{Backend, Endpoint, Options};
use sabor::crypto::secret::sha256_hex;
use sabor::models::app::NewApp;
use sabor::runtime::config::Timing;
use sabor::session::Token;
use sabor::{App, Config};
use sabor_testing::postgres::Cluster;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use authenticator::Authenticator;
pub use classes::NewClass;
pub use client::{TestClient, TestResponse};
pub use databases::{Database, connect, empty_database, postgres_binaries};
pub use function_process::FunctionProcess;
pub use github::FakeGitHub;
pub use localstripe::LocalStripe;
pub use mail_server::MailServer;
pub use oidc_provider::{OidcProvider, ProviderFault, TokenRewrite, decode_claims};
pub use packages::python;
pub use sabor_testing::faulty_proxy::FaultyProxy;
pub use stripe::{FakeStripe, StripeFault};
pub use stripe_events::{WEBHOOK_SECRET, sign_event, stripe_event};
pub use stripe_sdk::StripeSdk;

/// The password that everybody in these stories has.
pub const PASSWORD: &str = "una contraseña larga";

/// Where the site is, as far as the functions know.
pub const SITE: &str = "https://sabor.example";

/// The bearer that cron presents.
pub const CRON_SECRET: &str = "cron-secret-of-the-tests";

/// What cookies are signed with.
const SESSION_SECRET: &str = "the secret of the tests is long enough";

/// The functions as one process serves them.
pub struct TestApp {
    pub app: App,
    pub redis: Arc<Endpoint>,
    pub database: Database,
    url: String,
    settings: Settings,
    server: JoinHandle<()>,
    next_address: AtomicU16,
}

/// What a story wants otherwise than usual.
#[derive(Clone, Default)]
pub struct Settings {
    /// Of the environment.
    pub variables: HashMap<&'static str, String>,
    /// Shorter lapses of the session model.
    pub timing: Option<Timing>,
    /// Less patience with Stripe.
    pub stripe_deadline: Option<Duration>,
    /// Less patience with sign-in providers.
    pub provider_deadline: Option<Duration>,
}

impl Settings {
    /// With one variable set.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.insert(name, value.into());
        self
    }
}

impl TestApp {
    /// As a deployment has it.
    pub async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    /// As a deployment has it, but for `settings`.
    pub async fn start_with(settings: Settings) -> Self {
        let redis = Endpoint::start(Backend::memory(), Options::default());
        let redis = Arc::new(redis.await.unwrap());
        Self::start_on(databases::migrated_database().await, redis, settings).await
    }

    /// Another process of the same deployment: same stores, same secrets.
    pub async fn start_another(&self) -> Self {
        self.start_another_with(self.settings.clone()).await
    }

    /// Another process on the same stores, set up otherwise.
    pub async fn start_another_with(&self, settings: Settings) -> Self {
        Self::start_on(self.database.clone(), self.redis.clone(), settings).await
    }

    /// On a Postgres that only this story has, and may stop.
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
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            sabor_testing::functions::serve(listener, router)
                .await
                .unwrap();
        });
        Self {
            app,
            redis,
            database,
            url,
            settings,
            server,
            next_address: AtomicU16::new(1),
        }
    }

    /// Where the functions are served.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// One function as the platform runs it, on the same stores.
    pub async fn start_function(&self, executable: &str) -> FunctionProcess {
        let variables = environment(&self.database, &self.redis, &self.settings);
        FunctionProcess::start(executable, variables).await
    }

    /// Ends this process as a restart does: nothing in memory remains.
    pub async fn stop(self) {
        self.server.abort();
        self.app.close().await;
    }

    /// Somebody with an address of their own, who is not signed in.
    pub fn visitor(&self) -> TestClient {
        // 198.18.0.0/15 is set aside for such uses (RFC 2544).
        let [high, low] = self
            .next_address
            .fetch_add(1, Ordering::Relaxed)
            .to_be_bytes();
        TestClient::new(&self.url, Ipv4Addr::new(198, 18, high, low).into())
    }

    /// The same browser at an address of its own, so that no limit is met.
    pub fn visitor_with_cookie_of(&self, person: &TestClient) -> TestClient {
        let visitor = self.visitor();
        *visitor.cookie.lock().unwrap() = person.cookie();
        visitor
    }

    /// Somebody who has registered as `<name>@example.com` and is signed in.
    pub async fn member(&self, name: &str) -> TestClient {
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

    /// A member who has been made an administrator, and then signed in.
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

    /// A member who looks after classes and bookings, and then signed in.
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

    /// A partner application at `https://<name>.example`; returns its secret.
    pub async fn register_partner_app(&self, name: &str) -> String {
        let origins = vec![format!("https://{name}.example")];
        let new = NewApp::read(name, origins, true).unwrap();
        let (client, secret) = (self.app.db().client().await.unwrap(), partner_secret(name));
        let token = Token::parse(&secret).unwrap();
        let entered = sabor::models::app::insert(&client, &new, &token);
        entered.await.unwrap();
        secret
    }

    /// Runs SQL past the application; returns the rows.
    pub async fn sql(&self, statement: &str) -> Vec<tokio_postgres::Row> {
        let client = databases::connect(&self.database).await;
        client.query(statement, &[]).await.unwrap()
    }

    /// Takes locks in a transaction that is open until their release.
    pub async fn hold_locks(&self, statement: &str) -> HeldLocks {
        let client = databases::connect(&self.database).await;
        let begin = format!("begin; {statement}");
        client.batch_execute(&begin).await.unwrap();
        HeldLocks(client)
    }

    /// How many statements wait for a lock that another transaction holds.
    pub async fn blocked_statements(&self) -> i64 {
        self.count(
            "select count(*) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'",
        )
        .await
    }

    /// The one number that a query answers with.
    pub async fn count(&self, query: &str) -> i64 {
        self.sql(query).await[0].get(0)
    }
}

/// What the application of this name has for a secret.
pub fn partner_secret(name: &str) -> String {
    sha256_hex(name.as_bytes())
}

/// Locks of [`TestApp::hold_locks`].
pub struct HeldLocks(tokio_postgres::Client);

impl HeldLocks {
    /// Gives the locks back, with all changed that was.
    pub async fn commit(self) {
        self.0.batch_execute("commit").await.unwrap();
    }

    /// Gives the locks back, with nothing changed.
    pub async fn release(self) {
        self.0.batch_execute("rollback").await.unwrap();
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A deployment's environment, with `settings` over it.
fn environment(
    database: &str,
    redis: &Endpoint,
    settings: &Settings,
) -> HashMap<&'static str, String> {
    let mut variables = HashMap::from([
        ("POSTGRES_URL", database.to_owned()),
        ("POSTGRES_POOL_MAX", "8".to_owned()),
        // A machine that does other work as well is no outage.
        ("POSTGRES_POOL_TIMEOUT_MS", "20000".to_owned()),
        ("KV_REST_API_URL", redis.url()),
        ("KV_REST_API_TOKEN", redis.token().to_owned()),
        ("SESSION_SECRET", SESSION_SECRET.to_owned()),
        ("ENCRYPTION_KEY", "11".repeat(32)),
        ("CRON_SECRET", CRON_SECRET.to_owned()),
        ("SITE_URL", SITE.to_owned()),
        // So that each person has an address of their own.
        ("VERCEL", "1".to_owned()),
    ]);
    variables.extend(settings.variables.clone());
    variables
}

fn config(database: &str, redis: &Endpoint, settings: &Settings) -> Config {
    let variables = environment(database, redis, settings);
    let owned = variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let mut config = Config::read(&owned.collect()).unwrap();
    if let Some(timing) = settings.timing {
        config.timing = timing;
    }
    if let (Some(stripe), Some(deadline)) = (&mut config.stripe, settings.stripe_deadline) {
        stripe.deadline = deadline;
    }
    if let Some(deadline) = settings.provider_deadline {
        for provider in config.providers.values_mut() {
            provider.deadline = deadline;
        }
    }
    config
}

/// Waits until `condition` holds, for what happens after an answer.
///
/// # Panics
///
/// When it does not within ten seconds.
pub async fn wait_until(mut condition: impl AsyncFnMut() -> bool) {
    let started = std::time::Instant::now();
    while !condition().await {
        assert!(started.elapsed().as_secs() < 10, "this never came to hold");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Whether what a story needs has to be installed: on CI, always.
pub fn is_ci() -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "it is about the run, not the product"
    )]
    std::env::var_os("CI").is_some()
}
