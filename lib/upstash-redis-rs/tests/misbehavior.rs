//! The client against an endpoint that misbehaves.

use std::time::{Duration, Instant};

use redis_endpoint::{Endpoint, FaultMode};
use upstash_redis_rs::{Command, Error, Redis};

use crate::{client, endpoint};

/// A timeout that is shorter than the default.
const SHORT_TIMEOUT: Duration = Duration::from_millis(50);

async fn start_in_mode(mode: FaultMode) -> (Endpoint, Redis) {
    let endpoint = endpoint().await;
    endpoint.set_mode(mode).await.unwrap();
    let redis = client(&endpoint);
    (endpoint, redis)
}

#[tokio::test]
async fn a_request_to_a_silent_server_times_out() {
    let (_endpoint, redis) = start_in_mode(FaultMode::Silent).await;
    let start = Instant::now();

    let get = redis
        .get("key")
        .unwrap()
        .timeout(SHORT_TIMEOUT)
        .send()
        .await;
    assert!(matches!(get, Err(Error::Timeout(SHORT_TIMEOUT))));
    let pipeline = redis.pipeline().push(redis.ping()).timeout(SHORT_TIMEOUT);
    assert!(pipeline.exec().await.unwrap_err().is_timeout());
    let redis = redis.with_timeout(SHORT_TIMEOUT);
    assert!(redis.ping().send().await.unwrap_err().is_timeout());

    assert!(start.elapsed() >= 3 * SHORT_TIMEOUT);
    assert!(start.elapsed() < Redis::DEFAULT_TIMEOUT);
}

#[tokio::test]
async fn a_slow_response_is_awaited_until_the_timeout() {
    let (endpoint, redis) = start_in_mode(FaultMode::Slow(SHORT_TIMEOUT)).await;
    assert_eq!(redis.ping().send().await.unwrap(), "PONG");
    endpoint
        .set_mode(FaultMode::Slow(Redis::DEFAULT_TIMEOUT))
        .await
        .unwrap();
    let incr = redis.incr("n").unwrap().timeout(10 * SHORT_TIMEOUT);
    assert!(incr.send().await.unwrap_err().is_timeout());
    let applied = endpoint.get("n").await.unwrap();
    assert_eq!(
        applied.as_deref(),
        Some("1"),
        "the command was applied despite the timeout"
    );
}

#[tokio::test]
async fn a_truncated_response_is_a_transport_error() {
    let (endpoint, redis) = start_in_mode(FaultMode::CutOff).await;
    let result = redis.incr("n").unwrap().send().await;
    assert!(matches!(result, Err(Error::Transport(_))), "{result:?}");
    endpoint.set_mode(FaultMode::Normal).await.unwrap();
    let result = redis.incr("n").unwrap().send().await;
    assert_eq!(result.unwrap(), 2, "the first command must not be repeated");
}

#[tokio::test]
async fn a_wrong_token_is_unauthorized() {
    let endpoint = endpoint().await;
    let redis = Redis::new(&endpoint.url(), "wrong").unwrap();
    let result = redis.ping().send().await;
    assert!(matches!(result, Err(Error::Unauthorized)), "{result:?}");

    endpoint.set_mode(FaultMode::Unauthorized).await.unwrap();
    let result = client(&endpoint).pipeline().push(redis.ping()).exec().await;
    assert!(matches!(result, Err(Error::Unauthorized)), "{result:?}");
}

#[tokio::test]
async fn a_body_that_is_not_json_is_a_protocol_error() {
    let (_endpoint, redis) = start_in_mode(FaultMode::NotJson).await;
    let result = redis.ping().send().await;
    assert!(matches!(result, Err(Error::Protocol(_))), "{result:?}");
    let result = redis.pipeline().push(redis.ping()).exec().await;
    assert!(matches!(result, Err(Error::Protocol(_))), "{result:?}");
}

#[tokio::test]
async fn each_command_has_its_own_error() {
    let (_endpoint, redis) = start_in_mode(FaultMode::CommandErrors).await;
    let result = redis.ping().send().await;
    assert!(result.unwrap_err().is_command());
    let pipeline = redis.pipeline().push(redis.ping()).push(redis.ping());
    let results = pipeline.exec().await.unwrap();
    assert_eq!(results.len(), 2);
    for result in results {
        assert!(result.unwrap_err().is_command());
    }
}

#[tokio::test]
async fn a_read_only_server_refuses_only_writes() {
    let (_endpoint, redis) = start_in_mode(FaultMode::ReadOnly).await;
    let results = redis
        .pipeline()
        .push(redis.get("key").unwrap())
        .push(redis.set("key", "value").unwrap())
        .exec()
        .await
        .unwrap();
    assert!(results[0].is_ok());
    assert!(matches!(&results[1], Err(Error::Command(text)) if text.starts_with("READONLY")));
}

#[tokio::test]
async fn requests_succeed_when_an_unreachable_server_returns() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    redis.ping().send().await.unwrap();
    for _ in 0..3 {
        endpoint.set_mode(FaultMode::Unreachable).await.unwrap();
        let result = redis.ping().send().await;
        assert!(
            matches!(result, Err(Error::Connect(_) | Error::Transport(_))),
            "{result:?}"
        );
        let result = redis.ping().send().await;
        assert!(matches!(result, Err(Error::Connect(_))), "{result:?}");
        endpoint.set_mode(FaultMode::Normal).await.unwrap();
        assert_eq!(redis.ping().send().await.unwrap(), "PONG");
    }
}
