//! The endpoint in front of a Redis server, and with clients that are not ours.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod official_client;
mod upstream;

use redis_endpoint::{Backend, Endpoint, Options, RedisServer};

/// A private Redis server and an endpoint in front of it. Without redis-server,
/// the test is skipped, except on CI.
async fn redis() -> Option<(RedisServer, Endpoint)> {
    if !RedisServer::available() {
        assert!(!is_ci(), "redis-server is needed (Debian: redis-server)");
        eprintln!("skipped: redis-server is not on the PATH");
        return None;
    }
    let server = RedisServer::start().await.unwrap();
    let endpoint = endpoint(&server.url()).await;
    Some((server, endpoint))
}

async fn endpoint(url: &str) -> Endpoint {
    let backend = Backend::redis(url).await.unwrap();
    Endpoint::start(backend, Options::default()).await.unwrap()
}

fn is_ci() -> bool {
    std::env::var_os("CI").is_some()
}
