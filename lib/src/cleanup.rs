//! What the hourly clean-up does.
//!
//! Nothing but disk space and the punctuality of mail depends on it: expiry is
//! checked on every read.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::App;
use crate::db::Statement;
use crate::error::Result;

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
    /// Keys whose first answer need not be given again.
    pub idempotency_keys: u64,
    /// Mail that was sent thirty days ago.
    pub mail: u64,
    /// Whether time ran out: the next run does the rest.
    pub remaining: bool,
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
    "sent_at <= now() - interval '30 days'"
);

/// Removes what has expired, in batches, each its own transaction, until
/// nothing is left or time runs out. Any number of these at once do not
/// disturb one another, and a sign-in never waits for them.
///
/// # Errors
///
/// [`crate::Error::Unavailable`]; what was removed until then is gone.
pub async fn run(app: &App) -> Result<Cleaned> {
    run_for(app, BUDGET).await
}

/// As [`run`], with another budget of time.
///
/// # Errors
///
/// As [`run`].
pub async fn run_for(app: &App, budget: Duration) -> Result<Cleaned> {
    let started = Instant::now();
    let client = app.db().client().await?;
    let mut cleaned = Cleaned::default();
    for (statement, removed) in [
        (&SESSIONS, &mut cleaned.sessions),
        (&THROTTLE, &mut cleaned.throttle),
        (&IDEMPOTENCY_KEYS, &mut cleaned.idempotency_keys),
        (&MAIL, &mut cleaned.mail),
    ] {
        let swept = sweep(&client, statement, removed, started, budget).await;
        cleaned.remaining |= swept?;
    }
    app.counters().add("sessions_expired", cleaned.sessions);
    tracing::info!(
        sessions = cleaned.sessions,
        throttle = cleaned.throttle,
        idempotency_keys = cleaned.idempotency_keys,
        mail = cleaned.mail,
        remaining = cleaned.remaining,
        ms = started.elapsed().as_millis(),
        "cleaned up"
    );
    Ok(cleaned)
}

/// Returns whether something is left to do.
async fn sweep(
    client: &Client,
    statement: &Statement,
    removed: &mut u64,
    started: Instant,
    budget: Duration,
) -> Result<bool> {
    loop {
        if started.elapsed() >= budget {
            return Ok(true);
        }
        let count: i64 = statement.one(client, &[&BATCH]).await?.try_get(0)?;
        *removed += u64::try_from(count).unwrap_or(0);
        if count < BATCH {
            return Ok(false);
        }
    }
}
