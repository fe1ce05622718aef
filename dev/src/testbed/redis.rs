//! The Redis endpoint of the laboratory, away from the load generator's threads.

use std::io;
use std::sync::Arc;

use anyhow::Result;
use redis_endpoint::{Backend, Endpoint, Mode, Options, RedisServer};
use tokio::runtime::{Builder, Runtime};

/// An endpoint on a thread of its own, in front of a private `redis-server`
/// where there is one, as in the local stack; else with its data in memory.
/// Never of one that somebody has named: what it holds is lost here.
pub(crate) struct Redis {
    pub(crate) endpoint: Arc<Endpoint>,
    /// `None` when it has been stopped.
    runtime: Option<Runtime>,
    /// `None`: in memory.
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
        let starting = runtime.spawn(async {
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
        let (endpoint, server) = starting.await??;
        Ok(Self {
            endpoint,
            runtime: Some(runtime),
            server,
        })
    }

    /// What holds its data.
    pub(crate) fn behind(&self) -> &'static str {
        self.server.as_ref().map_or("memory", |_| "redis-server")
    }

    /// Lets it misbehave, or not.
    pub(crate) async fn set_mode(&self, mode: Mode) -> Result<()> {
        let endpoint = Arc::clone(&self.endpoint);
        let work = async move { endpoint.set_mode(mode).await };
        match &self.runtime {
            // What it starts to listen with belongs onto its own thread, too.
            Some(runtime) => Ok(runtime.spawn(work).await??),
            None => Ok(()),
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // A runtime must not be waited for within another.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
