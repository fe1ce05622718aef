//! How connections are reused, and when they must not be.

use std::time::Duration;

use redis_endpoint::{Endpoint, FaultMode, WhileHeld};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use upstash_redis_rs::{Command, Error, Redis};

use crate::{client, endpoint};

/// A timeout that is long enough for a request to arrive.
const SHORT_TIMEOUT: Duration = Duration::from_millis(300);

/// Returns the number of the connection that the last request used.
fn last_connection(endpoint: &Endpoint) -> u64 {
    endpoint.log().last().unwrap().connection
}

#[tokio::test]
async fn a_connection_is_reused() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    for _ in 0..10 {
        redis.ping().send().await.unwrap();
        redis.clone().ping().send().await.unwrap();
    }
    assert_eq!(endpoint.request_count(), 20);
    assert_eq!(last_connection(&endpoint), 0);
}

#[tokio::test]
async fn a_late_response_never_reaches_another_request() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    redis.set("old", "late").unwrap().send().await.unwrap();
    redis.set("new", "right").unwrap().send().await.unwrap();

    for round in 1..=20 {
        let held = endpoint.hold_next(|command| command[1] == "old", WhileHeld::Wait);
        let cancelled = tokio::spawn(redis.get("old").unwrap().send());
        held.wait().await;
        cancelled.abort();
        assert!(cancelled.await.unwrap_err().is_cancelled());
        let connection = last_connection(&endpoint);
        held.release().await;

        let value = redis.get("new").unwrap().send().await.unwrap();
        assert_eq!(value.as_deref(), Some("right"), "round {round}");
        assert_ne!(last_connection(&endpoint), connection, "round {round}");
    }
}

/// Starts a listener whose responses the test writes itself.
pub(crate) async fn raw_server() -> (TcpListener, Redis) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/prefix/", listener.local_addr().unwrap());
    let redis = Redis::new(&url, "token").unwrap();
    (listener, redis)
}

/// Accepts a connection and reads a request from it.
pub(crate) async fn accept_request(listener: &TcpListener) -> (TcpStream, String) {
    let accepted = tokio::time::timeout(Duration::from_secs(10), listener.accept()).await;
    let (mut stream, _) = accepted.expect("the client did not connect").unwrap();
    let text = read_request(&mut stream).await;
    (stream, text)
}

/// Reads up to the end of the body, which is a JSON array.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"]") {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn response(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Waits until the client closes the connection.
pub(crate) async fn assert_closed(mut stream: TcpStream) {
    let mut byte = [0];
    let end = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut byte)).await;
    let end = end.expect("the client did not close the connection");
    assert!(matches!(end, Ok(0) | Err(_)), "the client sent more");
}

#[tokio::test]
async fn a_timeout_closes_the_connection() {
    let (listener, redis) = raw_server().await;
    let get = redis.get("old").unwrap().timeout(SHORT_TIMEOUT).send();
    let (result, (first, _)) = tokio::join!(get, accept_request(&listener));
    assert!(result.unwrap_err().is_timeout());
    assert_closed(first).await;
}

#[tokio::test]
async fn a_timeout_within_the_response_closes_the_connection() {
    let (listener, redis) = raw_server().await;
    let get = redis.get("old").unwrap().timeout(SHORT_TIMEOUT).send();
    let (result, mut first) = tokio::join!(get, async {
        let (mut first, _) = accept_request(&listener).await;
        let text = response(r#"{"result":"late"}"#);
        first
            .write_all(&text.as_bytes()[..text.len() - 5])
            .await
            .unwrap();
        first
    });
    assert!(result.unwrap_err().is_timeout());
    // The write fails if the client has already closed the connection.
    _ = first.write_all(b"ate\"}").await;
    let get = redis.get("new").unwrap().send();
    let (result, _) = tokio::join!(get, async {
        let (mut second, _) = accept_request(&listener).await;
        let body = response(r#"{"result":"right"}"#);
        second.write_all(body.as_bytes()).await.unwrap();
        second
    });
    assert_eq!(result.unwrap().as_deref(), Some("right"));
    assert_closed(first).await;
}

#[tokio::test]
async fn dropping_the_future_closes_the_connection() {
    let (listener, redis) = raw_server().await;
    let mut dropped = redis.get("old").unwrap().send();
    let (first, _) = tokio::select! {
        _ = &mut dropped => panic!("the request ended without a response"),
        first = accept_request(&listener) => first,
    };
    drop(dropped);
    assert_closed(first).await;
}

#[tokio::test]
async fn a_request_follows_the_protocol() {
    let (listener, redis) = raw_server().await;
    let ping = redis.ping().send();
    let (pong, text) = tokio::join!(ping, async {
        let (mut stream, text) = accept_request(&listener).await;
        stream
            .write_all(response(r#"{"result":"PONG"}"#).as_bytes())
            .await
            .unwrap();
        text.to_ascii_lowercase()
    });
    assert_eq!(pong.unwrap(), "PONG");
    assert!(text.starts_with("post /prefix http/1.1\r\n"), "{text}");
    assert!(
        text.contains("\r\nauthorization: bearer token\r\n"),
        "{text}"
    );
    assert!(
        text.contains("\r\ncontent-type: application/json\r\n"),
        "{text}"
    );
    assert!(text.ends_with("\r\n\r\n[\"ping\"]"), "{text}");
}

#[tokio::test]
async fn unexpected_bodies_are_protocol_errors() {
    let (listener, redis) = raw_server().await;
    for body in [
        "",
        "{}",
        "null",
        "[]",
        r#"{"result":"x"}"#,
        r#"{"result":1.5}"#,
        r#"{"result":{}}"#,
    ] {
        let incr = redis.incr("n").unwrap().send();
        let (number, _) = tokio::join!(incr, async {
            let (mut stream, _) = accept_request(&listener).await;
            let text = response(body).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
            stream.write_all(text.as_bytes()).await.unwrap();
            stream
        });
        assert!(
            matches!(number, Err(Error::Protocol(_))),
            "{body}: {number:?}"
        );
    }
}

#[tokio::test]
async fn a_response_that_is_too_long_is_refused() {
    let (listener, redis) = raw_server().await;
    let ping = redis.ping().send();
    let (result, ()) = tokio::join!(ping, async {
        let (mut stream, _) = accept_request(&listener).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
    });
    assert!(matches!(result, Err(Error::Protocol(text)) if text.contains("16 MiB")));
}

/// Returns the number of connections to the endpoint that this process has open, as Linux lists
/// them. Elsewhere, returns zero.
fn open_connections(endpoint: &Endpoint) -> usize {
    let port = endpoint.url().rsplit(':').next().unwrap().parse::<u16>();
    let remote_port = format!(":{:04X}", port.unwrap());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    let is_open = |line: &&str| {
        let mut columns = line.split_whitespace().skip(2);
        let is_to_endpoint = columns.next().unwrap().ends_with(&remote_port);
        // Established, or closed by the other side only.
        is_to_endpoint && ["01", "08"].contains(&columns.next().unwrap())
    };
    table.lines().skip(1).filter(is_open).count()
}

#[tokio::test]
async fn no_request_fails_when_an_idle_connection_is_closed() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    for round in 0..20 {
        redis.incr("n").unwrap().send().await.unwrap();
        endpoint.close_connections().await.unwrap();
        // Lets the client notice the closed connection. On a busy machine, the kernel can
        // deliver the end of the connection later than this task continues.
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if open_connections(&endpoint) == 0 {
                break;
            }
        }
        let result = redis.incr("n").unwrap().send().await;
        assert_eq!(result.unwrap(), 2 * round + 2);
    }
}

#[tokio::test]
async fn a_request_is_sent_on_another_connection_if_its_own_is_closed() {
    let (listener, redis) = raw_server().await;
    let pong = response(r#"{"result":"PONG"}"#);
    let (first, stream) = tokio::join!(redis.ping().send(), async {
        let (mut stream, _) = accept_request(&listener).await;
        stream.write_all(pong.as_bytes()).await.unwrap();
        stream
    });
    first.unwrap();

    let (sender, receiver) = UnixStream::pair().unwrap();
    sender.writable().await.unwrap();
    let second_ping = tokio::spawn(async move {
        receiver.readable().await.unwrap();
        // A pipeline is sent at once. A command would be sent at the end of the turn, when the
        // client has noticed that the connection is closed.
        redis.pipeline().push(redis.ping()).exec().await
    });
    tokio::task::yield_now().await;
    // The runtime sees two events at once, as in an instance that was frozen: the event
    // that wakes the instance, and then the end of its connection.
    sender.try_write(b"!").unwrap();
    drop(stream);

    let (pong_again, _stream) = tokio::join!(second_ping, async {
        let (mut stream, _) = accept_request(&listener).await;
        let pong = response(r#"[{"result":"PONG"}]"#);
        stream.write_all(pong.as_bytes()).await.unwrap();
        stream
    });
    assert!(pong_again.unwrap().unwrap()[0].is_ok());
}

#[tokio::test]
async fn a_connection_from_before_a_freeze_is_not_reused() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint).with_idle_timeout(Duration::from_millis(50));
    redis.ping().send().await.unwrap();
    assert_eq!(last_connection(&endpoint), 0);

    // While an instance is frozen, its timers stop.
    tokio::time::pause();
    std::thread::sleep(Duration::from_millis(60));
    tokio::time::resume();

    redis.ping().send().await.unwrap();
    assert_eq!(last_connection(&endpoint), 1);
}

#[tokio::test]
async fn an_https_url_is_never_used_without_tls() {
    let endpoint = endpoint().await;
    let url = endpoint.url().replace("http://", "https://");
    let result = Redis::new(&url, endpoint.token())
        .unwrap()
        .ping()
        .send()
        .await;
    assert!(matches!(result, Err(Error::Connect(_))), "{result:?}");
    assert_eq!(endpoint.request_count(), 0);
}

#[tokio::test]
async fn many_timeouts_do_not_mix_up_replies() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    endpoint
        .set_mode(FaultMode::Slow(Duration::from_millis(5)))
        .await
        .unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..200u64 {
        let redis = redis.clone();
        tasks.spawn(async move {
            let text = number.to_string();
            let timeout = Duration::from_millis(number % 10 + 1);
            let echo = redis.command(&["ECHO", &text]).unwrap().timeout(timeout);
            match echo.send().await {
                Ok(reply) => assert_eq!(reply.read::<String>().unwrap(), text),
                Err(error) => assert!(error.is_timeout(), "{error:?}"),
            }
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
}
