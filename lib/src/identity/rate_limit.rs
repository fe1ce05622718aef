//! How often something may be tried.
//!
//! Redis counts, in one round trip whatever the number of subjects; Postgres
//! counts when Redis is away. A wait is noted in Postgres either way, where the
//! administration finds it and ends it. Between the two a count may be lost
//! when Redis goes or comes back, so that somebody has their tries twice.

use std::time::Duration;

use upstash_redis_rs::Reply;

use crate::crypto::secret::sha256_hex;
use crate::error::{Error, Result, chain};
use crate::models::throttle::{self, Wait};
pub use crate::models::throttle::{Limit, Subject};
use crate::runtime::background;
use crate::store::client::Client;
use crate::store::redis::Kv;
use crate::{App, BoxFuture};

macro_rules! limits {
    ($($(#[$doc:meta])+ $name:ident = $label:literal, $tries:literal in $seconds:literal;)+) => {$(
        $(#[$doc])+
        pub const $name: Limit = Limit { name: $label, tries: $tries, window: $seconds };
    )+};
}

limits! {
    /// Sign-in, for an account and an address together: a stranger elsewhere
    /// cannot lock a member out.
    SIGN_IN_ACCOUNT = "sign_in_account", 5 in 60.0;
    /// Sign-in, for an address, whichever the account.
    SIGN_IN_ADDRESS = "sign_in_address", 20 in 60.0;
    /// Sign-in from a device that the account knows, which nobody else's
    /// failures lock out.
    SIGN_IN_DEVICE = "sign_in_device", 5 in 60.0;
    /// Codes of a second factor, for an account wherever they are tried from:
    /// who is there has the password.
    SECOND_FACTOR = "second_factor", 10 in 600.0;
    /// The same in a day: of a million codes three are good at a time.
    SECOND_FACTOR_DAY = "second_factor_day", 50 in 86400.0;
    /// Registration, for an address.
    REGISTER_ADDRESS = "register_address", 20 in 3600.0;
    /// Registration, in the name of one e-mail address.
    REGISTER_EMAIL = "register_email", 10 in 3600.0;
    /// Requests for a link to a new password, from an address.
    FORGOT_ADDRESS = "forgot_address", 10 in 3600.0;
    /// The same, for one e-mail address: nobody's mailbox is to be filled.
    FORGOT_EMAIL = "forgot_email", 5 in 3600.0;
    /// Links from mails, from an address.
    LINK_ADDRESS = "link_address", 30 in 3600.0;
    /// Mails with a link that confirms an address, for one e-mail address.
    VERIFY_EMAIL = "verify_email", 5 in 3600.0;
    /// The same, for who asks for them: an address, or an account.
    CHANGE_EMAIL = "change_email", 10 in 3600.0;
    /// Sign-ins through a provider that are begun, from an address.
    OAUTH_ADDRESS = "oauth_address", 30 in 600.0;
    /// Tokens for partner applications, for a member.
    CROSS_APP_TOKEN = "cross_app_token", 10 in 60.0;
    /// Messages to the studio, from an address.
    CONTACT_ADDRESS = "contact_address", 10 in 3600.0;
    /// Messages to the studio, in the name of one e-mail address.
    CONTACT_EMAIL = "contact_email", 5 in 3600.0;
}

/// Where Redis counts the tries of a key.
fn counter(key: &str) -> String {
    format!("throttle:{key}")
}

/// Counts one try for each subject, also when another of them has none left.
///
/// # Errors
///
/// [`Error::TooManyRequests`] when one of them has none left;
/// [`Error::Unavailable`] when that cannot be known.
pub fn take<'a>(app: &'a App, subjects: &'a [Subject]) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        let counted = match app.kv() {
            Some(kv) => count(kv, subjects).await.map(Some).unwrap_or_else(|error| {
                tracing::debug!(error = %chain(&error), "tries are counted in Postgres");
                None
            }),
            None => None,
        };
        let wait = match (counted, app.kv()) {
            (Some(counted), Some(kv)) => longest_wait(app, kv, subjects, &counted).await,
            _ => throttle::take(&app.db().client().await?, subjects).await?,
        };
        if wait.seconds > 0.0 {
            return Err(Error::TooManyRequests {
                retry_after: Duration::from_secs_f64(wait.seconds.max(1.0)),
                is_new: wait.is_new,
            });
        }
        Ok(())
    })
}

/// A try as Redis has counted it: which of the window it is, and how long the
/// window, or the wait that has taken its place, still lasts.
struct Counted {
    tries: i64,
    left_ms: i64,
}

/// One transaction for all: each counter is made with its end, if it is not
/// there, and then counts.
async fn count(kv: &Kv, subjects: &[Subject]) -> Result<Vec<Counted>> {
    let answers = kv
        .transaction(|redis, mut batch| {
            for subject in subjects {
                let (counter, window) = (counter(subject.key()), millis(subject.window()));
                batch = batch
                    .push(redis.set(&counter, "0")?.nx().px(window))
                    .push(redis.incr(&counter)?)
                    .push(redis.command(&["PTTL", &counter])?);
            }
            Ok(batch)
        })
        .await?;
    let counted = answers.chunks(3).map(|answer| match answer {
        [_, Reply::Integer(tries), Reply::Integer(left_ms)] => Ok(Counted {
            tries: *tries,
            left_ms: *left_ms,
        }),
        _ => Err(Error::internal("Redis counted in another way")),
    });
    counted.collect()
}

/// The one try that first exceeds its limit makes the window a wait; those
/// after it are told what is left of it.
async fn longest_wait(app: &App, kv: &Kv, subjects: &[Subject], counted: &[Counted]) -> Wait {
    let mut longest = Wait::default();
    for (subject, Counted { tries, left_ms }) in subjects.iter().zip(counted) {
        let limit = i64::from(subject.tries());
        match tries - limit {
            ..=0 => {}
            1 => longest.note(block(app, kv, subject).await, true),
            // Redis before 7 may end a counter between making and counting.
            _ if *left_ms < 0 => longest.note(block(app, kv, subject).await, true),
            _ => longest.note(*left_ms as f64 / 1_000.0, false),
        }
    }
    longest
}

async fn block(app: &App, kv: &Kv, subject: &Subject) -> f64 {
    let noted = async { throttle::block(&app.db().client().await?, subject).await };
    let wait = noted.await.unwrap_or_else(|error| {
        tracing::warn!(error = %chain(&error), "a wait was not noted, and is as long as the first");
        subject.window()
    });
    let ttl = Duration::from_secs_f64(wait);
    if let Err(error) = kv.expire(&counter(subject.key()), ttl).await {
        tracing::warn!(error = %chain(&error), "a wait ends with its window");
    }
    wait
}

fn millis(seconds: f64) -> u64 {
    (seconds * 1_000.0) as u64
}

/// Forgets the tries of subjects who have turned out to be who they said; after
/// the answer.
pub fn forgive(app: &App, subjects: &[Subject]) {
    let app = app.clone();
    let keys: Vec<String> = subjects.iter().map(|one| one.key().to_owned()).collect();
    background::spawn(async move {
        forget(&app, &keys).await;
        let forgiven = async { throttle::forgive(&app.db().client().await?, &keys).await };
        if let Err(error) = forgiven.await {
            tracing::warn!(error = %chain(&error), "tries not forgiven");
        }
    });
}

/// Ends the waits of an account, from wherever they were earned; what counts
/// for an address whichever the account stays: it is not the member's. In a
/// transaction; after its commit the keys are for [`forget`].
///
/// # Errors
///
/// [`Error::Unavailable`].
pub async fn forgive_account(client: &Client, email: &str) -> Result<Vec<String>> {
    let account = sha256_hex(email.as_bytes());
    let limits = [
        SIGN_IN_ACCOUNT,
        SIGN_IN_DEVICE,
        SECOND_FACTOR,
        SECOND_FACTOR_DAY,
    ];
    let names = limits.map(|limit| format!("{}:{account}", limit.name));
    throttle::forgive_all(client, &names).await
}

/// Forgets what Redis has counted under these keys.
pub async fn forget(app: &App, keys: &[String]) {
    let Some(kv) = app.kv() else { return };
    for key in keys {
        if let Err(error) = kv.delete(&counter(key)).await {
            tracing::warn!(error = %chain(&error), "tries not forgotten by Redis");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_be_varied_within_what_one_subscriber_has() {
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
