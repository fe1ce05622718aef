//! Which connection a request goes out on, and which it must not.

use std::time::Duration;

use redis_endpoint::{Endpoint, Mode, WhileHeld};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use upstash_redis_rs::{Command, Error, Redis};

use crate::{client, endpoint};

/// Long enough for a request to arrive.
const SHORT: Duration = Duration::from_millis(300);

/// On which connection the last request came.
fn last_connection(endpoint: &Endpoint) -> u64 {
    endpoint.log().last().unwrap().connection
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    for _ in 0..10 {
        redis.ping().send().await.unwrap();
        redis.clone().ping().send().await.unwrap();
    }
    assert_eq!(endpoint.requests(), 20);
    assert_eq!(last_connection(&endpoint), 0);
}

#[tokio::test]
async fn a_late_answer_is_never_that_of_a_later_request() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    redis.set("old", "late").unwrap().send().await.unwrap();
    redis.set("new", "right").unwrap().send().await.unwrap();

    for round in 1..=20 {
        let held = endpoint.hold_next(|command| command[1] == "old", WhileHeld::Wait);
        let given_up = tokio::spawn(redis.get("old").unwrap().send());
        held.wait().await;
        given_up.abort();
        assert!(given_up.await.unwrap_err().is_cancelled());
        let connection = last_connection(&endpoint);
        held.release().await;

        let value = redis.get("new").unwrap().send().await.unwrap();
        assert_eq!(value.as_deref(), Some("right"), "round {round}");
        assert_ne!(last_connection(&endpoint), connection, "round {round}");
    }
}

/// A server that does as the test says, byte by byte.
async fn by_hand() -> (TcpListener, Redis) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/prefix/", listener.local_addr().unwrap());
    let redis = Redis::new(&url, "token").unwrap();
    (listener, redis)
}

/// Accepts a connection and reads a request from it.
async fn request(listener: &TcpListener) -> (TcpStream, String) {
    let accepted = tokio::time::timeout(Duration::from_secs(10), listener.accept()).await;
    let (mut stream, _) = accepted.expect("the client makes no connection").unwrap();
    let text = next_request(&mut stream).await;
    (stream, text)
}

/// Reads up to the end of a body, which is the end of its JSON array.
async fn next_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"]") {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
    String::from_utf8(bytes).unwrap()
}

fn answer(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Waits until the client has closed the connection.
async fn assert_closed(mut stream: TcpStream) {
    let mut byte = [0];
    let end = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut byte)).await;
    let end = end.expect("the client keeps the connection");
    assert!(matches!(end, Ok(0) | Err(_)), "the client sent more");
}

#[tokio::test]
async fn a_connection_given_up_at_the_deadline_is_closed() {
    let (listener, redis) = by_hand().await;
    let late = redis.get("old").unwrap().deadline(SHORT).send();
    let (late, (first, _)) = tokio::join!(late, request(&listener));
    assert!(late.unwrap_err().is_timeout());
    assert_closed(first).await;
}

#[tokio::test]
async fn a_connection_given_up_half_way_through_the_answer_is_closed() {
    let (listener, redis) = by_hand().await;
    let late = redis.get("old").unwrap().deadline(SHORT).send();
    let (late, mut first) = tokio::join!(late, async {
        let (mut first, _) = request(&listener).await;
        let half = answer(r#"{"result":"late"}"#);
        first
            .write_all(&half.as_bytes()[..half.len() - 5])
            .await
            .unwrap();
        first
    });
    assert!(late.unwrap_err().is_timeout());
    // Its end may reach a client that has already closed.
    _ = first.write_all(b"ate\"}").await;
    let next = redis.get("new").unwrap().send();
    let (next, _) = tokio::join!(next, async {
        let (mut second, _) = request(&listener).await;
        let body = answer(r#"{"result":"right"}"#);
        second.write_all(body.as_bytes()).await.unwrap();
        second
    });
    assert_eq!(next.unwrap().as_deref(), Some("right"));
    assert_closed(first).await;
}

#[tokio::test]
async fn a_connection_whose_future_was_dropped_is_closed() {
    let (listener, redis) = by_hand().await;
    let mut dropped = redis.get("old").unwrap().send();
    let (first, _) = tokio::select! {
        _ = &mut dropped => panic!("nobody has answered"),
        first = request(&listener) => first,
    };
    drop(dropped);
    assert_closed(first).await;
}

#[tokio::test]
async fn a_request_says_what_the_protocol_asks_for() {
    let (listener, redis) = by_hand().await;
    let ping = redis.ping().send();
    let (pong, text) = tokio::join!(ping, async {
        let (mut stream, text) = request(&listener).await;
        stream
            .write_all(answer(r#"{"result":"PONG"}"#).as_bytes())
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
async fn answers_of_another_shape_are_protocol_errors() {
    let (listener, redis) = by_hand().await;
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
            let (mut stream, _) = request(&listener).await;
            let text = answer(body).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
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
async fn an_answer_without_end_is_not_read_to_its_end() {
    let (listener, redis) = by_hand().await;
    let answer = redis.ping().send();
    let (answer, ()) = tokio::join!(answer, async {
        let (mut stream, _) = request(&listener).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
    });
    assert!(matches!(answer, Err(Error::Protocol(text)) if text.contains("16 MiB")));
}

#[tokio::test]
async fn a_connection_closed_while_idle_costs_no_request() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    for round in 0..20 {
        redis.incr("n").unwrap().send().await.unwrap();
        endpoint.close_connections().await.unwrap();
        // What wakes an instance is an event, and others are seen with it.
        tokio::task::yield_now().await;
        let next = redis.incr("n").unwrap().send().await;
        assert_eq!(next.unwrap(), 2 * round + 2);
    }
}

#[tokio::test]
async fn a_request_that_meets_a_closed_connection_goes_out_on_another() {
    let (listener, redis) = by_hand().await;
    let pong = answer(r#"{"result":"PONG"}"#);
    let (first, stream) = tokio::join!(redis.ping().send(), async {
        let (mut stream, _) = request(&listener).await;
        stream.write_all(pong.as_bytes()).await.unwrap();
        stream
    });
    first.unwrap();

    let (bell, rung) = UnixStream::pair().unwrap();
    bell.writable().await.unwrap();
    let woken = tokio::spawn(async move {
        rung.readable().await.unwrap();
        redis.ping().send().await
    });
    tokio::task::yield_now().await;
    // The runtime sees both at once, as an instance does that was frozen: first
    // what wakes it, then the end of its connection.
    bell.try_write(b"!").unwrap();
    drop(stream);

    let (again, _stream) = tokio::join!(woken, async {
        let (mut stream, _) = request(&listener).await;
        stream.write_all(pong.as_bytes()).await.unwrap();
        stream
    });
    assert_eq!(again.unwrap().unwrap(), "PONG");
}

#[tokio::test]
async fn a_connection_from_before_a_freeze_is_not_used() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint).with_idle_limit(Duration::from_millis(50));
    redis.ping().send().await.unwrap();
    assert_eq!(last_connection(&endpoint), 0);

    // An instance that is frozen runs nothing, and its timers stand still.
    tokio::time::pause();
    std::thread::sleep(Duration::from_millis(60));
    tokio::time::resume();

    redis.ping().send().await.unwrap();
    assert_eq!(last_connection(&endpoint), 1);
}

#[tokio::test]
async fn an_https_url_is_never_spoken_to_in_plain_text() {
    let endpoint = endpoint().await;
    let url = endpoint.url().replace("http://", "https://");
    let answer = Redis::new(&url, endpoint.token())
        .unwrap()
        .ping()
        .send()
        .await;
    assert!(matches!(answer, Err(Error::Connect(_))), "{answer:?}");
    assert_eq!(endpoint.requests(), 0);
}

#[tokio::test]
async fn requests_given_up_in_great_number_leave_the_client_sound() {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    endpoint
        .set_mode(Mode::Slow(Duration::from_millis(5)))
        .await
        .unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..200u64 {
        let redis = redis.clone();
        tasks.spawn(async move {
            let text = number.to_string();
            let deadline = Duration::from_millis(number % 10 + 1);
            let echo = redis.command(&["ECHO", &text]).unwrap().deadline(deadline);
            match echo.send().await {
                Ok(answer) => assert_eq!(answer.read::<String>().unwrap(), text),
                Err(error) => assert!(error.is_timeout(), "{error:?}"),
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}
