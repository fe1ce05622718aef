//! The local stack: Postgres, Redis, the functions and the site.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use axum::Router;
use sabor::runtime::config::MailTransport;
use sabor::{App, Config};
use sabor_testing::postgres::{Cluster, Options};
use sabor_testing::progress::status;
use sabor_testing::{environment, functions};
use tokio::net::TcpListener;

use crate::env_file::{self, Variables};
use crate::local_redis::LocalRedis;
use crate::lock_file::{LockFile, StackInfo};
use crate::site_build::SiteBuild;
use crate::{database, demo, mail_page, site};

/// The site's preferred port.
const PREFERRED_PORT: u16 = 3000;

/// The last port to try if the preferred one is taken.
const LAST_PORT: u16 = PREFERRED_PORT + 99;

/// The name of the local database.
const DATABASE: &str = "sabor";

/// Options of the stack, from the command line.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct StackOptions {
    /// The site's port [default: 3000, or the next free one]
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Replace a .env that you wrote yourself, and keep a copy as .sabor/env.before
    #[arg(long)]
    pub(crate) write_env: bool,
    /// Serve the site as it was built last
    #[arg(long)]
    pub(crate) no_build: bool,
}

/// Everything that `cargo dev` runs.
pub(crate) struct Stack {
    pub(crate) url: String,
    pub(crate) redis: LocalRedis,
    /// Whether the studio has no demo data.
    pub(crate) is_empty_studio: bool,
    cluster: Cluster,
    app: App,
    listener: TcpListener,
    router: Router,
    _site_build: Option<SiteBuild>,
    /// The last field, so that the lock is released after everything else has stopped.
    _lock_file: LockFile,
}

/// Returns the directory of the local cluster.
pub(crate) fn cluster_directory() -> PathBuf {
    environment::home().join("postgres")
}

/// Starts the local cluster. Returns the cluster and the connection string of its database.
/// In a new cluster, the database is empty.
pub(crate) async fn start_cluster(lock_file: &LockFile) -> Result<(Cluster, String)> {
    let cluster = Cluster::start(Options {
        directory: Some(cluster_directory()),
        port: lock_file.last.postgres_port,
        ..Options::default()
    })
    .await?;
    let client = cluster.connect("postgres").await?;
    let query = "select 1 from pg_database where datname = $1";
    if client.query_opt(query, &[&DATABASE]).await?.is_none() {
        cluster.create_database(DATABASE).await?;
    }
    let url = cluster.url(DATABASE);
    Ok((cluster, url))
}

/// Invalidates the cached responses of the running stack, whose data has been replaced.
pub(crate) async fn invalidate_cached_responses(running: &StackInfo) -> Result<()> {
    let (Some(postgres), Some(redis_port)) = (&running.postgres, running.redis_port) else {
        return Ok(());
    };
    let mut variables = vec![
        ("POSTGRES_URL", postgres.clone()),
        ("KV_REST_API_URL", format!("http://127.0.0.1:{redis_port}")),
    ];
    variables.extend(read_secrets()?);
    let app = App::new(read_config(&variables)?)?;
    for cache in [app.catalog(), app.schedule()] {
        cache.invalidate().await;
    }
    Ok(())
}

fn read_secrets() -> Result<Variables> {
    env_file::read_or_create_secrets(&environment::home().join("secrets"))
}

impl Stack {
    /// Starts everything.
    pub(crate) async fn start(options: StackOptions) -> Result<Self> {
        let mut lock_file = LockFile::acquire("cargo dev")?;
        let listener = listen(options.port).await?;
        let port = listener.local_addr()?.port();
        let url = format!("http://localhost:{port}");
        let site_build = match options.no_build {
            true => None,
            false => SiteBuild::start().await,
        };
        let (cluster, postgres_url) = start_cluster(&lock_file).await?;
        status(&database::migrate(&postgres_url, None).await?);

        let secrets = read_secrets()?;
        let redis = LocalRedis::start(lock_file.last.redis_port, redis_token(&secrets)).await?;
        let mut variables = vec![
            ("SABOR_ENV", "development".to_owned()),
            ("SABOR_HOME", absolute_home()?),
            ("SITE_URL", url.clone()),
            ("ALLOWED_ORIGINS", allowed_origins(port)),
            ("POSTGRES_URL", postgres_url.clone()),
            ("KV_REST_API_URL", redis.endpoint.url()),
        ];
        let is_empty_studio = demo::is_empty_studio();
        if !is_empty_studio {
            variables.extend(demo_address());
        }
        variables.extend(secrets);
        write_env_file(&variables, options.write_env)?;

        let config = read_config(&variables)?;
        let mut client = database::connect(&postgres_url).await?;
        demo::add(&mut client, &config.studio, is_empty_studio).await?;
        sabor::runtime::log::start(true);
        let mail_page = mail_page::router(mail_folder(&config));
        let app = App::new(config)?;
        let functions = sabor::http::router(app.clone(), functions::routes());
        let router = site::router(functions.merge(mail_page))?;
        lock_file.write(&StackInfo {
            command: "cargo dev".to_owned(),
            process: std::process::id(),
            url: Some(url.clone()),
            postgres: Some(postgres_url),
            postgres_port: Some(cluster.port()),
            redis_port: redis.port(),
        })?;
        Ok(Self {
            url,
            redis,
            is_empty_studio,
            cluster,
            app,
            listener,
            router,
            _site_build: site_build,
            _lock_file: lock_file,
        })
    }

    /// Serves until `stop` completes, then stops everything in order.
    pub(crate) async fn serve(self, stop: impl Future<Output = ()>) -> Result<()> {
        tokio::select! {
            result = functions::serve(self.listener, self.router) => result?,
            () = stop => status("Stopping …"),
        }
        self.app.close().await;
        self.cluster.stop().await
    }
}

/// Returns the address of the demo studio, which does not exist. It is empty if the process
/// environment has an address.
fn demo_address() -> Variables {
    if environment::variable("STUDIO_ADDRESS").is_some() {
        return Vec::new();
    }
    let address = [
        ("STUDIO_ADDRESS", "410 Larkspur Walk"),
        ("STUDIO_CITY", "Boulder"),
        ("STUDIO_REGION", "CO"),
        ("STUDIO_POSTAL_CODE", "80302"),
        ("STUDIO_COUNTRY", "US"),
        ("STUDIO_COORDINATES", "40.0176,-105.2797"),
        ("STUDIO_EMAIL", "hello@sabor.dev"),
    ];
    address.map(|(name, value)| (name, value.to_owned())).into()
}

/// Returns the folder into which e-mails are written, unless a mail server sends them.
fn mail_folder(config: &Config) -> Option<PathBuf> {
    match &config.mail.transport {
        MailTransport::Folder(folder) => Some(folder.clone()),
        MailTransport::Smtp(_) | MailTransport::Disabled => None,
    }
}

/// Returns the folder of the stack's data. `vercel dev --local` may run elsewhere, so the
/// path is absolute.
fn absolute_home() -> Result<String> {
    let home = std::path::absolute(environment::home())?;
    Ok(home.to_string_lossy().into_owned())
}

fn redis_token(secrets: &Variables) -> &str {
    let secret = secrets
        .iter()
        .find(|(name, _)| *name == "KV_REST_API_TOKEN");
    secret.map_or("", |(_, token)| token)
}

/// Reads the functions' configuration from `variables` and the process environment,
/// without the variables that would select a deployment's database.
fn read_config(variables: &Variables) -> Result<Config> {
    let mut merged = environment::variables();
    // The stack must not migrate a deployment's database.
    merged.retain(|name, _| !database::DIRECT_URL_VARIABLES.contains(&name.as_str()));
    merged.extend(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    );
    Ok(Config::read(&merged)?)
}

/// Returns the additional allowed origins. They include the numeric address, at which
/// people may also open the site. The site's own origin, `localhost`, is always allowed.
fn allowed_origins(port: u16) -> String {
    let numeric = format!("http://127.0.0.1:{port}");
    match environment::variable("ALLOWED_ORIGINS") {
        Some(others) => format!("{numeric},{others}"),
        None => numeric,
    }
}

fn write_env_file(variables: &Variables, force: bool) -> Result<()> {
    let backup = environment::home().join("env.before");
    if !env_file::write(
        &environment::env_file(),
        variables,
        force.then_some(&backup),
    )? {
        status(
            "Your own .env was not changed, so `vercel dev --local` does not use this stack. \
             `cargo dev --write-env` replaces it and keeps yours as .sabor/env.before.",
        );
    }
    Ok(())
}

async fn listen(requested_port: Option<u16>) -> Result<TcpListener> {
    if let Some(port) = requested_port {
        return listen_at(port).await.map_err(|error| {
            anyhow!("cannot use port {port} ({error:#}). Choose another one with --port")
        });
    }
    for port in PREFERRED_PORT..=LAST_PORT {
        if let Ok(listener) = listen_at(port).await {
            if port != PREFERRED_PORT {
                status(&format!(
                    "Another program uses port {PREFERRED_PORT}. Using {port}."
                ));
            }
            return Ok(listener);
        }
    }
    bail!("the ports from {PREFERRED_PORT} to {LAST_PORT} are taken. Choose one with --port")
}

/// Binds a port after checking that no server responds on it. The bind alone would
/// succeed next to a server on `::1` or, on macOS, on all addresses.
async fn listen_at(port: u16) -> Result<TcpListener> {
    let is_taken = |address: SocketAddr| port != 0 && TcpStream::connect(address).is_ok();
    if is_taken((Ipv4Addr::LOCALHOST, port).into()) || is_taken((Ipv6Addr::LOCALHOST, port).into())
    {
        bail!("another program listens on it");
    }
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?)
}
