//! The hourly clean-up.
//!
//! Expiry is checked on every read, so a late clean-up only costs disk space, and delays
//! e-mails, the settlement of payments, and new classes. If a step fails, the others still
//! run.

use std::ops::Range;
use std::time::{Duration, Instant};

use chrono::Timelike;
use serde::Serialize;
use utoipa::ToSchema;

use crate::classes::timetable;
use crate::error::{Error, Result, chain};
use crate::models::{cross_app_session, expired, mail_outbox, payment, reminder, user};
use crate::notify::mail;
use crate::payments::{provider_entries, reconcile};
use crate::reports::daily_sums;
use crate::shop::courses;
use crate::store::statement::{Param, Statement};
use crate::values::time_zone::TimeZone;
use crate::{App, BoxFuture};

/// How long a run may take, so that it ends before the platform stops the function.
const BUDGET: Duration = Duration::from_secs(50);

/// The maximum number of rows in a batch. It is small, so that no lock is held for long.
const BATCH_SIZE: i64 = 5_000;

/// The hours of the day, at the studio, in which e-mails about passes that end soon are queued.
const PASS_REMINDER_HOURS: Range<u32> = 9..21;

/// The result of a clean-up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CleanupResult {
    /// Whether every step succeeded.
    success: bool,
    /// A sentence for people, such as `Cleaned up 15 expired sessions`.
    message: String,
    /// The number of deleted sessions.
    pub deleted_count: u64,
    /// The results of the other steps.
    pub details: CleanupDetails,
    /// Whether work is left for the next run, because time ran out, a step
    /// failed, or Stripe or the mail server did not answer.
    pub remaining: bool,
}

/// The results of a clean-up, except for the deleted sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CleanupDetails {
    /// Deleted counters of rate limits.
    throttle: u64,
    /// Deleted tokens of links in e-mails, unfinished sign-ins, and remembered devices.
    tokens: u64,
    /// Deleted idempotency keys.
    idempotency_keys: u64,
    /// Deleted e-mails that are more than 30 days old and were sent or abandoned.
    mail: u64,
    /// Deleted events of members.
    member_events: u64,
    /// Deleted events for staff.
    staff_events: u64,
    /// Deleted records of reminders that are more than 30 days old.
    reminder_records: u64,
    /// Deleted webhook events.
    webhook_events: u64,
    /// Deleted security events, after `SECURITY_LOG_RETENTION_DAYS`.
    security_events: u64,
    /// Deleted messages from the contact form, after `CONTACT_RETENTION_DAYS`.
    contact_submissions: u64,
    /// Erased accounts that their members had closed with a version of the program that kept
    /// their data.
    accounts_erased: u64,
    /// Classes that were generated from weekly classes, `SCHEDULE_AHEAD_WEEKS` ahead.
    classes_generated: u64,
    /// Dates for which no class could be generated, because the room or the instructor is
    /// taken or something is retired.
    class_conflicts: u64,
    /// Days that were summed up for the analytics.
    days_summed: u64,
    /// Members whose visits were updated for the analytics.
    visits_updated: u64,
    /// Cross-app tokens that were moved to the archive.
    cross_app_archived: u64,
    /// Deleted months of the archive.
    archive_months_dropped: u64,
    /// Overdue card payments that were settled, paid or not.
    pub payments_settled: u64,
    /// Memberships that were compared with Stripe, because an event is missing, the period is
    /// over, or the account was closed.
    pub memberships_synced: u64,
    /// Refunds of card payments that were made, or that are not needed any more.
    payments_refunded: u64,
    /// Refunds of card payments that are still due or on their way.
    refunds_due: u64,
    /// Orders of courses with shares that were refunded: those of members who have cancelled a class
    /// that was changed, and those of classes that the version before courses has cancelled.
    course_orders_refunded: u64,
    /// Balance transactions that were read from Stripe, once a night.
    provider_entries: u64,
    /// Reminders of classes that were queued.
    class_reminders_queued: u64,
    /// E-mails about passes that end soon that were queued.
    pass_reminders_queued: u64,
    /// E-mails that were sent.
    mail_sent: u64,
    /// E-mails that are still due. At most 5 000 are counted.
    mail_due: u64,
    /// E-mails that could not be sent and will be retried.
    mail_failed: u64,
    /// E-mails that could not be sent and will not be retried.
    mail_given_up: u64,
    /// E-mails that were dropped because they were too old.
    mail_expired: u64,
    /// E-mails that were dropped because the recipient had received too many.
    mail_capped: u64,
    /// The steps that failed. The log contains the reasons.
    failed: Vec<&'static str>,
}

/// Settles payments, queues reminders, sends due e-mails, generates the classes of the next weeks,
/// deletes expired rows, erases closed accounts, archives old tokens, sums up the days of the
/// analytics, and reads Stripe's balance transactions, until nothing is left or time runs out. Rows
/// are processed in batches, each in its own transaction. Concurrent runs are safe.
///
/// # Errors
///
/// [`Error::Unavailable`] if all steps failed.
pub fn run(app: &App) -> BoxFuture<'_, Result<CleanupResult>> {
    run_for(app, BUDGET)
}

/// Does the same as [`run`], with another time budget.
///
/// # Errors
///
/// Those of [`run`].
pub fn run_for(app: &App, budget: Duration) -> BoxFuture<'_, Result<CleanupResult>> {
    Box::pin(async move {
        let started = Instant::now();
        let until = started + budget;
        let mut run = Run::new(app);
        // Members wait for payments and e-mails, so these come first. Payments and reminders come
        // before e-mails, because they add e-mails to the queue. A quarter of the time is left for
        // the rest.
        run.refund_courses(started + budget / 4).await;
        run.settle_payments(started + budget / 4, started + budget / 2)
            .await;
        run.queue_reminders(started + budget / 4 * 3).await;
        run.send_mail(started + budget / 4 * 3).await;
        run.generate_classes().await;
        run.delete_expired(until).await;
        run.archive_tokens(until).await;
        run.update_sums(until).await;
        run.pull_provider_entries(until).await;
        app.counters()
            .add("sessions_expired", run.report.deleted_count);
        // The counters are written now, because the next run is in an hour and probably in
        // another process.
        app.counters().write().await;
        let report = run.finish()?;
        tracing::info!(?report, ms = started.elapsed().as_millis(), "cleaned up");
        Ok(report)
    })
}

/// A run in progress.
struct Run<'a> {
    app: &'a App,
    report: CleanupResult,
    steps: usize,
    first_error: Option<Error>,
}

impl<'a> Run<'a> {
    fn new(app: &'a App) -> Self {
        Self {
            app,
            report: CleanupResult::default(),
            steps: 0,
            first_error: None,
        }
    }

    /// Records the outcome of a step and returns its value. If the step failed, returns the
    /// default value.
    fn record_step<T: Default>(&mut self, name: &'static str, outcome: Result<T>) -> T {
        self.steps += 1;
        outcome.unwrap_or_else(|error| {
            tracing::error!(step = name, error = %chain(&error), "a clean-up step failed");
            self.report.details.failed.push(name);
            self.first_error.get_or_insert(error);
            T::default()
        })
    }

    async fn refund_courses(&mut self, until: Instant) {
        let refunded = courses::refund_shares(self.app, until).await;
        let refunded = self.record_step("courseOrdersRefunded", refunded);
        self.report.details.course_orders_refunded = refunded;
    }

    async fn settle_payments(&mut self, settle_until: Instant, refund_until: Instant) {
        if self.app.stripe().is_none() {
            return;
        }
        let settled = reconcile::release_unpaid(self.app, settle_until).await;
        let settled = self.record_step("paymentsSettled", settled);
        let synced = reconcile::sync_memberships(self.app, settle_until).await;
        let synced = self.record_step("membershipsSynced", synced);
        self.report.details.memberships_synced = synced.count;
        self.report.remaining |= synced.remaining;
        let refunded = reconcile::refund_due(self.app, refund_until).await;
        let refunded = self.record_step("paymentsRefunded", refunded);
        self.report.details.payments_settled = settled.count;
        let refunds_due = self.count_refunds_due().await;
        self.report.details.refunds_due = self.record_step("refundsDue", refunds_due);
        self.report.details.payments_refunded = refunded.count;
        self.report.remaining |= settled.remaining || refunded.remaining;
    }

    async fn count_refunds_due(&self) -> Result<u64> {
        let client = self.app.db().client().await?;
        let count = payment::count_refunds_due(&client).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn count_mail_due(&self) -> Result<u64> {
        let client = self.app.db().client().await?;
        let count = mail_outbox::count_due(&client, BATCH_SIZE).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    async fn queue_reminders(&mut self, until: Instant) {
        let now = self.app.clock().now();
        let (name, statement) = ("classReminders", &reminder::QUEUE_CLASS_REMINDERS);
        self.report.details.class_reminders_queued =
            self.sweep_with(name, statement, &[&now], until).await;
        let (name, statement) = ("passReminders", &reminder::QUEUE_PASS_REMINDERS);
        let local = match TimeZone::of_studio(&self.app.config().studio) {
            Ok(zone) => zone.local(now),
            Err(error) => return self.record_step(name, Err(error)),
        };
        // Nobody gets an e-mail about a pass at night.
        if PASS_REMINDER_HOURS.contains(&local.hour()) {
            let today = local.date_naive();
            self.report.details.pass_reminders_queued =
                self.sweep_with(name, statement, &[&today], until).await;
        }
    }

    async fn send_mail(&mut self, until: Instant) {
        let sent = mail::send_due(self.app, until).await;
        let sent = self.record_step("mail", sent);
        let mail_due = self.count_mail_due().await;
        self.report.details.mail_due = self.record_step("mailDue", mail_due);
        self.report.details.mail_sent = sent.sent;
        self.report.details.mail_failed = sent.failed;
        self.report.details.mail_given_up = sent.given_up;
        self.report.details.mail_expired = sent.expired;
        self.report.details.mail_capped = sent.capped;
        self.report.remaining |= sent.remaining;
    }

    async fn generate_classes(&mut self) {
        let generated = timetable::generate_ahead(self.app).await;
        let generated = self.record_step("classes", generated);
        self.report.details.classes_generated = generated.created as u64;
        self.report.details.class_conflicts = generated.conflicts.len() as u64;
    }

    async fn delete_expired(&mut self, until: Instant) {
        self.report.deleted_count = self.sweep("sessions", &expired::SESSIONS, until).await;
        self.report.details.throttle = self.sweep("throttle", &expired::RATE_LIMITS, until).await;
        self.report.details.idempotency_keys = self
            .sweep("idempotencyKeys", &expired::IDEMPOTENCY_KEYS, until)
            .await;
        self.report.details.mail = self.sweep("sentMail", &expired::MAIL, until).await;
        self.report.details.member_events = self
            .sweep("memberEvents", &expired::MEMBER_EVENTS, until)
            .await;
        self.report.details.staff_events = self
            .sweep("staffEvents", &expired::STAFF_EVENTS, until)
            .await;
        for statement in [&expired::CLASS_REMINDERS, &expired::PASS_REMINDERS] {
            self.report.details.reminder_records +=
                self.sweep("reminderRecords", statement, until).await;
        }
        self.report.details.webhook_events = self
            .sweep("webhookEvents", &expired::WEBHOOK_EVENTS, until)
            .await;
        let retention = self.app.config().retention;
        let swept = self
            .sweep_older(
                "securityEvents",
                &expired::SECURITY_EVENTS,
                retention.security_log_days,
                until,
            )
            .await;
        self.report.details.security_events = swept;
        let swept = self
            .sweep_older(
                "contactSubmissions",
                &expired::CONTACT_SUBMISSIONS,
                retention.contact_days,
                until,
            )
            .await;
        self.report.details.contact_submissions = swept;
        self.report.details.accounts_erased = self
            .sweep("accountsErased", &user::ERASE_CLOSED, until)
            .await;
        for statement in [
            &expired::ONE_TIME_TOKENS,
            &expired::OAUTH_STATES,
            &expired::SIGN_IN_CHALLENGES,
            &expired::REMEMBERED_DEVICES,
        ] {
            self.report.details.tokens += self.sweep("tokens", statement, until).await;
        }
    }

    /// Runs a statement in batches. Returns how many rows were processed.
    async fn sweep(&mut self, name: &'static str, statement: &Statement, until: Instant) -> u64 {
        self.sweep_with(name, statement, &[], until).await
    }

    /// Runs a statement in batches for rows that are older than `days`.
    async fn sweep_older(
        &mut self,
        name: &'static str,
        statement: &Statement,
        days: i32,
        until: Instant,
    ) -> u64 {
        self.sweep_with(name, statement, &[&days], until).await
    }

    async fn sweep_with(
        &mut self,
        name: &'static str,
        statement: &Statement,
        params: &[&dyn Param],
        until: Instant,
    ) -> u64 {
        let mut count = 0;
        let swept = run_in_batches(self.app, statement, params, &mut count, until).await;
        self.report.remaining |= self.record_step(name, swept);
        count
    }

    async fn update_sums(&mut self, until: Instant) {
        let visits = daily_sums::update_visits(self.app, until).await;
        let visits = self.record_step("visitsUpdated", visits);
        let days = daily_sums::sum_days(self.app, until).await;
        let days = self.record_step("daysSummed", days);
        self.report.details.visits_updated = visits.count;
        self.report.details.days_summed = days.count;
        self.report.remaining |= visits.remaining || days.remaining;
    }

    async fn pull_provider_entries(&mut self, until: Instant) {
        if self.app.stripe().is_none() {
            return;
        }
        let pulled = provider_entries::pull(self.app, until).await;
        let pulled = self.record_step("providerEntries", pulled);
        self.report.details.provider_entries = pulled.count;
        self.report.remaining |= pulled.remaining;
    }

    async fn archive_tokens(&mut self, until: Instant) {
        let archived = archive(self.app, &mut self.report.details, until).await;
        self.report.remaining |= self.record_step("crossApp", archived);
    }

    /// Returns the report, which names the failed steps. If all steps failed, returns
    /// the first error instead.
    fn finish(mut self) -> Result<CleanupResult> {
        let failed = &mut self.report.details.failed;
        match self.first_error {
            Some(error) if failed.len() == self.steps => return Err(error),
            _ => failed.dedup(),
        }
        self.report.success = failed.is_empty();
        self.report.remaining |= !self.report.success;
        self.report.message = format!("Cleaned up {} expired sessions", self.report.deleted_count);
        Ok(self.report)
    }
}

/// Counts the outcomes of cross-app tokens, creates the next partitions of the archive, moves
/// old tokens there, and deletes old months of the archive. The order matters: a token must
/// be counted before it is moved, and its partition must exist. Returns whether work is left.
async fn archive(app: &App, details: &mut CleanupDetails, until: Instant) -> Result<bool> {
    if Instant::now() >= until {
        return Ok(true);
    }
    {
        let client = app.db().client().await?;
        cross_app_session::count(&client).await?;
        cross_app_session::make_partitions(&client).await?;
    }
    let moved = &mut details.cross_app_archived;
    if run_in_batches(app, &cross_app_session::ARCHIVE, &[], moved, until).await? {
        return Ok(true);
    }
    let months = app.config().retention.archive_months;
    let client = app.db().client().await?;
    let dropped = cross_app_session::drop_partitions(&client, months).await?;
    details.archive_months_dropped = u64::try_from(dropped).unwrap_or(0);
    Ok(false)
}

/// Runs a statement in batches and adds the number of processed rows to `count`. The
/// statement's first parameter is the batch size, and `params` follow. Returns whether work
/// is left.
async fn run_in_batches(
    app: &App,
    statement: &Statement,
    params: &[&dyn Param],
    count: &mut u64,
    until: Instant,
) -> Result<bool> {
    let client = app.db().client().await?;
    let mut all_params: Vec<&dyn Param> = vec![&BATCH_SIZE];
    all_params.extend(params);
    loop {
        if Instant::now() >= until {
            return Ok(true);
        }
        let processed: i64 = statement.one(&client, &all_params).await?.try_get(0)?;
        *count += u64::try_from(processed).unwrap_or(0);
        if processed < BATCH_SIZE {
            return Ok(false);
        }
    }
}
