//! Commands that are forwarded to a Redis server, and its replies.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use redis_endpoint::{Backend, Endpoint};
use serde_json::json;
use tokio::process::Command;

use crate::{start_endpoint, start_redis};

/// Set only in the child process, in which TLS trusts the test's certificate.
const TLS_URL: &str = "REDIS_ENDPOINT_TLS_URL";

/// Opens a TCP port on a server that otherwise has only a Unix socket. The setting is
/// `port` or `tls-port`.
async fn open_port(endpoint: &Endpoint, setting: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    set_config(endpoint, setting, &port.to_string()).await;
    port
}

async fn set_config(endpoint: &Endpoint, name: &str, value: &str) {
    let reply = endpoint.command(&["CONFIG", "SET", name, value]).await;
    assert_eq!(reply, Ok(json!("OK")), "{name}");
}

#[tokio::test]
async fn a_password_may_be_percent_encoded() {
    let Some((_server, admin)) = start_redis().await else {
        return;
    };
    let port = open_port(&admin, "port").await;
    let rules = [">p@ss:w/rd%? é", "on", "~*", "+get", "+set", "+ping"];
    let command = [&["ACL", "SETUSER", "ana+maria"], &rules[..]].concat();
    assert_eq!(admin.command(&command).await, Ok(json!("OK")));

    let url = |password| format!("redis://ana%2Bmaria:{password}@127.0.0.1:{port}");
    let client = start_endpoint(&url("p%40ss%3Aw%2Frd%25%3F%20%C3%A9")).await;
    client.set("key", "value").await.unwrap();
    assert_eq!(client.get("key").await.unwrap().as_deref(), Some("value"));
    let refused = client.command(&["DEL", "key"]).await.unwrap_err();
    assert!(refused.starts_with("NOPERM "), "{refused}");

    let rejected = Backend::redis(&url("wrong")).await;
    let error = rejected.err().unwrap().to_string();
    assert!(error.contains("authentication failed"), "{error}");
}

#[tokio::test]
async fn the_url_selects_the_database() {
    let Some((_server, database_0)) = start_redis().await else {
        return;
    };
    let port = open_port(&database_0, "port").await;
    let database_7 = start_endpoint(&format!("redis://127.0.0.1:{port}/7")).await;
    database_7.set("key", "value").await.unwrap();
    assert_eq!(database_0.get("key").await.unwrap(), None);
}

#[tokio::test]
async fn a_rediss_url_is_encrypted_and_its_certificate_is_verified() {
    if let Ok(url) = std::env::var(TLS_URL) {
        return assert_values_pass_unchanged(&url).await;
    }
    let Some((_server, admin)) = start_redis().await else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let path = |name| directory.path().join(name).display().to_string();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::generate_simple_self_signed(names).unwrap();
    fs::write(path("certificate"), certificate.cert.pem()).unwrap();
    fs::write(path("key"), certificate.signing_key.serialize_pem()).unwrap();
    let settings = [
        "tls-auth-clients",
        "no",
        "tls-cert-file",
        &path("certificate"),
        "tls-key-file",
        &path("key"),
    ];
    let command = [&["CONFIG", "SET"], &settings[..]].concat();
    assert_eq!(admin.command(&command).await, Ok(json!("OK")));
    let port = open_port(&admin, "tls-port").await;
    let url = format!("rediss://localhost:{port}");

    let untrusted = Backend::redis(&url).await;
    let error = untrusted.err().unwrap().to_string();
    assert!(error.contains("certificate"), "{error}");
    let unencrypted = Backend::redis(&url.replace("rediss:", "redis:")).await;
    assert!(
        unencrypted.is_err(),
        "the port accepts unencrypted connections"
    );

    // The trusted certificates come from an environment variable, so a child process
    // runs this test with that variable set.
    let test = "upstream::a_rediss_url_is_encrypted_and_its_certificate_is_verified";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env("SSL_CERT_FILE", Path::new(&path("certificate")))
        .env(TLS_URL, &url)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && output.contains("1 passed"),
        "{output}"
    );
    assert_eq!(admin.get("a").await.unwrap().as_deref(), Some("value"));
}

async fn assert_values_pass_unchanged(url: &str) {
    let endpoint = start_endpoint(url).await;
    endpoint.set("a", "value").await.unwrap();
    assert_eq!(endpoint.get("a").await.unwrap().as_deref(), Some("value"));
    let long = "0123456789".repeat(100_000);
    endpoint.set("b", &long).await.unwrap();
    assert_eq!(endpoint.get("b").await.unwrap(), Some(long));
}

#[tokio::test]
async fn a_url_that_is_not_a_redis_url_is_rejected() {
    for url in ["", "localhost:6379", "http://localhost", "redis://h/x"] {
        assert!(Backend::redis(url).await.is_err(), "{url}");
    }
}

#[tokio::test]
async fn arguments_and_replies_pass_unchanged() {
    let Some((_server, endpoint)) = start_redis().await else {
        return;
    };
    let eval = async |script: &str| endpoint.command(&["EVAL", script, "0"]).await;
    for argument in ["", "a\r\n$5\0\"\\", "ñ 💃", "-1", "GET key"] {
        let echo = endpoint.command(&["ECHO", argument]).await;
        assert_eq!(echo, Ok(json!(argument)));
    }
    assert_eq!(
        eval("return {1, {2, 'ñ', {}}, false, {ok = 'FINE'}}").await,
        Ok(json!([1, [2, "ñ", []], null, "FINE"]))
    );
    assert_eq!(eval("return {}").await, Ok(json!([])));
    assert_eq!(eval("return false").await, Ok(json!(null)));
    for number in [i64::MAX, i64::MIN, 0] {
        let text = number.to_string();
        endpoint.set("number", &text).await.unwrap();
        let reply = endpoint.command(&["INCRBY", "number", "0"]).await;
        assert_eq!(reply, Ok(json!(number)));
        assert_eq!(endpoint.command(&["GET", "number"]).await, Ok(json!(text)));
    }
}

#[tokio::test]
async fn the_script_flag_that_only_upstash_supports_is_removed() {
    let Some((_server, endpoint)) = start_redis().await else {
        return;
    };
    for (flags, is_accepted) in [
        ("allow-key-locking", true),
        ("no-writes,allow-key-locking", true),
        ("unknown-flag", false),
    ] {
        let script = format!("#!lua flags={flags}\nreturn redis.call('GET', 'key')");
        let reply = endpoint.command(&["eval", &script, "0"]).await;
        assert_eq!(reply.is_ok(), is_accepted, "{flags}: {reply:?}");
        let reply = endpoint.command(&["SCRIPT", "LOAD", &script]).await;
        assert_eq!(reply.is_ok(), is_accepted, "{flags}: {reply:?}");
    }
    let script = "#!lua flags=no-writes,allow-key-locking\nreturn redis.call('SET', 'key', 'a')";
    let error = endpoint.command(&["EVAL", script, "0"]).await.unwrap_err();
    assert!(error.contains("read-only script"), "{error}");
}

#[tokio::test]
async fn error_texts_pass_unchanged() {
    let Some((_server, endpoint)) = start_redis().await else {
        return;
    };
    endpoint.command(&["RPUSH", "list", "a"]).await.unwrap();
    for (command, expected) in [
        (
            &["INCR", "list"][..],
            "WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            &["EVALSHA", "0123456789012345678901234567890123456789", "0"],
            "NOSCRIPT No matching script. Please use EVAL.",
        ),
        (
            &["EVAL", "return {err = 'MINE  two  spaces'}", "0"],
            "MINE  two  spaces",
        ),
        (
            &["EVAL", "return {1, {err = 'INNER error'}}", "0"],
            "INNER error",
        ),
        (
            &["JSON.SET", "a", "$", "1"],
            "ERR unknown command 'JSON.SET', with args beginning with: 'a' '$' '1' \
            (this Redis server lacks the module; Upstash may have it)",
        ),
    ] {
        let error = endpoint.command(command).await.unwrap_err();
        assert_eq!(error, expected, "{command:?}");
    }
}

#[tokio::test]
async fn no_command_fails_after_an_idle_server_restarts() {
    let Some((server, endpoint)) = start_redis().await else {
        return;
    };
    for _ in 0..2 {
        endpoint.set("key", "value").await.unwrap();
        server.kill().await.unwrap();
        server.restart().await.unwrap();
        // After 500 ms without use, a connection is tested before it is used.
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(endpoint.get("key").await, Ok(None));
    }
}

#[tokio::test]
async fn commands_fail_while_the_server_is_down() {
    let Some((server, endpoint)) = start_redis().await else {
        return;
    };
    server.kill().await.unwrap();
    for _ in 0..5 {
        let error = endpoint.get("key").await.unwrap_err();
        assert!(
            error.starts_with("ERR the connection to Redis failed: "),
            "{error}"
        );
    }
    server.restart().await.unwrap();
    for _ in 0..5 {
        assert_eq!(endpoint.get("key").await, Ok(None));
    }
}
