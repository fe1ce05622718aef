//! The local stand-in for Upstash.

use anyhow::{Context, Result};
use redis_endpoint::{Backend, Endpoint, Options, RedisServer};
use sabor_testing::{environment, port};

/// The endpoint, and the Redis behind it where that is our own.
pub(crate) struct Redis {
    pub(crate) endpoint: Endpoint,
    /// What it stands in front of, for a person.
    pub(crate) behind: String,
    _server: Option<RedisServer>,
}

impl Redis {
    /// In front of `REDIS_URL` or `KV_URL`; else of a private `redis-server`,
    /// where there is one; else in memory. `port` is taken if it is free.
    pub(crate) async fn start(port: Option<u16>, token: &str) -> Result<Self> {
        let named = ["REDIS_URL", "KV_URL"]
            .into_iter()
            .find_map(environment::variable);
        let server = match named {
            None if RedisServer::available() => Some(RedisServer::start().await?),
            _ => None,
        };
        let (backend, behind) = match (&named, &server) {
            (Some(url), _) => (Backend::redis(url).await.context("REDIS_URL")?, "REDIS_URL"),
            (None, Some(server)) => (Backend::redis(&server.url()).await?, "redis-server"),
            (None, None) => (Backend::memory(), "memory"),
        };
        let options = Options {
            port: port::find_free(port)?,
            token: token.to_owned(),
            // Nobody reads it here.
            log_capacity: 0,
        };
        Ok(Self {
            endpoint: Endpoint::start(backend, options).await?,
            behind: behind.to_owned(),
            _server: server,
        })
    }

    pub(crate) fn port(&self) -> Option<u16> {
        self.endpoint.url().rsplit_once(':')?.1.parse().ok()
    }
}
