//! Rate limits.
//!
//! Redis counts the attempts for all subjects in one round trip. If Redis is unavailable,
//! Postgres counts. A block is stored in Postgres in either case, so that administrators
//! can see and lift it. When Redis fails or recovers, counts may be lost, and a client may
//! have up to twice the number of attempts.

use std::time::Duration;

use upstash_redis_rs::Reply;

use crate::App;
use crate::crypto::secret::sha256_hex;
use crate::error::{Error, Result, chain};
use crate::models::rate_limit::{self, BlockStatus};
pub use crate::models::rate_limit::{Limit, Subject};
use crate::runtime::background;
use crate::store::client::Client;
use crate::store::redis::Kv;

macro_rules! limits {
    ($($(#[$doc:meta])+ $name:ident = $label:literal, $attempts:literal in $seconds:literal;)+) => {$(
        $(#[$doc])+
        pub const $name: Limit = Limit { name: $label, attempts: $attempts, window: $seconds };
    )+};
}

limits! {
    /// Sign-in, for an account and an IP address together. A stranger with another
    /// address cannot lock a member out.
    SIGN_IN_ACCOUNT = "sign_in_account", 5 in 60.0;
    /// Sign-in, for an IP address and any account.
    SIGN_IN_ADDRESS = "sign_in_address", 20 in 60.0;
    /// Sign-in from a device that the account recognizes. Failures on other devices do
    /// not block this device.
    SIGN_IN_DEVICE = "sign_in_device", 5 in 60.0;
    /// Codes of a second factor, for an account from any IP address. The client has already
    /// sent the correct password.
    SECOND_FACTOR = "second_factor", 10 in 600.0;
    /// Codes of a second factor in a day, for the same subjects. Of a million
    /// possible codes, three are valid at a time.
    SECOND_FACTOR_DAY = "second_factor_day", 50 in 86400.0;
    /// Registration, for an IP address.
    REGISTER_ADDRESS = "register_address", 20 in 3600.0;
    /// Registration, for an e-mail address.
    REGISTER_EMAIL = "register_email", 10 in 3600.0;
    /// Requests for a link to set a new password, for an IP address.
    FORGOT_ADDRESS = "forgot_address", 10 in 3600.0;
    /// Requests for a link to set a new password, for an e-mail address. This protects the
    /// mailbox.
    FORGOT_EMAIL = "forgot_email", 5 in 3600.0;
    /// Uses of links from mails, for an IP address.
    LINK_ADDRESS = "link_address", 30 in 3600.0;
    /// Mails to confirm an e-mail address, for that address.
    VERIFY_EMAIL = "verify_email", 5 in 3600.0;
    /// Mails to confirm an e-mail address, for the IP address or the account that requests
    /// them.
    CHANGE_EMAIL = "change_email", 10 in 3600.0;
    /// Starts of a sign-in through a provider, for an IP address.
    OAUTH_ADDRESS = "oauth_address", 30 in 600.0;
    /// Tokens for partner applications, for a member.
    CROSS_APP_TOKEN = "cross_app_token", 10 in 60.0;
    /// Messages to the studio, for an IP address.
    CONTACT_ADDRESS = "contact_address", 10 in 3600.0;
    /// Messages to the studio, for an e-mail address.
    CONTACT_EMAIL = "contact_email", 5 in 3600.0;
}

/// Returns the Redis key of a subject's counter.
fn redis_key(subject_key: &str) -> String {
    format!("throttle:{subject_key}")
}

/// Counts one attempt for each subject, even if another subject has exceeded its limit.
///
/// # Errors
///
/// [`Error::TooManyRequests`] if one of the subjects has exceeded its limit;
/// [`Error::Unavailable`] if neither Redis nor Postgres can count.
pub async fn count_attempt(app: &App, subjects: &[Subject]) -> Result<()> {
    let counters = match app.kv() {
        Some(kv) => count_in_redis(kv, subjects)
            .await
            .map(Some)
            .unwrap_or_else(|error| {
                tracing::debug!(error = %chain(&error), "counting attempts in Postgres");
                None
            }),
        None => None,
    };
    let wait = match (counters, app.kv()) {
        (Some(counters), Some(kv)) => longest_wait(app, kv, subjects, &counters).await,
        _ => rate_limit::count(&app.db().client().await?, subjects).await?,
    };
    if wait.seconds > 0.0 {
        return Err(Error::TooManyRequests {
            retry_after: Duration::from_secs_f64(wait.seconds.max(1.0)),
            is_new: wait.is_new,
        });
    }
    Ok(())
}

/// The state of a subject's counter in Redis after an attempt.
struct CounterState {
    /// The number of attempts in the window, including this one.
    attempts: i64,
    /// The remaining time of the window, or of the block that replaced it.
    remaining_ms: i64,
}

/// Counts one attempt for each subject in one Redis transaction. A missing counter is
/// created with its expiry.
async fn count_in_redis(kv: &Kv, subjects: &[Subject]) -> Result<Vec<CounterState>> {
    let replies = kv
        .transaction(|redis, mut batch| {
            for subject in subjects {
                let (key, window) = (redis_key(subject.key()), millis(subject.window()));
                batch = batch
                    .push(redis.set(&key, "0")?.nx().px(window))
                    .push(redis.incr(&key)?)
                    .push(redis.command(&["PTTL", &key])?);
            }
            Ok(batch)
        })
        .await?;
    let counters = replies.chunks(3).map(|reply| match reply {
        [_, Reply::Integer(attempts), Reply::Integer(remaining_ms)] => Ok(CounterState {
            attempts: *attempts,
            remaining_ms: *remaining_ms,
        }),
        _ => Err(Error::internal("unexpected reply from Redis to a counter")),
    });
    counters.collect()
}

/// Returns the longest wait of all subjects. The first attempt above a limit starts a
/// block. Later attempts wait for the rest of the block.
async fn longest_wait(
    app: &App,
    kv: &Kv,
    subjects: &[Subject],
    counters: &[CounterState],
) -> BlockStatus {
    let mut longest = BlockStatus::default();
    for (subject, counter) in subjects.iter().zip(counters) {
        let limit = i64::from(subject.attempts());
        match counter.attempts - limit {
            ..=0 => {}
            1 => longest.add(block(app, kv, subject).await, true),
            // Before version 7, Redis may expire a counter within the transaction.
            _ if counter.remaining_ms < 0 => longest.add(block(app, kv, subject).await, true),
            _ => longest.add(counter.remaining_ms as f64 / 1_000.0, false),
        }
    }
    longest
}

/// Blocks a subject. Returns the length of the block in seconds.
async fn block(app: &App, kv: &Kv, subject: &Subject) -> f64 {
    let blocked = async { rate_limit::block(&app.db().client().await?, subject).await };
    let wait = blocked.await.unwrap_or_else(|error| {
        tracing::warn!(error = %chain(&error), "failed to store a block, using the length of the window");
        subject.window()
    });
    let ttl = Duration::from_secs_f64(wait);
    if let Err(error) = kv.expire(&redis_key(subject.key()), ttl).await {
        tracing::warn!(error = %chain(&error), "failed to extend a block in Redis");
    }
    wait
}

fn millis(seconds: f64) -> u64 {
    (seconds * 1_000.0) as u64
}

/// Resets the counters of subjects that have authenticated. Runs after the response.
pub fn reset(app: &App, subjects: &[Subject]) {
    let app = app.clone();
    let keys: Vec<String> = subjects
        .iter()
        .map(|subject| subject.key().to_owned())
        .collect();
    background::spawn(async move {
        delete_counters(&app, &keys).await;
        let reset = async { rate_limit::reset(&app.db().client().await?, &keys).await };
        if let Err(error) = reset.await {
            tracing::warn!(error = %chain(&error), "failed to reset rate limit");
        }
    });
}

/// Lifts the blocks of an account in Postgres. Limits of an IP address stay, because they
/// do not belong to the account. Returns the keys, which the caller must pass to
/// [`delete_counters`] after the commit.
pub async fn reset_account(client: &Client, email: &str) -> Result<Vec<String>> {
    let account = sha256_hex(email.as_bytes());
    let limits = [
        SIGN_IN_ACCOUNT,
        SIGN_IN_DEVICE,
        SECOND_FACTOR,
        SECOND_FACTOR_DAY,
    ];
    let names = limits.map(|limit| format!("{}:{account}", limit.name));
    rate_limit::reset_prefixes(client, &names).await
}

/// Deletes the counters in Redis that have these subject keys.
pub async fn delete_counters(app: &App, keys: &[String]) {
    let Some(kv) = app.kv() else { return };
    for key in keys {
        if let Err(error) = kv.delete(&redis_key(key)).await {
            tracing::warn!(error = %chain(&error), "failed to reset rate limit in Redis");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ipv6_addresses_of_a_network_count_as_one() {
        let key = |text: &str| {
            Subject::address(SIGN_IN_ADDRESS, text.parse().unwrap())
                .key()
                .to_owned()
        };
        assert_eq!(key("2001:db8:1:2::3"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::3"), key("2001:db8:1:3::3"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
