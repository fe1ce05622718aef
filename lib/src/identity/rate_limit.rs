//! Rate limits.
//!
//! Redis counts the attempts for all subjects in one round trip. If Redis is unavailable,
//! Postgres counts. A block is stored in Postgres in either case, so that administrators
//! can see and lift it. When Redis fails or recovers, counts may be lost, and a client may
//! have up to twice the number of attempts.
//!
//! An attempt that can fail, such as a sign-in, is reserved before it is made ([`begin`]).
//! If it succeeds, it does not count. Reserved and failed attempts together never exceed a
//! limit. If the limit is reached only because other attempts are in progress, the attempt
//! waits for them. Forty members with the same IP address can therefore sign in at the same
//! time. Requests that always count, such as those that send an e-mail, are counted at once
//! ([`count_attempt`]).

use std::time::{Duration, Instant};

use upstash_redis_rs::Reply;
use uuid::Uuid;

use crate::App;
use crate::crypto::random;
use crate::crypto::secret::sha256_hex;
use crate::error::{Error, Result, chain};
use crate::models::rate_limit::{self, Counter};
pub use crate::models::rate_limit::{Limit, Subject};
use crate::runtime::background;
use crate::store::client::Client;
use crate::store::redis::Kv;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;

/// Wrong passwords, for an account and an IP address together. An attacker with another IP
/// address cannot lock a member out.
pub const SIGN_IN_ACCOUNT: Limit = Limit::new("sign_in_account", 5, MINUTE);
/// Wrong passwords, for an IP address and any account.
pub const SIGN_IN_ADDRESS: Limit = Limit::new("sign_in_address", 20, MINUTE);
/// Wrong passwords for an account, from all unrecognized devices together. More IP addresses
/// do not give an attacker more attempts.
pub const SIGN_IN_UNKNOWN: Limit = Limit::new("sign_in_unknown", 50, HOUR);
/// Wrong passwords from a device that the account recognizes, or from a session that is
/// signed in. Wrong passwords from other devices do not count.
pub const SIGN_IN_DEVICE: Limit = Limit::new("sign_in_device", 5, MINUTE);
/// Wrong codes of a second factor, for a known device, for all sessions of an account
/// together, or for all unknown devices of an account together. The client has already sent
/// the correct password.
pub const SECOND_FACTOR: Limit = Limit::new("second_factor", 10, 10.0 * MINUTE);
/// Wrong codes of a second factor in a day, for the same subjects. Of a million possible
/// codes, three are valid at a time.
pub const SECOND_FACTOR_DAY: Limit = Limit::new("second_factor_day", 20, DAY);
/// Wrong recovery codes from unknown devices, for an IP address. A recovery code has eighty
/// random bits and cannot be guessed, so there is no limit for the account. An attacker
/// could exhaust such a limit to lock the owner out.
pub const RECOVERY_ADDRESS: Limit = Limit::new("recovery_address", 20, 10.0 * MINUTE);
/// Registrations that fail, for an IP address.
pub const REGISTER_ADDRESS: Limit = Limit::new("register_address", 20, HOUR);
/// All registrations, for an IP address. Each can send an e-mail to a stranger.
pub const REGISTER_TOTAL: Limit = Limit::new("register_total", 200, HOUR);
/// Requests for a link to set a new password, for an IP address.
pub const FORGOT_ADDRESS: Limit = Limit::new("forgot_address", 30, HOUR);
/// E-mails with a link to set a new password, for an e-mail address. This protects the
/// mailbox. The window is as long as a link is valid, so the last link of a window is still
/// valid when the next window begins.
pub const FORGOT_EMAIL: Limit = Limit::new("forgot_email", 5, HOUR).without_block();
/// Attempts to use an invalid link from an e-mail, for an IP address.
pub const LINK_ADDRESS: Limit = Limit::new("link_address", 30, HOUR);
/// E-mails to confirm the e-mail address of a registration, for that e-mail address.
pub const VERIFY_EMAIL: Limit = Limit::new("verify_email", 5, HOUR).without_block();
/// E-mails to confirm the new e-mail address of an existing account, for that e-mail
/// address. They do not count for [`VERIFY_EMAIL`], so that nobody can use them to prevent
/// a registration.
pub const NEW_EMAIL: Limit = Limit::new("new_email", 5, HOUR).without_block();
/// E-mails to confirm an e-mail address, for the IP address or the account that requests
/// them.
pub const CHANGE_EMAIL: Limit = Limit::new("change_email", 10, HOUR);
/// Accounts that a member of staff creates for members. Each sends an e-mail.
pub const INVITATION: Limit = Limit::new("invitation", 60, HOUR);
/// Sign-ins through a provider that are not completed, for an IP address.
pub const OAUTH_ADDRESS: Limit = Limit::new("oauth_address", 30, 10.0 * MINUTE);
/// Tokens for partner applications, for a member.
pub const CROSS_APP_TOKEN: Limit = Limit::new("cross_app_token", 10, MINUTE);
/// Promo codes and gift cards that do not exist, for a member.
pub const SHOP_CODE: Limit = Limit::new("shop_code", 20, HOUR);
/// Promo codes and gift cards that do not exist, for an IP address.
pub const SHOP_CODE_ADDRESS: Limit = Limit::new("shop_code_address", 60, HOUR);
/// Messages to the studio, for an IP address.
pub const CONTACT_ADDRESS: Limit = Limit::new("contact_address", 10, HOUR);
/// Messages to the studio, for an e-mail address.
pub const CONTACT_EMAIL: Limit = Limit::new("contact_email", 5, HOUR);

/// Bookings that a member makes. Each sends an e-mail.
pub const BOOKING: Limit = Limit::new("booking", 30, HOUR);
/// Cancellations of a member. Each sends an e-mail to the member and can send one to the
/// waitlist.
pub const CANCELLATION: Limit = Limit::new("cancellation", 30, HOUR);

/// Anonymous sessions that are created, for an IP address.
pub const VISITOR_ADDRESS: Limit = Limit::new("visitor_address", 60, HOUR);

/// How long an attempt waits for others that are in progress.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The longest pause before a waiting attempt checks the counters again.
const MAX_PAUSE_MS: u64 = 200;

/// The time after which the client of an attempt that has waited for too long can retry.
const BUSY_RETRY_DELAY: Duration = Duration::from_secs(1);

/// An attempt is not given back this shortly before its window ends, because the change
/// could reach the counter of the next window.
const GIVE_BACK_MARGIN: Duration = Duration::from_millis(500);

/// Counts an attempt for each subject, even if another subject has exceeded its limit.
///
/// # Errors
///
/// [`Error::TooManyRequests`] if one of the subjects has exceeded its limit;
/// [`Error::Unavailable`] if neither Redis nor Postgres can count.
pub async fn count_attempt(app: &App, subjects: &[Subject]) -> Result<()> {
    let (store, counters) = count(app, subjects, true).await?;
    let mut excess = Excess::default();
    for (subject, counter) in subjects.iter().zip(&counters) {
        let exceeded = counter.attempts.max(counter.failed) > limit_of(subject);
        if counter.is_blocked || exceeded {
            excess.add(app, store, subject, counter).await;
        }
    }
    excess.finish()
}

/// Reserves an attempt for each subject. The returned [`Attempt`] counts as failed when it is
/// dropped without a call to [`Attempt::settle`], [`Attempt::succeed`] or
/// [`Attempt::give_back`].
///
/// # Errors
///
/// The errors of [`count_attempt`]. [`Error::TooManyRequests`] also if other attempts in
/// progress still use up a limit after ten seconds. A rejected attempt is not counted.
pub async fn begin(app: &App, subjects: Vec<Subject>) -> Result<Attempt> {
    let start = Instant::now();
    let mut pause_ms = 10;
    loop {
        let (store, counters) = count(app, &subjects, false).await?;
        let exceeds = |subject: &Subject, counter: &Counter| {
            counter.is_blocked || counter.attempts.max(counter.failed + 1) > limit_of(subject)
        };
        let states = || subjects.iter().zip(&counters);
        if !states().any(|(subject, counter)| exceeds(subject, counter)) {
            let reached = states()
                .filter(|(subject, counter)| {
                    counter.attempts.max(counter.failed + 1) >= limit_of(subject)
                })
                .map(|(subject, _)| subject.limit().name)
                .collect();
            let now = Instant::now();
            let window_ends = counters
                .iter()
                .map(|counter| now + Duration::from_secs_f64(counter.remaining.max(0.0)));
            return Ok(Attempt {
                app: app.clone(),
                store,
                subjects: subjects.into_iter().zip(window_ends).collect(),
                reached,
            });
        }
        adjust(app, store, &subjects, -1, 0).await;
        // A limit that is exceeded only because of attempts in progress is not final.
        let mut excess = Excess::default();
        for (subject, counter) in states() {
            if counter.is_blocked || counter.failed >= limit_of(subject) {
                excess.add(app, store, subject, counter).await;
            }
        }
        excess.finish()?;
        if start.elapsed() >= MAX_WAIT {
            return Err(Error::TooManyRequests {
                retry_after: BUSY_RETRY_DELAY,
                exceeded: Vec::new(),
                started: Vec::new(),
            });
        }
        // The pauses are random, so that waiting attempts do not all retry at the same
        // time.
        let pause = pause_ms / 2 + random::below(pause_ms);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        pause_ms = (pause_ms * 2).min(MAX_PAUSE_MS);
    }
}

fn limit_of(subject: &Subject) -> i64 {
    i64::from(subject.limit().attempts)
}

/// A reserved attempt. It counts as failed when it is dropped.
#[must_use = "an attempt that is dropped has failed"]
pub struct Attempt {
    app: App,
    store: Store,
    /// The subjects, and when the window of each ends. Empty once the attempt is settled.
    subjects: Vec<(Subject, Instant)>,
    /// The names of the limits that are reached if the attempt fails.
    reached: Vec<&'static str>,
}

impl Attempt {
    /// Returns the names of the limits that are reached if the attempt fails. No further
    /// attempt is allowed then, until a window ends.
    pub fn reached(&self) -> &[&'static str] {
        &self.reached
    }

    /// Settles the attempt by its outcome. After an outage, which is neither a success nor a
    /// failure, the attempt is only given back.
    pub fn settle<T>(self, outcome: &Result<T>) {
        match outcome {
            Ok(_) => self.succeed(),
            Err(Error::Unavailable(_) | Error::Internal(_)) => self.give_back(),
            Err(_) => {}
        }
    }

    /// Gives the attempt back, after it succeeded. Deletes the counters of a device, a
    /// session, and an account at an IP address, because their owner has authenticated.
    /// Runs after the response.
    pub fn succeed(mut self) {
        let (reset, given_back) = std::mem::take(&mut self.subjects)
            .into_iter()
            .partition(|(subject, _)| subject.is_reset_by_success());
        self.subjects = given_back;
        let app = self.app.clone();
        self.give_back();
        background::spawn(async move { reset_subjects(&app, reset).await });
    }

    /// Gives the attempt back for each subject whose window does not end within the next half
    /// second. Runs after the response.
    pub fn give_back(mut self) {
        let earliest_end = Instant::now() + GIVE_BACK_MARGIN;
        let subjects = std::mem::take(&mut self.subjects).into_iter();
        let open: Vec<_> = subjects
            .filter(|(_, window_end)| earliest_end < *window_end)
            .map(|(subject, _)| subject)
            .collect();
        let (app, store) = (self.app.clone(), self.store);
        background::spawn(async move { adjust(&app, store, &open, -1, 0).await });
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let failed: Vec<_> = std::mem::take(&mut self.subjects)
            .into_iter()
            .map(|(subject, _)| subject)
            .collect();
        if !failed.is_empty() {
            let (app, store) = (self.app.clone(), self.store);
            background::spawn(async move { adjust(&app, store, &failed, 0, 1).await });
        }
    }
}

/// Gives back an attempt that [`count_attempt`] has counted. Runs after the response.
pub fn forgive(app: &App, subjects: Vec<Subject>) {
    let app = app.clone();
    background::spawn(async move {
        let store = match app.kv() {
            Some(kv) if kv.is_answering() => Store::Redis,
            _ => Store::Postgres,
        };
        adjust(&app, store, &subjects, -1, -1).await;
    });
}

/// The store that has counted an attempt.
#[derive(Clone, Copy, Debug)]
enum Store {
    Redis,
    Postgres,
}

/// The limits that an attempt exceeds.
#[derive(Default)]
struct Excess {
    seconds: f64,
    exceeded: Vec<&'static str>,
    started: Vec<&'static str>,
}

impl Excess {
    /// Adds a subject whose limit is exceeded. The first attempt above a limit starts a
    /// block. Later attempts wait for the rest of the block.
    async fn add(&mut self, app: &App, store: Store, subject: &Subject, counter: &Counter) {
        let limit = subject.limit();
        self.exceeded.push(limit.name);
        let mut seconds = counter.remaining;
        if limit.blocks && !counter.is_blocked {
            let (block_seconds, is_new) = block(app, store, subject).await;
            seconds = block_seconds;
            self.started.extend(is_new.then_some(limit.name));
        }
        self.seconds = self.seconds.max(seconds.max(1.0));
    }

    fn finish(self) -> Result<()> {
        if self.exceeded.is_empty() {
            return Ok(());
        }
        Err(Error::TooManyRequests {
            retry_after: Duration::from_secs_f64(self.seconds),
            exceeded: self.exceeded,
            started: self.started,
        })
    }
}

/// Counts an attempt for each subject, in Redis or else in Postgres.
async fn count(app: &App, subjects: &[Subject], has_failed: bool) -> Result<(Store, Vec<Counter>)> {
    if let Some(kv) = app.kv() {
        match count_in_redis(kv, subjects, has_failed).await {
            Ok(counters) => return Ok((Store::Redis, counters)),
            Err(error) => {
                tracing::debug!(error = %chain(&error), "counting attempts in Postgres");
            }
        }
    }
    let client = app.db().client().await?;
    let counters = rate_limit::count(&client, subjects, has_failed).await?;
    Ok((Store::Postgres, counters))
}

/// Returns the Redis key of a subject's counter. Earlier versions stored counters of another
/// format under `throttle:`.
fn redis_key(subject_key: &str) -> String {
    format!("rate_limit:{subject_key}")
}

/// What a failure adds to a counter in Redis. A counter is a single number: the number of
/// attempts, plus this amount for each failed attempt. So one command can change both
/// counts, and both expire together.
const FAILURE_AMOUNT: i64 = 1 << 20;

/// The number that replaces a counter during a block. Attempts may still be added to it.
const BLOCK_VALUE: i64 = 1 << 50;

fn counter_from_redis(value: i64, remaining_ms: i64) -> Counter {
    // If an attempt is given back after its window has ended, the counter of the next
    // window can be slightly negative.
    let failed = (value + FAILURE_AMOUNT / 2).div_euclid(FAILURE_AMOUNT);
    Counter {
        attempts: value - failed * FAILURE_AMOUNT,
        failed,
        // Before version 7, Redis may expire a counter within the transaction. `PTTL` is then
        // negative.
        remaining: remaining_ms.max(0) as f64 / 1_000.0,
        is_blocked: value >= BLOCK_VALUE / 2,
    }
}

/// Counts one attempt for each subject in one Redis transaction. A missing counter is
/// created with its expiry.
async fn count_in_redis(kv: &Kv, subjects: &[Subject], has_failed: bool) -> Result<Vec<Counter>> {
    let amount = 1 + if has_failed { FAILURE_AMOUNT } else { 0 };
    let replies = add_in_redis(kv, subjects, amount).await?;
    let counters = replies.chunks(3).map(|reply| match reply {
        [_, Reply::Integer(value), Reply::Integer(remaining_ms)] => {
            Ok(counter_from_redis(*value, *remaining_ms))
        }
        _ => Err(Error::internal("unexpected reply from Redis to a counter")),
    });
    counters.collect()
}

async fn add_in_redis(kv: &Kv, subjects: &[Subject], amount: i64) -> Result<Vec<Reply>> {
    kv.transaction(|redis, mut batch| {
        for subject in subjects {
            let (key, window) = (redis_key(subject.key()), millis(subject.limit().window));
            batch = batch
                .push(redis.set(&key, "0")?.nx().px(window))
                .push(redis.incrby(&key, amount)?)
                .push(redis.command(&["PTTL", &key])?);
        }
        Ok(batch)
    })
    .await
}

/// Adds to the attempts and the failed attempts of subjects. If this fails, the attempt
/// stays counted until its window ends.
async fn adjust(app: &App, store: Store, subjects: &[Subject], attempts: i32, failed: i32) {
    if subjects.is_empty() {
        return;
    }
    let adjusted = match (store, app.kv()) {
        (Store::Redis, Some(kv)) => {
            let amount = i64::from(attempts) + i64::from(failed) * FAILURE_AMOUNT;
            add_in_redis(kv, subjects, amount).await.map(drop)
        }
        _ => {
            let keys: Vec<String> = subjects.iter().map(|one| one.key().to_owned()).collect();
            async { rate_limit::adjust(&app.db().client().await?, &keys, attempts, failed).await }
                .await
        }
    };
    if let Err(error) = adjusted {
        tracing::warn!(error = %chain(&error), "failed to adjust rate limit");
    }
}

/// Blocks a subject. Returns the length of the block in seconds, and whether this call has
/// started it.
async fn block(app: &App, store: Store, subject: &Subject) -> (f64, bool) {
    let blocked = async { rate_limit::block(&app.db().client().await?, subject).await };
    let (block_seconds, is_new) = match blocked.await {
        Ok(Some(block_seconds)) => (block_seconds, true),
        Ok(None) => return (subject.limit().window, false),
        Err(error) => {
            tracing::warn!(error = %chain(&error), "failed to store a block, using the length of the window");
            (subject.limit().window, true)
        }
    };
    if let (Store::Redis, Some(kv)) = (store, app.kv()) {
        let (key, ttl) = (
            redis_key(subject.key()),
            Duration::from_secs_f64(block_seconds),
        );
        if let Err(error) = kv.set(&key, &BLOCK_VALUE.to_string(), ttl).await {
            tracing::warn!(error = %chain(&error), "failed to store a block in Redis");
        }
    }
    (block_seconds, is_new)
}

fn millis(seconds: f64) -> u64 {
    (seconds * 1_000.0) as u64
}

/// Resets the counters of subjects that have authenticated.
async fn reset_subjects(app: &App, subjects: Vec<(Subject, Instant)>) {
    let keys = subjects.iter().map(|(subject, _)| subject.key().to_owned());
    let keys: Vec<String> = keys.collect();
    if keys.is_empty() {
        return;
    }
    delete_counters(app, &keys).await;
    let reset = async { rate_limit::reset(&app.db().client().await?, &keys).await };
    if let Err(error) = reset.await {
        tracing::warn!(error = %chain(&error), "failed to reset rate limit");
    }
}

/// The counters of an account that a transaction resets.
#[derive(Debug)]
pub struct Reset {
    /// The number of counters and blocks in Postgres.
    pub count: usize,
    /// The keys of all counters, including those that may exist only in Redis.
    pub keys: Vec<String>,
}

/// Lifts the blocks of an account in Postgres. Limits of an IP address stay, because they
/// do not belong to the account. The caller must pass the keys to [`delete_counters`] after
/// the commit.
pub async fn reset_account(client: &Client, email: &str, user_id: Uuid) -> Result<Reset> {
    let mut reset = reset_passwords(client, email).await?;
    let limits = [SECOND_FACTOR, SECOND_FACTOR_DAY];
    let codes = reset_limits(client, &user_id.to_string(), &limits).await?;
    reset.count += codes.count;
    reset.keys.extend(codes.keys);
    let sessions = limits.map(|limit| Subject::sessions_of(limit, user_id).key().to_owned());
    reset.keys.extend(sessions);
    Ok(reset)
}

/// Lifts the blocks of an account for wrong passwords, as [`reset_account`] does. Blocks of
/// the second factor stay. Otherwise, somebody who can read the owner's e-mail could lift
/// them and guess codes without a limit.
pub async fn reset_passwords(client: &Client, email: &str) -> Result<Reset> {
    let limits = [SIGN_IN_ACCOUNT, SIGN_IN_DEVICE, SIGN_IN_UNKNOWN];
    reset_limits(client, &sha256_hex(email.as_bytes()), &limits).await
}

async fn reset_limits(client: &Client, account: &str, limits: &[Limit]) -> Result<Reset> {
    let names: Vec<String> = limits
        .iter()
        .map(|limit| format!("{}:{account}", limit.name))
        .collect();
    let mut keys = rate_limit::reset_prefixes(client, &names).await?;
    let count = keys.len();
    // A counter that has not started a block may exist only in Redis.
    keys.extend(names);
    Ok(Reset { count, keys })
}

/// Deletes the counters in Redis that have these subject keys.
pub async fn delete_counters(app: &App, keys: &[String]) {
    let (Some(kv), false) = (app.kv(), keys.is_empty()) else {
        return;
    };
    let redis_keys: Vec<String> = keys.iter().map(|key| redis_key(key)).collect();
    let redis_keys: Vec<&str> = redis_keys.iter().map(String::as_str).collect();
    if let Err(error) = kv.delete(&redis_keys).await {
        tracing::warn!(error = %chain(&error), "failed to reset rate limit in Redis");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(address: &str) -> Vec<String> {
        Subject::address(SIGN_IN_ADDRESS, address.parse().unwrap())
            .iter()
            .map(|subject| subject.key().to_owned())
            .collect()
    }

    #[test]
    fn an_ipv6_address_counts_for_networks_of_three_sizes() {
        assert_eq!(
            keys("2001:db8:1:2ff:3::4"),
            [
                "sign_in_address:2001:db8:1:2ff::/64",
                "sign_in_address:2001:db8:1:200::/56",
                "sign_in_address:2001:db8:1::/48",
            ]
        );
        let limits = Subject::address(SIGN_IN_ADDRESS, "2001:db8::1".parse().unwrap())
            .iter()
            .map(|subject| subject.limit().attempts)
            .collect::<Vec<_>>();
        assert_eq!(limits, [20, 40, 80]);
        assert_eq!(keys("192.0.2.1"), ["sign_in_address:192.0.2.1"]);
        assert_eq!(keys("::ffff:192.0.2.1"), keys("192.0.2.1"));
        assert_ne!(keys("192.0.2.1"), keys("192.0.2.2"));
    }

    #[test]
    fn a_number_in_redis_is_read_as_attempts_and_failures() {
        for (attempts, failed) in [(0, 0), (5, 0), (5, 5), (-1, 0), (-1, 3), (200, 120)] {
            let counter = counter_from_redis(attempts + failed * FAILURE_AMOUNT, 1_500);
            assert_eq!((counter.attempts, counter.failed), (attempts, failed));
            assert!(!counter.is_blocked);
            assert!(
                counter_from_redis(BLOCK_VALUE + attempts + failed * FAILURE_AMOUNT, 0).is_blocked
            );
        }
    }
}
