//! What the endpoint offers to tests: holds, its log, its data, a private Redis.

use std::io::{BufRead, BufReader};
use std::process::{Command as Process, Stdio};
use std::time::Duration;

use redis_endpoint::{Endpoint, RedisServer, WhileHeld};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use upstash_redis_rs::{Command, Error};

use crate::contract::real;
use crate::{client, endpoint, unix_milliseconds};

fn sets(command: &[String]) -> bool {
    command[0] == "SET"
}

#[tokio::test]
async fn a_held_command_is_run_when_it_is_released() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    let held = endpoint.hold_next(sets, WhileHeld::Wait);
    let waiting = tokio::spawn(redis.set("key", "held").unwrap().send());
    held.wait().await;
    assert_eq!(held.commands(), [["SET", "key", "held"]]);

    assert!(redis.set("key", "passed").unwrap().send().await.unwrap());
    held.release().await;
    assert!(waiting.await.unwrap().unwrap());
    assert_eq!(endpoint.get("key").await.unwrap().as_deref(), Some("held"));
}

#[tokio::test]
async fn a_held_command_is_run_though_its_client_has_gone() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    let held = endpoint.hold_next(sets, WhileHeld::Wait);
    let late = tokio::spawn(redis.set("key", "late").unwrap().send());
    held.wait().await;
    late.abort();
    endpoint.close_connections().await.unwrap();
    assert_eq!(endpoint.get("key").await.unwrap(), None);
    held.release().await;
    assert_eq!(endpoint.get("key").await.unwrap().as_deref(), Some("late"));
}

#[tokio::test]
async fn a_held_command_can_be_acknowledged_or_cut_off_or_lost() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    let held = endpoint.hold_all(sets, WhileHeld::Acknowledge);
    assert!(redis.set("a", "1").unwrap().send().await.unwrap());
    assert!(redis.set("b", "2").unwrap().send().await.unwrap());
    assert_eq!(endpoint.get("a").await.unwrap(), None);
    held.release().await;
    assert_eq!(endpoint.get("b").await.unwrap().as_deref(), Some("2"));

    let held = endpoint.hold_next(sets, WhileHeld::Disconnect);
    let answer = redis.set("c", "3").unwrap().send().await;
    assert!(matches!(answer, Err(Error::Transport(_))), "{answer:?}");
    drop(held);
    assert_eq!(endpoint.get("c").await.unwrap(), None);
    assert!(redis.set("c", "4").unwrap().send().await.unwrap());
}

#[tokio::test]
async fn requests_are_logged_and_counted() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    redis.ping().send().await.unwrap();
    let batch = redis.pipeline().push(redis.ping()).push(redis.dbsize());
    batch.send().await.unwrap();
    assert_eq!(endpoint.requests(), 2);
    assert_eq!((endpoint.count("ping"), endpoint.count("GET")), (2, 0));
    let log = endpoint.log();
    assert_eq!(log[0].path, "/");
    assert_eq!(log[1].path, "/pipeline");
    assert_eq!(log[1].commands, [["PING"], ["DBSIZE"]]);
    endpoint.clear_log();
    assert_eq!((endpoint.requests(), endpoint.log().len()), (0, 0));
}

async fn old_records_come_back(endpoint: Endpoint) {
    let end = (unix_milliseconds() + 100_000).to_string();
    endpoint.set("forever", "old").await.unwrap();
    endpoint
        .command(&["SET", "ending", "old", "PXAT", &end])
        .await
        .unwrap();
    let snapshot = endpoint.snapshot().await.unwrap();

    endpoint.set("forever", "new").await.unwrap();
    endpoint.set("other", "new").await.unwrap();
    assert!(endpoint.evict("ending").await.unwrap());
    endpoint.restore(&snapshot).await.unwrap();

    assert_eq!(
        endpoint.get("forever").await.unwrap().as_deref(),
        Some("old")
    );
    assert_eq!(endpoint.get("other").await.unwrap(), None);
    let restored = endpoint.command(&["PEXPIRETIME", "ending"]).await;
    assert_eq!(restored.unwrap().to_string(), end);
}

#[tokio::test]
async fn old_records_come_back_in_memory() {
    old_records_come_back(endpoint().await).await;
}

#[tokio::test]
async fn old_records_come_back_in_a_real_redis() {
    if let Some((_server, endpoint)) = real().await {
        old_records_come_back(endpoint).await;
    }
}

#[tokio::test]
async fn commands_that_would_change_the_shared_connection_are_refused() {
    if let Some((_server, endpoint)) = real().await {
        for command in [&["select", "1"][..], &["MULTI"], &["SUBSCRIBE", "a"]] {
            let refused = endpoint.command(command).await.unwrap_err();
            assert_eq!(refused, "ERR this command is not available over REST");
        }
    }
}

#[tokio::test]
async fn a_connection_to_redis_is_made_again() {
    if let Some((_server, endpoint)) = real().await {
        endpoint.set("key", "value").await.unwrap();
        // Not through the endpoint, which is to lose its connections.
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

/// Run by the test below, in a process of its own.
#[tokio::test]
#[ignore = "waits until it is killed"]
async fn owner() {
    let server = RedisServer::start().await.unwrap();
    println!("\nserver at {}", server.url());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_private_redis_ends_with_its_owner_however_that_ends() {
    if !RedisServer::available() {
        return;
    }
    let mut owner = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", "endpoint::owner", "--ignored", "--nocapture"])
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
