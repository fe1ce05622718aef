//! The local stack's replacement for Upstash.

use anyhow::{Context, Result};
use redis_endpoint::{Backend, Endpoint, Options, RedisServer};
use sabor_testing::{environment, port};

/// The endpoint and, if the stack started one, the Redis server behind it.
pub(crate) struct LocalRedis {
    pub(crate) endpoint: Endpoint,
    /// Where the data is stored, as the terminal shows it.
    pub(crate) storage: String,
    _server: Option<RedisServer>,
}

impl LocalRedis {
    /// Starts the endpoint in front of the Redis server at `REDIS_URL` or `KV_URL`. If
    /// neither is set, the endpoint uses a private `redis-server` if it is installed,
    /// otherwise memory.
    pub(crate) async fn start(port: Option<u16>, token: &str) -> Result<Self> {
        let configured_url = ["REDIS_URL", "KV_URL"]
            .into_iter()
            .find_map(environment::variable);
        let server = match configured_url {
            None if RedisServer::available() => Some(RedisServer::start().await?),
            _ => None,
        };
        let (backend, storage) = match (&configured_url, &server) {
            (Some(url), _) => (Backend::redis(url).await.context("REDIS_URL")?, "REDIS_URL"),
            (None, Some(server)) => (Backend::redis(&server.url()).await?, "redis-server"),
            (None, None) => (Backend::memory(), "memory"),
        };
        let options = Options {
            port: port::find_free(port)?,
            token: token.to_owned(),
            // The stack does not read the command log.
            log_capacity: 0,
        };
        Ok(Self {
            endpoint: Endpoint::start(backend, options).await?,
            storage: storage.to_owned(),
            _server: server,
        })
    }

    pub(crate) fn port(&self) -> Option<u16> {
        self.endpoint.url().rsplit_once(':')?.1.parse().ok()
    }
}
