//! Commands that are sent as the URL of a request.

use std::time::Duration;

use redis_endpoint::{Backend, Endpoint, Options};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::start_redis;

/// Sends a request and returns the status and the body of the response.
pub(crate) async fn send(
    endpoint: &Endpoint,
    line: &str,
    token: Option<&str>,
    body: &str,
) -> (u16, Value) {
    let address = endpoint.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let token = token.map_or(String::new(), |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{token}\
        Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    let reading = stream.read_to_string(&mut response);
    let read = timeout(Duration::from_secs(20), reading).await;
    read.expect("the command must not wait").unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

async fn assert_commands_in_urls_run(endpoint: &Endpoint) {
    let token = Some(endpoint.token());
    for (line, body, result) in [
        ("GET /set/greeting/hello%20%2F%20world", "", json!("OK")),
        ("GET /get/greeting", "", json!("hello / world")),
        ("POST /set/greeting?EX=100", "from a body", json!("OK")),
        ("GET /get/greeting", "", json!("from a body")),
        ("GET /ttl/greeting", "", json!(100)),
        ("PUT /set/greeting?NX", "again", json!(null)),
    ] {
        let response = send(endpoint, line, token, body).await;
        assert_eq!(response, (200, json!({ "result": result })), "{line}");
    }
    // The token in the URL is not an argument.
    let line = format!("GET /get/greeting?_token={}", endpoint.token());
    let (_, body) = send(endpoint, &line, None, "").await;
    assert_eq!(body["result"], "from a body");
    assert_eq!(send(endpoint, "GET /get/greeting", None, "").await.0, 401);

    let line = "GET /get/greeting?_token=wrong";
    assert_eq!(send(endpoint, line, None, "").await.0, 401);
    let (status, body) = send(endpoint, "GET /blpop/queue/0", token, "").await;
    assert_eq!(status, 400);
    assert_eq!(
        body["error"],
        "ERR BLPOP is not available over REST if it blocks"
    );
    assert_eq!(send(endpoint, "GET /pipeline", token, "").await.0, 404);
}

#[tokio::test]
async fn commands_in_urls_run_in_memory() {
    let endpoint = Endpoint::start(Backend::memory(), Options::default());
    assert_commands_in_urls_run(&endpoint.await.unwrap()).await;
}

#[tokio::test]
async fn commands_in_urls_run_on_a_redis_server() {
    if let Some((_server, endpoint)) = start_redis().await {
        assert_commands_in_urls_run(&endpoint).await;
    }
}
