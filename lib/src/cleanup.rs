//! What the hourly clean-up does.
//!
//! Nothing but disk space and the punctuality of mail depends on it: expiry is
//! checked on every read. One step that fails keeps no other from its work.

use std::time::{Duration, Instant};

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Error, Result, chain};
use crate::models::cross_app_session;
use crate::notify::mail;
use crate::notify::mail::SendSummary;
use crate::payments::reconcile;
use crate::store::statement::Statement;
use crate::{App, BoxFuture};

/// When to stop, so that the function ends before the platform ends it.
const BUDGET: Duration = Duration::from_secs(50);

/// Few enough that no lock is held for long.
const BATCH: i64 = 5_000;

/// What a clean-up has removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Sessions that had expired.
    pub sessions: u64,
    /// Counts of tries that nobody waits for any more.
    pub throttle: u64,
    /// Links from mails, sign-ins that were begun, and devices, whose time was up.
    /// Refresh tokens go with their sessions.
    pub tokens: u64,
    /// Keys whose first answer need not be given again.
    pub idempotency_keys: u64,
    /// Mail that was sent, or given up, thirty days ago.
    pub mail: u64,
    /// Events that members have had thirty days to look at.
    pub member_events: u64,
    /// What a provider told us thirty days ago; it repeats itself for three.
    pub webhook_events: u64,
    /// Tokens for partner applications that went to the archive, thirty days old.
    pub cross_app_archived: u64,
    /// Months of the archive that are not kept any longer.
    pub archive_months_dropped: u64,
    /// Mail that was due.
    pub sent: SendSummary,
    /// Card payments whose time was up, and that are settled one way or the other.
    pub payments_settled: u64,
    /// Card payments that went back.
    pub payments_refunded: u64,
    /// The steps that failed, by name; the log says why.
    pub failed: Vec<&'static str>,
    /// Whether time ran out, a step failed, or Stripe or the mail server did not
    /// answer: the next run does the rest.
    pub remaining: bool,
}

/// What is answered beside the sessions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CleanupDetails)]
pub struct Details {
    throttle: u64,
    /// Links from mails, sign-ins that were begun, and devices.
    tokens: u64,
    idempotency_keys: u64,
    mail: u64,
    member_events: u64,
    webhook_events: u64,
    /// Tokens for partner applications that went to the archive.
    cross_app_archived: u64,
    /// Months of the archive that are not kept any longer.
    archive_months_dropped: u64,
    /// Card payments whose time was up, paid after all or not.
    payments_settled: u64,
    /// Card payments that went back.
    payments_refunded: u64,
    /// Mail that went out.
    mail_sent: u64,
    /// Tries to send mail that failed, and are made again.
    mail_failed: u64,
    /// Mail that nobody will try again.
    mail_given_up: u64,
    /// The steps that failed; the log says why.
    failed: Vec<&'static str>,
}

impl From<Cleaned> for Details {
    fn from(cleaned: Cleaned) -> Self {
        Self {
            throttle: cleaned.throttle,
            tokens: cleaned.tokens,
            idempotency_keys: cleaned.idempotency_keys,
            mail: cleaned.mail,
            member_events: cleaned.member_events,
            webhook_events: cleaned.webhook_events,
            cross_app_archived: cleaned.cross_app_archived,
            archive_months_dropped: cleaned.archive_months_dropped,
            payments_settled: cleaned.payments_settled,
            payments_refunded: cleaned.payments_refunded,
            mail_sent: cleaned.sent.sent,
            mail_failed: cleaned.sent.failed,
            mail_given_up: cleaned.sent.given_up,
            failed: cleaned.failed,
        }
    }
}

macro_rules! sweep {
    ($name:literal, $table:literal, $key:literal, $expired:literal) => {
        Statement::new(
            $name,
            concat!(
                "with expired as (
                    select ",
                $key,
                " from ",
                $table,
                " where ",
                $expired,
                "
                    limit $1 for update skip locked
                ), gone as (
                    delete from ",
                $table,
                " using expired
                    where (",
                $table,
                ".",
                $key,
                ") = (expired.",
                $key,
                ") returning 1
                )
                select count(*) from gone"
            ),
        )
    };
}

static SESSIONS: Statement = sweep!(
    "cleanup.sessions",
    "user_sessions",
    "id",
    "expires_at <= now()"
);
static THROTTLE: Statement = sweep!(
    "cleanup.throttle",
    "login_throttle",
    "key",
    "expires_at <= now()"
);
static ONE_TIME_TOKENS: Statement = sweep!(
    "cleanup.one_time_tokens",
    "one_time_tokens",
    "id",
    "expires_at <= now()"
);
static OAUTH_STATES: Statement = sweep!(
    "cleanup.oauth_states",
    "oauth_states",
    "state_hash",
    "expires_at <= now()"
);
static SIGN_IN_CHALLENGES: Statement = sweep!(
    "cleanup.sign_in_challenges",
    "sign_in_challenges",
    "id",
    "expires_at <= now()"
);
static REMEMBERED_DEVICES: Statement = sweep!(
    "cleanup.remembered_devices",
    "remembered_devices",
    "id",
    "expires_at <= now()"
);
static IDEMPOTENCY_KEYS: Statement = sweep!(
    "cleanup.idempotency_keys",
    "idempotency_keys",
    "ctid",
    "expires_at <= now()"
);
static MAIL: Statement = sweep!(
    "cleanup.mail",
    "mail_outbox",
    "id",
    "sent_at <= now() - interval '30 days' or (sent_at is null
        and next_attempt_at = 'infinity' and created_at <= now() - interval '30 days')"
);
static MEMBER_EVENTS: Statement = sweep!(
    "cleanup.member_events",
    "member_events",
    "id",
    "created_at <= now() - interval '30 days'"
);
static WEBHOOK_EVENTS: Statement = sweep!(
    "cleanup.webhook_events",
    "webhook_events",
    "id",
    "created_at <= now() - interval '30 days'"
);

/// Settles payments, sends the mail that is due, removes what has expired, and
/// archives old tokens, in batches, each its own transaction, until nothing is
/// left or time runs out. Any number of these at once do not disturb one another,
/// and a sign-in never waits for them.
///
/// # Errors
///
/// [`Error::Unavailable`] when no step did its work; what was done is done.
pub fn run(app: &App) -> BoxFuture<'_, Result<Cleaned>> {
    run_for(app, BUDGET)
}

/// As [`run`], with another budget of time.
///
/// # Errors
///
/// As [`run`].
pub fn run_for(app: &App, budget: Duration) -> BoxFuture<'_, Result<Cleaned>> {
    Box::pin(async move {
        let started = Instant::now();
        let mut run = Run::default();
        let mut cleaned = Cleaned::default();
        // Somebody waits for these, in this order, for the first write mail;
        // nobody for the rest, which has a quarter of the time for itself.
        if app.stripe().is_some() {
            let settled = reconcile::release_unpaid(app, started + budget / 4).await;
            let settled = run.step("paymentsSettled", settled).unwrap_or_default();
            let refunded = reconcile::refund_due(app, started + budget / 2).await;
            let refunded = run.step("paymentsRefunded", refunded).unwrap_or_default();
            cleaned.payments_settled = settled.count;
            cleaned.payments_refunded = refunded.count;
            cleaned.remaining = settled.remaining || refunded.remaining;
        }
        let sent = mail::send_due(app, started + budget / 4 * 3).await;
        cleaned.sent = run.step("mail", sent).unwrap_or_default();
        cleaned.remaining |= cleaned.sent.remaining;
        for (name, statement, removed) in [
            ("sessions", &SESSIONS, &mut cleaned.sessions),
            ("throttle", &THROTTLE, &mut cleaned.throttle),
            (
                "idempotencyKeys",
                &IDEMPOTENCY_KEYS,
                &mut cleaned.idempotency_keys,
            ),
            ("sentMail", &MAIL, &mut cleaned.mail),
            ("memberEvents", &MEMBER_EVENTS, &mut cleaned.member_events),
            (
                "webhookEvents",
                &WEBHOOK_EVENTS,
                &mut cleaned.webhook_events,
            ),
        ] {
            let swept = sweep(app, statement, removed, started + budget).await;
            cleaned.remaining |= run.step(name, swept).unwrap_or_default();
        }
        for statement in [
            &ONE_TIME_TOKENS,
            &OAUTH_STATES,
            &SIGN_IN_CHALLENGES,
            &REMEMBERED_DEVICES,
        ] {
            let swept = sweep(app, statement, &mut cleaned.tokens, started + budget).await;
            cleaned.remaining |= run.step("tokens", swept).unwrap_or_default();
        }
        let archived = archive(app, &mut cleaned, started + budget).await;
        cleaned.remaining |= run.step("crossApp", archived).unwrap_or_default();
        app.counters().add("sessions_expired", cleaned.sessions);
        // The next run is an hour away, and most likely another process's.
        app.counters().write().await;
        cleaned.failed = run.finish()?;
        cleaned.remaining |= !cleaned.failed.is_empty();
        tracing::info!(?cleaned, ms = started.elapsed().as_millis(), "cleaned up");
        Ok(cleaned)
    })
}

/// How the steps of one run went.
#[derive(Default)]
struct Run {
    steps: usize,
    failed: Vec<&'static str>,
    first: Option<Error>,
}

impl Run {
    fn step<T>(&mut self, name: &'static str, outcome: Result<T>) -> Option<T> {
        self.steps += 1;
        match outcome {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::error!(step = name, error = %chain(&error), "a step of the clean-up failed");
                self.failed.push(name);
                self.first.get_or_insert(error);
                None
            }
        }
    }

    /// Cron is told of a failure when all that was tried failed; else the
    /// answer says what did, and what was done all the same.
    fn finish(mut self) -> Result<Vec<&'static str>> {
        match self.first {
            Some(error) if self.failed.len() == self.steps => Err(error),
            _ => {
                self.failed.dedup();
                Ok(self.failed)
            }
        }
    }
}

/// Counts what has become of tokens for partner applications, and moves the old
/// ones to the archive. Each part needs the one before it: what is not counted
/// yet must not leave, and what leaves needs a place. Returns whether something
/// is left to do.
async fn archive(app: &App, cleaned: &mut Cleaned, until: Instant) -> Result<bool> {
    if Instant::now() >= until {
        return Ok(true);
    }
    {
        let client = app.db().client().await?;
        cross_app_session::count(&client).await?;
        cross_app_session::make_partitions(&client).await?;
    }
    let moved = &mut cleaned.cross_app_archived;
    if sweep(app, &cross_app_session::ARCHIVE, moved, until).await? {
        return Ok(true);
    }
    let months = app.config().studio.archive_retention_months;
    let client = app.db().client().await?;
    let dropped = cross_app_session::drop_partitions(&client, months).await?;
    cleaned.archive_months_dropped = u64::try_from(dropped).unwrap_or(0);
    Ok(false)
}

/// Returns whether something is left to do.
async fn sweep(
    app: &App,
    statement: &Statement,
    removed: &mut u64,
    until: Instant,
) -> Result<bool> {
    let client = app.db().client().await?;
    loop {
        if Instant::now() >= until {
            return Ok(true);
        }
        let count: i64 = statement.one(&client, &[&BATCH]).await?.try_get(0)?;
        *removed += u64::try_from(count).unwrap_or(0);
        if count < BATCH {
            return Ok(false);
        }
    }
}
