//! The local stack: Postgres, Redis, and the functions on them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use axum::Router;
use sabor::{App, Config};
use sabor_testing::postgres::{Cluster, Options};
use sabor_testing::progress::status;
use sabor_testing::{environment, functions};
use tokio::net::TcpListener;

use crate::env_file::{self, Variables};
use crate::lock_file::{LockFile, Running};
use crate::redis::Redis;
use crate::{database, demo, site};

/// Where the site is unless that port is taken.
const PORT: u16 = 3000;

/// The local database.
const DATABASE: &str = "sabor";

/// Everything that `cargo dev` runs.
pub(crate) struct Stack {
    pub(crate) url: String,
    pub(crate) redis: Redis,
    cluster: Cluster,
    app: App,
    listener: TcpListener,
    router: Router,
    /// Last, so that it is given back when all else has ended.
    _lock_file: LockFile,
}

/// Where the local cluster lives.
pub(crate) fn cluster_directory() -> PathBuf {
    environment::home().join("postgres")
}

/// The local cluster, and the connection string of its database, which may
/// still be empty.
pub(crate) async fn start_cluster(lock_file: &LockFile) -> Result<(Cluster, String)> {
    let cluster = Cluster::start(Options {
        directory: Some(cluster_directory()),
        port: lock_file.last.postgres_port,
        ..Options::default()
    })
    .await?;
    let client = cluster.connect("postgres").await?;
    let question = "select 1 from pg_database where datname = $1";
    if client.query_opt(question, &[&DATABASE]).await?.is_none() {
        cluster.create_database(DATABASE).await?;
    }
    let url = cluster.url(DATABASE);
    Ok((cluster, url))
}

impl Stack {
    /// Brings everything up. `wished` is the port that a person asked for.
    pub(crate) async fn start(wished: Option<u16>, write_env: bool) -> Result<Self> {
        let mut lock_file = LockFile::take("cargo dev")?;
        let listener = listen(wished).await?;
        let port = listener.local_addr()?.port();
        let url = format!("http://localhost:{port}");
        let (cluster, postgres) = start_cluster(&lock_file).await?;
        status(&database::migrate(&postgres, None).await?);

        let secrets = env_file::secrets(&environment::home().join("secrets"))?;
        let redis = Redis::start(lock_file.last.redis_port, redis_token(&secrets)).await?;
        let mut variables = vec![
            ("SABOR_ENV", "development".to_owned()),
            ("SITE_URL", url.clone()),
            ("ALLOWED_ORIGINS", origins(port)),
            ("POSTGRES_URL", postgres.clone()),
            ("KV_REST_API_URL", redis.endpoint.url()),
        ];
        variables.extend(secrets);
        write_env_file(&variables, write_env)?;

        let config = configuration(&variables)?;
        demo::add(&mut database::connect(&postgres).await?, &config.studio).await?;
        sabor::runtime::log::start(true);
        let app = App::new(config)?;
        let router = site::site(sabor::http::router(app.clone(), functions::routes()))?;
        lock_file.tell(&Running {
            command: "cargo dev".to_owned(),
            process: std::process::id(),
            url: Some(url.clone()),
            postgres: Some(postgres),
            postgres_port: Some(cluster.port()),
            redis_port: redis.port(),
        })?;
        Ok(Self {
            url,
            redis,
            cluster,
            app,
            listener,
            router,
            _lock_file: lock_file,
        })
    }

    /// Serves until `end`, then stops everything in order.
    pub(crate) async fn serve(self, end: impl Future<Output = ()>) -> Result<()> {
        tokio::select! {
            served = functions::serve(self.listener, self.router) => served?,
            () = end => status("Stopping …"),
        }
        self.app.close().await;
        self.cluster.stop().await
    }
}

fn redis_token(secrets: &Variables) -> &str {
    let found = secrets
        .iter()
        .find(|(name, _)| *name == "KV_REST_API_TOKEN");
    found.map_or("", |(_, token)| token)
}

/// What the functions read: the local stack, and of the environment only what
/// does not lead away from it.
fn configuration(variables: &Variables) -> Result<Config> {
    let mut all = environment::variables();
    // An exported string of a deployment must not be migrated from here.
    all.retain(|name, _| !database::DIRECT.contains(&name.as_str()));
    all.extend(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    );
    Ok(Config::read(&all)?)
}

/// `localhost` is allowed as the site's own; a person may as well type the address.
fn origins(port: u16) -> String {
    let ours = format!("http://127.0.0.1:{port}");
    match environment::variable("ALLOWED_ORIGINS") {
        Some(theirs) => format!("{ours},{theirs}"),
        None => ours,
    }
}

fn write_env_file(variables: &Variables, force: bool) -> Result<()> {
    let aside = environment::home().join("env.before");
    if !env_file::write(&environment::env_file(), variables, force.then_some(&aside))? {
        status(
            "Your .env is left as it is, so `vercel dev --local` does not use this stack. \
             `cargo dev --write-env` replaces it and keeps yours in .sabor/env.before.",
        );
    }
    Ok(())
}

async fn listen(wished: Option<u16>) -> Result<TcpListener> {
    if let Some(port) = wished {
        return listen_at(port).await.map_err(|error| {
            anyhow!("port {port} cannot be used ({error:#}): choose another by --port")
        });
    }
    for port in PORT..PORT + 100 {
        if let Ok(listener) = listen_at(port).await {
            if port != PORT {
                status(&format!(
                    "Port {PORT} is taken by another program: using {port}."
                ));
            }
            return Ok(listener);
        }
    }
    bail!("no port from {PORT} on is free: choose one by --port")
}

/// Whoever answers there already has the port: to bind beside a server that
/// listens on `::1` or, on macOS, on all addresses, is no error.
async fn listen_at(port: u16) -> Result<TcpListener> {
    let answers = |address: SocketAddr| port != 0 && TcpStream::connect(address).is_ok();
    if answers((Ipv4Addr::LOCALHOST, port).into()) || answers((Ipv6Addr::LOCALHOST, port).into()) {
        bail!("another program listens there");
    }
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?)
}
