//! The checks after a run. They compare confirmed changes with the tables, and check all
//! sessions again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use sabor::crypto::secret::sha256_hex;
use tokio_postgres::Client;
use uuid::Uuid;

use super::environment::Operation;
use super::log::{Log, Outcome, SessionEnd, StaleRead};
use super::run::Run;

/// A margin for delays on a busy machine with two cores. It does not apply to sessions that
/// may not be accepted at all, because their checks start after the confirmation.
const TIMING_MARGIN: Duration = Duration::from_secs(1);

/// How long an ended session may still be accepted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum StalenessLimit {
    /// Not at all. No check that starts after the confirmation may accept it.
    None,
    /// Until this long after the fault, if the session ended during or after the fault. A
    /// session that ended before the fault may not be accepted at all.
    AfterRecovery(Duration),
    /// Until this long after the session ended.
    Always(Duration),
}

/// The start and the end of a fault.
type FaultPeriod = (Instant, Instant);

/// How long Redis keeps a session record. A lost invalidation has no effect after that.
pub(super) const RECORD_LIFETIME: Duration = Duration::from_secs(300);

impl StalenessLimit {
    pub(super) fn name(self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::AfterRecovery(delay) => format!("{} s after recovery", delay.as_secs()),
            Self::Always(delay) => format!("{} s", delay.as_secs()),
        }
    }

    /// Waits until the limit after the recovery has passed.
    pub(super) async fn wait(self, fault_ended: Instant) {
        if let Self::AfterRecovery(delay) = self {
            let due = fault_ended + delay + TIMING_MARGIN;
            tokio::time::sleep_until(due.into()).await;
        }
    }

    /// Returns the time until which the session may be accepted.
    fn deadline(
        self,
        &SessionEnd { at, confirmed }: &SessionEnd,
        (fault_start, fault_end): FaultPeriod,
    ) -> Instant {
        match self {
            _ if !confirmed => at + RECORD_LIFETIME + TIMING_MARGIN,
            Self::AfterRecovery(delay) if fault_start <= at => {
                at.max(fault_end + delay + TIMING_MARGIN)
            }
            Self::AfterRecovery(_) | Self::None => at,
            Self::Always(delay) => at + delay + TIMING_MARGIN,
        }
    }
}

/// Returns the longest time for which a session was accepted after its end.
pub(super) fn longest_stale_read(log: &Log) -> Duration {
    let stale_reads = log.stale_reads().into_iter();
    let durations = stale_reads.map(|read| read.sent_at.saturating_duration_since(read.ended.at));
    durations.max().unwrap_or_default()
}

/// Runs all checks and records violations in the log.
pub(super) async fn run_all(run: &Arc<Run>, limit: StalenessLimit) -> Result<()> {
    let (log, fault) = (&run.log, run.fault_period()?);
    for request in log.requests() {
        if let Some(reason) = run.unexpected_failure(&request) {
            let (operation, outcome) = (request.operation.name(), request.outcome.name());
            log.record_violation(format!("{operation}: {outcome}, {reason}"));
        }
    }
    let client = run.environment.connect().await?;
    check_sessions(run, &client, limit).await?;
    for read in log.stale_reads() {
        if read.sent_at > limit.deadline(&read.ended, fault) {
            log.record_violation("check: an ended session was accepted for longer than the limit");
        }
    }
    check_bookings(run, &client).await?;
    check_classes(run, &client).await?;
    check_other_changes(run, &client).await?;
    check_tokens(run).await
}

/// Checks that each process accepts active sessions and rejects ended ones.
async fn check_sessions(run: &Arc<Run>, client: &Client, limit: StalenessLimit) -> Result<()> {
    let key = |cookie: &str| {
        let token = cookie.split(['=', '.']).nth(1).unwrap_or_default();
        sha256_hex(token.as_bytes())
    };
    let (active, ended) = (run.log.active_sessions(), run.log.ended_sessions());
    let keys: Vec<String> = active.iter().map(|cookie| key(cookie)).collect();
    let existing_count = count(client, COUNT_SESSIONS, &keys).await?;
    run.check(
        existing_count == keys.len(),
        "sign-in: confirmed, but not in Postgres",
    );
    let keys: Vec<String> = ended.iter().map(|(cookie, _)| key(cookie)).collect();
    let existing_count = count(client, COUNT_SESSIONS, &keys).await?;
    run.check(
        existing_count == 0,
        "sign-out: confirmed, but still in Postgres",
    );
    let mut accepted = Vec::new();
    for turn in 0..2 {
        for cookie in &active {
            let response = run
                .send(Operation::Check, turn, run.session_check(cookie)?)
                .await?;
            run.check(
                response.outcome == Outcome::Success,
                "check: an active session is rejected after the fault",
            );
        }
        for (cookie, ended) in &ended {
            let response = run
                .send(Operation::Check, turn, run.session_check(cookie)?)
                .await?;
            let (ended, sent_at) = (*ended, response.sent_at);
            match response.outcome {
                Outcome::Rejected => {}
                Outcome::Success => {
                    run.log.record_stale_read(StaleRead { ended, sent_at });
                    accepted.push((turn, cookie, ended));
                }
                _ => run.log.record_violation(
                    "check: an ended session gets no definite response after the fault",
                ),
            }
        }
    }
    let fault = run.fault_period()?;
    for (turn, cookie, ended) in accepted {
        // This takes minutes if invalidations may have been lost.
        tokio::time::sleep_until(limit.deadline(&ended, fault).into()).await;
        let response = run
            .send(Operation::Check, turn, run.session_check(cookie)?)
            .await?;
        run.check(
            response.outcome == Outcome::Rejected,
            "check: an ended session is accepted beyond the limit",
        );
    }
    Ok(())
}

async fn check_bookings(run: &Run, client: &Client) -> Result<()> {
    let rows = client.query(SELECT_BOOKINGS, &[&run.classes]).await?;
    let row = client
        .query_one(COUNT_DUPLICATE_BOOKINGS, &[&run.classes])
        .await?;
    let duplicates: i64 = row.try_get(0)?;
    run.check(
        duplicates == 0,
        "book: two bookings under one Idempotency-Key",
    );
    let confirmed = run.log.confirmed();
    let mut found_count = 0;
    for row in &rows {
        let (id, class): (Uuid, Uuid) = (row.try_get("id")?, row.try_get("scheduled_class_id")?);
        let status: &str = row.try_get("status")?;
        let (is_cancelled, booking) = (status == "cancelled", confirmed.booked.get(&id));
        found_count += usize::from(booking.is_some_and(|booking| booking.class == class));
        let lost_spot = booking.is_some_and(|booking| booking.has_spot) && status == "waitlisted";
        run.check(!lost_spot, "book: a confirmed spot became a waitlist entry");
        let lost_cancellation = !is_cancelled && confirmed.cancelled.contains(&id);
        run.check(!lost_cancellation, "cancel: confirmed, but not cancelled");
        let was_requested = confirmed.cancellation_requested.contains(&id);
        run.check(
            !is_cancelled || was_requested,
            "book: cancelled without a request",
        );
    }
    let all_exist = found_count == confirmed.booked.len();
    run.check(all_exist, "book: confirmed, but not in Postgres");
    Ok(())
}

/// Checks that no spot is sold twice, and that nobody waits while a spot is free.
async fn check_classes(run: &Run, client: &Client) -> Result<()> {
    let rows = client.query(SELECT_CLASSES, &[&run.classes]).await?;
    run.check(
        rows.len() == run.classes.len(),
        "book: an occurrence is missing",
    );
    for row in rows {
        let column = |name: &str| row.try_get::<_, i64>(name);
        let (spots, counted, booked) = (column("spots")?, column("counted")?, column("booked")?);
        run.check(booked <= spots, "book: more bookings than spots");
        run.check(
            booked == counted,
            "book: the counter differs from the number of rows",
        );
        let (waiting, positions) = (column("waiting")?, column("positions")?);
        run.check(
            waiting == positions,
            "book: two waitlist entries have the same position",
        );
        run.check(
            column("misplaced")? == 0,
            "book: a waitlist position without a waitlist entry",
        );
        run.check(
            waiting == 0 || booked == spots,
            "book: a waitlist entry while a spot is free",
        );
    }
    Ok(())
}

/// Checks that confirmed messages, accounts and tokens exist.
async fn check_other_changes(run: &Run, client: &Client) -> Result<()> {
    let check_all = async |query, ids: Vec<Uuid>, message| {
        let existing_count = count(client, query, &ids).await?;
        run.check(existing_count == ids.len(), message);
        Ok::<_, anyhow::Error>(())
    };
    let messages = run.log.confirmed().messages.iter().copied().collect();
    check_all(
        COUNT_MESSAGES,
        messages,
        "contact: confirmed, but not in Postgres",
    )
    .await?;
    let registered: Vec<String> = run.log.confirmed().registered.iter().cloned().collect();
    let existing_count = count(client, COUNT_USERS, &registered).await?;
    let all_exist = existing_count == registered.len();
    run.check(all_exist, "register: confirmed, but not in Postgres");
    let required_ids = |tokens: &HashMap<Uuid, Instant>| {
        let required = tokens
            .iter()
            .filter(|(_, issued_at)| !run.may_lose(Operation::Issue, **issued_at));
        required.map(|(id, _)| *id).collect()
    };
    let issued = required_ids(&run.log.confirmed().issued);
    check_all(
        COUNT_ISSUED,
        issued,
        "issue: confirmed, but not in Postgres",
    )
    .await?;
    let redeemed = required_ids(&run.log.confirmed().redeemed);
    check_all(
        COUNT_REDEEMED,
        redeemed,
        "redeem: confirmed, but not in Postgres",
    )
    .await
}

/// Checks that the last refresh token of each session with tokens is valid.
async fn check_tokens(run: &Run) -> Result<()> {
    let tokens: Vec<String> = run.log.confirmed().refresh_tokens.iter().cloned().collect();
    for token in tokens {
        let response = run
            .send(Operation::Refresh, 0, run.refresh_request(&token)?)
            .await?;
        run.check(
            response.outcome == Outcome::Success,
            "refresh: a valid token was rejected",
        );
    }
    Ok(())
}

async fn count<T: tokio_postgres::types::ToSql + Sync>(
    client: &Client,
    query: &str,
    keys: &[T],
) -> Result<usize> {
    let row = client.query_one(query, &[&keys]).await?;
    let count: i64 = row.try_get(0)?;
    usize::try_from(count).context("the count is negative")
}

const COUNT_SESSIONS: &str = "select count(*) from user_sessions where session_key = any($1)";

const SELECT_BOOKINGS: &str =
    "select id, scheduled_class_id, status from bookings where scheduled_class_id = any($1)";

// Each member books an occurrence with only one Idempotency-Key, so a second booking is a
// duplicate.
const COUNT_DUPLICATE_BOOKINGS: &str = "
    select count(*) from (
        select from bookings where scheduled_class_id = any($1)
        group by user_id, scheduled_class_id having count(*) > 1
    ) twice";

const SELECT_CLASSES: &str = "
    select c.max_participants::bigint as spots, c.current_participants::bigint as counted,
        count(*) filter (where b.status in ('booked', 'attended', 'no_show')) as booked,
        count(*) filter (where b.status = 'waitlisted') as waiting,
        count(distinct b.waitlist_position) filter (where b.status = 'waitlisted') as positions,
        count(b.waitlist_position) filter (where b.status <> 'waitlisted') as misplaced
    from scheduled_classes c left join bookings b on b.scheduled_class_id = c.id
    where c.id = any($1) group by c.id";

const COUNT_MESSAGES: &str = "select count(*) from contact_submissions where id = any($1)";

const COUNT_USERS: &str = "select count(*) from users where email = any($1)";

const COUNT_ISSUED: &str = "select count(*) from cross_app_sessions where id = any($1)";

const COUNT_REDEEMED: &str =
    "select count(*) from cross_app_sessions where id = any($1) and used_at is not null";
