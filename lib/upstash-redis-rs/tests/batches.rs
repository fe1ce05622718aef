//! Commands of one turn of the runtime, which leave in one request.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use redis_endpoint::{Endpoint, FaultMode, WhileHeld};
use tokio::io::AsyncWriteExt;
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use upstash_redis_rs::{Command, Error, Redis, Reply};

use crate::connections::{accept_request, assert_closed, raw_server, response};
use crate::{client, endpoint};

/// A timeout that is long enough for a request to arrive.
const SHORT_TIMEOUT: Duration = Duration::from_millis(300);

async fn start() -> (Endpoint, Redis) {
    let endpoint = endpoint().await;
    let redis = client(&endpoint);
    (endpoint, redis)
}

/// Returns the path and the number of commands of each request so far.
fn requests(endpoint: &Endpoint) -> Vec<(String, usize)> {
    let log = endpoint.log().into_iter();
    log.map(|entry| (entry.path.to_string(), entry.commands.len()))
        .collect()
}

/// Sends `count` commands in one turn, each from a task of its own, and returns the replies
/// in order.
async fn echo_numbers(redis: &Redis, count: usize) -> Vec<Result<Reply, Error>> {
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let echo = redis.command(&["ECHO", &number.to_string()]).unwrap();
        tasks.spawn(async move { (number, echo.send().await) });
    }
    let mut replies = tasks.join_all().await;
    replies.sort_by_key(|(number, _)| *number);
    replies.into_iter().map(|(_, reply)| reply).collect()
}

/// Sends `count` commands in one request to a server that responds with this body, and returns
/// the replies.
async fn replies_to(count: usize, body: &str) -> Vec<Result<Reply, Error>> {
    let (listener, redis) = raw_server().await;
    let (replies, _stream) = tokio::join!(echo_numbers(&redis, count), async {
        let (mut stream, _) = accept_request(&listener).await;
        stream.write_all(response(body).as_bytes()).await.unwrap();
        stream
    });
    replies
}

/// Polls a future once, which must not be ready.
async fn start_sending<T>(mut future: impl Future<Output = T> + Unpin) {
    std::future::poll_fn(|context| {
        assert!(std::pin::Pin::new(&mut future).poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn the_commands_of_one_turn_leave_in_one_request() {
    let (endpoint, redis) = start().await;
    let (set, get, absent) = tokio::join!(
        redis.set("key", "value").unwrap().send(),
        redis.get("key").unwrap().send(),
        redis.get("absent").unwrap().send(),
    );
    assert!(set.unwrap());
    assert_eq!(get.unwrap().as_deref(), Some("value"));
    assert_eq!(absent.unwrap(), None);
    redis.ping().send().await.unwrap();
    assert_eq!(
        requests(&endpoint),
        [("/pipeline".to_owned(), 3), ("/".to_owned(), 1)]
    );
    assert_eq!(endpoint.log()[0].commands[0], ["SET", "key", "value"]);
}

#[tokio::test]
async fn a_batch_has_at_most_64_commands() {
    for (count, sizes) in [
        (63, vec![63]),
        (64, vec![64]),
        (65, vec![1, 64]),
        (130, vec![2, 64, 64]),
    ] {
        let (endpoint, redis) = start().await;
        let replies = echo_numbers(&redis, count).await;
        for (number, reply) in replies.into_iter().enumerate() {
            assert_eq!(reply.unwrap().read::<String>().unwrap(), number.to_string());
        }
        let mut sent: Vec<usize> = requests(&endpoint).iter().map(|(_, size)| *size).collect();
        sent.sort_unstable();
        assert_eq!(sent, sizes);
    }
}

#[tokio::test]
async fn a_batch_has_at_most_256_kilobytes_unless_it_is_one_command() {
    // The command around a value has 17 bytes, and the batch two brackets and a comma.
    let around = r#"["SET","a",""]"#.len();
    let fitting = (256 * 1024 - 3) / 2 - around;
    for (length, paths) in [
        (fitting, vec!["/pipeline"]),
        (fitting + 1, vec!["/", "/"]),
        (300 * 1024, vec!["/", "/"]),
    ] {
        let (endpoint, redis) = start().await;
        let value = "x".repeat(length);
        let set = |key| redis.set(key, &value).unwrap().send();
        let (first, second) = tokio::join!(set("a"), set("b"));
        assert!(first.unwrap() && second.unwrap());
        let sent: Vec<String> = requests(&endpoint)
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        assert_eq!(sent, paths, "{length}");
        assert_eq!(endpoint.get("b").await.unwrap(), Some(value));
    }
}

#[tokio::test]
async fn no_command_waits_for_a_response_under_way() {
    let (endpoint, redis) = start().await;
    let held = endpoint.hold_next(|command| command[0] == "SET", WhileHeld::Wait);
    let first = tokio::spawn(redis.set("key", "held").unwrap().send());
    held.wait().await;
    let (pong, size) = tokio::join!(redis.ping().send(), redis.dbsize().send());
    assert_eq!((pong.unwrap().as_str(), size.unwrap()), ("PONG", 0));
    assert!(!first.is_finished());
    held.release().await;
    assert!(first.await.unwrap().unwrap());
}

#[tokio::test]
async fn pipelines_and_transactions_stay_requests_of_their_own() {
    let (endpoint, redis) = start().await;
    let (get, pipeline, transaction) = tokio::join!(
        redis.get("key").unwrap().send(),
        redis.pipeline().push(redis.ping()).exec(),
        redis.multi().push(redis.incr("n").unwrap()).exec(),
    );
    assert_eq!(get.unwrap(), None);
    assert_eq!(
        (pipeline.unwrap().len(), transaction.unwrap().len()),
        (1, 1)
    );
    let mut sent = requests(&endpoint);
    sent.sort();
    let expected = ["/", "/multi-exec", "/pipeline"].map(|path| (path.to_owned(), 1));
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_rejected_command_fails_alone() {
    let (endpoint, redis) = start().await;
    endpoint.set("word", "x").await.unwrap();
    let (incr, get, unknown, wrong_type) = tokio::join!(
        redis.incr("word").unwrap().send(),
        redis.get("word").unwrap().send(),
        redis.command(&["FOO"]).unwrap().send(),
        // The reply is valid, but has another type than the command promises.
        redis.mget(&["word"]).unwrap().send(),
    );
    assert!(matches!(incr, Err(Error::Command(text)) if text.starts_with("ERR value is not")));
    assert_eq!(get.unwrap().as_deref(), Some("x"));
    assert!(matches!(unknown, Err(Error::Command(text)) if text.starts_with("ERR unknown")));
    assert_eq!(wrong_type.unwrap(), [Some("x".to_owned())]);
    assert_eq!(requests(&endpoint), [("/pipeline".to_owned(), 4)]);
}

#[tokio::test]
async fn a_failed_request_fails_each_of_its_commands() {
    type IsExpected = fn(&Error) -> bool;
    let cases: [(FaultMode, IsExpected); 5] = [
        (FaultMode::CutOff, |error| {
            matches!(error, Error::Transport(_))
        }),
        (FaultMode::Unreachable, |error| {
            matches!(error, Error::Connect(_))
        }),
        (FaultMode::Unauthorized, |error| {
            matches!(error, Error::Unauthorized)
        }),
        (FaultMode::NotJson, |error| {
            matches!(error, Error::Protocol(_))
        }),
        (FaultMode::CommandErrors, Error::is_command),
    ];
    for (mode, is_expected) in cases {
        let (endpoint, redis) = start().await;
        endpoint.set_mode(mode).await.unwrap();
        let replies = echo_numbers(&redis, 3).await;
        let errors: Vec<Error> = replies.into_iter().map(Result::unwrap_err).collect();
        for error in &errors {
            assert!(is_expected(error), "{mode:?}: {error:?}");
        }
        let is_broken = matches!(errors[0], Error::Connect(_) | Error::Transport(_));
        assert_eq!(errors[0].is_same_failure(&errors[2]), is_broken, "{mode:?}");
    }
}

#[tokio::test]
async fn a_response_with_too_few_or_too_many_results_reaches_no_command() {
    for body in [
        r#"[{"result":"0"}]"#,
        r#"[{"result":"0"},{"result":"1"},{"result":"2"}]"#,
    ] {
        for reply in replies_to(2, body).await {
            assert!(matches!(reply, Err(Error::Protocol(_))), "{reply:?}");
        }
    }
}

#[tokio::test]
async fn a_result_that_cannot_be_read_fails_alone() {
    let body = r#"[{"result":"0"},{"result":1.5},{"result":"2"}]"#;
    let replies = replies_to(3, body).await;
    assert!(matches!(&replies[0], Ok(Reply::String(text)) if text == "0"));
    assert!(matches!(&replies[1], Err(Error::Protocol(_))));
    assert!(matches!(&replies[2], Ok(Reply::String(text)) if text == "2"));
}

#[tokio::test]
async fn each_command_of_a_request_has_room_for_its_reply() {
    let (_endpoint, redis) = start().await;
    let text = "x".repeat(9 * 1024 * 1024);
    redis.set("large", &text).unwrap().send().await.unwrap();
    let (one, other) = tokio::join!(
        redis.get("large").unwrap().send(),
        redis.get("large").unwrap().send()
    );
    for reply in [one, other] {
        assert_eq!(reply.unwrap().unwrap().len(), text.len());
    }
}

#[tokio::test]
async fn written_commands_are_not_sent_again() {
    let (endpoint, redis) = start().await;
    endpoint.set_mode(FaultMode::CutOff).await.unwrap();
    let incr = || redis.incr("n").unwrap().send();
    let (first, second) = tokio::join!(incr(), incr());
    assert!(first.is_err() && second.is_err());
    assert_eq!(endpoint.get("n").await.unwrap().as_deref(), Some("2"));
}

#[tokio::test]
async fn each_command_has_its_own_deadline() {
    let (endpoint, redis) = start().await;
    let held = endpoint.hold_next(|command| command[0] == "INCR", WhileHeld::Wait);
    let long = tokio::spawn(redis.incr("n").unwrap().send());
    let short = redis.get("key").unwrap().timeout(SHORT_TIMEOUT).send();
    let expired = short.await;
    assert!(
        matches!(expired, Err(Error::Timeout(SHORT_TIMEOUT))),
        "{expired:?}"
    );
    assert!(!long.is_finished());
    held.release().await;
    assert_eq!(long.await.unwrap().unwrap(), 1);
    assert_eq!(requests(&endpoint), [("/pipeline".to_owned(), 2)]);
}

#[tokio::test]
async fn a_dropped_command_ends_alone() {
    let (endpoint, redis) = start().await;
    let held = endpoint.hold_next(|command| command[0] == "INCR", WhileHeld::Wait);
    let kept = tokio::spawn(redis.incr("n").unwrap().send());
    let dropped = tokio::spawn(redis.get("key").unwrap().send());
    held.wait().await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    held.release().await;
    assert_eq!(kept.await.unwrap().unwrap(), 1);
    // The response was read to its end, so the connection is free again.
    redis.ping().send().await.unwrap();
    let connections: Vec<u64> = endpoint
        .log()
        .iter()
        .map(|entry| entry.connection)
        .collect();
    assert_eq!(connections, [0, 0]);
}

#[tokio::test]
async fn a_command_that_is_dropped_in_its_turn_is_not_sent() {
    let (endpoint, redis) = start().await;
    start_sending(redis.set("key", "dropped").unwrap().send()).await;
    start_sending(redis.set("key", "also dropped").unwrap().send()).await;
    redis.ping().send().await.unwrap();
    assert_eq!(requests(&endpoint), [("/".to_owned(), 1)]);
    assert_eq!(endpoint.get("key").await.unwrap(), None);
}

#[tokio::test]
async fn the_connection_is_closed_when_the_last_caller_gives_up() {
    let (listener, redis) = raw_server().await;
    let short = redis.get("a").unwrap().timeout(SHORT_TIMEOUT).send();
    let mut dropped = redis.get("b").unwrap().send();
    let first = {
        let mut both = pin!(async { tokio::join!(short, &mut dropped) });
        let (first, text) = tokio::select! {
            _ = &mut both => panic!("the request ended without a response"),
            accepted = accept_request(&listener) => accepted,
        };
        assert!(text.ends_with(r#"[["GET","a"],["GET","b"]]"#), "{text}");
        // The first caller's time expires, but the second one still waits.
        let waited = tokio::time::timeout(2 * SHORT_TIMEOUT, &mut both).await;
        waited.unwrap_err();
        first
    };
    drop(dropped);
    assert_closed(first).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commands_of_several_threads_get_their_own_replies() {
    let (_endpoint, redis) = start().await;
    for _ in 0..20 {
        let replies = echo_numbers(&redis, 200).await;
        for (number, reply) in replies.into_iter().enumerate() {
            assert_eq!(reply.unwrap().read::<String>().unwrap(), number.to_string());
        }
    }
}

#[test]
fn a_client_can_be_used_after_the_runtime_of_an_unfinished_turn_has_ended() {
    let new_runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let (server, first) = (new_runtime(), new_runtime());
    let (_endpoint, redis) = server.block_on(start());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || server.block_on(stopped));

    let mut unfinished = redis.ping().send();
    first.block_on(start_sending(&mut unfinished));
    drop(first);
    let pong = new_runtime().block_on(redis.ping().send());
    assert_eq!(pong.unwrap(), "PONG");
    drop((unfinished, stop));
    thread.join().unwrap().unwrap_err();
}
