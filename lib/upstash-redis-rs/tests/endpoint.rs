//! The endpoint's features for tests: holds, log, snapshots, and a private server.

use std::io::{BufRead, BufReader};
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use redis_endpoint::{Endpoint, RedisServer, WhileHeld};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use upstash_redis_rs::{Command, Error};

use crate::commands::start_redis;
use crate::{client, endpoint, unix_milliseconds};

fn is_set(command: &[String]) -> bool {
    command[0] == "SET"
}

#[tokio::test]
async fn a_held_command_runs_when_it_is_released() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    let held = endpoint.hold_next(is_set, WhileHeld::Wait);
    let request = tokio::spawn(redis.set("key", "held").unwrap().send());
    held.wait().await;
    assert_eq!(held.commands(), [["SET", "key", "held"]]);

    assert!(redis.set("key", "passed").unwrap().send().await.unwrap());
    held.release().await;
    assert!(request.await.unwrap().unwrap());
    assert_eq!(endpoint.get("key").await.unwrap().as_deref(), Some("held"));
}

#[tokio::test]
async fn a_held_command_runs_even_if_its_client_has_disconnected() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    let held = endpoint.hold_next(is_set, WhileHeld::Wait);
    let request = tokio::spawn(redis.set("key", "late").unwrap().send());
    held.wait().await;
    request.abort();
    endpoint.close_connections().await.unwrap();
    assert_eq!(endpoint.get("key").await.unwrap(), None);
    held.release().await;
    assert_eq!(endpoint.get("key").await.unwrap().as_deref(), Some("late"));
}

#[tokio::test]
async fn a_held_command_can_be_acknowledged_or_disconnected_or_dropped() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    let held = endpoint.hold_all(is_set, WhileHeld::Acknowledge);
    assert!(redis.set("a", "1").unwrap().send().await.unwrap());
    assert!(redis.set("b", "2").unwrap().send().await.unwrap());
    assert_eq!(endpoint.get("a").await.unwrap(), None);
    held.release().await;
    assert_eq!(endpoint.get("b").await.unwrap().as_deref(), Some("2"));

    let held = endpoint.hold_next(is_set, WhileHeld::Disconnect);
    let result = redis.set("c", "3").unwrap().send().await;
    assert!(matches!(result, Err(Error::Transport(_))), "{result:?}");
    drop(held);
    assert_eq!(endpoint.get("c").await.unwrap(), None);
    assert!(redis.set("c", "4").unwrap().send().await.unwrap());
}

#[tokio::test]
async fn requests_are_logged_and_counted() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    redis.ping().send().await.unwrap();
    let pipeline = redis.pipeline().push(redis.ping()).push(redis.dbsize());
    pipeline.exec().await.unwrap();
    assert_eq!(endpoint.request_count(), 2);
    assert_eq!((endpoint.count("ping"), endpoint.count("GET")), (2, 0));
    let log = endpoint.log();
    assert_eq!(log[0].path, "/");
    assert_eq!(log[1].path, "/pipeline");
    assert_eq!(log[1].commands, [["PING"], ["DBSIZE"]]);
    endpoint.clear_log();
    assert_eq!((endpoint.request_count(), endpoint.log().len()), (0, 0));
}

async fn assert_snapshot_is_restored(endpoint: Endpoint) {
    let expires_at = (unix_milliseconds() + 100_000).to_string();
    endpoint.set("forever", "old").await.unwrap();
    endpoint
        .command(&["SET", "expiring", "old", "PXAT", &expires_at])
        .await
        .unwrap();
    let snapshot = endpoint.snapshot().await.unwrap();

    endpoint.set("forever", "new").await.unwrap();
    endpoint.set("other", "new").await.unwrap();
    assert!(endpoint.evict("expiring").await.unwrap());
    endpoint.restore(&snapshot).await.unwrap();

    assert_eq!(
        endpoint.get("forever").await.unwrap().as_deref(),
        Some("old")
    );
    assert_eq!(endpoint.get("other").await.unwrap(), None);
    let restored = endpoint.command(&["PEXPIRETIME", "expiring"]).await;
    assert_eq!(restored.unwrap().to_string(), expires_at);
}

#[tokio::test]
async fn a_snapshot_is_restored_in_memory() {
    assert_snapshot_is_restored(endpoint().await).await;
}

#[tokio::test]
async fn a_snapshot_is_restored_on_a_redis_server() {
    if let Some((_server, endpoint)) = start_redis().await {
        assert_snapshot_is_restored(endpoint).await;
    }
}

#[tokio::test]
async fn commands_that_would_change_the_shared_connection_are_refused() {
    if let Some((_server, endpoint)) = start_redis().await {
        for command in [&["select", "1"][..], &["MULTI"], &["SUBSCRIBE", "a"]] {
            let refused = endpoint.command(command).await.unwrap_err();
            let name = command[0].to_ascii_uppercase();
            assert_eq!(refused, format!("ERR {name} is not available over REST"));
        }
    }
}

#[tokio::test]
async fn a_lost_connection_to_redis_is_replaced() {
    if let Some((_server, endpoint)) = start_redis().await {
        endpoint.set("key", "value").await.unwrap();
        // Sent directly, because the command closes the endpoint's connections.
        let socket = endpoint.command(&["CONFIG", "GET", "unixsocket"]).await;
        let socket = socket.unwrap()[1].as_str().unwrap().to_owned();
        let mut direct = UnixStream::connect(socket).await.unwrap();
        direct
            .write_all(b"CLIENT KILL TYPE normal\r\n")
            .await
            .unwrap();
        direct.read_u8().await.unwrap();
        while endpoint.get("key").await.is_err() {}
        assert_eq!(endpoint.get("key").await.unwrap().as_deref(), Some("value"));
    }
}

/// Set only in the child process, which owns a server until it is killed.
const OWNER: &str = "REDIS_SERVER_OWNER";

#[tokio::test]
async fn a_private_redis_stops_when_its_owner_is_killed() {
    if !RedisServer::available() {
        return;
    }
    if std::env::var_os(OWNER).is_some() {
        let server = RedisServer::start().await.unwrap();
        println!("\nserver at {}", server.url());
        return std::future::pending().await;
    }
    let test = "endpoint::a_private_redis_stops_when_its_owner_is_killed";
    let mut owner = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(OWNER, "")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let socket = lines.map_while(Result::ok).find_map(|line| {
        let socket = line.strip_prefix("server at unix://");
        socket.map(str::to_owned)
    });
    let socket = socket.unwrap();
    UnixStream::connect(&socket).await.unwrap();
    owner.kill().unwrap();
    owner.wait().unwrap();
    while std::fs::exists(&socket).unwrap() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    UnixStream::connect(&socket).await.unwrap_err();
}
