//! Commands that are refused, because they would affect the requests of others.

use std::time::Duration;

use redis_endpoint::{Backend, Endpoint, Options};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::start_redis;
use crate::url_commands::send;

const CHANGING_THE_CONNECTION: [&[&str]; 21] = [
    &["AUTH", "password"],
    &["client", "reply", "off"],
    &["DISCARD"],
    &["EXEC"],
    &["HELLO", "3"],
    &["MONITOR"],
    &["Multi"],
    &["PSUBSCRIBE", "*"],
    &["PSYNC", "?", "-1"],
    &["PUNSUBSCRIBE", "a", "b"],
    &["QUIT"],
    &["REPLCONF", "ACK", "0"],
    &["RESET"],
    &["SELECT", "1"],
    &["SSUBSCRIBE", "a"],
    &["SUBSCRIBE", "a"],
    &["SUNSUBSCRIBE", "a", "b"],
    &["SYNC"],
    &["UNSUBSCRIBE", "a", "b"],
    &["UNWATCH"],
    &["WATCH", "a"],
];

const BLOCKING: [&[&str]; 12] = [
    &["BLMOVE", "a", "b", "LEFT", "LEFT", "0"],
    &["BLMPOP", "0", "1", "a", "LEFT"],
    &["blpop", "a", "0"],
    &["BRPOP", "a", "0"],
    &["BRPOPLPUSH", "a", "b", "0"],
    &["BZMPOP", "0", "1", "a", "MIN"],
    &["BZPOPMAX", "a", "0"],
    &["BZPOPMIN", "a", "0"],
    &["WAIT", "1", "0"],
    &["WAITAOF", "0", "1", "0"],
    &["XREAD", "BLOCK", "0", "STREAMS", "a", "$"],
    &[
        "XREADGROUP",
        "GROUP",
        "g",
        "c",
        "block",
        "0",
        "STREAMS",
        "a",
        ">",
    ],
];

/// Asserts that a command is refused, and that later requests get their own replies.
async fn assert_refused(endpoint: &Endpoint, command: &[&str]) {
    let reply = timeout(Duration::from_secs(20), endpoint.command(command)).await;
    let error = reply.expect("the command must not wait").unwrap_err();
    let name = command[0].to_uppercase();
    let is_blocking = BLOCKING.iter().any(|blocking| blocking[0] == command[0]);
    let condition = if is_blocking { " if it blocks" } else { "" };
    let expected = format!("ERR {name} is not available over REST{condition}");
    assert_eq!(error, expected);
    // Requests use the connections in turn.
    for text in ["one", "two", "three", "four"] {
        assert_eq!(endpoint.command(&["ECHO", text]).await, Ok(json!(text)));
    }
}

#[tokio::test]
async fn commands_that_block_or_change_the_connection_are_refused() {
    let memory = Endpoint::start(Backend::memory(), Options::default());
    let memory = memory.await.unwrap();
    let redis = start_redis().await;
    let redis = redis.as_ref().map(|(_, endpoint)| endpoint);
    for endpoint in [&memory].into_iter().chain(redis) {
        for command in CHANGING_THE_CONNECTION.into_iter().chain(BLOCKING) {
            assert_refused(endpoint, command).await;
        }
    }
}

/// The names that Redis lists for a category, without subcommands.
async fn commands_of_category(endpoint: &Endpoint, category: &str) -> Vec<String> {
    let names = endpoint.command(&["ACL", "CAT", category]).await.unwrap();
    let names: Vec<String> = serde_json::from_value(names).unwrap();
    names
        .into_iter()
        .filter(|name| !name.contains('|'))
        .collect()
}

#[tokio::test]
async fn no_command_of_these_categories_of_redis_is_forgotten() {
    const ALLOWED: [&str; 9] = [
        "asking",
        "command",
        "echo",
        "ping",
        "publish",
        "pubsub",
        "readonly",
        "readwrite",
        "spublish",
    ];
    let Some((_server, endpoint)) = start_redis().await else {
        return;
    };
    let refused: Vec<String> = CHANGING_THE_CONNECTION
        .iter()
        .chain(&BLOCKING)
        .map(|command| command[0].to_lowercase())
        .collect();
    for category in ["blocking", "connection", "pubsub", "transaction"] {
        let names = commands_of_category(&endpoint, category).await;
        assert!(names.len() > 3, "{names:?}");
        for name in names {
            assert!(
                refused.contains(&name) || ALLOWED.contains(&name.as_str()),
                "{name} of the category {category}"
            );
        }
    }
}

#[tokio::test]
async fn reading_a_stream_without_waiting_is_not_refused() {
    let Some((_server, endpoint)) = start_redis().await else {
        return;
    };
    endpoint
        .command(&["XADD", "block", "1-1", "a", "b"])
        .await
        .unwrap();
    // The key is named like the option.
    let entries = endpoint.command(&["XREAD", "STREAMS", "block", "0"]).await;
    assert_eq!(entries, Ok(json!([["block", [["1-1", ["a", "b"]]]]])));
}

#[tokio::test]
async fn a_refused_command_does_not_affect_the_others_of_a_pipeline_but_discards_a_transaction() {
    let memory = Endpoint::start(Backend::memory(), Options::default());
    let memory = memory.await.unwrap();
    let redis = start_redis().await;
    let redis = redis.as_ref().map(|(_, endpoint)| endpoint);
    for endpoint in [&memory].into_iter().chain(redis) {
        let body = json!([["INCR", "n"], ["SELECT", "1"], ["INCR", "n"]]).to_string();
        let token = Some(endpoint.token());
        let refusal = "ERR SELECT is not available over REST";
        let pipeline = send(endpoint, "POST /pipeline", token, &body).await;
        let expected = json!([{ "result": 1 }, { "error": refusal }, { "result": 2 }]);
        assert_eq!(pipeline, (200, expected));
        let (status, transaction) = send(endpoint, "POST /multi-exec", token, &body).await;
        let error = transaction["error"].as_str().unwrap();
        assert_eq!(status, 400);
        assert!(
            error.starts_with("EXECABORT ") && error.contains(refusal),
            "{error}"
        );
        assert_eq!(endpoint.command(&["GET", "n"]).await, Ok(Value::from("2")));
    }
}
