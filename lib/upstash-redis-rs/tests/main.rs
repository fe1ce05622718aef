//! The client against the local endpoint, and the endpoint against the client.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod connections;
mod contract;
mod endpoint;
mod misbehaviour;

use redis_endpoint::{Backend, Endpoint, Options};
use upstash_redis_rs::Redis;

/// An endpoint of one's own, in memory.
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
