//! Commands and their replies, which are the same in memory and on a Redis server.

use redis_endpoint::{Backend, Endpoint, Options, RedisServer};
use upstash_redis_rs::{Command, Error, Redis, Reply};

use crate::{client, unix_milliseconds};

/// Generates two tests for each case, one for each backend.
macro_rules! on_both_backends {
    ($($case:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $case() {
                let endpoint = crate::endpoint().await;
                super::$case(crate::client(&endpoint)).await;
            })*
        }
        mod redis {
            $(#[tokio::test]
            async fn $case() {
                if let Some((_server, endpoint)) = super::start_redis().await {
                    super::$case(crate::client(&endpoint)).await;
                }
            })*
        }
    };
}

on_both_backends! {
    a_written_value_is_read
    any_text_can_be_a_key_and_a_value
    set_expires_a_key_at_the_given_time
    set_nx_keeps_an_existing_value
    set_removes_the_expiry
    mget_reads_several_keys
    del_and_exists_count_keys
    incr_and_incrby_change_a_number
    expire_expires_a_key
    the_database_is_counted_and_emptied
    errors_have_the_texts_of_redis
    any_command_can_be_sent
    a_pipeline_returns_a_result_for_each_command
    no_other_command_runs_during_a_transaction
    a_transaction_with_an_unknown_command_is_not_run
    a_blocking_command_is_refused_and_the_others_run
    parallel_requests_get_their_own_replies
}

/// Starts an endpoint in front of a private Redis server. Returns `None` if
/// redis-server is not installed, which fails on CI.
pub(crate) async fn start_redis() -> Option<(RedisServer, Endpoint)> {
    if !RedisServer::available() {
        assert!(
            std::env::var_os("CI").is_none(),
            "redis-server is needed (Debian: redis-server)"
        );
        println!("skipped: redis-server is not on the PATH");
        return None;
    }
    let server = RedisServer::start().await.unwrap();
    let backend = Backend::redis(&server.url()).await.unwrap();
    let endpoint = Endpoint::start(backend, Options::default()).await.unwrap();
    Some((server, endpoint))
}

async fn get(redis: &Redis, key: &str) -> Option<String> {
    redis.get(key).unwrap().send().await.unwrap()
}

async fn set(redis: &Redis, key: &str, value: &str) {
    assert!(redis.set(key, value).unwrap().send().await.unwrap());
}

/// Returns the key's time to live in milliseconds, -1 if it has no expiry, or -2 if it
/// does not exist.
async fn pttl(redis: &Redis, key: &str) -> i64 {
    let reply = redis.command(&["PTTL", key]).unwrap().send().await;
    reply.unwrap().read().unwrap()
}

async fn a_written_value_is_read(redis: Redis) {
    assert_eq!(get(&redis, "key").await, None);
    set(&redis, "key", "value").await;
    assert_eq!(get(&redis, "key").await.as_deref(), Some("value"));
    assert_eq!(redis.ping().send().await.unwrap(), "PONG");
}

async fn any_text_can_be_a_key_and_a_value(redis: Redis) {
    for text in [
        "Šabor 💃",
        "a \"b\"\\\r\n\0",
        "$5\r\nhello\r\n",
        "{\"a\":1}",
    ] {
        set(&redis, text, text).await;
        assert_eq!(get(&redis, text).await.as_deref(), Some(text));
    }
    set(&redis, "key", "").await;
    assert_eq!(get(&redis, "key").await.as_deref(), Some(""));
    let long = "0123456789".repeat(100_000);
    set(&redis, "key", &long).await;
    assert_eq!(get(&redis, "key").await, Some(long));
}

async fn set_expires_a_key_at_the_given_time(redis: Redis) {
    let set = |key| redis.set(key, "value").unwrap();
    let now = unix_milliseconds();
    assert!(set("ex").ex(100).send().await.unwrap());
    assert!(set("px").px(100_000).send().await.unwrap());
    assert!(set("pxat").pxat(now + 100_000).send().await.unwrap());
    for key in ["ex", "px", "pxat"] {
        assert!((90_000..=100_000).contains(&pttl(&redis, key).await));
    }
    assert!(set("pxat").pxat(now - 1000).send().await.unwrap());
    assert_eq!(get(&redis, "pxat").await, None);

    assert!(set("px").px(1).send().await.unwrap());
    while get(&redis, "px").await.is_some() {}
}

async fn set_nx_keeps_an_existing_value(redis: Redis) {
    let set = |value| redis.set("key", value).unwrap().nx().px(100_000);
    assert!(set("first").send().await.unwrap());
    assert!(!set("second").send().await.unwrap());
    assert_eq!(get(&redis, "key").await.as_deref(), Some("first"));
}

async fn set_removes_the_expiry(redis: Redis) {
    let expiring = redis.set("key", "value").unwrap().ex(100);
    assert!(expiring.send().await.unwrap());
    let kept = redis.command(&["SET", "key", "value", "KEEPTTL"]).unwrap();
    kept.send().await.unwrap();
    assert!(pttl(&redis, "key").await > 0);
    set(&redis, "key", "value").await;
    assert_eq!(pttl(&redis, "key").await, -1);
}

async fn mget_reads_several_keys(redis: Redis) {
    set(&redis, "a", "1").await;
    set(&redis, "c", "3").await;
    let values = redis.mget(&["a", "b", "c"]).unwrap().send().await.unwrap();
    assert_eq!(values, [Some("1".to_owned()), None, Some("3".to_owned())]);
}

async fn del_and_exists_count_keys(redis: Redis) {
    set(&redis, "a", "1").await;
    set(&redis, "b", "2").await;
    let exists = redis.exists(&["a", "a", "b", "c"]).unwrap();
    assert_eq!(exists.send().await.unwrap(), 3);
    let del = redis.del(&["a", "b", "c"]).unwrap();
    assert_eq!(del.send().await.unwrap(), 2);
    assert_eq!(get(&redis, "a").await, None);
}

async fn incr_and_incrby_change_a_number(redis: Redis) {
    assert_eq!(redis.incr("n").unwrap().send().await.unwrap(), 1);
    assert_eq!(redis.incrby("n", 41).unwrap().send().await.unwrap(), 42);
    assert_eq!(redis.incrby("n", -50).unwrap().send().await.unwrap(), -8);
    assert!(redis.expire("n", 100).unwrap().send().await.unwrap());
    assert_eq!(redis.incr("n").unwrap().send().await.unwrap(), -7);
    assert!(pttl(&redis, "n").await > 0, "INCR must keep the expiry");
}

async fn expire_expires_a_key(redis: Redis) {
    assert!(!redis.expire("key", 100).unwrap().send().await.unwrap());
    set(&redis, "key", "value").await;
    assert_eq!(pttl(&redis, "key").await, -1);
    assert!(redis.expire("key", 100).unwrap().send().await.unwrap());
    assert!((90_000..=100_000).contains(&pttl(&redis, "key").await));
    assert!(redis.pexpire("key", 50_000).unwrap().send().await.unwrap());
    assert!((40_000..=50_000).contains(&pttl(&redis, "key").await));
    let ttl = redis.command(&["TTL", "key"]).unwrap().send().await;
    assert_eq!(ttl.unwrap(), Reply::Integer(50));
    assert!(redis.pexpire("key", 0).unwrap().send().await.unwrap());
    assert_eq!(pttl(&redis, "key").await, -2);
}

async fn the_database_is_counted_and_emptied(redis: Redis) {
    set(&redis, "session:1", "a").await;
    set(&redis, "change:1", "b").await;
    let past = redis.set("past", "c").unwrap().pxat(1);
    assert!(past.send().await.unwrap());
    // Redis counts an expired key until a command reads it.
    assert_eq!(get(&redis, "past").await, None);
    assert_eq!(redis.dbsize().send().await.unwrap(), 2);
    let keys = redis.command(&["KEYS", "s?ss*:*"]).unwrap().send().await;
    assert_eq!(keys.unwrap().read::<Vec<String>>().unwrap(), ["session:1"]);
    assert!(redis.flushdb().send().await.unwrap());
    assert_eq!(redis.dbsize().send().await.unwrap(), 0);
}

async fn errors_have_the_texts_of_redis(redis: Redis) {
    set(&redis, "word", "x").await;
    set(&redis, "most", &i64::MAX.to_string()).await;
    for (command, expected) in [
        (
            vec!["GET"],
            "ERR wrong number of arguments for 'get' command",
        ),
        (
            vec!["mGet"],
            "ERR wrong number of arguments for 'mget' command",
        ),
        (
            vec!["FOO", "a", "b"],
            "ERR unknown command 'FOO', with args beginning with: 'a' 'b' ",
        ),
        (
            vec!["INCR", "word"],
            "ERR value is not an integer or out of range",
        ),
        (
            vec!["INCR", "most"],
            "ERR increment or decrement would overflow",
        ),
        (
            vec!["EXPIRE", "word", "x"],
            "ERR value is not an integer or out of range",
        ),
        (vec!["SET", "a", "b", "EX"], "ERR syntax error"),
        (
            vec!["SET", "a", "b", "EX", "x"],
            "ERR value is not an integer or out of range",
        ),
        (
            vec!["SET", "a", "b", "EX", "0"],
            "ERR invalid expire time in 'set' command",
        ),
        (
            vec!["SET", "a", "b", "PXAT", "-1"],
            "ERR invalid expire time in 'set' command",
        ),
        (
            vec!["PEXPIRE", "word", "9223372036854775807"],
            "ERR invalid expire time in 'pexpire' command",
        ),
        (vec!["SET", "a", "b", "NX", "XX"], "ERR syntax error"),
        (
            vec!["SET", "a", "b", "PX", "9", "KEEPTTL"],
            "ERR syntax error",
        ),
    ] {
        let reply = redis.command(&command).unwrap().send().await;
        let Err(Error::Command(text)) = reply else {
            panic!("{command:?}: {reply:?}");
        };
        // In memory, an unknown command's text ends with a hint.
        assert!(text.starts_with(expected), "{command:?}: {text}");
    }
}

async fn any_command_can_be_sent(redis: Redis) {
    let echo = redis.command(&["echo", "hello"]).unwrap().send().await;
    assert_eq!(echo.unwrap(), Reply::String("hello".to_owned()));
    let time = redis.command(&["TIME"]).unwrap().send().await.unwrap();
    let time: Vec<String> = time.read().unwrap();
    let seconds: u64 = time[0].parse().unwrap();
    assert!(seconds.abs_diff(unix_milliseconds() / 1000) <= 1);
}

async fn a_pipeline_returns_a_result_for_each_command(redis: Redis) {
    set(&redis, "word", "x").await;
    let results = redis
        .pipeline()
        .push(redis.set("key", "value").unwrap().ex(100))
        .push(redis.incr("word").unwrap())
        .push(redis.get("key").unwrap())
        .push(redis.get("absent").unwrap())
        .push(redis.mget(&["key", "absent"]).unwrap())
        .exec()
        .await
        .unwrap();
    let [set, incr, get, absent, mget] = results.try_into().unwrap();
    assert!(set.unwrap().read::<bool>().unwrap());
    assert!(matches!(incr, Err(Error::Command(text)) if text.starts_with("ERR value is not")));
    assert_eq!(get.unwrap(), Reply::String("value".to_owned()));
    assert_eq!(absent.unwrap(), Reply::Nil);
    let values: Vec<Option<String>> = mget.unwrap().read().unwrap();
    assert_eq!(values, [Some("value".to_owned()), None]);
}

async fn no_other_command_runs_during_a_transaction(redis: Redis) {
    set(&redis, "word", "x").await;
    let results = redis
        .multi()
        .push(redis.incr("n").unwrap())
        .push(redis.incr("word").unwrap())
        .push(redis.incr("n").unwrap())
        .exec()
        .await
        .unwrap();
    let [first, failed, second] = results.try_into().unwrap();
    assert_eq!(first.unwrap(), Reply::Integer(1));
    assert!(failed.unwrap_err().is_command());
    assert_eq!(second.unwrap(), Reply::Integer(2));

    // Each transaction adds one to both counters. If another one ran in between, the
    // counters would differ.
    let increment_both = || async {
        let results = redis
            .multi()
            .push(redis.incr("a").unwrap())
            .push(redis.incr("b").unwrap())
            .exec()
            .await
            .unwrap();
        let counts: Vec<i64> = results
            .into_iter()
            .map(|result| result.unwrap().read().unwrap())
            .collect();
        assert_eq!(counts[0], counts[1]);
    };
    tokio::join!(
        increment_both(),
        increment_both(),
        increment_both(),
        increment_both(),
        increment_both(),
        increment_both(),
        increment_both(),
        increment_both()
    );
    assert_eq!(get(&redis, "a").await.as_deref(), Some("8"));
}

async fn a_blocking_command_is_refused_and_the_others_run(redis: Redis) {
    set(&redis, "key", "value").await;
    let results = redis
        .pipeline()
        .push(redis.command(&["BLPOP", "queue", "0"]).unwrap())
        .push(redis.get("key").unwrap())
        .exec()
        .await
        .unwrap();
    let [blocking, get] = results.try_into().unwrap();
    assert_eq!(
        blocking.unwrap_err().to_string(),
        Error::Command("ERR BLPOP is not available over REST if it blocks".to_owned()).to_string()
    );
    assert_eq!(get.unwrap(), Reply::String("value".to_owned()));
}

async fn a_transaction_with_an_unknown_command_is_not_run(redis: Redis) {
    let result = redis
        .multi()
        .push(redis.incr("n").unwrap())
        .push(redis.command(&["FOO"]).unwrap())
        .exec()
        .await;
    assert!(matches!(result, Err(Error::Command(text)) if text.starts_with("EXECABORT")));
    assert_eq!(get(&redis, "n").await, None);
}

async fn parallel_requests_get_their_own_replies(redis: Redis) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..50 {
        let redis = redis.clone();
        tasks.spawn(async move {
            let text = number.to_string();
            set(&redis, &text, &text).await;
            assert_eq!(get(&redis, &text).await, Some(text));
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
}

#[tokio::test]
async fn invalid_arguments_are_refused_before_sending() {
    let endpoint = crate::endpoint().await;
    let redis = client(&endpoint);
    let invalid = |error| matches!(error, Error::InvalidCommand(_));
    assert!(invalid(redis.get("").unwrap_err()));
    assert!(invalid(redis.mget(&[]).unwrap_err()));
    assert!(invalid(redis.del(&["a", ""]).unwrap_err()));
    assert!(invalid(redis.command(&[]).unwrap_err()));
    assert!(invalid(redis.pipeline().exec().await.unwrap_err()));
    assert_eq!(endpoint.request_count(), 0);

    let invalid_url = |url| matches!(Redis::new(url, "token"), Err(Error::InvalidUrl(_)));
    assert!(invalid_url("") && invalid_url("localhost") && invalid_url("redis://localhost"));
    assert!(invalid_url("https://user:word@host") && invalid_url("https://host/?a=b"));
    let result = Redis::new("https://host", "a\nb");
    assert!(matches!(result, Err(Error::InvalidToken)));
}

#[tokio::test]
async fn debug_output_contains_no_secrets() {
    let redis = Redis::new("https://host/", "the-token").unwrap();
    let set = redis.set("the-key", "the-value").unwrap();
    let output = format!(
        "{redis:?} {set:?} {:?}",
        redis.pipeline().push(redis.get("the-key").unwrap())
    );
    assert!(output.contains("https://host") && output.contains("SET"));
    assert!(!output.contains("the-"), "{output}");
}
