//! The client against an endpoint that misbehaves.

use std::time::{Duration, Instant};

use redis_endpoint::{Endpoint, Mode};
use upstash_redis_rs::{Command, Error, Redis};

use crate::{client, endpoint};

const SHORT: Duration = Duration::from_millis(50);

async fn in_mode(mode: Mode) -> (Endpoint, Redis) {
    let endpoint = endpoint().await;
    endpoint.set_mode(mode).await.unwrap();
    let redis = client(&endpoint);
    (endpoint, redis)
}

#[tokio::test]
async fn a_silent_server_is_given_up_at_the_deadline() {
    let (_endpoint, redis) = in_mode(Mode::Silent).await;
    let start = Instant::now();

    let get = redis.get("key").unwrap().deadline(SHORT).send().await;
    assert!(matches!(get, Err(Error::Deadline(SHORT))));
    let batch = redis.pipeline().push(redis.ping()).deadline(SHORT);
    assert!(batch.send().await.unwrap_err().is_timeout());
    let redis = redis.with_deadline(SHORT);
    assert!(redis.ping().send().await.unwrap_err().is_timeout());

    assert!(start.elapsed() >= 3 * SHORT);
    assert!(start.elapsed() < Redis::DEADLINE);
}

#[tokio::test]
async fn a_slow_server_is_waited_for_until_the_deadline() {
    let (endpoint, redis) = in_mode(Mode::Slow(SHORT)).await;
    assert_eq!(redis.ping().send().await.unwrap(), "PONG");
    endpoint
        .set_mode(Mode::Slow(Redis::DEADLINE))
        .await
        .unwrap();
    let hasty = redis.incr("n").unwrap().deadline(10 * SHORT);
    assert!(hasty.send().await.unwrap_err().is_timeout());
    let applied = endpoint.get("n").await.unwrap();
    assert_eq!(
        applied.as_deref(),
        Some("1"),
        "a deadline says nothing about the command"
    );
}

#[tokio::test]
async fn an_answer_cut_off_is_a_failed_connection() {
    let (endpoint, redis) = in_mode(Mode::CutOff).await;
    let answer = redis.incr("n").unwrap().send().await;
    assert!(matches!(answer, Err(Error::Transport(_))), "{answer:?}");
    endpoint.set_mode(Mode::Normal).await.unwrap();
    let answer = redis.incr("n").unwrap().send().await;
    assert_eq!(
        answer.unwrap(),
        2,
        "the first was run once and not repeated"
    );
}

#[tokio::test]
async fn a_wrong_token_is_unauthorized() {
    let endpoint = endpoint().await;
    let stranger = Redis::new(&endpoint.url(), "wrong").unwrap();
    let answer = stranger.ping().send().await;
    assert!(matches!(answer, Err(Error::Unauthorized)), "{answer:?}");

    endpoint.set_mode(Mode::Unauthorized).await.unwrap();
    let answer = client(&endpoint)
        .pipeline()
        .push(stranger.ping())
        .send()
        .await;
    assert!(matches!(answer, Err(Error::Unauthorized)), "{answer:?}");
}

#[tokio::test]
async fn what_is_not_json_is_a_protocol_error() {
    let (_endpoint, redis) = in_mode(Mode::NotJson).await;
    let answer = redis.ping().send().await;
    assert!(matches!(answer, Err(Error::Protocol(_))), "{answer:?}");
    let answer = redis.pipeline().push(redis.ping()).send().await;
    assert!(matches!(answer, Err(Error::Protocol(_))), "{answer:?}");
}

#[tokio::test]
async fn each_command_has_its_own_error() {
    let (_endpoint, redis) = in_mode(Mode::CommandErrors).await;
    let answer = redis.ping().send().await;
    assert!(answer.unwrap_err().is_command());
    let answers = redis.pipeline().push(redis.ping()).push(redis.ping());
    let answers = answers.send().await.unwrap();
    assert_eq!(answers.len(), 2);
    for answer in answers {
        assert!(answer.unwrap_err().is_command());
    }
}

#[tokio::test]
async fn a_read_only_server_refuses_writes_alone() {
    let (_endpoint, redis) = in_mode(Mode::ReadOnly).await;
    let answers = redis
        .pipeline()
        .push(redis.get("key").unwrap())
        .push(redis.set("key", "value").unwrap())
        .send()
        .await
        .unwrap();
    assert!(answers[0].is_ok());
    assert!(matches!(&answers[1], Err(Error::Command(text)) if text.starts_with("READONLY")));
}

#[tokio::test]
async fn a_server_that_went_away_is_found_again() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    redis.ping().send().await.unwrap();
    for _ in 0..3 {
        endpoint.set_mode(Mode::Unreachable).await.unwrap();
        let answer = redis.ping().send().await;
        assert!(
            matches!(answer, Err(Error::Connect(_) | Error::Transport(_))),
            "{answer:?}"
        );
        let answer = redis.ping().send().await;
        assert!(matches!(answer, Err(Error::Connect(_))), "{answer:?}");
        endpoint.set_mode(Mode::Normal).await.unwrap();
        assert_eq!(redis.ping().send().await.unwrap(), "PONG");
    }
}
