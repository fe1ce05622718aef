//! The endpoint in front of a Redis server, with Upstash's own clients, and with commands
//! in the URL.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod official_client;
mod refused_commands;
mod upstream;
mod url_commands;

use redis_endpoint::{Backend, Endpoint, Options, RedisServer};

/// Starts a private Redis server and an endpoint in front of it. Returns `None` if
/// redis-server is not installed. On CI, fails instead.
async fn start_redis() -> Option<(RedisServer, Endpoint)> {
    if !RedisServer::available() {
        assert!(!is_ci(), "redis-server is needed (Debian: redis-server)");
        eprintln!("skipped: redis-server is not on the PATH");
        return None;
    }
    let server = RedisServer::start().await.unwrap();
    let endpoint = start_endpoint(&server.url()).await;
    Some((server, endpoint))
}

async fn start_endpoint(url: &str) -> Endpoint {
    let backend = Backend::redis(url).await.unwrap();
    Endpoint::start(backend, Options::default()).await.unwrap()
}

fn is_ci() -> bool {
    std::env::var_os("CI").is_some()
}
