//! The testbed's Redis endpoint, on its own thread.

use std::io;
use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};
use redis_endpoint::{Backend, Endpoint, FaultMode, Options, RedisServer};
use sabor_testing::port;
use tokio::runtime::{Builder, Runtime};

/// An endpoint in front of a private `redis-server` if one is installed, otherwise with
/// its data in memory. It never uses `REDIS_URL`, because drills delete all data.
pub(crate) struct Redis {
    pub(crate) endpoint: Arc<Endpoint>,
    /// `None` only after `drop` has taken it.
    runtime: Option<Runtime>,
    /// `None` if the data is in memory.
    pub(crate) server: Option<RedisServer>,
}

impl Redis {
    pub(crate) async fn start() -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("redis")
            .enable_all()
            .build()?;
        let options = Options {
            log_capacity: 0,
            ..Options::default()
        };
        let start_task = runtime.spawn(async {
            let server = match RedisServer::available() {
                true => Some(RedisServer::start().await?),
                false => None,
            };
            let backend = match &server {
                Some(server) => Backend::redis(&server.url()).await?,
                None => Backend::memory(),
            };
            let endpoint = Endpoint::start(backend, options).await?;
            Ok::<_, io::Error>((Arc::new(endpoint), server))
        });
        let (endpoint, server) = start_task.await??;
        Ok(Self {
            endpoint,
            runtime: Some(runtime),
            server,
        })
    }

    /// Returns the name of the store behind the endpoint.
    pub(crate) fn storage(&self) -> &'static str {
        self.server.as_ref().map_or("memory", |_| "redis-server")
    }

    /// Opens a TCP port of the `redis-server`, for programs that do not use the REST
    /// protocol. Returns its URL.
    pub(crate) async fn tcp_url(&self) -> Result<String> {
        ensure!(self.server.is_some(), "redis-server is not installed");
        let port = port::find_free(None)?.to_string();
        let command = ["CONFIG", "SET", "bind", "127.0.0.1", "port", &port];
        let outcome = self.endpoint.command(&command).await;
        outcome.map_err(|error| anyhow!("redis-server does not listen: {error}"))?;
        Ok(format!("redis://127.0.0.1:{port}"))
    }

    /// Changes how the endpoint responds.
    pub(crate) async fn set_mode(&self, mode: FaultMode) -> Result<()> {
        let endpoint = Arc::clone(&self.endpoint);
        let change = async move { endpoint.set_mode(mode).await };
        match &self.runtime {
            // New listeners must run on the endpoint's own thread as well.
            Some(runtime) => Ok(runtime.spawn(change).await??),
            None => Ok(()),
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // Dropping a runtime inside another one would panic.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
