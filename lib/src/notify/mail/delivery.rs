//! Delivery of the e-mails in the outbox.
//!
//! A sender claims an e-mail, sends it, and marks it as sent. Until the claim expires, no other
//! sender claims the e-mail. An e-mail is sent twice if the sender stops after the server has
//! accepted the e-mail and before it is marked (RFC 5321, section 6.1, has the same gap). Both
//! copies have the same `Message-ID`, so that mail systems can drop the duplicate.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::booking::LocalTimes;
use super::english::English;
use super::message::Message;
use super::notice::NoticeKind;
use super::spanish::Spanish;
use super::texts::MailTexts;
use super::transport::{SendError, Transport};
use super::unsubscribe::UnsubscribeLinks;
use super::{
    account, booking, contact as contact_message, membership, order, pass, policy,
    receipt as receipt_message, refund,
};
use crate::App;
use crate::error::{Error, Result, chain};
use crate::models::contact;
use crate::models::mail_outbox::{
    self, DropReason, DueMail, MAX_ATTEMPTS, MailRecipient, MailRefund, RecipientPreferences,
};
use crate::models::one_time_token;
use crate::models::receipt::{self, Receipt};
use crate::runtime::background;
use crate::runtime::background::BoxFuture;
use crate::runtime::config::MailTransport;
use crate::values::locale::Locale;
use crate::values::time_zone::TimeZone;

/// How long a process sends e-mails after a response. The clean-up sends the rest.
const SEND_BUDGET: Duration = Duration::from_secs(20);

/// The maximum number of attempts to mark an e-mail as sent.
const MAX_MARK_ATTEMPTS: u32 = 4;

/// The pause between two attempts to mark an e-mail as sent.
const MARK_PAUSE: Duration = Duration::from_millis(500);

/// The maximum number of e-mails that are sent at the same time, each over its own
/// connection.
const MAX_SENDERS: i64 = 4;

/// The number of due e-mails for which one connection is opened.
const MAILS_PER_SENDER: i64 = 5;

/// The result of sending the due e-mails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendSummary {
    /// E-mails that were sent.
    pub sent: u64,
    /// E-mails that were dropped because they were outdated, or because their recipient does not
    /// want them.
    pub dropped: u64,
    /// E-mails that were dropped because they were too old.
    pub expired: u64,
    /// E-mails that were dropped because their recipient has received too many.
    pub capped: u64,
    /// Attempts that failed and will be retried.
    pub failed: u64,
    /// E-mails that were abandoned, after a permanent error or the last attempt.
    pub given_up: u64,
    /// Whether due e-mails may be left.
    pub remaining: bool,
}

impl SendSummary {
    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.dropped += other.dropped;
        self.expired += other.expired;
        self.capped += other.capped;
        self.failed += other.failed;
        self.given_up += other.given_up;
        self.remaining |= other.remaining;
    }
}

/// Sends the due e-mails in the background. Must be called after the commit.
pub fn send_due_in_background(app: &App) {
    if matches!(app.config().mail.transport, MailTransport::Disabled) {
        return warn_once();
    }
    // If another task is waiting already, it will find the e-mails of this commit.
    if !app.send_queue().join() {
        return;
    }
    let app = app.clone();
    background::spawn(async move {
        let turn = app.send_queue().take_turn().await;
        let sent = async {
            // Most transactions queue no e-mail.
            if count_due(&app, 1).await? > 0 {
                send_due(&app, Instant::now() + SEND_BUDGET).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = sent.await {
            tracing::error!(error = %chain(&error), "failed to send mail");
        }
        drop(turn);
    });
}

/// Sends the due e-mails, up to four at a time, until none is left or `until` is reached. Stops
/// earlier if the mail server cannot be reached, or if the process shuts down.
///
/// # Errors
///
/// Fails with [`Error::Unavailable`] when Postgres does not answer. Some e-mails may have
/// been sent before.
pub fn send_due(app: &App, until: Instant) -> BoxFuture<'_, Result<SendSummary>> {
    Box::pin(async move {
        let mut summary = SendSummary {
            expired: expire(app, until).await?,
            ..SendSummary::default()
        };
        if matches!(app.config().mail.transport, MailTransport::Disabled) {
            summary.remaining = count_due(app, 1).await? > 0;
            if summary.remaining {
                warn_once();
            }
            return Ok(summary);
        }
        let due = count_due(app, MAX_SENDERS * MAILS_PER_SENDER).await?;
        let sender_count = (due / MAILS_PER_SENDER).clamp(1, MAX_SENDERS);
        let run = Run::default();
        let senders = (0..sender_count).map(|_| send_over_connection(app, until, &run));
        for sent in join_all(senders).await {
            summary.add(sent?);
        }
        Ok(summary)
    })
}

async fn count_due(app: &App, limit: i64) -> Result<i64> {
    mail_outbox::count_due(&app.db().client().await?, limit).await
}

/// What the senders of a run share.
#[derive(Default)]
struct Run {
    /// Held while an e-mail is claimed and its cap is checked, so that the check counts the
    /// e-mails that the other senders have claimed before, and no others. Until the first
    /// e-mail of the run has been sent, the lock is also held while an e-mail is sent, so that
    /// only one e-mail uses up an attempt if the server cannot be reached.
    turn: Mutex<()>,
    has_sent: AtomicBool,
    is_unreachable: AtomicBool,
}

/// Sends e-mails over one connection, and closes it.
async fn send_over_connection(app: &App, until: Instant, run: &Run) -> Result<SendSummary> {
    let mut summary = SendSummary::default();
    let mut transport = match Transport::new(&app.config().mail) {
        Ok(transport) => transport,
        Err(problem) => {
            tracing::error!(problem, "mail stays in the outbox");
            summary.remaining = true;
            return Ok(summary);
        }
    };
    let outcome = send_until(app, &mut transport, until, run, &mut summary).await;
    transport.close().await;
    outcome.map(|()| summary)
}

/// The number of e-mails that are dropped in one statement.
const EXPIRY_BATCH_SIZE: i64 = 5_000;

/// Drops the e-mails that are too old, even without a mail server. Otherwise, e-mails that
/// are months old would be sent once a server is configured. Returns the number of dropped
/// e-mails.
async fn expire(app: &App, until: Instant) -> Result<u64> {
    let mut expired = 0;
    while Instant::now() < until {
        let (ages, default_age) = (policy::max_ages(), policy::MAX_AGE);
        let client = app.db().client().await?;
        let dropped = mail_outbox::expire(&client, &ages, default_age, EXPIRY_BATCH_SIZE).await?;
        expired += u64::try_from(dropped).unwrap_or(0);
        if dropped < EXPIRY_BATCH_SIZE {
            break;
        }
    }
    if expired > 0 {
        tracing::warn!(count = expired, "dropped mail that was too old");
        app.counters().add("mail_expired", expired);
    }
    Ok(expired)
}

fn warn_once() {
    static WARNED: AtomicBool = AtomicBool::new(false);
    if !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!("SMTP_HOST is not set: mail stays in the outbox");
    }
}

/// Sends the due e-mails. Holds no connection to Postgres while it talks to the mail
/// server.
async fn send_until(
    app: &App,
    transport: &mut Transport<'_>,
    until: Instant,
    run: &Run,
    summary: &mut SendSummary,
) -> Result<()> {
    while Instant::now() < until && !app.shutting_down().is_cancelled() {
        let turn = run.turn.lock().await;
        if run.is_unreachable.load(Ordering::Relaxed) {
            break;
        }
        let Some(due) = mail_outbox::claim(&app.db().client().await?).await? else {
            return Ok(());
        };
        if due.attempts > MAX_ATTEMPTS {
            give_up(app, &due, "the last attempt did not complete", summary).await?;
            continue;
        }
        if exceeds_cap(app, &due).await? {
            drop_mail(app, &due, DropReason::Capped).await?;
            app.counters().add("mail_capped", 1);
            summary.capped += 1;
            continue;
        }
        let _first_turn = (!run.has_sent.load(Ordering::Relaxed)).then_some(turn);
        let composed = match compose(app, &due).await {
            Err(error @ Error::Internal(_)) => Err(SendError::Transient(chain(&error))),
            composed => Ok(composed?),
        };
        let sent = match composed {
            Err(error) => Err(error),
            Ok(Composed::Message(message)) => transport.send(&due, message).await,
            Ok(Composed::Dropped(reason)) => {
                drop_mail(app, &due, reason).await?;
                summary.dropped += 1;
                continue;
            }
        };
        match sent {
            Ok(()) => {
                run.has_sent.store(true, Ordering::Relaxed);
                mark_sent(app, &due).await?;
                summary.sent += 1;
            }
            Err(SendError::Permanent(cause)) => give_up(app, &due, &cause, summary).await?,
            Err(SendError::Transient(cause) | SendError::Unreachable(cause))
                if due.attempts >= MAX_ATTEMPTS =>
            {
                give_up(app, &due, &cause, summary).await?;
            }
            Err(SendError::Transient(cause)) => retry_later(&due, &cause, summary),
            Err(SendError::Unreachable(cause)) => {
                retry_later(&due, &cause, summary);
                // The run ends, so that the other e-mails do not use up their attempts.
                run.is_unreachable.store(true, Ordering::Relaxed);
            }
        }
    }
    summary.remaining = true;
    Ok(())
}

/// Returns whether the recipient has received too many e-mails of this kind.
async fn exceeds_cap(app: &App, due: &DueMail) -> Result<bool> {
    let Some(cap) = policy::cap(&due.kind) else {
        return Ok(false);
    };
    let client = app.db().client().await?;
    Ok(mail_outbox::count_recent(&client, due, &cap.kinds).await? >= cap.mails)
}

async fn drop_mail(app: &App, due: &DueMail, reason: DropReason) -> Result<()> {
    tracing::info!(mail = %due.id, kind = due.kind, ?reason, "mail dropped");
    mail_outbox::drop_mail(&app.db().client().await?, due.id, reason).await
}

/// Marks an e-mail as sent. Retries, because an unmarked e-mail would be sent again.
async fn mark_sent(app: &App, due: &DueMail) -> Result<()> {
    let id = due.id;
    let mut attempts = 1;
    loop {
        let marked = app
            .db()
            .repeatable_write(async move |client| mail_outbox::mark_sent(client, id).await);
        match marked.await {
            Err(error) if attempts == MAX_MARK_ATTEMPTS => return Err(error),
            Err(_) => tokio::time::sleep(MARK_PAUSE).await,
            Ok(()) => return Ok(()),
        }
        attempts += 1;
    }
}

fn retry_later(due: &DueMail, cause: &str, summary: &mut SendSummary) {
    let (mail, kind, attempts) = (due.id, &due.kind, due.attempts);
    tracing::warn!(%mail, kind, attempts, cause, "failed to send mail, will retry");
    summary.failed += 1;
}

async fn give_up(app: &App, due: &DueMail, cause: &str, summary: &mut SendSummary) -> Result<()> {
    let (mail, kind, attempts) = (due.id, &due.kind, due.attempts);
    tracing::error!(%mail, kind, attempts, cause, "mail abandoned");
    mail_outbox::give_up(&app.db().client().await?, due.id).await?;
    summary.given_up += 1;
    Ok(())
}

/// Returns the texts in a language.
fn texts(locale: Locale) -> &'static dyn MailTexts {
    match locale {
        Locale::En => &English,
        Locale::Es => &Spanish,
    }
}

/// An e-mail that is due.
enum Composed {
    Message(Message),
    /// It is not sent, for this reason.
    Dropped(DropReason),
}

impl From<Option<Message>> for Composed {
    /// Without a message, the e-mail is outdated.
    fn from(message: Option<Message>) -> Self {
        message.map_or(Self::Dropped(DropReason::Outdated), Self::Message)
    }
}

/// Composes an e-mail.
async fn compose(app: &App, due: &DueMail) -> Result<Composed> {
    if let Some(kind) = NoticeKind::parse(&due.kind) {
        return compose_notice(app, kind, due).await.map(Composed::from);
    }
    let message = match due.kind.as_str() {
        "pass_ending" => return compose_pass(app, due).await,
        kind if policy::is_about_booking(kind) => return compose_booking(app, due).await,
        "contact_received" => compose_contact(app, due).await?,
        "receipt_issued" => compose_receipt(app, due).await?,
        "payment_refunded" | "order_refunded" | "refund_failed"
            if due.payload.refund_id.is_some() =>
        {
            compose_refund(app, due).await?
        }
        kind if policy::is_about_order(kind) => compose_order(app, due).await?,
        kind if policy::is_about_membership(kind) => compose_membership(app, due).await?,
        // A newer version of the program, which runs during a deployment, knows this kind.
        _ => {
            return Err(Error::internal(
                "this version does not know the kind of mail",
            ));
        }
    };
    Ok(message.into())
}

/// Returns the links with which a member unsubscribes from e-mails like this one. Returns `None` if
/// they cannot be switched off.
///
/// # Errors
///
/// The reason to drop the e-mail: the member has unsubscribed, or has another address by now.
fn unsubscribe_links(
    app: &App,
    due: &DueMail,
    user_id: Uuid,
    preferences: &RecipientPreferences,
) -> Result<Option<UnsubscribeLinks>, DropReason> {
    let Some(category) = policy::category(&due.kind, &due.payload) else {
        return Ok(None);
    };
    if !preferences.is_current_address {
        return Err(DropReason::Outdated);
    }
    match preferences.muted.contains(category) {
        true => Err(DropReason::Muted),
        false => Ok(Some(UnsubscribeLinks::new(app, user_id, category))),
    }
}

/// Composes an e-mail about an account. Returns `None` when the link in the e-mail is no longer
/// valid, or when the account was deleted.
async fn compose_notice(app: &App, kind: NoticeKind, due: &DueMail) -> Result<Option<Message>> {
    let studio = &app.config().studio;
    let (Some(id), Some(notice)) = (due.payload.user_id, &due.payload.notice) else {
        return Ok(None);
    };
    let client = app.db().client().await?;
    let token = match &notice.link {
        Some(link) if !one_time_token::is_live(&client, link.id).await? => return Ok(None),
        Some(link) => Some(link.open(&app.config().encryption_keys)?),
        None => None,
    };
    let recipient = mail_outbox::find_recipient(&client, id, &due.recipient).await?;
    let zone = TimeZone::of_studio(studio)?;
    let compose_for = |recipient: MailRecipient| {
        let texts = texts(recipient.locale);
        account::compose(
            kind,
            &recipient,
            notice,
            token.as_deref(),
            studio,
            &zone,
            texts,
        )
    };
    recipient.map(compose_for).transpose()
}

async fn compose_contact(app: &App, due: &DueMail) -> Result<Option<Message>> {
    let Some(id) = due.payload.submission_id else {
        return Ok(None);
    };
    let submission = contact::find(&app.db().client().await?, id).await?;
    submission
        .map(|submission| contact_message::compose(&submission, &app.config().studio))
        .transpose()
}

async fn compose_order(app: &App, due: &DueMail) -> Result<Option<Message>> {
    let Some(id) = due.payload.order_id else {
        return Ok(None);
    };
    let client = app.db().client().await?;
    let found = mail_outbox::find_order(&client, id, &due.recipient).await?;
    let receipt = receipt::find_of_order(&client, id).await?;
    let (studio, keys) = (&app.config().studio, &app.config().encryption_keys);
    let code = due.payload.gift_card.as_ref();
    let code = code.map(|code| code.open(keys)).transpose()?;
    let zone = TimeZone::of_studio(studio)?;
    found
        .and_then(|found| {
            let texts = texts(found.locale);
            let (receipt, code) = (receipt.as_ref(), code.as_deref());
            order::compose(&due.kind, &found, receipt, code, studio, &zone, texts)
        })
        .transpose()
}

async fn compose_membership(app: &App, due: &DueMail) -> Result<Option<Message>> {
    let Some(id) = due.payload.membership_id else {
        return Ok(None);
    };
    let client = app.db().client().await?;
    let found = mail_outbox::find_membership(&client, id, &due.recipient).await?;
    let studio = &app.config().studio;
    let zone = TimeZone::of_studio(studio)?;
    found
        .and_then(|found| {
            membership::compose(&due.kind, &found, studio, &zone, texts(found.locale))
        })
        .transpose()
}

/// Composes the e-mail with the receipt of a class.
async fn compose_receipt(app: &App, due: &DueMail) -> Result<Option<Message>> {
    let (Some(user_id), Some(payment_id)) = (due.payload.user_id, due.payload.payment_id) else {
        return Ok(None);
    };
    let client = app.db().client().await?;
    let recipient = mail_outbox::find_recipient(&client, user_id, &due.recipient).await?;
    let receipt = receipt::find_of_payment(&client, payment_id).await?;
    let studio = &app.config().studio;
    let zone = TimeZone::of_studio(studio)?;
    let compose_for = |(recipient, receipt): (MailRecipient, Receipt)| {
        let texts = texts(recipient.locale);
        receipt_message::compose(&recipient, &receipt, studio, &zone, texts)
    };
    recipient.zip(receipt).map(compose_for).transpose()
}

/// Composes an e-mail about a refund.
async fn compose_refund(app: &App, due: &DueMail) -> Result<Option<Message>> {
    let (Some(user_id), Some(refund_id)) = (due.payload.user_id, due.payload.refund_id) else {
        return Ok(None);
    };
    let client = app.db().client().await?;
    let recipient = mail_outbox::find_recipient(&client, user_id, &due.recipient).await?;
    let refund = mail_outbox::find_refund(&client, refund_id).await?;
    let studio = &app.config().studio;
    let zone = TimeZone::of_studio(studio)?;
    let compose_for = |(recipient, refund): (MailRecipient, MailRefund)| {
        let texts = texts(recipient.locale);
        refund::compose(&due.kind, &recipient, &refund, studio, &zone, texts)
    };
    let message = recipient.zip(refund).and_then(compose_for);
    message.transpose()
}

/// Composes the e-mail about a pass that ends soon.
async fn compose_pass(app: &App, due: &DueMail) -> Result<Composed> {
    let payload = &due.payload;
    let (Some(user_id), Some(pass_id), Some(last_day)) =
        (payload.user_id, payload.pass_id, payload.last_day)
    else {
        return Ok(Composed::Dropped(DropReason::Outdated));
    };
    let studio = &app.config().studio;
    let zone = TimeZone::of_studio(studio)?;
    let client = app.db().client().await?;
    let recipient = mail_outbox::find_recipient(&client, user_id, &due.recipient).await?;
    let pass = mail_outbox::find_ending_pass(&client, pass_id, last_day).await?;
    let today = zone.date(app.clock().now());
    let Some((recipient, pass)) = recipient.zip(pass).filter(|_| today <= last_day) else {
        return Ok(Composed::Dropped(DropReason::Outdated));
    };
    let links = match unsubscribe_links(app, due, user_id, &recipient.preferences) {
        Ok(links) => links,
        Err(reason) => return Ok(Composed::Dropped(reason)),
    };
    let texts = texts(recipient.locale);
    pass::compose(&recipient, &pass, studio, &zone, texts, links).map(Composed::Message)
}

async fn compose_booking(app: &App, due: &DueMail) -> Result<Composed> {
    let (now, studio) = (app.clock().now(), &app.config().studio);
    let Some(id) = due.payload.booking_id else {
        return Ok(Composed::Dropped(DropReason::Outdated));
    };
    let client = app.db().client().await?;
    let Some(found) = mail_outbox::find_booking(&client, id, &due.recipient, now).await? else {
        return Ok(Composed::Dropped(DropReason::Outdated));
    };
    let links = match unsubscribe_links(app, due, found.user_id, &found.preferences) {
        Ok(links) => links,
        Err(reason) => return Ok(Composed::Dropped(reason)),
    };
    let zone = TimeZone::of_studio(studio)?;
    let input = booking::BookingMailInput {
        payload: &due.payload,
        booking: &found,
        times: &LocalTimes::new(&found, due.payload.previous.as_ref(), &zone),
        studio,
        texts: texts(found.locale),
        now,
    };
    let message = booking::compose(&due.kind, &input, links).transpose()?;
    Ok(message.into())
}
