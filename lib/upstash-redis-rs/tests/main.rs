//! The client and the local endpoint, tested against each other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod batches;
mod commands;
mod connections;
mod endpoint;
mod misbehavior;

use redis_endpoint::{Backend, Endpoint, Options};
use upstash_redis_rs::Redis;

/// Starts an endpoint with its data in memory.
async fn endpoint() -> Endpoint {
    Endpoint::start(Backend::memory(), Options::default())
        .await
        .unwrap()
}

fn client(endpoint: &Endpoint) -> Redis {
    Redis::new(&endpoint.url(), endpoint.token()).unwrap()
}

fn unix_milliseconds() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_millis() as u64
}
